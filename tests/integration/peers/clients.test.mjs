// SPDX-License-Identifier: Apache-2.0
// Clients of every kind through one gateway, one after the other and then all at once: each of its
// two listeners serves HTTP/1.1, HTTP/2, gRPC and WebSocket, the one in clear text, the other over
// TLS. Chromium is large, so that a machine without it is let off, loudly: the package `browser` of
// cmake/install_packages.sh brings it.
import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import https from "node:https";
import path from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { WebSocket, WebSocketServer } from "ws";
import { Authority } from "./authority.mjs";
import { connectGrpc, outcome, startService, status } from "./grpc_service.mjs";
import { connectHttp2, exchangeHttp2 } from "./http2_client.mjs";
import { startConfigured, startOrigin, temporaryFolder } from "./processes.mjs";

const run = promisify(execFile);
const owner = { after };
const kParts = 30;
const kUpload = 1_000_000;

const page = `<!DOCTYPE html><title>parts</title><script>const parts = [];</script>
${Array.from({ length: kParts }, (_, i) => `<script src="/part/${i}"></script>`).join("\n")}
<script type="module">
  const upload = await fetch("/upload", { method: "POST", body: "x".repeat(${kUpload}) });
  const said = await new Promise((resolve) => {
    const socket = new WebSocket("wss://" + location.host + "/socket");
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => resolve(data);
    socket.onclose = ({ code }) => resolve("closed: " + code);
  });
  const protocols = (kind) => performance.getEntriesByType(kind).map((entry) => entry.nextHopProtocol);
  const seen = { page: protocols("navigation"), parts, resources: protocols("resource"), upload: await upload.text(), said };
  await fetch("/seen" + location.search, { method: "POST", body: JSON.stringify(seen) });
</script>`;

/// Serves the page, says how much was uploaded, and emits "seen" with what a page found out.
const origin = await startOrigin(owner, async (request, response) => {
  const { pathname, search } = new URL(request.url, "http://a.test");
  if (pathname === "/page") return response.setHeader("content-type", "text/html").end(page);
  if (pathname.startsWith("/part/")) return response.end(`parts.push(${pathname.slice(6)});`);
  const content = Buffer.concat(await request.toArray());
  if (pathname === "/seen") origin.server.emit(`seen${search}`, JSON.parse(content));
  response.end(`${content.length}`);
});
new WebSocketServer({ server: origin.server }).on("connection", (socket) => {
  socket.on("message", (data) => socket.send(`${data} to you`));
});

const folder = temporaryFolder(owner);
const authority = new Authority(folder);
const gateway = await startConfigured(owner, {
  listen: ["127.0.0.1:0", { address: "127.0.0.1:0", tls: authority.issue(["a.test"]) }],
  services: {
    origin: { targets: [origin.url] },
    echo: { targets: [(await startService(owner)).url], http2: "always" },
  },
  routes: [{ path: "/*", service: "origin" }, { path: "/test.Echo/*", service: "echo" }],
});
const [clear, secured] =
  [...gateway.stdout.matchAll(/^listening on \S+:(\d+)$/gm)].map(([, port]) => ({ port: Number(port) }));
const secure = { ca: fs.readFileSync(authority.file), servername: "a.test" };
const upload = path.join(folder, "upload");
fs.writeFileSync(upload, "x".repeat(kUpload));

/// Uploads the file by curl: the version of HTTP that it spoke, and what the origin says.
async function curl(option, url) {
  const { stdout } = await run("curl", ["-sS", option, "--cacert", authority.file, "-w", " %{http_version}",
    "--resolve", `a.test:${secured.port}:127.0.0.1`, "--data-binary", `@${upload}`, url]);
  assert.equal(stdout, `${kUpload} ${option === "--http1.1" ? "1.1" : "2"}`);
}

async function askHttp2(listener, options) {
  const session = await connectHttp2(owner, listener, options);
  const answer = await exchangeHttp2(session, "/upload", { headers: { ":authority": "a.test" }, body: "x".repeat(kUpload) });
  session.close();
  assert.deepEqual([answer.status, answer.body], [200, `${kUpload}`]);
}

async function load(url) {
  const { stdout } = await run("h2load", ["-n1000", "-c4", "-m10", "-H", ":authority: a.test", url]);
  assert.match(stdout, /1000 succeeded, 0 failed, 0 errored, 0 timeout/);
}

