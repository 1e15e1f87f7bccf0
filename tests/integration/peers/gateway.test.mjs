// SPDX-License-Identifier: Apache-2.0
// The gateway executable between real peers: Node's fetch, curl and a WebSocket client before it,
// Node's HTTP server behind it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { WebSocket, WebSocketServer } from "ws";
import { startGateway, startOrigin } from "./processes.mjs";

const run = promisify(execFile);

const origin = await startOrigin({ after }, (request, response) => {
  if (request.url === "/large") {
    response.end(Buffer.alloc(5_000_000, "x"));
    return;
  }
  let size = 0;
  request.on("data", (piece) => (size += piece.length));
  request.on("end", () => {
    response.setHeader("content-type", "application/json");
    response.write(JSON.stringify({ url: request.url, headers: request.headers, size }));
    response.end();
  });
});
const sockets = new WebSocketServer({ server: origin.server });
sockets.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
const gateway = await startGateway({ after }, origin.url, { options: ["--request-id"] });
const { address } = gateway;

test("fetch gets the origin's answer, with forwarding fields on the way there", async () => {
  const response = await fetch(`http://${address}/a/../b?x=1`, {
    headers: { "x-forwarded-for": "203.0.113.9" },
  });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("x-request-id"), /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  const seen = await response.json();
  assert.equal(seen.url, "/b?x=1");
  assert.equal(seen.headers["x-forwarded-for"], "127.0.0.1", "a client's own claim is dropped");
  assert.equal(seen.headers.host, address);
});

test("content of any size passes both ways", async () => {
  const upload = await fetch(`http://${address}/up`, { method: "POST", body: "y".repeat(3_000_000) });
  assert.equal((await upload.json()).size, 3_000_000);
  const download = await fetch(`http://${address}/large`);
  assert.equal((await download.arrayBuffer()).byteLength, 5_000_000);
});

test("curl sends chunked content and is refused an encoded slash", async () => {
  const chunked = ["-s", "-H", "Transfer-Encoding: chunked", "--data", "12345"];
  const { stdout } = await run("curl", [...chunked, `http://${address}/chunked`]);
  assert.equal(JSON.parse(stdout).size, 5);
  const status = ["-s", "-o", "/dev/null", "-w", "%{http_code}"];
  const refused = await run("curl", [...status, `http://${address}/a%2Fb`]);
  assert.equal(refused.stdout, "400");
});

test("a WebSocket talks through the gateway", async () => {
  const socket = new WebSocket(`ws://${address}/socket`);
  await once(socket, "open");
  for (const message of ["hello", "z".repeat(200_000)]) {
    socket.send(message);
    const [data] = await once(socket, "message");
    assert.equal(data.toString(), message);
  }
  socket.close(1000);
  const [code] = await once(socket, "close");
  assert.equal(code, 1000);
});

test("SIGTERM drains it and it exits with 0", async () => {
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
});
