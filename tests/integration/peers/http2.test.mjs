// SPDX-License-Identifier: Apache-2.0
// HTTP/2 towards clients: curl, nghttp, h2load and Node meet the gateway executable, in clear text
// and over TLS, and HTTP/1.1 is served on the same ports.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Authority } from "./authority.mjs";
import { connectHttp2, exchangeHttp2 } from "./http2_client.mjs";
import { Client, data, headers, request, reset } from "./http2_frames.mjs";
import { exchange, startConfigured, startOrigin, startRawOrigin, temporaryFolder } from "./processes.mjs";

const run = promisify(execFile);
const kLarge = Buffer.from(Array.from({ length: 8 * 1024 * 1024 }, (_, i) => (i * 7919) >> 3));
const sha1 = (bytes) => createHash("sha1").update(bytes).digest("hex");

/// Answers with what it was sent, as JSON; the other paths do what they are called.
const held = new Map();
const origin = await startOrigin({ after }, async (request, response) => {
  const { pathname } = new URL(request.url, "http://a.test");
  if (pathname === "/large") return response.writeHead(200, { "content-length": kLarge.length }).end(kLarge);
  if (pathname === "/held") {
    held.set(request.url, response);
    response.on("close", () => origin.server.emit("closed", request.url));
    return origin.server.emit("held", request.url);
  }
  if (pathname === "/cut") {
    response.write("some of it");
    return setImmediate(() => response.destroy());
  }
  if (pathname === "/trailers") {
    response.setHeader("trailer", "x-sum");
    response.write("content");
    response.addTrailers({ "X-Sum": "42" });
    return response.end();
  }
  if (pathname === "/hints") {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    return response.end("page");
  }
  if (pathname === "/fields") {
    response.setHeader("X-Upper-Case", "Kept");
    response.setHeader("Keep-Alive", "timeout=7");
    response.setHeader("Connection", "keep-alive, x-nominated");
    response.setHeader("X-Nominated", "of this hop");
    response.setHeader("Set-Cookie", ["a=1", "b=2"]);
    return response.end();
  }
  if (pathname === "/no-content") return response.writeHead(204).end();
  const hash = createHash("sha1");
  let size = 0;
  request.on("error", () => {});
  for await (const piece of request) {
    hash.update(piece);
    size += piece.length;
  }
  response.setHeader("content-type", "application/json");
  const { method, url, headers, trailers } = request;
  response.end(JSON.stringify({ method, url, headers, trailers, size, hash: hash.digest("hex") }));
});

const folder = temporaryFolder({ after });
const authority = new Authority(folder);
const log = path.join(folder, "access.log");
const gateway = await startConfigured({ after }, {
  listen: [
    "127.0.0.1:0",
    { address: "127.0.0.1:0", tls: { certificates: [authority.issue(["a.test"]), authority.issue(["b.test"])] } },
    { address: "127.0.0.1:0", http2: { enabled: false } },
    { address: "127.0.0.1:0", http2: { enabled: false }, tls: authority.issue(["a.test"]) },
  ],
  services: { origin: { targets: [origin.url] }, dead: { targets: ["http://127.0.0.1:1"] } },
  middleware: [{ accessLog: { file: log } }],
  routes: [
    { path: "/*", service: "origin" },
    { path: "/dead", service: "dead" },
  ],
});
const [clear, secured, clearOld, securedOld] =
  [...gateway.stdout.matchAll(/^listening on \S+:(\d+)$/gm)].map(([, port]) => ({ port: Number(port) }));
const secure = { ca: fs.readFileSync(authority.file), servername: "a.test" };

const owner = { after };
const sessions = {
  "in clear text": await connectHttp2(owner, clear),
  "over TLS": await connectHttp2(owner, secured, secure),
};
const session = sessions["in clear text"];
const fresh = () => connectHttp2(owner, clear);

