// SPDX-License-Identifier: Apache-2.0
// WebSockets over HTTP/2 (RFC 8441): Node's client before the gateway executable, an origin that
// knows HTTP/1.1 alone behind it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { WebSocketServer } from "ws";
import { connectHttp2, exchangeHttp2 } from "./http2_client.mjs";
import { startGateway, startOrigin } from "./processes.mjs";

const origin = await startOrigin({ after }, (request, response) => response.end("no socket"));
const server = new WebSocketServer({ server: origin.server, handleProtocols: () => "chat" });
const gateway = await startGateway({ after }, origin.url);
const session = await connectHttp2({ after }, gateway);
if (!session.remoteSettings.enableConnectProtocol) await once(session, "remoteSettings");

const kMask = Buffer.from([1, 2, 3, 4]);
const kText = 1;
const kClose = 8;

/// A frame of a client (RFC 6455), which are masked.
function frame(opcode, content) {
  const bytes = Buffer.from(content, "latin1");
  const head = bytes.length < 126 ? Buffer.from([0x80 | opcode, 0x80 | bytes.length]) : Buffer.alloc(10);
  if (bytes.length >= 126) {
    head.set([0x80 | opcode, 0xff]);
    head.writeUInt32BE(bytes.length, 6);
  }
  return Buffer.concat([head, kMask, bytes.map((byte, i) => byte ^ kMask[i % 4])]);
}

/// The frames of a server, as { opcode, content }.
async function* framesOf(stream) {
  let bytes = Buffer.alloc(0);
  for await (const piece of stream) {
    bytes = Buffer.concat([bytes, piece]);
    for (;;) {
      const short = bytes[1];
      const at = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (bytes.length < at) break;
      const size = short === 127 ? bytes.readUInt32BE(6) : short === 126 ? bytes.readUInt16BE(2) : short;
      if (bytes.length < at + size) break;
      yield { opcode: bytes[0] & 0x0f, content: bytes.toString("latin1", at, at + size) };
      bytes = bytes.subarray(at + size);
    }
  }
}

/// A WebSocket: its stream, its frames, and the origin's socket.
async function open(headers) {
  const accepted = once(server, "connection");
  const stream = session.request({
    ":method": "CONNECT", ":protocol": "websocket", ":scheme": "http", ":path": "/chat?room=1", ":authority": "a.test",
    "sec-websocket-version": "13", ...headers,
  }, { endStream: false });
  stream.on("error", () => {});
  stream.on("end", () => stream.end());
  const [answer] = await once(stream, "response");
  assert.equal(answer[":status"], 200);
  const [far, request] = await accepted;
  return { stream, frames: framesOf(stream), far, request, answer };
}

test("it is offered", () => {
  assert.equal(session.remoteSettings.enableConnectProtocol, true);
});

test("the origin sees a handshake of HTTP/1.1, of which the client sees none", async () => {
  const { stream, far, request, answer } = await open({ "sec-websocket-protocol": "chat" });
  assert.equal(request.method, "GET");
  assert.equal(request.url, "/chat?room=1");
  assert.equal(request.headers.upgrade, "websocket");
  assert.match(request.headers["sec-websocket-key"], /^[A-Za-z0-9+/]{22}==$/);
  assert.equal(request.headers["x-forwarded-host"], "a.test");
  assert.equal(answer["sec-websocket-protocol"], "chat");
  for (const name of ["connection", "upgrade", "sec-websocket-accept"]) assert.ok(!(name in answer), name);
  far.terminate();
  await once(stream.resume(), "close");
});

test("messages of any size pass both ways", async () => {
  const { stream, frames, far } = await open();
  far.on("message", (data, binary) => far.send(data, { binary }));
  for (const size of [0, 1, 125, 126, 65_536, 1_000_000]) {
    const content = "x".repeat(size);
    stream.write(frame(kText, content));
    assert.deepEqual((await frames.next()).value, { opcode: kText, content });
  }
  stream.close();
});

test("the client closes in order", async () => {
  const { stream, frames, far } = await open();
  const told = once(far, "close");
  stream.write(frame(kClose, "\x10\xe1enough"));
  assert.deepEqual((await frames.next()).value, { opcode: kClose, content: "\x10\xe1enough" });
  assert.equal((await frames.next()).done, true);
  const [code, reason] = await told;
  assert.deepEqual([code, reason.toString()], [4321, "enough"]);
});

test("the origin vanishes, and so does the stream; the client vanishes, and so does the origin's socket", async () => {
  const first = await open();
  first.far.terminate();
  await once(first.stream.resume(), "close");
  const second = await open();
  const told = once(second.far, "close");
  second.stream.close(8);
  assert.equal((await told)[0], 1006);
});

test("it shares its connection with requests and others of its kind", async () => {
  const all = [];
  for (let i = 0; i < 10; ++i) {
    const socket = await open();
    socket.far.on("message", (data) => socket.far.send(`${i} ${data}`));
    all.push(socket);
  }
  assert.equal((await exchangeHttp2(session, "/")).body, "no socket");
  for (const { stream } of all) stream.write(frame(kText, "hello"));
  for (const [i, { stream, frames }] of all.entries()) {
    assert.equal((await frames.next()).value.content, `${i} hello`);
    stream.close();
  }
});

test("an origin that refuses is heard", async () => {
  const stream = session.request({
    ":method": "CONNECT", ":protocol": "websocket", ":scheme": "http", ":path": "/", "sec-websocket-version": "5",
  }, { endStream: false });
  const [answer] = await once(stream, "response");
  assert.ok(answer[":status"] >= 400 && answer[":status"] < 500);
  stream.close();
});