async function nghttp(url) {
  const { stdout } = await run("nghttp", ["-d", upload, "--no-verify-peer", "-H", ":authority: a.test", url]);
  assert.equal(stdout, `${kUpload}`);
}

async function call(listener, options) {
  const client = connectGrpc(owner, listener, options);
  const unary = await outcome((done) => client.unary(Buffer.from("hello"), done));
  assert.deepEqual([`${unary.message}`, unary.status.code], ["hello", status.OK]);
  const stream = await outcome(() => client.count(Buffer.from("5")));
  assert.deepEqual([stream.messages, stream.status.code], [["0", "1", "2", "3", "4"], status.OK]);
  client.close();
}

async function chat(url, options) {
  const socket = new WebSocket(url, options);
  await once(socket, "open");
  socket.send("hello");
  assert.equal(`${(await once(socket, "message"))[0]}`, "hello to you");
  socket.close(4000);
  assert.equal((await once(socket, "close"))[0], 4000);
}

async function ask(url) {
  const response = await fetch(url, { method: "POST", body: "x".repeat(kUpload) });
  assert.equal(await response.text(), `${kUpload}`);
}

async function askSecured() {
  const request = https.request({ port: secured.port, host: "127.0.0.1", path: "/upload", method: "POST",
    headers: { host: "a.test" }, agent: false, ...secure });
  request.end("x".repeat(kUpload));
  const [response] = await once(request, "response");
  assert.equal(Buffer.concat(await response.toArray()).toString(), `${kUpload}`);
}

let visits = 0;
async function browse() {
  const visit = `?${++visits}`;
  const seen = once(origin.server, `seen${visit}`);
  const browser = spawn("chromium", [
    "--headless=new", "--no-sandbox", "--disable-gpu", `--user-data-dir=${path.join(folder, `profile${visits}`)}`,
    "--ignore-certificate-errors", "--host-resolver-rules=MAP a.test 127.0.0.1",
    `https://a.test:${secured.port}/page${visit}`,
  ], { stdio: "ignore", detached: true });
  const ended = once(browser, "exit");
  try {
    const [found] = await Promise.race([seen, ended.then(() => assert.fail("Chromium has ended"))]);
    assert.deepEqual(found.page, ["h2"]);
    assert.deepEqual(found.parts, Array.from({ length: kParts }, (_, i) => i));
    assert.equal(found.resources.length >= kParts, true);
    assert.deepEqual([...new Set(found.resources)], ["h2"]);
    assert.equal(found.upload, `${kUpload}`);
    assert.equal(found.said, "hello to you");
  } finally {
    process.kill(-browser.pid, "SIGKILL");  // With the processes that it has of its own.
    await ended;
  }
}

const clearUrl = `http://127.0.0.1:${clear.port}/upload`;
const securedUrl = `https://a.test:${secured.port}/upload`;
const hasChromium = spawnSync("chromium", ["--version"]).status === 0;

const clients = {
  "curl --http1.1": () => Promise.all([clearUrl, securedUrl].map((url) => curl("--http1.1", url))),
  "curl --http2": () => curl("--http2", securedUrl),
  "curl --http2-prior-knowledge": () => curl("--http2-prior-knowledge", clearUrl),
  "h2load": () => Promise.all([clear, secured].map(({ port }, i) => load(`http${i ? "s" : ""}://127.0.0.1:${port}/load`))),
  "nghttp": () => Promise.all([clear, secured].map(({ port }, i) => nghttp(`http${i ? "s" : ""}://127.0.0.1:${port}/upload`))),
  "Node's http2": () => Promise.all([askHttp2(clear), askHttp2(secured, secure)]),
  "Node's fetch": () => ask(clearUrl),
  "Node's https": () => askSecured(),
  "grpc-js": () => Promise.all([call(clear), call(secured, { ca: secure.ca, name: "a.test" })]),
  "ws": () => Promise.all([
    chat(`ws://127.0.0.1:${clear.port}/socket`),
    chat(`wss://127.0.0.1:${secured.port}/socket`, { ...secure, headers: { host: "a.test" } }),
  ]),
  ...(hasChromium ? { "Chromium": browse } : {}),
};

for (const [name, visit] of Object.entries(clients)) test(`${name} is served`, visit);
if (!hasChromium) test("Chromium is served", { skip: "there is no chromium: cmake/install_packages.sh browser" });

test("all of them are served at once", () => Promise.all(Object.values(clients).map((visit) => visit())));