/// A request of curl: what it received, and below it the version of HTTP and the status.
async function curl(...options) {
  const { stdout } = await run("curl", ["-sS", "--cacert", authority.file, "-w", "\n%{http_version} %{response_code}",
    "--resolve", `a.test:${secured.port}:127.0.0.1`, "--resolve", `a.test:${securedOld.port}:127.0.0.1`, ...options]);
  const end = stdout.lastIndexOf("\n");
  return { body: stdout.slice(0, end), told: stdout.slice(end + 1) };
}

test("curl is served by prior knowledge, and HTTP/1.1 on the same port", async () => {
  const url = `http://127.0.0.1:${clear.port}/path?q=1`;
  const { body, told } = await curl("--http2-prior-knowledge", url);
  assert.equal(told, "2 200");
  assert.equal(JSON.parse(body).url, "/path?q=1");
  assert.equal((await curl("--http2-prior-knowledge", "--data", "12345", url)).body.match(/"size":(\d+)/)[1], "5");
  assert.equal((await curl("--http1.1", url)).told, "1.1 200");
  assert.equal((await curl("--http2", url)).told, "1.1 200", "the upgrade from HTTP/1.1 is none any more");
});

test("curl is served what ALPN agrees on", async () => {
  for (const [option, version] of [["--http2", "2"], ["--http1.1", "1.1"], ["--no-alpn", "1.1"]]) {
    const { body, told } = await curl(option, `https://a.test:${secured.port}/path`);
    assert.equal(told, `${version} 200`, option);
    assert.equal(JSON.parse(body).headers["x-forwarded-proto"], "https");
  }
});

test("a listener without HTTP/2 speaks HTTP/1.1 alone", async () => {
  assert.equal((await curl("--http2", `https://a.test:${securedOld.port}/`)).told, "1.1 200");
  assert.equal((await curl(`http://127.0.0.1:${clearOld.port}/`)).told, "1.1 200");
  await assert.rejects(curl("--http2-prior-knowledge", `http://127.0.0.1:${clearOld.port}/`));
});

test("nghttp is served, with content and trailers", async () => {
  const file = path.join(folder, "content");
  fs.writeFileSync(file, "x".repeat(100_000));
  const { stdout } = await run("nghttp", ["-d", file, "--no-content-length", "--trailer=x-sum: 7", `http://127.0.0.1:${clear.port}/nghttp`]);
  const seen = JSON.parse(stdout);
  assert.deepEqual([seen.method, seen.size, seen.trailers], ["POST", 100_000, { "x-sum": "7" }]);
  const several = [1, 2, 3].map((i) => `https://127.0.0.1:${secured.port}/${i}`);
  const { stdout: all } = await run("nghttp", ["--no-verify-peer", "-H", ":authority: a.test", ...several]);
  assert.deepEqual([...all.matchAll(/"url":"(.*?)"/g)].map(([, url]) => url).sort(), ["/1", "/2", "/3"]);
});

for (const scheme of ["http", "https"]) {
  test(`h2load over ${scheme} sees no error`, async () => {
    const { port } = scheme === "http" ? clear : secured;
    const { stdout } = await run("h2load", ["-n2000", "-c8", "-m10", "-H", ":authority: a.test", `${scheme}://127.0.0.1:${port}/load`]);
    assert.match(stdout, /requests: 2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout/);
    assert.match(stdout, /status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx/);
  });
}

