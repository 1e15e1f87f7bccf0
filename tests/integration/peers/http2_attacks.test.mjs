// SPDX-License-Identifier: Apache-2.0
// The gateway executable against clients that abuse HTTP/2. Throughout: the hostile connection ends
// or is refused as it should be, nothing malformed reaches the origin, honest clients are answered
// within two seconds meanwhile, and memory stays bounded.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import nodeTest from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import {
  block, Client, data, ErrorCode, Flag, frame, get, headers, indexed, indexing, kPreface, literal, ping,
  request, reset, Setting, settings, settingsAck, Type, uint32, windowUpdate,
} from "./http2_frames.mjs";
import { connect, exchange, startConfigured, startOrigin } from "./processes.mjs";

const kMebibyte = 1024 * 1024;

/// A gateway that does not end what it should end leaves a test waiting: it fails then.
const test = (name, run) => nodeTest(name, { timeout: 30_000 }, run);

const kStreams = 100;

/// A gateway of one worker, so that honest clients share it with the hostile one, before an origin
/// that records each request as { url, headers, isWhole, isOver } and leaves /held... unanswered.
async function start(owner, { limits, onRequest, service, config } = {}) {
  const seen = [];
  const origin = await startOrigin(owner, (incoming, response) => {
    if (incoming.url === "/honest") return response.end("honest");
    const { method, url, headers, rawHeaders } = incoming;
    const entry = { method, url, headers, rawHeaders };
    seen.push(entry);
    incoming.on("error", () => {});
    incoming.on("end", () => (entry.isWhole = incoming.complete));
    response.on("close", () => (entry.isOver = true));
    if (onRequest) return onRequest(incoming, response);
    incoming.resume();
    if (!incoming.url.startsWith("/held")) incoming.on("end", () => response.end(incoming.url));
  });
  const gateway = await startConfigured(owner, {
    listen: [{ address: "127.0.0.1:0", limits, http2: { streams: kStreams } }],
    workers: 1,
    services: { origin: { targets: [origin.url], ...service } },
    routes: [{ path: "/*", service: "origin" }],
    ...config,
  }, { env: { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=1` } });
  return { gateway, origin: Object.assign(origin, { seen }) };
}

async function memory(pid, which) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(status.match(new RegExp(`${which}:\\s*(\\d+) kB`))[1]) * 1024;
}

/// Asks again and again until `isOver()`. Resolves to the longest time that an answer took.
async function slowest(ask, isOver) {
  let longest = 0;
  do {
    const begun = Date.now();
    assert.equal(await ask(), "honest");
    longest = Math.max(longest, Date.now() - begun);
    await pause(10);
  } while (!isOver());
  return longest;
}

async function askHttp2(session) {
  const stream = session.request({ ":path": "/honest" });
  return Buffer.concat(await stream.toArray()).toString();
}

/// Runs `attack` among honest clients and looks at what it cost the gateway.
async function withstand(gateway, attack, { most = 64 * kMebibyte } = {}) {
  const before = await memory(gateway.pid, "VmRSS");
  const session = http2.connect(`http://127.0.0.1:${gateway.port}`);
  let isOver = false;
  const [result, ...times] = await Promise.all([
    attack().finally(() => (isOver = true)),
    slowest(async () => (await exchange(gateway, "/honest")).body, () => isOver),
    slowest(() => askHttp2(session), () => isOver),
  ]).finally(() => session.destroy());
  for (const time of times) assert.ok(time < 2000, `an honest client waited for ${time} ms`);
  const growth = (await memory(gateway.pid, "VmHWM")) - before;
  assert.ok(growth <= most, `memory grew by ${growth} bytes`);
  return result;
}

/// Resolves once it holds, which something that happens elsewhere brings about.
async function eventually(holds) {
  while (!holds()) await pause(5);
}

/// The hostile connection was ended with one of these error codes.
async function endedWith(client, ...codes) {
  const code = await client.goaway();
  assert.ok(codes.includes(code), `GOAWAY ${code}, not one of ${codes}`);
}

const kCalm = ErrorCode.enhanceYourCalm;

function refused(outcome, what, statuses = [400]) {
  const isRefused = outcome.reset === ErrorCode.protocol || statuses.includes(outcome.status);
  assert.ok(isRefused, `${what}: ${JSON.stringify(outcome)}`);
}

const withLength = (stream) =>
  headers(stream, [...request("/held", { method: "POST" }), ["content-length", "5"]], { end: false });

test("rapid reset: 20,000 requests taken back at once end the connection", async (t) => {
  const { gateway, origin } = await start(t);
  await withstand(gateway, async () => {
    const client = await Client.connect(t, gateway);
    await client.flood(20_000, (i) => Buffer.concat([get(2 * i + 1, "/held"), reset(2 * i + 1)]));
    await endedWith(client, kCalm);
  });
  assert.ok(origin.seen.length <= 1000, `the origin saw ${origin.seen.length} requests`);
  await eventually(() => origin.seen.every(({ isOver }) => isOver));
});

test("what a client may have under way are options, and it is told", async (t) => {
  const http2 = { streams: 3, streamWindow: "128KiB", connectionWindow: "200KiB", heldHeaderBytes: "2KiB" };
  const limits = { headerBytes: "2KiB" };
  const { gateway } = await start(t, { config: { listen: { address: "127.0.0.1:0", limits, http2 } } });
  const client = await Client.connect(t, gateway);
  const { payload } = await client.until(isLimit);
  for (const pair of [[Setting.maxConcurrentStreams, 3], [Setting.initialWindowSize, 128 * 1024], [Setting.maxHeaderListSize, 2048]]) {
    assert.ok(payload.includes(settings(pair).subarray(9)), `${pair}`);
  }
  const { payload: window } = await client.until(({ type, stream }) => type === Type.windowUpdate && stream === 0);
  assert.equal(window.readUInt32BE(0), 200 * 1024 - 65_535);

  client.send(...[1, 3, 5, 7].map((stream) => get(stream, `/held/${stream}`)));
  assert.deepEqual(await client.outcome(7), { reset: ErrorCode.refusedStream });
  client.send(reset(1), reset(3), reset(5), headers(9, [...request("/large"), ["x", "x".repeat(2048)]]));
  assert.deepEqual(await client.outcome(9), { status: 431 });
  // Beside another, a head that is within its limit may be beyond that of all.
  const half = (stream) => headers(stream, [...request("/held"), ["x", "x".repeat(1100)]]);
  client.send(half(11), half(13));
  assert.deepEqual(await client.outcome(13), { reset: ErrorCode.refusedStream });
});

test("the limits are options", async (t) => {
  const http2 = { resets: 5, idleFrames: 20, frameSize: "32KiB" };
  const { gateway, origin } = await start(t, { config: { listen: { address: "127.0.0.1:0", http2 } } });
  const large = await Client.connect(t, gateway);
  const upload = (size) => [headers(1, request("/upload", { method: "POST" }), { end: false }), data(1, "x".repeat(size), { end: true })];
  await large.until(({ type }) => type === Type.settings);
  large.send(settingsAck, ...upload(32 * 1024));
  assert.deepEqual(await large.outcome(1), { status: 200 });
  const tooLarge = await Client.connect(t, gateway);
  tooLarge.send(...upload(32 * 1024 + 1));
  await endedWith(tooLarge, ErrorCode.frameSize);

  const resets = await Client.connect(t, gateway);
  const takenBack = (i) => Buffer.concat([get(2 * i + 1, "/held"), reset(2 * i + 1)]);
  resets.send(...Array.from({ length: 5 }, (_, i) => takenBack(i)));
  await resets.settled();
  resets.send(takenBack(5));
  await endedWith(resets, kCalm);

  const idle = await Client.connect(t, gateway);
  await idle.flood(25, () => ping());
  await endedWith(idle, kCalm);
  await eventually(() => origin.seen.every(({ isOver }) => isOver));
});

/// What makes a server reset streams (CVE-2025-8671): some of it ends the connection at once.
for (const [name, codes, provoke, ask] of [
  ["a WINDOW_UPDATE of 0", [ErrorCode.protocol, kCalm], (stream) => windowUpdate(stream, 0)],
  ["a WINDOW_UPDATE over the maximum", [kCalm], (stream) => windowUpdate(stream, 0x7fffffff)],
  ["a WINDOW_UPDATE of three bytes", [ErrorCode.frameSize], (stream) => frame(Type.windowUpdate, 0, stream, "abc")],
  ["DATA after the end", [ErrorCode.streamClosed], (stream) => data(stream, "x")],
  ["HEADERS after the end", [ErrorCode.streamClosed], (stream) => get(stream, "/held")],
  ["a dependency on itself", [ErrorCode.protocol, kCalm], (stream) => frame(Type.priority, 0, stream, Buffer.concat([uint32(stream), Buffer.from([1])]))],
  ["a PRIORITY of four bytes", [ErrorCode.frameSize], (stream) => frame(Type.priority, 0, stream, "abcd")],
  ["more content than announced", [kCalm], (stream) => data(stream, "123456"), withLength],
  ["trailers that are none", [kCalm], (stream) => headers(stream, [["Upper", "x"]]), withLength],
]) {
  test(`resets provoked by ${name} 5,000 times end the connection, and its work`, async (t) => {
    const { gateway, origin } = await start(t);
    await withstand(gateway, async () => {
      const client = await Client.connect(t, gateway);
      const begin = ask ?? ((stream) => get(stream, "/held"));
      await client.flood(5000, (i) => Buffer.concat([begin(2 * i + 1), provoke(2 * i + 1)]));
      await endedWith(client, ...codes);
    });
    assert.ok(origin.seen.length <= 1000, `the origin saw ${origin.seen.length} requests`);
    await eventually(() => origin.seen.every(({ isOver }) => isOver));
  });
}

const kOpenHeaders = frame(Type.headers, Flag.endStream, 1, block(request("/never")));

test("CONTINUATION without end: a mebibyte of it, or 10,000 empty ones, are enough", async (t) => {
  const { gateway, origin } = await start(t);
  const field = block([["x-field", "x".repeat(16_000)]]);
  for (const [count, content] of [[Math.floor(kMebibyte / field.length), field], [10_000, ""]]) {
    await withstand(gateway, async () => {
      const client = await Client.connect(t, gateway);
      client.send(kOpenHeaders);
      await client.flood(count, () => frame(Type.continuation, 0, 1, content));
      await endedWith(client, kCalm);
    });
  }
  assert.deepEqual(origin.seen, []);
});

test("CONTINUATION without end: 16 MiB of it cost no memory", async (t) => {
  const { gateway } = await start(t);
  const field = block([["x-field", "x".repeat(16_000)]]);
  await withstand(gateway, async () => {
    const client = await Client.connect(t, gateway);
    client.send(kOpenHeaders);
    await client.flood(1024, () => frame(Type.continuation, 0, 1, field));
    await endedWith(client, kCalm);
  }, { most: 8 * kMebibyte });
});

test("who is sent away and goes on sending is read for a while, to learn of it, and then cut", async (t) => {
  const { gateway, origin } = await start(t);
  const most = 256 * kMebibyte;
  const noise = frame(0xb0, 0, 0, "x".repeat(16_000));
  await withstand(gateway, async () => {
    const client = await Client.connect(t, gateway);
    const sent = noise.length * await client.flood(most / noise.length, () => noise);
    assert.ok(sent < most / 2, `${sent} bytes were taken`);
    await endedWith(client, kCalm);
  }, { most: 8 * kMebibyte });
  assert.deepEqual(origin.seen, []);
});

for (const [what, make] of [
  ["DATA frames of no bytes", () => data(1, "")],
  ["DATA frames of padding alone", () => frame(Type.data, Flag.padded, 1, "\x03\0\0\0")],
  ["WINDOW_UPDATE frames of the connection", () => windowUpdate(0, 1)],
  ["WINDOW_UPDATE frames of a stream", () => windowUpdate(1, 1)],
]) {
  test(`100,000 ${what} end the connection`, async (t) => {
    const { gateway, origin } = await start(t);
    await withstand(gateway, async () => {
      const client = await Client.connect(t, gateway);
      client.send(headers(1, request("/upload", { method: "POST" }), { end: false }));
      await client.flood(100_000, make);
      await endedWith(client, kCalm);
    });
    await eventually(() => origin.seen.every(({ isOver }) => isOver));
    assert.ok(origin.seen.every(({ isWhole }) => !isWhole));
  });
}

test("padding costs a client with something to say nothing", async (t) => {
  const { gateway } = await start(t);
  const client = await Client.connect(t, gateway);
  client.send(headers(1, request("/padded", { method: "POST" }), { end: false }));
  const padded = frame(Type.data, Flag.padded, 1, "\x02x\0\0");
  client.send(...Array(5000).fill(padded), data(1, "", { end: true }));
  assert.deepEqual(await client.outcome(1), { status: 200 });
});

const malformed = (stream) => headers(stream, [...request("/never"), ["Upper-Case", "x"]]);
const broken = (stream) => Buffer.concat([withLength(stream), data(stream, "123456", { end: true })]);
for (const [name, count, make] of [
  ["PING", 400_000, () => ping()],
  ["SETTINGS", 400_000, () => settings([Setting.initialWindowSize, 65_535], [Setting.maxFrameSize, 16_384])],
  ["requests to be refused", 200_000, (i) => malformed(2 * i + 1)],
  ["requests to be reset", 200_000, (i) => broken(2 * i + 1)],
]) {
  test(`${name} ${count} times, answers unread: the queue of answers is bounded`, async (t) => {
    const { gateway, origin } = await start(t, { limits: { sendIdle: "1s" } });
    await withstand(gateway, async () => {
      const client = await Client.connect(t, gateway);
      client.socket.pause();
      await client.flood(count, make);
      client.socket.resume();
      await client.ended;
    }, { most: 16 * kMebibyte });
    assert.deepEqual(origin.seen, []);
  });
}

for (const [name, count, make] of [
  ["PRIORITY frames", 200_000, (i) => frame(Type.priority, 0, 2 * i + 3, Buffer.concat([uint32(0), Buffer.from([1])]))],
  ["unknown frames", 100_000, (i) => frame(0xb0 + (i % 16), 0xff, i, "unknown")],
]) {
  test(`${count} ${name} are ignored cheaply`, async (t) => {
    const { gateway } = await start(t);
    await withstand(gateway, async () => {
      const client = await Client.connect(t, gateway);
      await client.flood(count, make);
      const stream = 2 * count + 5;
      client.send(get(stream, "/after"));
      const { status, goaway } = await client.outcome(stream);
      assert.ok(status === 200 || goaway === kCalm);
    }, { most: 8 * kMebibyte });
  });
}

test("a header block that unfolds to 15.6 MB is refused unread", async (t) => {
  const { gateway, origin } = await start(t);
  await withstand(gateway, async () => {
    const client = await Client.connect(t, gateway);
    const bomb = [block(request("/bomb")), indexing("x-bomb", "b".repeat(3900)), ...Array(4000).fill(indexed(62))];
    client.send(headers(1, Buffer.concat(bomb)));
    const { status, reset: code, goaway } = await client.outcome(1);
    assert.ok(status === 431 || (code ?? goaway) > 0);
  }, { most: 8 * kMebibyte });
  assert.deepEqual(origin.seen, []);
});

/// HEADERS and as many CONTINUATION frames as a large block takes.
function headersInPieces(stream, payload) {
  const frames = [];
  for (let at = 0; at < payload.length; at += 16_384) {
    const isLast = at + 16_384 >= payload.length;
    const type = at === 0 ? Type.headers : Type.continuation;
    const flags = (at === 0 ? Flag.endStream : 0) | (isLast ? Flag.endHeaders : 0);
    frames.push(frame(type, flags, stream, payload.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
}

test("10,000 fields, a field of 100 KB and a path of 65 KB are refused", async (t) => {
  const { gateway, origin } = await start(t);
  for (const [name, fields] of [
    ["fields", [...request(), ...Array.from({ length: 10_000 }, (_, i) => [`x-${i}`, "x"])]],
    ["field", [...request(), ["x-long", "x".repeat(100_000)]]],
    ["name", [...request(), ["x".repeat(100_000), "x"]]],
    ["path", request(`/${"x".repeat(65_000)}`)],
  ]) {
    const client = await Client.connect(t, gateway);
    client.send(headersInPieces(1, block(fields)));
    const { status, reset: code, goaway } = await client.outcome(1);
    assert.ok([431, 414, 400].includes(status) || (code ?? goaway) > 0, name);
  }
  assert.deepEqual(origin.seen, []);
});

test("ten downloads of 64 MiB without a window stop the origin, and go with the client", async (t) => {
  const large = Buffer.alloc(64 * kMebibyte, "x");
  const sockets = [];
  const { gateway, origin } = await start(t, {
    onRequest: (incoming, response) => {
      sockets.push(response.socket);
      response.end(large);
    },
  });
  await withstand(gateway, async () => {
    const client = await Client.connect(t, gateway, { pairs: [[Setting.initialWindowSize, 0]] });
    client.send(...Array.from({ length: 10 }, (_, i) => get(2 * i + 1, "/large")));
    for (let i = 0; i < 10; ++i) assert.deepEqual(await client.outcome(2 * i + 1), { status: 200 });
    // Nothing tells that no more will be read: it is so once nothing was for a while.
    const sent = () => sockets.reduce((sum, socket) => sum + socket.bytesWritten - socket.writableLength, 0);
    for (let before = -1; before !== sent(); await pause(200)) before = sent();
    // The buffers of the kernel hold some MiB for each connection; the gateway holds little.
    assert.ok(sent() < 10 * 16 * kMebibyte, `the origin sent ${sent()} bytes`);
    assert.ok(client.frames.every(({ type }) => type !== Type.data));
    client.socket.destroy();
  }, { most: 16 * kMebibyte });
  await eventually(() => origin.seen.every(({ isOver }) => isOver));
});

test("a client that takes nothing in and stays has its streams reset in time, and the origin let go", async (t) => {
  const { gateway, origin } = await start(t, {
    limits: { sendIdle: "300ms" }, onRequest: (incoming, response) => response.end(Buffer.alloc(kMebibyte)),
  });
  const client = await Client.connect(t, gateway, { pairs: [[Setting.initialWindowSize, 0]] });
  client.send(...Array.from({ length: 10 }, (_, i) => get(2 * i + 1, "/large")));
  for (let i = 0; i < 10; ++i) {
    await client.until(({ type, stream }) => type === Type.reset && stream === 2 * i + 1);
  }
  await eventually(() => origin.seen.every(({ isOver }) => isOver));
  await client.settled();
  assert.ok(client.frames.every(({ type }) => type !== Type.data && type !== Type.goaway));
});

test("heads that a few bytes stand for are held up to a bound, and the rest can be tried again", async (t) => {
  const { gateway, origin } = await start(t);
  const field = indexing("x-large", "b".repeat(3900));
  const head = (stream) => Buffer.concat([block(request(`/held/${stream}`)), ...Array(3).fill(indexed(62))]);
  const refusals = await withstand(gateway, async () => {
    const client = await Client.connect(t, gateway);
    client.send(headers(1, Buffer.concat([block(request("/held/1")), field])));
    client.send(...Array.from({ length: kStreams - 1 }, (_, i) => headers(2 * i + 3, head(2 * i + 3))));
    await client.settled();
    const refused = client.frames.filter(({ type }) => type === Type.reset);
    assert.ok(refused.every(({ code }) => code === ErrorCode.refusedStream));
    await eventually(() => origin.seen.length === kStreams - refused.length);
    client.socket.destroy();
    return refused.length;
  });
  // Each is three times 3.9 KB, of a mebibyte.
  assert.ok(refusals >= 5 && refusals <= 15, `${refusals} were refused`);
  await eventually(() => origin.seen.every(({ isOver }) => isOver));
});

test("a client that tries again what there was no room for is served in the end", async (t) => {
  const { gateway } = await start(t, { config: { listen: { address: "127.0.0.1:0", http2: { heldHeaderBytes: "64KiB" } } } });
  const client = await Client.connect(t, gateway);
  const cookie = [...request("/"), ["cookie", "c".repeat(7900)]];
  let stream = -1;
  let left = 100;
  for (let tries = 0; left > 0; ++tries) {
    assert.ok(tries < 100, `${left} were not served`);
    const streams = Array.from({ length: left }, () => (stream += 2));
    client.send(...streams.map((each) => headers(each, cookie)));
    const outcomes = await Promise.all(streams.map((each) => client.outcome(each)));
    for (const { status, reset: code } of outcomes) assert.ok(status === 200 || code === ErrorCode.refusedStream);
    left -= outcomes.filter(({ status }) => status === 200).length;
  }
  const { gateway: roomy } = await start(t);
  const many = await Client.connect(t, roomy);
  many.send(...Array.from({ length: kStreams }, (_, i) => headers(2 * i + 1, cookie)));
  for (let i = 0; i < kStreams; ++i) assert.deepEqual(await many.outcome(2 * i + 1), { status: 200 });
});

test("trailers count as heads do", async (t) => {
  const http2 = { heldHeaderBytes: "16KiB" };
  const { gateway } = await start(t, { config: { listen: { address: "127.0.0.1:0", http2 } } });
  const client = await Client.connect(t, gateway);
  const field = (size) => ["x", "x".repeat(size)];
  client.send(headers(1, [...request("/held"), field(9000)]));
  client.send(headers(3, request("/held", { method: "POST" }), { end: false }), data(3, "x"), headers(3, [field(9000)]));
  assert.deepEqual(await client.outcome(3), { reset: kCalm });
  client.send(headers(5, request("/after", { method: "POST" }), { end: false }), data(5, "x"), headers(5, [field(1000)]));
  assert.deepEqual(await client.outcome(5), { status: 200 });
});

test("at the limit of connections one that is idle gives way at once, and no other one", async (t) => {
  const { gateway } = await start(t, { config: { maxConnections: 10, idleWhenFull: "50ms" } });
  const idle = [];
  for (let i = 0; i < 10; ++i) {
    idle.push(await Client.connect(t, gateway));
    idle[i].send(get(1, "/one"));
    assert.deepEqual(await idle[i].outcome(1), { status: 200 });
  }
  const begun = Date.now();
  assert.equal((await exchange(gateway, "/honest")).body, "honest");
  assert.ok(Date.now() - begun < 1000, `after ${Date.now() - begun} ms`);
  await idle[0].ended;
  assert.equal(idle.filter(({ isEnded }) => isEnded).length, 1);
});

test("what comes while a connection gives way is served, or was not begun", async (t) => {
  const { gateway, origin } = await start(t, { config: { maxConnections: 2, idleWhenFull: "50ms" } });
  const idle = [await Client.connect(t, gateway), await Client.connect(t, gateway)];
  for (const client of idle) {
    client.send(get(1, "/one"));
    assert.deepEqual(await client.outcome(1), { status: 200 });
  }
  await pause(100);
  // Both at once, as the gateway sees it.
  process.kill(gateway.pid, "SIGSTOP");
  idle[0].send(headers(3, request("/late", { method: "POST" }), { end: true }));
  const newcomer = exchange(gateway, "/honest");
  await pause(50);
  process.kill(gateway.pid, "SIGCONT");
  assert.equal((await newcomer).body, "honest");
  const { status } = await idle[0].outcome(3);
  const wasBegun = origin.seen.some(({ url }) => url === "/late");
  const last = idle[0].frames.findLast(({ type }) => type === Type.goaway)?.last;
  assert.ok(status === 200 || (!wasBegun && last === 1), `${status}, ${wasBegun}, ${last}`);
});

const isLimit = ({ type, flags }) => type === Type.settings && !(flags & Flag.ack);
const manyHeld = () => Array.from({ length: kStreams + 50 }, (_, i) => get(2 * i + 1, `/held/${i}`));

test("streams over the limit are refused to a client that may not know it yet", async (t) => {
  const { gateway, origin } = await start(t);
  const client = await Client.connect(t, gateway);
  const { payload } = await client.until(isLimit);
  assert.ok(payload.includes(settings([Setting.maxConcurrentStreams, kStreams]).subarray(9)));
  const all = manyHeld();
  client.send(...all);
  for (let i = kStreams; i < all.length; ++i) {
    assert.deepEqual(await client.outcome(2 * i + 1), { reset: ErrorCode.refusedStream });
  }
  await eventually(() => origin.seen.length >= kStreams);
  await client.settled();
  assert.equal(origin.seen.length, kStreams);

  // One that ends makes room for one.
  client.send(reset(1));
  await eventually(() => origin.seen.some(({ isOver }) => isOver));
  client.send(get(2 * all.length + 1, "/room"));
  assert.deepEqual(await client.outcome(2 * all.length + 1), { status: 200 });
});

test("streams over the limit that the client agreed to are refused, or end its connection", async (t) => {
  const { gateway, origin } = await start(t);
  const client = await Client.connect(t, gateway);
  await client.until(isLimit);
  client.send(settingsAck, ...manyHeld());
  const { reset: code, goaway } = await client.outcome(2 * kStreams + 1);
  assert.ok(code === ErrorCode.refusedStream || goaway === ErrorCode.protocol);
  assert.ok(origin.seen.length <= kStreams);
});

for (const [name, bytes, next] of [
  ["half a preface", [kPreface.subarray(0, 12)]],
  ["a preface without SETTINGS", [kPreface]],
  ["half a frame", [kPreface, settings(), get(1, "/never").subarray(0, 20)]],
  ["half a header block", [kPreface, settings(), kOpenHeaders]],
  ["a header block that never ends", [kPreface, settings(), kOpenHeaders], frame(Type.continuation, 0, 1, literal("x", "y"))],
]) {
  test(`${name}, then ${next ? "a little now and then" : "silence"}: closed in time`, async (t) => {
    const { gateway, origin } = await start(t, { limits: { headerTimeout: "500ms", idle: "60s" } });
    const client = await Client.open(t, gateway);
    const begun = Date.now();
    client.send(...bytes);
    while (next && !client.isEnded) {
      client.send(next);
      await pause(50);
    }
    await client.ended;
    assert.ok(Date.now() - begun < 3000, `after ${Date.now() - begun} ms`);
    assert.deepEqual(origin.seen, []);
  });
}

test("content that stops ends its request alone, and the origin sees it cut", async (t) => {
  const { gateway, origin } = await start(t, { limits: { bodyIdle: "300ms" } });
  const client = await Client.connect(t, gateway);
  client.send(headers(1, request("/upload", { method: "POST" }), { end: false }), data(1, "some"));
  const { status, reset: code } = await client.outcome(1);
  assert.ok(status === 408 || code > 0);
  await eventually(() => origin.seen.every(({ isOver }) => isOver));
  assert.ok(!origin.seen[0].isWhole);
  client.send(get(3, "/next"));
  assert.deepEqual(await client.outcome(3), { status: 200 });
});

test("a connection without requests is closed at the limit for idle ones, in order", async (t) => {
  const { gateway } = await start(t, { limits: { idle: "300ms" } });
  const client = await Client.connect(t, gateway);
  client.send(get(1, "/one"));
  assert.deepEqual(await client.outcome(1), { status: 200 });
  assert.equal(await client.goaway(), ErrorCode.none);
});

/// Each form, one after the other on one connection: refused as a request, and no more than that.
/// Resolves to what the origin saw of them.
async function refuseEach(owner, forms, toFrames = (stream, fields) => headers(stream, fields), check = refused) {
  const { gateway, origin } = await start(owner);
  const client = await Client.connect(owner, gateway);
  let stream = -1;
  for (const [name, form] of Object.entries(forms)) {
    client.send(toFrames((stream += 2), form));
    check(await client.outcome(stream), name);
  }
  client.send(get((stream += 2), "/after"));
  assert.deepEqual(await client.outcome(stream), { status: 200 });
  await eventually(() => origin.seen.every(({ isOver }) => isOver));
  return origin.seen.filter(({ url }) => url !== "/after");
}

const withField = (name, value) => [...request("/never"), [name, value]];

test("characters that HTTP/1 fields cannot have", async (t) => {
  assert.deepEqual(await refuseEach(t, {
    "CR in a value": withField("x", "a\rb"),
    "LF in a value": withField("x", "a\nb"),
    "CRLF and a field in a value": withField("x", "a\r\nx-injected: 1"),
    "NUL in a value": withField("x", "a\0b"),
    "CR in a name": withField("x\r", "a"),
    "LF in a name": withField("x\ny", "a"),
    "NUL in a name": withField("x\0", "a"),
    "a colon in a name": withField("x: injected", "a"),
    "a blank in a name": withField("x y", "a"),
    "capital letters in a name": withField("X-Field", "a"),
    "an empty name": withField("", "a"),
    "a byte above ASCII in a name": withField("x\xff", "a"),
    "a request in a value": withField("x", "a\r\n\r\nGET /injected HTTP/1.1\r\nhost: a"),
  }), []);
});

test("fields of one connection", async (t) => {
  assert.deepEqual(await refuseEach(t, {
    "transfer-encoding": withField("transfer-encoding", "chunked"),
    "connection": withField("connection", "close"),
    "keep-alive": withField("keep-alive", "timeout=5"),
    "proxy-connection": withField("proxy-connection", "keep-alive"),
    "upgrade": withField("upgrade", "h2c"),
    "te: gzip": withField("te", "gzip"),
    "te: trailers, gzip": withField("te", "trailers, gzip"),
  }), []);
});

test("a wrong content-length never becomes a whole request", async (t) => {
  const post = (...lengths) => [
    ...request("/never", { method: "POST" }), ...lengths.map((length) => ["content-length", length]),
  ];
  const seen = await refuseEach(t, {
    "too short": post("4"), "too long": post("6"), "two that differ": post("5", "6"),
    "a list that differs": post("5, 6"), "a sign": post("+5"), "negative": post("-5"),
    "2^64 + 5": post("18446744073709551621"), "hexadecimal": post("0x5"), "empty": post(""),
    "a blank": post("5 5"),
  }, (stream, fields) => Buffer.concat([headers(stream, fields, { end: false }), data(stream, "12345", { end: true })]));
  assert.deepEqual(seen.filter(({ isWhole }) => isWhole), []);
  const ended = await refuseEach(t, { "too short before trailers": post("6") }, (stream, fields) =>
    Buffer.concat([
      headers(stream, fields, { end: false }), data(stream, "12345"), headers(stream, [["x", "1"]]),
    ]));
  assert.deepEqual(ended.filter(({ isWhole }) => isWhole), []);
  assert.deepEqual(await refuseEach(t, { "and no content": post("5") }), []);
});

for (const [what, late] of [
  ["less content than announced", data(1, "", { end: true })],
  ["more content than announced", data(1, "678901")],
  ["trailers with a pseudo-field", headers(1, [[":path", "/"]])],
  ["trailers that end nothing", headers(1, [["x", "y"]], { end: false })],
]) {
  test(`${what}, when the request has begun at the origin: it is cut there, and reset here`, async (t) => {
    let begun;
    const { gateway, origin } = await start(t, { onRequest: (incoming, response) => {
      if (incoming.url === "/next") return response.end();
      begun = incoming.resume();
    } });
    const client = await Client.connect(t, gateway);
    client.send(headers(1, [...request("/begun", { method: "POST" }), ["content-length", "10"]], { end: false }), data(1, "12345"));
    await eventually(() => begun);
    client.send(late);
    assert.deepEqual(await client.outcome(1), { reset: ErrorCode.protocol });
    await eventually(() => origin.seen[0].isOver);
    assert.ok(!origin.seen[0].isWhole);
    client.send(get(3, "/next"));
    assert.deepEqual(await client.outcome(3), { status: 200 });
  });
}

test("methods, paths, schemes and authorities that would say more in HTTP/1", async (t) => {
  const forms = {
    method: ["", "GE T", "GET / HTTP/1.1\r\nx: y\r\n\r\n", "GET\t", "G\0T", "(GET)"],
    path: ["", "a", "/a b", "/a HTTP/1.1\r\nx: y", "/a\0", "/a\tb", "http://b.test/", "*"],
    scheme: ["", "http://b.test/", "http\r\nx: y", "ht tp"],
    authority: ["user@a.test", "user:word@a.test", "a.test/path", "a test", "a.test\r\nx: y", "a.test?x", "a.test:x"],
  };
  const all = Object.entries(forms).flatMap(([part, values]) => values.map((value) => [
    `:${part} ${JSON.stringify(value)}`,
    request(part === "path" ? value : "/never", { [part]: value }),
  ]));
  assert.deepEqual(await refuseEach(t, Object.fromEntries(all)), []);
});

test("pseudo-fields that are missing, twice, unknown, or where none belong", async (t) => {
  const twice = (name, value) => [[name, value], ...request("/never")];
  assert.deepEqual(await refuseEach(t, {
    "no method": request("/never", { method: null }),
    "no scheme": request("/never", { scheme: null }),
    "no path": request(null),
    "method twice": twice(":method", "GET"),
    "path twice": twice(":path", "/never"),
    "scheme twice": twice(":scheme", "http"),
    "authority twice": twice(":authority", "a.test"),
    "after another field": [...request("/never").slice(0, 3), ["x", "y"], [":path", "/never"]],
    "an unknown one": withField(":unknown", "x"),
    ":status": withField(":status", "200"),
    ":protocol without CONNECT": twice(":protocol", "websocket"),
    "an empty one": withField(":", "x"),
  }), []);
});

test("pseudo-fields and fields of framing in trailers reach nobody", async (t) => {
  const trailers = (field) => (stream) => Buffer.concat([
    headers(stream, request("/never", { method: "POST" }), { end: false }),
    data(stream, "12345"),
    headers(stream, [field]),
  ]);
  for (const field of [[":path", "/"], [":status", "200"], ["connection", "close"], ["Upper", "x"], ["x", "a\r\nb"]]) {
    assert.deepEqual(await refuseEach(t, { [field]: null }, trailers(field)), []);
  }
});

test(":authority is the host: one that differs, and none, are refused", async (t) => {
  const withHost = (authority, host) =>
    request("/x", { authority, fields: host ? [["host", host]] : [] });
  assert.deepEqual(await refuseEach(t, {
    "they differ": withHost("a.test", "b.test"),
    "two hosts": [...withHost(null, "a.test"), ["host", "b.test"]],
    "neither": withHost(null, null),
  }, undefined, (outcome) => assert.deepEqual(outcome, { status: 400 })), []);
  const { gateway, origin } = await start(t, { service: { host: "keep" } });
  const client = await Client.connect(t, gateway);
  for (const [stream, fields] of [[1, withHost("a.test", null)], [3, withHost(null, "a.test")], [5, withHost("a.test", "a.test")]]) {
    client.send(headers(stream, fields));
    assert.deepEqual(await client.outcome(stream), { status: 200 });
    const { headers: seen, rawHeaders } = origin.seen.at(-1);
    assert.deepEqual([seen.host, seen["x-forwarded-host"]], ["a.test", "a.test"]);
    assert.equal(rawHeaders.filter((name) => name.toLowerCase() === "host").length, 1);
  }
});

test("CONNECT opens no tunnel but to a protocol that was offered", async (t) => {
  const { gateway, origin } = await start(t);
  const client = await Client.connect(t, gateway);
  const { payload } = await client.until(isLimit);
  const offers = payload.includes(settings([Setting.enableConnectProtocol, 1]).subarray(9));
  const extended = (protocol) => [...request("/held", { method: "CONNECT" }), [":protocol", protocol]];
  for (const [stream, fields] of [
    [1, [[":method", "CONNECT"], [":authority", "127.0.0.1:22"]]],
    [3, request("/held", { method: "CONNECT" })],
    [5, extended("h2c")],
    [7, extended("web socket")],
    [9, extended("websocket, h2c")],
    ...(offers ? [] : [[11, extended("websocket")]]),
  ]) {
    client.send(headers(stream, fields, { end: false }));
    refused(await client.outcome(stream), JSON.stringify(fields), [400, 404, 405, 501]);
  }
  assert.deepEqual(origin.seen, []);
});

test("cookie crumbs become one field", async (t) => {
  const { gateway, origin } = await start(t);
  const client = await Client.connect(t, gateway);
  client.send(get(1, "/", { fields: [["cookie", "a=1"], ["x", "y"], ["cookie", "b=2; c=3"], ["cookie", "d=4"]] }));
  assert.deepEqual(await client.outcome(1), { status: 200 });
  assert.equal(origin.seen[0].headers.cookie, "a=1; b=2; c=3; d=4");
});

const { protocol, frameSize, flowControl, compression } = ErrorCode;
for (const [name, codes, ...frames] of [
  ["DATA on stream 0", [protocol], data(0, "x")],
  ["HEADERS on stream 0", [protocol], get(0, "/never")],
  ["CONTINUATION on stream 0", [protocol], frame(Type.continuation, Flag.endHeaders, 0)],
  ["RST_STREAM on stream 0", [protocol], reset(0)],
  ["DATA on an idle stream", [protocol], data(1, "x")],
  ["RST_STREAM on an idle stream", [protocol], reset(1)],
  ["WINDOW_UPDATE on an idle stream", [protocol], windowUpdate(1, 1)],
  ["a stream of an even number", [protocol], get(2, "/never")],
  ["RST_STREAM of three bytes", [frameSize], get(1, "/held"), frame(Type.reset, 0, 1, "123")],
  ["SETTINGS on a stream", [protocol], frame(Type.settings, 0, 1)],
  ["SETTINGS of five bytes", [frameSize], frame(Type.settings, 0, 0, "12345")],
  ["an acknowledgement with content", [frameSize], frame(Type.settings, Flag.ack, 0, settings([1, 1]).subarray(9))],
  ["ENABLE_PUSH of 2", [protocol], settings([Setting.enablePush, 2])],
  ["INITIAL_WINDOW_SIZE of 2^31", [flowControl], settings([Setting.initialWindowSize, 2 ** 31])],
  ["MAX_FRAME_SIZE of 1", [protocol], settings([Setting.maxFrameSize, 1])],
  ["MAX_FRAME_SIZE of 2^24", [protocol], settings([Setting.maxFrameSize, 2 ** 24])],
  ["PING of seven bytes", [frameSize], frame(Type.ping, 0, 0, "1234567")],
  ["PING on a stream", [protocol], frame(Type.ping, 0, 1, "12345678")],
  ["GOAWAY on a stream", [protocol], frame(Type.goaway, 0, 1, uint32(0, 0))],
  ["GOAWAY of four bytes", [frameSize], frame(Type.goaway, 0, 0, uint32(0))],
  ["PUSH_PROMISE", [protocol], get(1, "/held"), frame(Type.pushPromise, Flag.endHeaders, 1, Buffer.concat([uint32(2), block(request())]))],
  ["WINDOW_UPDATE of 0 for the connection", [protocol], windowUpdate(0, 0)],
  ["WINDOW_UPDATE over the maximum for the connection", [flowControl], windowUpdate(0, 0x7fffffff)],
  ["a frame longer than agreed", [frameSize], frame(Type.headers, 5, 1, "", 16_385), Buffer.alloc(16_385)],
  ["an unknown frame longer than agreed", [frameSize], frame(0xff, 0, 0, "", 0xffffff)],
  ["DATA with more padding than content", [protocol], headers(1, request("/held"), { end: false }), frame(Type.data, Flag.padded, 1, "\x05xxxx")],
  ["DATA without the length of its padding", [protocol, frameSize], headers(1, request("/held"), { end: false }), frame(Type.data, Flag.padded, 1)],
  ["HEADERS with more padding than content", [protocol, frameSize], frame(Type.headers, Flag.padded | Flag.endHeaders, 1, "\xff\x82")],
  ["PING within a header block", [protocol], kOpenHeaders, ping()],
  ["HEADERS within a header block", [protocol], kOpenHeaders, get(3, "/never")],
  ["CONTINUATION of another stream", [protocol], kOpenHeaders, frame(Type.continuation, Flag.endHeaders, 3)],
  ["an unknown frame within a header block", [protocol], kOpenHeaders, frame(0xff, 0, 0)],
  ["CONTINUATION of nothing", [protocol], frame(Type.continuation, Flag.endHeaders, 1, block(request("/never")))],
  ["the index 0 of a table", [compression], headers(1, Buffer.from([0x80]))],
  ["an index behind the table", [compression], headers(1, indexed(200))],
  ["an integer without end", [compression], headers(1, Buffer.alloc(20, 0xff))],
  ["a string longer than its block", [compression], headers(1, Buffer.from("\x00\x7fx", "latin1"))],
  ["Huffman code with the padding of zeros", [compression], headers(1, Buffer.from([0x00, 0x81, 0x00, 0x81, 0x18]))],
  ["a table larger than agreed", [compression], headers(1, Buffer.from([0x3f, 0xff, 0xff, 0x7f]))],
  ["half a field at the end of a block", [compression], headers(1, literal("x", "yyyy").subarray(0, 5))],
]) {
  test(`${name}: the connection ends with the error ${codes.join(" or ")}`, async (t) => {
    const { gateway, origin } = await start(t);
    const client = await Client.connect(t, gateway);
    client.send(...frames);
    await endedWith(client, ...codes);
    assert.deepEqual(origin.seen.filter(({ url }) => url !== "/held"), []);
    await eventually(() => origin.seen.every(({ isOver }) => isOver));
    assert.equal((await exchange(gateway, "/honest")).body, "honest");
  });
}

for (const [name, late] of [["a request", get(3, "/never")], ["content", data(3, "x")]]) {
  test(`${name} on a stream that was passed over is ignored, or ends the connection`, async (t) => {
    const { gateway, origin } = await start(t);
    const client = await Client.connect(t, gateway);
    client.send(get(5, "/held"), late, get(7, "/next"));
    const { status, goaway } = await client.outcome(7);
    assert.ok(status === 200 || [protocol, ErrorCode.streamClosed].includes(goaway));
    assert.ok(!origin.seen.some(({ url }) => url === "/never"));
  });
}

test("what is no mistake, or none any more, is borne", async (t) => {
  const { gateway } = await start(t);
  const client = await Client.connect(t, gateway);
  client.send(get(1, "/one"));
  await client.content(1);
  client.send(windowUpdate(1, 1), reset(1), frame(Type.priority, 0, 1, "\0\0\0\0\x01"), frame(Type.priority, 0, 77, "\0\0\0\0\x01"),
    frame(Type.ping, Flag.ack, 0, "12345678"), settings([0xbeef, 7], [Setting.maxConcurrentStreams, 0]),
    frame(Type.data | 0xf0, 0xff, 0x7fffffff, "unknown"));
  const padded = Buffer.concat([Buffer.from([3]), uint32(0x80000000), Buffer.from([200]), block(request("/padded")), Buffer.alloc(3)]);
  client.send(frame(Type.headers, 0xff & ~Flag.endHeaders, 3, padded), frame(Type.continuation, 0xfb, 3), frame(Type.continuation, Flag.endHeaders, 3));
  assert.deepEqual(await client.outcome(3), { status: 200 });
  assert.equal(await client.content(3), "/padded");
});

test("content beyond the window that was granted is refused, and memory holds no more than it", async (t) => {
  let unread;
  const { gateway, origin } = await start(t, { onRequest: (incoming) => (unread = incoming) });
  await withstand(gateway, async () => {
    const client = await Client.connect(t, gateway);
    client.send(headers(1, request("/held", { method: "POST" }), { end: false }));
    await eventually(() => unread);
    await client.flood(4096, () => data(1, Buffer.alloc(16_384)));
    const { reset: code, goaway } = await client.outcome(1);
    assert.equal(code ?? goaway, flowControl);
    client.socket.destroy();
  }, { most: 8 * kMebibyte });
  unread.resume();
  await eventually(() => origin.seen[0].isOver);
  assert.ok(!origin.seen[0].isWhole);
});

test("garbage instead of, within and behind the preface ends the connection", async (t) => {
  const { gateway, origin } = await start(t);
  for (const bytes of [
    "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI * HTTP/2.0\r\nHost: a.test\r\n\r\n", "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n",
    `${kPreface}GET / HTTP/1.1\r\nHost: a.test\r\n\r\n`, `${kPreface}${"\xff".repeat(4096)}`,
    `${kPreface}${get(1, "/never").toString("latin1")}`,
  ]) {
    const client = await connect(t, gateway);
    client.socket.write(bytes, "latin1");
    await client.ended;
    assert.doesNotMatch(client.text, /HTTP\/1\.1 2/);
  }
  assert.deepEqual(origin.seen, []);
});

test("a preface that comes byte by byte is one", async (t) => {
  const { gateway } = await start(t);
  const client = await Client.open(t, gateway);
  for (const byte of Buffer.concat([kPreface, settings(), get(1, "/slow")])) {
    client.send(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  assert.deepEqual(await client.outcome(1), { status: 200 });
});

test("SIGTERM loses no content that is on its way, however late it is taken in", async (t) => {
  const large = Buffer.alloc(2 * kMebibyte, "x");
  let isSent = false;
  const { gateway } = await start(t, {
    onRequest: (incoming, response) => response.end(large, () => (isSent = true)),
  });
  const most = 0x7fffffff;
  const client = await Client.connect(t, gateway, { pairs: [[Setting.initialWindowSize, most]] });
  await client.settled();
  client.socket.pause();
  client.send(windowUpdate(0, most - 65_535), get(1, "/large"));
  await eventually(() => isSent);
  gateway.child.kill("SIGTERM");
  // Longer than the gateway waits before its last word; what clients send while they read follows.
  await pause(1500);
  client.send(ping());
  await pause(100);
  client.socket.resume();
  assert.equal((await client.content(1)).length, large.length);
  client.socket.end();
  assert.deepEqual(await gateway.ended, { code: 0, signal: null });
});

test("SIGTERM says goodbye twice, ends what was begun, and loses no request in between", async (t) => {
  const held = [];
  const { gateway } = await start(t, {
    onRequest: (incoming, response) => {
      if (!incoming.url.startsWith("/held")) return response.end(incoming.url);
      held.push(response);
    },
  });
  const client = await Client.connect(t, gateway);
  const idle = await Client.connect(t, gateway);
  await idle.settled();
  client.send(...Array.from({ length: 10 }, (_, i) => get(2 * i + 1, `/held/${i}`)));
  await eventually(() => held.length === 10);

  gateway.child.kill("SIGTERM");
  const isGoodbye = ({ type }) => type === Type.goaway;
  const first = await client.until(isGoodbye);
  assert.deepEqual([first.code, first.last], [ErrorCode.none, 0x7fffffff]);
  // The idle one, too, is told twice, and may still ask in between.
  await idle.until(isGoodbye);
  idle.send(get(1, "/still"));
  client.send(get(21, "/late"));
  const second = await client.until((received) => isGoodbye(received) && received !== first);
  assert.equal(second.code, ErrorCode.none);
  assert.equal(second.last, 21);
  assert.equal(await idle.content(1), "/still");
  assert.equal(await idle.goaway(), ErrorCode.none);
  assert.deepEqual(idle.frames.filter(isGoodbye).map(({ last }) => last), [0x7fffffff, 1]);
  const late = net.connect(gateway.port, "127.0.0.1");
  assert.equal((await once(late, "error"))[0].code, "ECONNREFUSED");

  held.forEach((response, i) => response.end(`done ${i}`));
  for (let i = 0; i < 10; ++i) {
    assert.deepEqual(await client.outcome(2 * i + 1), { status: 200 });
    assert.equal(await client.content(2 * i + 1), `done ${i}`);
  }
  assert.equal(await client.content(21), "/late");
  await client.ended;
  assert.deepEqual(await gateway.ended, { code: 0, signal: null });
});
