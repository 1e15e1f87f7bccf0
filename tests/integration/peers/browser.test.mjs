// SPDX-License-Identifier: Apache-2.0
// A browser before the gateway executable: a page, its parts, an upload and a WebSocket over TLS.
// Chromium is large, so that a machine without it is let off, loudly: the package `browser` of
// cmake/install_packages.sh brings it.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { Authority } from "./authority.mjs";
import { startConfigured, startOrigin, temporaryFolder } from "./processes.mjs";

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
  await fetch("/seen", { method: "POST", body: JSON.stringify(seen) });
</script>`;

async function contentOf(request) {
  return Buffer.concat(await request.toArray()).toString();
}

/// Resolves `seen` to what the page found out.
async function startPage(owner) {
  const origin = {};
  const seen = new Promise((resolve) => (origin.resolve = resolve));
  const { server, url } = await startOrigin(owner, async (request, response) => {
    if (request.url === "/") return response.setHeader("content-type", "text/html").end(page);
    if (request.url.startsWith("/part/")) return response.end(`parts.push(${request.url.slice(6)});`);
    if (request.url === "/upload") return response.end(`${(await contentOf(request)).length}`);
    if (request.url === "/seen") origin.resolve(JSON.parse(await contentOf(request)));
    response.writeHead(404).end();
  });
  new WebSocketServer({ server }).on("connection", (socket) => {
    socket.on("message", (data) => socket.send(`${data} to you`));
  });
  return { url, seen };
}

const isThere = spawnSync("chromium", ["--version"]).status === 0;

test("Chromium loads a page over HTTP/2", {
  skip: !isThere && "there is no chromium: cmake/install_packages.sh browser",
}, async (t) => {
  const folder = temporaryFolder(t);
  const { url, seen } = await startPage(t);
  const gateway = await startConfigured(t, {
    listen: [{ address: "127.0.0.1:0", tls: new Authority(folder).issue(["a.test"]) }],
    services: { origin: { targets: [url] } },
    routes: [{ path: "/*", service: "origin" }],
  });
  const browser = spawn("chromium", [
    "--headless=new", "--no-sandbox", "--disable-gpu", `--user-data-dir=${path.join(folder, "profile")}`,
    "--ignore-certificate-errors", "--host-resolver-rules=MAP a.test 127.0.0.1",
    `https://a.test:${gateway.port}/`,
  ], { stdio: "ignore", detached: true });
  const ended = once(browser, "exit");
  t.after(async () => {
    process.kill(-browser.pid, "SIGKILL");  // With the processes that it has of its own.
    await ended;
  });
  const found = await Promise.race([seen, ended.then(() => assert.fail("Chromium has ended"))]);
  assert.deepEqual(found.page, ["h2"]);
  assert.deepEqual(found.parts, Array.from({ length: kParts }, (_, i) => i));
  assert.equal(found.resources.length >= kParts, true);
  assert.deepEqual([...new Set(found.resources)], ["h2"]);
  assert.equal(found.upload, `${kUpload}`);
  assert.equal(found.said, "hello to you");
});