for (const [how, session] of Object.entries(sessions)) {
  test(`Node's client ${how}: the origin is told who asked whom`, async () => {
    const answer = await exchangeHttp2(session, "/a/../b?x=1", {
      headers: { ":authority": "A.Test", "x-forwarded-for": "203.0.113.9", cookie: ["a=1", "b=2"], "x-own": ["1", "2"] },
    });
    assert.equal(answer.status, 200);
    const { method, url, headers } = JSON.parse(answer.body);
    assert.deepEqual([method, url], ["GET", "/b?x=1"]);
    assert.equal(headers["x-forwarded-for"], "127.0.0.1", "a client's own claim is dropped");
    assert.equal(headers["x-forwarded-proto"], how === "over TLS" ? "https" : "http");
    assert.equal(headers["x-forwarded-host"], "a.test");
    assert.match(headers.via, / gatewaykit$/);
    assert.equal(headers.cookie, "a=1; b=2");
    assert.equal(headers["x-own"], "1, 2");
    assert.equal(headers.connection === undefined || headers.connection === "keep-alive", true);
  });

  test(`Node's client ${how}: content of any size passes both ways`, async () => {
    for (const size of [0, 1, 16_384, 65_535, 65_536, 1_000_000, kLarge.length]) {
      const body = kLarge.subarray(0, size);
      const seen = JSON.parse((await exchangeHttp2(session, "/up", { body })).body);
      assert.deepEqual([seen.method, seen.size, seen.hash], ["POST", size, sha1(body)]);
    }
    const { body, headers } = await exchangeHttp2(session, "/large");
    assert.equal(headers["content-length"], `${kLarge.length}`);
    assert.equal(sha1(Buffer.from(body, "latin1")), sha1(kLarge));
  });
}

test("a length that was announced is passed on, and content without one is chunked", async () => {
  const { body: known } = await exchangeHttp2(session, "/", { body: "12345", headers: { "content-length": 5 } });
  assert.equal(JSON.parse(known).headers["content-length"], "5");
  const unknown = session.request({ ":method": "POST", ":path": "/" });
  unknown.write("12345");
  setTimeout(() => unknown.end(), 100);  // So that it is passed on before its length is known.
  const passed = JSON.parse(Buffer.concat(await unknown.toArray()));
  assert.deepEqual([passed.headers["transfer-encoding"], passed.size], ["chunked", 5]);
  const { body: none } = await exchangeHttp2(session, "/");
  const { headers } = JSON.parse(none);
  assert.ok(!("content-length" in headers) && !("transfer-encoding" in headers));
});

test("HEAD and 204 have no content, and what was said of it", async () => {
  const head = await exchangeHttp2(session, "/large", { headers: { ":method": "HEAD" } });
  assert.deepEqual([head.status, head.body, head.isWhole], [200, "", true]);
  assert.equal(head.headers["content-length"], `${kLarge.length}`);
  const empty = await exchangeHttp2(session, "/no-content");
  assert.deepEqual([empty.status, empty.body, empty.isWhole], [204, "", true]);
});

