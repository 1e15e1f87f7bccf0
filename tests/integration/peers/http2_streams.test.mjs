// SPDX-License-Identifier: Apache-2.0
// Streams of one HTTP/2 connection live and end by themselves: what goes wrong on one of them, or
// takes its time, is no matter of the others and of the connection.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { connectHttp2, exchangeHttp2 } from "./http2_client.mjs";
import { Client, data, ErrorCode, frame, get, headers, request, reset, Setting, Type, windowUpdate } from "./http2_frames.mjs";
import { startConfigured, startOrigin } from "./processes.mjs";

/// Holds back the rest of an answer until it is told.
const waiting = new Map();
const origin = await startOrigin({ after }, (incoming, response) => {
  if (incoming.url === "/big") {
    const fields = Array.from({ length: 60 }, (_, i) => [`x-${i}`, "v".repeat(1000)]);
    return response.writeHead(200, Object.fromEntries(fields)).end("big");
  }
  if (incoming.url === "/upload") return incoming.on("end", () => response.end("ok")).on("error", () => {}).resume();
  if (!incoming.url.startsWith("/held")) return response.end("ok");
  response.write("first");
  waiting.set(incoming.url, response);
  origin.server.emit("waits", incoming.url);
});

const gateway = await startConfigured({ after }, {
  listen: { address: "127.0.0.1:0", limits: { headerTimeout: "300ms", sendIdle: "300ms" } },
  services: { origin: { targets: [origin.url] } },
  routes: [{ path: "/*", service: "origin" }],
});

/// Asks for what the origin holds back; resolves once its first piece is here.
async function askHeld(session, path) {
  const stream = session.request({ ":path": path });
  const pieces = [];
  stream.on("error", () => {});
  stream.on("data", (piece) => pieces.push(piece));
  await once(stream, "data");
  return { stream, text: () => Buffer.concat(pieces).toString() };
}

/// More than the time limits of the listener: something that is answered only after they are over.
const outlive = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("an answer that pauses for longer than a client may hold it up is whole", async (t) => {
  const session = await connectHttp2(t, gateway);
  const { stream, text } = await askHeld(session, "/held/pause");
  await outlive(700);
  waiting.get("/held/pause").end(" second");
  await once(stream, "close");
  assert.equal(stream.rstCode, 0);
  assert.equal(text(), "first second");
});

test("an answer whose client opens its window late is whole, however late its content is", async (t) => {
  const client = await Client.connect(t, gateway, { pairs: [[Setting.initialWindowSize, 0]] });
  const pieces = Array.from({ length: 20 }, (_, i) => `${i},`);
  for (const [i, later] of [0, 200, 400].entries()) {
    const stream = 2 * i + 1;
    const path = `/held/late/${i}`;
    const waits = once(origin.server, "waits");
    client.send(get(stream, path));
    await waits;
    await client.outcome(stream);
    await outlive(later);
    client.send(windowUpdate(stream, 1 << 20));
    await client.settled();
    for (const piece of pieces) {
      waiting.get(path).write(piece);
      await new Promise(setImmediate);
    }
    waiting.get(path).end();
    assert.equal(await client.content(stream), ["first", ...pieces].join(""), `${later} ms`);
  }
});

test("an event stream whose client has no window until it says something loses none of it", async (t) => {
  const client = await Client.connect(t, gateway, { pairs: [[Setting.initialWindowSize, 5]] });
  client.send(get(1, "/held/events"));
  await client.until(({ type }) => type === Type.data);
  await outlive(700);  // All that it could take in was taken in: nobody is late.
  client.send(windowUpdate(1, 1 << 20));
  await client.settled();
  for (let i = 0; i < 20; ++i) {
    waiting.get("/held/events").write(`${i},`);
    await new Promise(setImmediate);
  }
  waiting.get("/held/events").end();
  assert.equal(await client.content(1), `first${Array.from({ length: 20 }, (_, i) => `${i},`).join("")}`);
});

test("an upload is not late while another one, which nobody reads, holds the window of both", async (t) => {
  const least = 65_535;
  const busy = await startConfigured(t, {
    listen: { address: "127.0.0.1:0", limits: { bodyIdle: "300ms" }, http2: { streamWindow: least, connectionWindow: least } },
    services: {
      origin: { targets: [origin.url] },
      full: { targets: [origin.url], maxConnections: 1, queueTimeout: "20s" },
    },
    routes: [{ path: "/*", service: "origin" }, { path: "/held/*", service: "full" }],
  });
  const client = await Client.connect(t, busy);
  const waits = once(origin.server, "waits");
  client.send(get(1, "/held/first"));
  await waits;
  const post = (stream, path) => headers(stream, request(path, { method: "POST" }), { end: false });
  client.send(post(3, "/held/queued"), ...[16_384, 16_384, 16_384, 16_383].map((size) => data(3, "x".repeat(size))), post(5, "/upload"));
  await client.settled();
  await outlive(700);
  client.send(reset(3));
  await client.until(({ type, stream }) => type === Type.windowUpdate && stream === 0);
  client.send(data(5, "late", { end: true }));
  assert.deepEqual(await client.outcome(5), { status: 200 });
});

test("a malformed request ends its own stream, and no other one later", async (t) => {
  const client = await Client.connect(t, gateway);
  client.send(get(1, "/held/beside"));
  const waits = once(origin.server, "waits");
  client.send(headers(3, [...request("/"), ["Upper", "x"]]));
  await waits;
  await outlive(700);
  client.send(get(5, "/"));
  assert.equal((await client.outcome(5)).status, 200);
  waiting.get("/held/beside").end();
  assert.equal((await client.outcome(1)).status, 200);
  assert.ok(!client.frames.some(({ type }) => type === Type.goaway));
});

test("a head of many fields is passed on", async (t) => {
  const session = await connectHttp2(t, gateway);
  const answer = await exchangeHttp2(session, "/big");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["x-59"].length, 1000);
  assert.equal(answer.body, "big");
});

test("a reader that has seen enough of many answers is none who works in vain", async (t) => {
  const client = await Client.connect(t, gateway);
  for (let id = 1; id < 1000; id += 2) {
    client.send(get(id, `/held/${id}`));
    assert.equal((await client.outcome(id)).status, 200);
    client.send(reset(id));
  }
  client.send(get(1001, "/"));
  assert.equal((await client.outcome(1001)).status, 200);
});

test("who sends without an end what is skipped is sent away", async (t) => {
  const client = await Client.connect(t, gateway);
  const unknown = frame(0x42, 0, 0, "x".repeat(2000));
  await client.flood(20_000, () => unknown);
  assert.equal(await client.goaway(), ErrorCode.enhanceYourCalm);
  const session = await connectHttp2(t, gateway);
  assert.equal((await exchangeHttp2(session, "/")).status, 200);
});