test("a slow reader gets all of it, and slows nobody else on its connection", async () => {
  const session = await fresh();
  const stream = session.request({ ":path": "/large" });
  await once(stream, "response");
  for (let i = 0; i < 20; ++i) assert.equal((await exchangeHttp2(session, `/${i}`)).status, 200);
  const hash = createHash("sha1");
  for await (const piece of stream) {
    hash.update(piece);
    if (piece.length < 1000) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(hash.digest("hex"), sha1(kLarge));
});

test("100 requests at a time on one connection, answered in any order", async () => {
  const session = await fresh();
  const paths = Array.from({ length: 100 }, (_, i) => `/held?${i}`);
  const answers = paths.map((path) => exchangeHttp2(session, path));
  while (!paths.every((path) => held.has(path))) await once(origin.server, "held");
  for (const path of paths.slice().reverse()) held.get(path).end(path);
  assert.deepEqual((await Promise.all(answers)).map(({ body }) => body), paths);
});

test("uploads and downloads at a time on one connection keep apart", async () => {
  const session = await fresh();
  const bodies = Array.from({ length: 20 }, (_, i) => kLarge.subarray(i * 1000, i * 1000 + 300_000));
  const ups = bodies.map(async (body) => JSON.parse((await exchangeHttp2(session, "/up", { body })).body).hash);
  const downs = Array.from({ length: 5 }, async () => sha1(Buffer.from((await exchangeHttp2(session, "/large")).body, "latin1")));
  assert.deepEqual(await Promise.all(ups), bodies.map(sha1));
  assert.deepEqual(await Promise.all(downs), Array(5).fill(sha1(kLarge)));
});

test("trailers pass both ways", async () => {
  const answer = await exchangeHttp2(session, "/trailers", { headers: { te: "trailers" } });
  assert.deepEqual([answer.body, answer.trailers["x-sum"]], ["content", "42"]);
  const { body } = await exchangeHttp2(session, "/", { body: "12345", trailers: { "x-sum": "15" } });
  const seen = JSON.parse(body);
  assert.deepEqual([seen.size, seen.trailers], [5, { "x-sum": "15" }]);
});

test("a request that comes in one piece, content, trailers and all, is passed on whole", async () => {
  const client = await Client.connect(owner, clear);
  const head = headers(1, request("/whole", { method: "POST" }), { end: false });
  client.send(head, data(1, "12345"), headers(1, [["x-sum", "15"]]));
  const { size, trailers } = JSON.parse(await client.content(1));
  assert.deepEqual([size, trailers], [5, { "x-sum": "15" }]);
});

test("103 comes before the answer", async () => {
  const { interim, status, body } = await exchangeHttp2(session, "/hints");
  assert.deepEqual(interim.map((fields) => [fields[":status"], fields.link]), [[103, "</style.css>; rel=preload"]]);
  assert.deepEqual([status, body], [200, "page"]);
});

test("100 comes to who waits for it", async () => {
  const stream = session.request({ ":method": "POST", ":path": "/", expect: "100-continue" });
  await once(stream, "continue");
  stream.end("12345");
  assert.equal(JSON.parse(Buffer.concat(await stream.toArray())).size, 5);
});

test("answers have names in lower case and no field of a connection", async () => {
  const { headers } = await exchangeHttp2(session, "/fields");
  assert.equal(headers["x-upper-case"], "Kept");
  assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
  for (const name of ["connection", "keep-alive", "transfer-encoding", "x-nominated"]) assert.ok(!(name in headers), name);
});

test("a request that is taken back is taken back from the origin, and others go on", async () => {
  const session = await fresh();
  const gone = session.request({ ":path": "/held?gone" });
  const stays = exchangeHttp2(session, "/held?stays");
  while (!held.has("/held?gone") || !held.has("/held?stays")) await once(origin.server, "held");
  const closed = once(origin.server, "closed");
  gone.close(8);
  assert.deepEqual(await closed, ["/held?gone"]);
  held.get("/held?stays").end("here");
  assert.equal((await stays).body, "here");
});

test("an upload that is taken back is cut for the origin", async () => {
  const client = await Client.connect(owner, clear);
  client.send(headers(1, request("/held?upload", { method: "POST" }), { end: false }), data(1, "some"));
  while (!held.has("/held?upload")) await once(origin.server, "held");
  const { req: seen } = held.get("/held?upload");
  seen.on("error", () => {});
  const closed = once(origin.server, "closed");
  client.send(reset(1));
  assert.deepEqual(await closed, ["/held?upload"]);
  assert.equal(seen.complete, false);
});

test("a client that leaves takes all of its requests back", async () => {
  const session = await fresh();
  const paths = Array.from({ length: 10 }, (_, i) => `/held?leaves-${i}`);
  for (const path of paths) session.request({ ":path": path }).on("error", () => {});
  while (!paths.every((path) => held.has(path))) await once(origin.server, "held");
  const left = new Set(paths);
  const all = new Promise((resolve) => {
    origin.server.on("closed", (url) => left.delete(url) && left.size === 0 && resolve());
  });
  session.destroy();
  await all;
});

test("what the origin cuts is reset, never whole, and the connection goes on", async () => {
  const { status, isWhole, code } = await exchangeHttp2(session, "/cut");
  assert.equal(status, 200);
  assert.equal(isWhole, false);
  assert.notEqual(code, 0);
  assert.equal((await exchangeHttp2(session, "/next")).status, 200);
});

test("an answer before the end of the content is whole, and asks for no more of it", async (t) => {
  const early = await startRawOrigin(t, (socket) => socket.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"));
  const gateway = await startConfigured(t, {
    services: { early: { targets: [early.url] } }, routes: [{ path: "/*", service: "early" }],
  });
  const session = await connectHttp2(t, gateway);
  const stream = session.request({ ":method": "POST", ":path": "/" });
  stream.on("error", () => {});
  stream.write("some of it");
  const [fields] = await once(stream, "response");
  assert.equal(fields[":status"], 403);
  let body = "";
  for await (const piece of stream) body += piece;
  assert.equal(body, "no");
  if (!stream.closed) await once(stream, "close");
  assert.equal(stream.rstCode, 0, "RFC 9113 section 8.1: RST_STREAM with NO_ERROR");
  assert.equal((await exchangeHttp2(session, "/next")).status, 403);
});

function isProblem(answer, status) {
  assert.deepEqual([answer.status, answer.isWhole], [status, true]);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.equal(JSON.parse(answer.body).status, status);
}

for (const [what, target, status, headers] of [
  ["a target that is dead", "/dead", 502],
  ["an encoded slash", "/a%2Fb", 400],
  ["another name than that of the certificate", "/", 421, { ":authority": "b.test" }],
]) {
  test(`${what} is told as a problem: ${status}`, async () => {
    const answer = await exchangeHttp2(sessions["over TLS"], target, { headers: { ":authority": "a.test", ...headers } });
    isProblem(answer, status);
  });
}

test("a path and a method that no route takes are told as problems: 404, 405", async (t) => {
  const routes = [{ path: "/only-post", methods: ["POST"], respond: "posted" }];
  const session = await connectHttp2(t, await startConfigured(t, { routes }));
  isProblem(await exchangeHttp2(session, "/nowhere"), 404);
  isProblem(await exchangeHttp2(session, "/only-post"), 405);
});

test("HTTP/1.1 is served beside it, and connections to the origin are shared", async () => {
  assert.equal((await exchange(clear, "/old")).status, 200);
  const request = https.get({ ...secure, host: "127.0.0.1", port: secured.port, path: "/", headers: { host: "a.test" } });
  const [response] = await once(request, "response");
  assert.equal(response.statusCode, 200);
  response.resume();
  const connections = promisify(origin.server.getConnections.bind(origin.server));
  const before = await connections();
  for (let i = 0; i < 50; ++i) await exchangeHttp2(session, `/${i}`);
  assert.ok((await connections()) <= before, "no request needed one of its own");
});

test("SIGTERM lets it finish, and the log has a line for each request", async () => {
  const marked = await fresh();
  await exchangeHttp2(marked, "/marked?token=x", { body: "12345", headers: { "user-agent": "tests", ":authority": "a.test" } });
  await exchangeHttp2(marked, "/dead");
  const last = exchangeHttp2(marked, "/held?last");
  while (!held.has("/held?last")) await once(origin.server, "held");
  gateway.child.kill("SIGTERM");
  await once(marked, "goaway");
  held.get("/held?last").end("done");
  const { body, isWhole } = await last;
  assert.deepEqual([body, isWhole], ["done", true]);
  assert.deepEqual(await gateway.ended, { code: 0, signal: null });
  const lines = fs.readFileSync(log, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const { method, host, status, bytes_in: bytes, user_agent: agent } = lines.find(({ target }) => target.startsWith("/marked"));
  assert.deepEqual([method, host, status, agent], ["POST", "a.test", 200, "tests"]);
  assert.ok(bytes > 5 + 2 * 9, "with the heads of the frames");
  assert.equal(lines.find(({ target }) => target === "/dead").status, 502);
  assert.equal(lines.filter(({ target }) => target === "/held?gone")[0].status, 499);
  assert.equal(lines.filter(({ target }) => target === "/load").length, 4000);
});
