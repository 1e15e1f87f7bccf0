// SPDX-License-Identifier: Apache-2.0
// Targets that are spoken to in HTTP/2: Node's own servers, in clear text and over TLS, and origins
// that write what frames they like. Clients speak HTTP/1.1, and HTTP/2 where many requests are to
// share a worker, and with it the connections to the target.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import { test } from "node:test";
import { Authority } from "./authority.mjs";
import { connectHttp2, exchangeHttp2 } from "./http2_client.mjs";
import { Client, get, Setting, windowUpdate } from "./http2_frames.mjs";
import { closed, connect, exchange, open, startConfigured, temporaryFolder } from "./processes.mjs";

const { constants } = http2;

/// Starts `server`, counts its sessions and streams, and ends it with the test.
async function listening(owner, server, scheme) {
  const origin = { server, sessions: [], streams: 0, most: 0, open: 0 };
  server.on("session", (session) => {
    origin.sessions.push(session);
    session.on("error", () => {});
  });
  server.on("stream", (stream) => {
    origin.streams += 1;
    origin.most = Math.max(origin.most, ++origin.open);
    stream.on("error", () => {});
    stream.on("close", () => (origin.open -= 1));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => {
    for (const session of origin.sessions) session.destroy();
    server.close();
  });
  origin.url = `${scheme}://localhost:${server.address().port}`;
  return origin;
}

/// In clear text. `onStream(stream, headers, flags)`.
async function startOrigin(owner, onStream, options = {}) {
  const server = http2.createServer(options);
  server.on("stream", onStream);
  return listening(owner, server, "http");
}

function secure({ certificate, privateKey }) {
  return { cert: fs.readFileSync(certificate), key: fs.readFileSync(privateKey) };
}

/// A gateway before `target`. `retries` are off unless a test asks for them.
async function startBefore(owner, target, service = {}, { env, ...config } = {}) {
  const log = `${temporaryFolder(owner)}/access.log`;
  const gateway = await startConfigured(owner, {
    middleware: [{ accessLog: { file: log } }],
    services: {
      origin: { targets: [target], http2: "always", retries: { attempts: 0 }, ...service },
    },
    routes: [{ path: "/*", service: "origin" }],
    ...config,
  }, { env });
  gateway.lines = async () => {
    gateway.child.kill("SIGTERM");
    await gateway.ended;
    return fs.readFileSync(log, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
  };
  return gateway;
}

/// A gateway whose listener takes larger heads than a target may be sent. A failure would eject it.
function startRoomy(owner, target) {
  return startConfigured(owner, {
    listen: { address: "127.0.0.1:0", limits: { headerBytes: "1MiB", headerFields: 1000 } },
    services: { origin: { targets: [target], http2: "always", ejection: { consecutiveFailures: 1 } } },
    routes: [{ path: "/*", service: "origin" }],
  });
}

function residentKilobytes(gateway) {
  const status = fs.readFileSync(`/proc/${gateway.pid}/status`, "utf8");
  return Number(status.match(/VmRSS:\s+(\d+)/)[1]);
}

// --- An origin of frames.

function frame(type, flags, id, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, Buffer.from(payload)]);
}

const type = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, push: 5, ping: 6,
  goaway: 7, window: 8, continuation: 9 };
const endStream = 1;
const endHeaders = 4;
const padded = 8;
const ok = Buffer.from([0x88]);

/// A literal field without indexing, its name and value below 127 bytes.
function literal(name, value) {
  return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]),
    Buffer.from(value)]);
}

function word(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

/// Calls `onRequest(socket, id)` for each HEADERS frame; `frames` are all that came, each with the
/// number of the arrival that brought it. A socket emits "pong" for each PING that is answered.
async function startFrames(owner, onRequest, settings = Buffer.alloc(0)) {
  const origin = { connections: 0, arrivals: 0, frames: [], sockets: [] };
  const server = net.createServer((socket) => {
    origin.connections += 1;
    origin.sockets.push(socket);
    let bytes = Buffer.alloc(0);
    let isBegun = false;
    socket.on("error", () => {});
    socket.write(frame(type.settings, 0, 0, settings));
    socket.on("data", (more) => {
      origin.arrivals += 1;
      bytes = Buffer.concat([bytes, more]);
      if (!isBegun) {
        if (bytes.length < 24) return;
        assert.equal(bytes.toString("latin1", 0, 24), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        bytes = bytes.subarray(24);
        isBegun = true;
      }
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const size = bytes.readUIntBE(0, 3);
        const seen = { type: bytes[3], flags: bytes[4], id: bytes.readUInt32BE(5),
          payload: bytes.subarray(9, 9 + size), arrival: origin.arrivals };
        bytes = bytes.subarray(9 + size);
        origin.frames.push(seen);
        if (seen.type === type.settings && !(seen.flags & 1)) socket.write(frame(type.settings, 1, 0));
        if (seen.type === type.ping && seen.flags & 1) socket.emit("pong");
        if (seen.type === type.headers) onRequest(socket, seen.id);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => {
    for (const socket of origin.sockets) socket.destroy();
    server.close();
  });
  origin.url = `http://127.0.0.1:${server.address().port}`;
  return origin;
}

// --- The way there and back.

test("a request and its answer, in clear text", async (t) => {
  const origin = await startOrigin(t, (stream, headers) => {
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("end", () => {
      stream.respond({ ":status": 201, "content-type": "text/plain", "x-seen": JSON.stringify(headers) });
      stream.end(Buffer.concat(chunks));
    });
  });
  const gateway = await startBefore(t, origin.url);
  const answer = await exchange(gateway, "/a/b?c=d", {
    method: "POST", body: "content", headers: { "X-Mixed-Case": "yes", connection: "x-hop", "x-hop": "1" },
  });
  assert.equal(answer.status, 201);
  assert.equal(answer.body, "content");
  assert.equal(answer.isWhole, true);
  const seen = JSON.parse(answer.headers["x-seen"]);
  assert.equal(seen[":method"], "POST");
  assert.equal(seen[":path"], "/a/b?c=d");
  assert.equal(seen[":scheme"], "http");
  assert.equal(seen[":authority"], `127.0.0.1:${gateway.port}`);
  assert.equal(seen["content-length"], "7");
  assert.equal(seen["x-mixed-case"], "yes");
  assert.equal(seen["te"], "trailers");
  assert.equal(seen["x-hop"], undefined);
  assert.equal(seen["connection"], undefined);
  assert.equal(seen["host"], undefined);
});

test("answers without content", async (t) => {
  const origin = await startOrigin(t, (stream, headers) => {
    const status = Number(headers[":path"].slice(1));
    stream.respond({ ":status": status, "content-length": status === 200 ? 5 : undefined },
      { endStream: headers[":method"] === "HEAD" || status !== 200 });
    if (!stream.writableEnded) stream.end("hello");
  });
  const gateway = await startBefore(t, origin.url);
  for (const [path, method, length] of [["/204", "GET"], ["/304", "GET"], ["/200", "HEAD", "5"]]) {
    const answer = await exchange(gateway, path, { method });
    assert.equal(answer.status, Number(path.slice(1)));
    assert.equal(answer.isWhole, true);
    assert.equal(answer.headers["content-length"], length);
    assert.equal(answer.body, "");
  }
  assert.equal(origin.sessions.length, 1);
});

test("a hundred exchanges at a time share one connection, whose dial they wait for together", async (t) => {
  const waiting = [];
  const origin = await startOrigin(t, (stream, headers) => {
    waiting.push(() => {
      stream.respond({ ":status": 200 });
      stream.end(headers[":path"]);
    });
    if (waiting.length === 100) for (const answer of waiting.reverse()) answer();
  });
  const gateway = await startBefore(t, origin.url);
  const paths = Array.from({ length: 100 }, (_, index) => `/${index}`);
  const answers = await Promise.all(paths.map((path) => exchange(gateway, path)));
  assert.deepEqual(answers.map((answer) => answer.body), paths);
  assert.equal(origin.sessions.length, 1);
  assert.equal(origin.most, 100);
});

test("another connection is opened when all have as many streams as they may", async (t) => {
  const waiting = [];
  const origin = await startOrigin(t, (stream) => {
    waiting.push(stream);
    if (waiting.length < 10) return;
    for (const each of waiting) {
      each.respond({ ":status": 200 });
      each.end(`${origin.sessions.length}`);
    }
  });
  const gateway = await startBefore(t, origin.url, { http2Streams: 4 });
  const answers = await Promise.all(Array.from({ length: 10 }, () => exchange(gateway, "/")));
  assert.deepEqual(new Set(answers.map((answer) => answer.body)), new Set(["3"]));
});

test("with no other connection allowed, exchanges queue for a stream", async (t) => {
  const origin = await startOrigin(t, (stream) => {
    setImmediate(() => {
      stream.respond({ ":status": 200 });
      stream.end("done");
    });
  });
  const gateway = await startBefore(t, origin.url, { http2Streams: 2, maxConnections: 1 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => exchange(gateway, "/")));
  assert.ok(answers.every((answer) => answer.body === "done"));
  assert.equal(origin.sessions.length, 1);
  assert.ok(origin.most <= 2);
});

test("exchanges are spread evenly over the connections that there are", async (t) => {
  let held;
  const origin = await startOrigin(t, (stream) => held.push(stream) && origin.server.emit("held"));
  const gateway = await startBefore(t, origin.url, { http2Streams: 10 });
  const client = await connectHttp2(t, gateway);
  const hold = async (count) => {
    held = [];
    const answers = Array.from({ length: count }, () => exchangeHttp2(client, "/"));
    while (held.length < count) await once(origin.server, "held");
    const shares = origin.sessions.map((session) => held.filter((stream) => stream.session === session).length);
    for (const stream of held) {
      stream.respond({ ":status": 200 });
      stream.end("held");
    }
    for (const answer of await Promise.all(answers)) assert.equal(answer.body, "held");
    return shares.sort((a, b) => b - a);
  };
  assert.deepEqual(await hold(15), [10, 5]);
  assert.deepEqual(await hold(10), [5, 5]);
});

test("requests that come together leave in one send", async (t) => {
  const origin = await startFrames(t, (socket, id) =>
    socket.write(frame(type.headers, endHeaders | endStream, id, ok)));
  const gateway = await startBefore(t, origin.url);
  const client = await Client.connect(t, gateway);
  client.send(get(1));
  assert.equal((await client.outcome(1)).status, 200);
  const ids = Array.from({ length: 20 }, (_, i) => 2 * i + 3);
  client.send(...ids.map((id) => get(id)));
  for (const id of ids) assert.equal((await client.outcome(id)).status, 200);
  const [, ...together] = origin.frames.filter((seen) => seen.type === type.headers);
  assert.equal(together.length, 20);
  assert.equal(new Set(together.map((seen) => seen.arrival)).size, 1);
});

test("over TLS the target chooses, and a target of HTTP/1.1 alone is spoken to so", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const options = secure(authority.issue(["localhost"]));
  const modern = http2.createSecureServer({ ...options, allowHTTP1: true }, (request, response) =>
    response.end(request.httpVersion));
  const origin = await listening(t, modern, "https");
  const old = https.createServer(options, (request, response) => response.end(request.httpVersion));
  old.listen(0, "127.0.0.1");
  await once(old, "listening");
  t.after(() => {
    old.close();
    old.closeAllConnections();
  });
  const oldUrl = `https://localhost:${old.address().port}`;
  const tls = { ca: authority.file };
  for (const [target, use, version] of [
    [origin.url, "auto", "2.0"], [origin.url, "always", "2.0"], [origin.url, "never", "1.1"],
    [oldUrl, "auto", "1.1"], [oldUrl, "never", "1.1"],
  ]) {
    const gateway = await startBefore(t, target, { http2: use, tls });
    const answers = await Promise.all(Array.from({ length: 8 }, () => exchange(gateway, "/")));
    assert.deepEqual(answers.map((answer) => answer.body), Array(8).fill(version), `${target} ${use}`);
  }
  const strict = await startBefore(t, oldUrl, { http2: "always", tls });
  assert.equal((await exchange(strict, "/")).status, 502);
  assert.equal((await strict.lines())[0].error, "tls_failed");
});

test("a target in clear text gets HTTP/1.1 unless told otherwise", async (t) => {
  const server = http.createServer((request, response) => response.end(request.httpVersion));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const target = `http://127.0.0.1:${server.address().port}`;
  const gateway = await startBefore(t, target, { http2: "auto" });
  assert.equal((await exchange(gateway, "/")).body, "1.1");
  const wrong = await startBefore(t, target);
  assert.equal((await exchange(wrong, "/")).status, 502);
  assert.equal((await wrong.lines())[0].error, "protocol");
});

// --- Content.

test("large content passes both ways, and its bytes are never taken for frames", async (t) => {
  const echo = (stream) => {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  };
  const authority = new Authority(temporaryFolder(t));
  const server = http2.createSecureServer(secure(authority.issue(["localhost"])));
  server.on("stream", echo);
  const frames = Buffer.concat([frame(type.reset, 0, 1, word(8)), frame(type.goaway, 0, 0, Buffer.alloc(8))]);
  const body = Buffer.concat([frames, crypto.randomBytes(5_000_000), frames]);
  for (const origin of [await startOrigin(t, echo), await listening(t, server, "https")]) {
    const gateway = await startBefore(t, origin.url, { tls: { ca: authority.file } });
    const answers = await Promise.all(Array.from({ length: 4 }, () =>
      exchange(gateway, "/", { method: "POST", body })));
    for (const answer of answers) {
      assert.equal(answer.isWhole, true);
      assert.ok(Buffer.from(answer.body, "latin1").equals(body));
    }
    assert.equal(origin.sessions.length, 1);
  }
});

test("a client that does not read holds up neither memory nor the others", async (t) => {
  const origin = await startOrigin(t, (stream, headers) => {
    if (headers[":path"] === "/small") {
      stream.respond({ ":status": 200 });
      return stream.end("small");
    }
    // With a length: Node may end what was held up for long by a reset in place of END_STREAM.
    stream.respond({ ":status": 200, "content-length": 64 << 20 });
    const block = Buffer.alloc(1 << 20, "x");
    let left = 64;
    const write = () => {
      while (left-- > 0) if (!stream.write(block)) return stream.once("drain", write);
      stream.end();
    };
    write();
  });
  const gateway = await startBefore(t, origin.url);
  assert.equal((await exchange(gateway, "/small")).body, "small");
  const before = residentKilobytes(gateway);
  const slow = await Promise.all(Array.from({ length: 8 }, () => open(gateway, "/large")));
  for (let i = 0; i < 200; ++i) assert.equal((await exchange(gateway, "/small")).body, "small");
  // Of 512 MiB. A sanitizer keeps what has passed, too: some MiB for each client's socket.
  assert.ok(residentKilobytes(gateway) - before < 96 * 1024);
  for (const response of slow) {
    let size = 0;
    response.on("data", (chunk) => (size += chunk.length));
    await closed(response);
    assert.equal(size, 64 << 20);
    assert.ok(response.complete);
  }
  assert.equal(origin.sessions.length, 1);
});

test("content that comes in small pieces for clients that do not read costs what it holds", async (t) => {
  const kStreams = 20;
  const kPiece = Buffer.alloc(4096, "x");
  const kPieces = 64;  // As much as the window of a stream.
  let isAllThere;
  const ids = [];
  const origin = await startFrames(t, (socket, id) => {
    socket.write(frame(type.headers, endHeaders, id, ok));
    if (ids.push(id) === kStreams) isAllThere(socket);
  });
  const allThere = new Promise((resolve) => (isAllThere = resolve));
  // A sanitizer gives back what is freed, and fills what is allocated: all of it counts.
  const gateway = await startBefore(t, origin.url, {}, { env: {
    ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=1:max_malloc_fill_size=65536`,
  } });
  const client = await Client.connect(t, gateway, { pairs: [[Setting.initialWindowSize, 0]] });
  const asked = Array.from({ length: kStreams }, (_, i) => 2 * i + 1);
  client.send(...asked.map((id) => get(id)));
  const socket = await allThere;
  const before = residentKilobytes(gateway);
  // Each has certainly been received before the next is sent.
  for (let i = 0; i < kPieces * kStreams; ++i) {
    const pong = once(socket, "pong");
    socket.write(Buffer.concat([frame(type.data, 0, ids[i % kStreams], kPiece),
      frame(type.ping, 0, 0, Buffer.alloc(8))]));
    await pong;
  }
  const growth = residentKilobytes(gateway) - before;
  assert.ok(growth < 20 * 1024, `grew by ${growth} KiB`);
  for (const id of ids) socket.write(frame(type.data, endStream, id));
  client.send(windowUpdate(0, 1 << 30), ...asked.map((id) => windowUpdate(id, 1 << 30)));
  for (const id of asked) assert.equal((await client.content(id)).length, kPieces * kPiece.length);
});

test("a target that does not read makes the client wait", async (t) => {
  let held;
  const origin = await startOrigin(t, (stream, headers) => {
    if (headers[":method"] === "GET") {
      stream.respond({ ":status": 200 });
      return stream.end("fine");
    }
    held = stream;
  });
  const gateway = await startBefore(t, origin.url);
  assert.equal((await exchange(gateway, "/")).body, "fine");
  const before = residentKilobytes(gateway);
  const request = http.request({ port: gateway.port, method: "POST", path: "/" });
  const block = Buffer.alloc(1 << 20, "y");
  let written = 0;
  const answered = once(request, "response");
  await new Promise((resolve) => {
    const write = () => {
      if (written === 64) return resolve();
      written += 1;
      if (request.write(block)) return setImmediate(write);
      const timer = setTimeout(resolve, 500);
      request.once("drain", () => {
        clearTimeout(timer);
        write();
      });
    };
    write();
  });
  assert.ok(written < 64, "all was taken although nobody reads it");
  assert.equal((await exchange(gateway, "/")).body, "fine");
  assert.ok(residentKilobytes(gateway) - before < 20 * 1024);
  let size = 0;
  held.on("data", (chunk) => (size += chunk.length));
  held.on("end", () => {
    held.respond({ ":status": 200 });
    held.end(`${size}`);
  });
  request.end();
  const [response] = await answered;
  let body = "";
  for await (const text of response.setEncoding("latin1")) body += text;
  assert.equal(body, `${written << 20}`);
});

test("trailers go both ways", async (t) => {
  const origin = await startOrigin(t, (stream) => {
    let trailers;
    stream.on("trailers", (fields) => (trailers = fields));
    stream.resume();
    stream.on("end", () => {
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": `of ${trailers["x-part"]}` }));
      stream.end("content");
    });
  });
  const gateway = await startBefore(t, origin.url);
  const client = await connect(t, gateway);
  client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n" +
    "Connection: te, close\r\n\r\n3\r\nabc\r\n0\r\nX-Part: one\r\n\r\n");
  await client.ended;
  assert.match(client.text, /content\r\n0\r\nx-sum: of one\r\n\r\n$/);
});

test("trailers go to the target behind content of a known length, too", async (t) => {
  const origin = await startOrigin(t, (stream, headers) => {
    let trailers = {};
    stream.on("trailers", (fields) => (trailers = fields));
    stream.on("data", () => origin.server.emit("content"));
    stream.on("end", () => {
      stream.respond({ ":status": 200 });
      stream.end(`${headers["content-length"]}, ${trailers["x-part"]}`);
    });
  });
  const gateway = await startBefore(t, origin.url);
  const session = await connectHttp2(t, gateway);
  const head = { "content-length": "3", te: "trailers" };
  const trailers = { "x-part": "one" };
  assert.match((await exchangeHttp2(session, "/", { headers: head, body: "abc", trailers })).body, /, one$/);
  assert.equal((await exchangeHttp2(session, "/", { headers: head, body: "abc" })).body, "3, undefined");

  // They come after the target has all of the content.
  const late = session.request({ ":method": "POST", ":path": "/", ...head }, { waitForTrailers: true });
  late.on("wantTrailers", () => late.sendTrailers(trailers));
  const arrived = once(origin.server, "content");
  late.write("abc");
  await arrived;
  late.end();
  let body = "";
  for await (const text of late.setEncoding("latin1")) body += text;
  assert.equal(body, "3, one");
});

test("trailers that no HTTP has cut the answer", async (t) => {
  for (const trailer of [literal(":status", "200"), literal("connection", "close"), literal("te", "trailers"),
    literal("transfer-encoding", "chunked")]) {
    const origin = await startFrames(t, (socket, id) => socket.write(Buffer.concat([
      frame(type.headers, endHeaders, id, ok), frame(type.data, 0, id, Buffer.from("content")),
      frame(type.headers, endHeaders | endStream, id, Buffer.concat([literal("x-sum", "7"), trailer])),
    ])));
    const gateway = await startBefore(t, origin.url);
    const session = await connectHttp2(t, gateway);
    for (const answer of [await exchange(gateway, "/"), await exchangeHttp2(session, "/")]) {
      assert.equal(answer.isWhole, false, `${trailer}`);
      assert.equal(answer.trailers?.["x-sum"], undefined);
    }
    const errors = (await gateway.lines()).map((line) => line.error);
    assert.deepEqual(errors, ["protocol", "protocol"]);
  }
});

test("Via tells which version of HTTP each side spoke", async (t) => {
  const modern = await startOrigin(t, (stream, headers) => {
    stream.respond({ ":status": 200 });
    stream.end(headers.via);
  });
  const old = await listening(t, http.createServer((request, response) => response.end(request.headers.via)), "http");
  for (const [target, service, spoken] of [[modern, {}, "2.0"], [old, { http2: "never" }, "1.1"]]) {
    const gateway = await startBefore(t, target.url, service);
    const told = (answer) => [answer.body, answer.headers.via];
    const session = await connectHttp2(t, gateway);
    const answer = `${spoken} gatewaykit`;
    assert.deepEqual(told(await exchangeHttp2(session, "/")), ["2.0 gatewaykit", answer]);
    assert.deepEqual(told(await exchange(gateway, "/")), ["1.1 gatewaykit", answer]);
    const client = await connect(t, gateway);
    client.socket.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    await client.ended;
    assert.match(client.text, new RegExp(`\r\nvia: ${answer}\r\n[^]*\r\n\r\n1\\.0 gatewaykit$`, "i"));
  }
});

test("interim responses and expectations pass", async (t) => {
  const origin = await startOrigin(t, (stream, headers) => {
    stream.additionalHeaders({ ":status": 103, link: "</style.css>" });
    if (headers.expect) stream.additionalHeaders({ ":status": 100 });
    stream.resume();
    stream.on("end", () => {
      stream.respond({ ":status": 200 });
      stream.end();
    });
  });
  const gateway = await startBefore(t, origin.url);
  const request = http.request({ port: gateway.port, method: "POST", path: "/",
    headers: { expect: "100-continue", "content-length": 3 } });
  const hints = [];
  request.on("information", (info) => hints.push(info.statusCode));
  request.flushHeaders();
  request.on("continue", () => request.end("abc"));
  const [response] = await once(request, "response");
  response.resume();
  await closed(response);
  assert.equal(response.statusCode, 200);
  assert.deepEqual(hints, [103, 100]);
});

// --- What goes wrong.

test("a client that leaves resets its stream and nothing else", async (t) => {
  let left;
  const origin = await startOrigin(t, (stream, headers) => {
    stream.respond({ ":status": 200 });
    if (headers[":path"] === "/") return stream.end("still here");
    left = closed(stream).then(() => stream.rstCode);
    stream.write("begun");
  });
  const gateway = await startBefore(t, origin.url);
  const response = await open(gateway, "/forever");
  await once(response, "data");
  response.socket.resetAndDestroy();
  assert.equal(await left, constants.NGHTTP2_CANCEL);
  assert.equal((await exchange(gateway, "/")).body, "still here");
  assert.equal(origin.sessions.length, 1);
});

test("clients that take back their requests again and again end nobody else's", async (t) => {
  let finish;
  const faults = [];
  const origin = await startOrigin(t, (stream, headers) => {
    stream.session.streams = (stream.session.streams ?? 0) + 1;
    stream.respond({ ":status": 200 });
    if (headers[":path"] === "/") return stream.end("fine");
    stream.write("begun");
    if (headers[":path"] === "/held") finish = () => stream.end(" and finished");
  });
  origin.server.on("session", (session) => {
    session.on("error", (error) => faults.push(error));
    session.on("goaway", (code) => code !== constants.NGHTTP2_NO_ERROR && faults.push(code));
  });
  const gateway = await startBefore(t, origin.url, {}, { workers: 1 });
  const client = await connectHttp2(t, gateway);
  const held = exchangeHttp2(client, "/held");
  const takeBack = async (session) => {
    const stream = session.request({ ":path": "/forever" });
    await once(stream, "response");
    stream.close(constants.NGHTTP2_CANCEL);
    await closed(stream);
  };
  for (let clients = 0; clients < 4; ++clients) {
    const session = await connectHttp2(t, gateway);
    for (let i = 0; i < 10; ++i) await Promise.all(Array.from({ length: 50 }, () => takeBack(session)));
  }
  finish();
  const answer = await held;
  assert.equal(answer.body, "begun and finished");
  assert.equal(answer.isWhole, true);
  for (let i = 0; i < 20; ++i) assert.equal((await exchangeHttp2(client, "/")).body, "fine");
  // nghttp2 says goodbye to a connection at 1,000 of them, and 33 more a second.
  assert.ok(origin.sessions.length > 2);
  for (const session of origin.sessions) assert.ok(session.streams < 1000, `${session.streams} streams`);
  assert.deepEqual(faults, []);
});

test("a stream that is reset within its content is no clean end", async (t) => {
  const origin = await startFrames(t, (socket, id) => socket.write(Buffer.concat([
    frame(type.headers, endHeaders, id, ok),
    frame(type.data, 0, id, Buffer.from("not all")),
    frame(type.reset, 0, id, word(constants.NGHTTP2_NO_ERROR)),
  ])));
  const gateway = await startBefore(t, origin.url);
  const answer = await exchange(gateway, "/");
  assert.equal(answer.isWhole, false);
  assert.equal(origin.connections, 1);
  assert.equal((await gateway.lines())[0].error, "reset");
});

test("content that has its length is whole, also where a reset takes the place of its end", async (t) => {
  const origin = await startFrames(t, (socket, id) => socket.write(Buffer.concat([
    frame(type.headers, endHeaders, id, Buffer.concat([ok, literal("content-length", "5")])),
    frame(type.data, 0, id, Buffer.from("whole")),
    frame(type.reset, 0, id, word(constants.NGHTTP2_NO_ERROR)),
  ])));
  const gateway = await startBefore(t, origin.url);
  const answer = await exchange(gateway, "/");
  assert.equal(answer.body, "whole");
  assert.equal(answer.isWhole, true);
});

test("content that is shorter or longer than announced is no clean end", async (t) => {
  for (const [length, ...pieces] of [["10", "short"], ["10", "sho", "rt"], ["3", "longer"]]) {
    const origin = await startFrames(t, (socket, id) => {
      socket.write(Buffer.concat([
        frame(type.headers, endHeaders, id, Buffer.concat([ok, literal("content-length", length)])),
        ...pieces.map((piece, i) =>
          frame(type.data, i + 1 === pieces.length ? endStream : 0, id, Buffer.from(piece))),
      ]));
    });
    const gateway = await startBefore(t, origin.url);
    const answer = await exchange(gateway, "/");
    assert.ok(answer.status === 502 || !answer.isWhole, `${answer.status} ${answer.body}`);
  }
});

test("a target that dies is no clean end, and the next connection works", async (t) => {
  const origin = await startFrames(t, (socket, id) => {
    const head = frame(type.headers, endHeaders, id, ok);
    if (origin.connections > 1) {
      return socket.write(Buffer.concat([head, frame(type.data, endStream, id, Buffer.from("alive"))]));
    }
    socket.write(Buffer.concat([head, frame(type.data, 0, id, Buffer.from("not all"))]));
    socket.end();
  });
  const gateway = await startBefore(t, origin.url);
  const cut = await exchange(gateway, "/");
  assert.equal(cut.isWhole, false);
  assert.equal((await exchange(gateway, "/")).body, "alive");
});

test("REFUSED_STREAM is tried again, whatever the method", async (t) => {
  let refusals = 1;
  const origin = await startOrigin(t, (stream) => {
    if (refusals-- > 0) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  });
  const gateway = await startBefore(t, origin.url, { retries: { attempts: 1 } });
  const answer = await exchange(gateway, "/", { method: "POST", body: "content" });
  assert.equal(answer.status, 200);
  assert.equal(answer.body, "content");
  assert.equal(origin.streams, 2);
});

test("a target that takes fewer streams than a burst begins with gets them all in the end", async (t) => {
  const origin = await startOrigin(t, (stream) => {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  }, { settings: { maxConcurrentStreams: 10 } });
  const gateway = await startBefore(t, origin.url, { ejection: { consecutiveFailures: 3 } });
  const client = await connectHttp2(t, gateway);
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => exchangeHttp2(client, "/", { body: `${i}` })));
  assert.deepEqual(answers.map(({ status, body }) => [status, body]), answers.map((_, i) => [200, `${i}`]));
  assert.equal(origin.streams, 60);
});

test("a burst beyond what the target takes on a connection waits for none of its own to end", async (t) => {
  const held = [];
  const origin = await startOrigin(t, (stream) => {
    held.push(stream);
    if (held.length < 30) return;
    for (const each of held.splice(0)) each.respond({ ":status": 200 }, { endStream: true });
  }, { settings: { maxConcurrentStreams: 10 } });
  for (let round = 0; round < 4; ++round) {
    const gateway = await startBefore(t, origin.url, { timeouts: { firstByte: "5s" } });
    const client = await connectHttp2(t, gateway);
    const answers = await Promise.all(Array.from({ length: 30 }, () => exchangeHttp2(client, "/")));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  }
});

test("a target that declines each stream is 502 in the end, and asked twice per attempt", async (t) => {
  const origin = await startOrigin(t, (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
  for (const attempts of [0, 2]) {
    origin.streams = 0;
    const gateway = await startBefore(t, origin.url, { retries: { attempts } });
    assert.equal((await exchange(gateway, "/")).status, 502);
    assert.equal(origin.streams, 2 * (attempts + 1));
  }
});

test("another reset is not tried again for a method that may have had its effect", async (t) => {
  const origin = await startOrigin(t, (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  const gateway = await startBefore(t, origin.url, { retries: { attempts: 1 } });
  assert.equal((await exchange(gateway, "/", { method: "POST", body: "content" })).status, 502);
  assert.equal(origin.streams, 1);
});

test("GOAWAY: what it leaves out goes elsewhere, what it holds is finished", async (t) => {
  const held = [];
  const origin = await startFrames(t, (socket, id) => {
    if (origin.connections > 1) {
      return socket.write(Buffer.concat([
        frame(type.headers, endHeaders, id, ok), frame(type.data, endStream, id, Buffer.from("second"))]));
    }
    held.push(id);
    if (held.length < 2) return;
    const [first] = held;
    socket.write(frame(type.goaway, 0, 0, Buffer.concat([word(first), word(0)])));
    socket.write(Buffer.concat([
      frame(type.headers, endHeaders, first, ok), frame(type.data, endStream, first, Buffer.from("first"))]));
  });
  const gateway = await startBefore(t, origin.url);
  const answers = await Promise.all([0, 1].map(() =>
    exchange(gateway, "/", { method: "POST", body: "content" })));
  assert.deepEqual(answers.map((answer) => answer.body).sort(), ["first", "second"]);
  assert.equal(origin.connections, 2);
});

test("sections that no HTTP has are 502", async (t) => {
  const sections = {
    "/none": Buffer.from([]),
    "/connection": Buffer.concat([ok, literal("connection", "close")]),
    "/coding": Buffer.concat([ok, literal("transfer-encoding", "chunked")]),
    "/upper": Buffer.concat([ok, literal("X-Upper", "a")]),
    "/break": Buffer.concat([ok, literal("x-a", "a\r\nx-b: b")]),
    "/zero": Buffer.concat([ok, literal("x-a", "a\0b")]),
    "/twice": Buffer.concat([ok, literal("content-length", "1"), literal("content-length", "1")]),
    "/late": Buffer.concat([literal("x-a", "a"), ok]),
    "/switch": literal(":status", "101"),
    "/large": Buffer.concat([ok, ...Array(199).fill(0).map((_, i) => literal(`x-${i}`, "v".repeat(120))),
      ...Array(10).fill(literal("x-more", "a"))]),
  };
  const paths = Object.keys(sections);
  let next;
  const origin = await startFrames(t, (socket, id) =>
    socket.write(frame(type.headers, endHeaders | endStream, id, sections[next])));
  const gateway = await startBefore(t, origin.url, { ejection: { consecutiveFailures: 1000 } });
  for (next of paths) {
    assert.equal((await exchange(gateway, next)).status, 502, next);
  }
});

test("floods end the connection, not the gateway", async (t) => {
  const many = (count, bytes) => Buffer.concat(Array(count).fill(bytes));
  const floods = {
    pings: () => many(50_000, frame(type.ping, 0, 0, Buffer.alloc(8))),
    settings: () => many(50_000, frame(type.settings, 0, 0)),
    "empty DATA": (id) => Buffer.concat([frame(type.headers, endHeaders, id, ok),
      many(50_000, frame(type.data, 0, id))]),
    "padding alone": (id) => Buffer.concat([frame(type.headers, endHeaders, id, ok),
      many(50_000, frame(type.data, padded, id, Buffer.from([2, 0, 0])))]),
    priorities: (id) => many(50_000, frame(type.priority, 0, id, Buffer.alloc(5))),
    "window updates": () => many(50_000, frame(type.window, 0, 0, word(1))),
    continuations: (id) => Buffer.concat([frame(type.headers, 0, id, ok),
      many(1000, frame(type.continuation, 0, id, literal("x-a", "a")))]),
    "interim responses": (id) => many(1000, frame(type.headers, endHeaders, id, literal(":status", "103"))),
    "too large a window": (id) => many(2, frame(type.window, 0, id, word(0x7fffffff))),
    "too much content": (id) => Buffer.concat([frame(type.headers, endHeaders, id, ok),
      many(1000, frame(type.data, 0, id, Buffer.alloc(16384)))]),
    "a push": (id) => frame(type.push, endHeaders, id, Buffer.concat([word(2), ok])),
    "a huge frame": (id) => frame(type.headers, endHeaders, id, Buffer.alloc(1 << 20)),
    "HTTP/1.1": () => Buffer.from("HTTP/1.1 200 OK\r\n\r\n"),
  };
  let flood;
  const origin = await startFrames(t, (socket, id) => socket.write(floods[flood](id)));
  const gateway = await startBefore(t, origin.url, { ejection: { consecutiveFailures: 1000 } });
  const before = residentKilobytes(gateway);
  for (flood of Object.keys(floods)) {
    const answer = await exchange(gateway, "/", { method: "POST", body: "content" });
    assert.ok(answer.status === 502 || !answer.isWhole, `${flood}: ${answer.status}`);
  }
  assert.ok(residentKilobytes(gateway) - before < 32 * 1024);
  // Found out as what they are, not given up for their silence.
  const errors = (await gateway.lines()).map((line) => line.error);
  assert.deepEqual(errors, Object.keys(floods).map(() => "protocol"));
});

test("frames of a type that nobody knows are skipped", async (t) => {
  const origin = await startFrames(t, (socket, id) => socket.write(Buffer.concat([
    ...Array(1000).fill(frame(200, 0xff, id, Buffer.alloc(1000))),
    frame(type.headers, endHeaders, id, ok), frame(type.data, endStream, id, Buffer.from("content")),
  ])));
  const gateway = await startBefore(t, origin.url);
  assert.equal((await exchange(gateway, "/")).body, "content");
});

test("one field that is repeated by a byte does not fill memory", async (t) => {
  const field = Buffer.concat([Buffer.from([0x40, 3]), Buffer.from("x-a"), Buffer.from([127, 0xa1, 0x1e]),
    Buffer.alloc(4000, "v")]);
  const origin = await startFrames(t, (socket, id) => socket.write(
    frame(type.headers, endHeaders | endStream, id,
      Buffer.concat([ok, field, Buffer.alloc(12_000, 0xbe)]))));
  const gateway = await startBefore(t, origin.url);
  const before = residentKilobytes(gateway);
  assert.equal((await exchange(gateway, "/")).status, 502);
  assert.ok(residentKilobytes(gateway) - before < 8 * 1024);
});

test("an upgrade goes to a connection of HTTP/1.1 where the target may choose", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const server = http2.createSecureServer({ ...secure(authority.issue(["localhost"])), allowHTTP1: true });
  server.on("upgrade", (request, socket) => {
    socket.on("error", () => {});
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    socket.pipe(socket);
  });
  server.on("request", (request, response) => response.end(request.httpVersion));
  const origin = await listening(t, server, "https");
  const gateway = await startBefore(t, origin.url, { http2: "auto", tls: { ca: authority.file } });
  assert.equal((await exchange(gateway, "/")).body, "2.0");
  const client = await connect(t, gateway);
  client.socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  await once(client.socket, "data");
  assert.match(client.text, /^HTTP\/1\.1 101 /);
  client.socket.write("hello");
  while (!client.text.endsWith("hello")) await once(client.socket, "data");
});

test("an upgrade before a target of HTTP/2 alone is 502, and nothing against the target", async (t) => {
  const origin = await startOrigin(t, (stream) => {
    stream.respond({ ":status": 200 });
    stream.end("here");
  });
  const gateway = await startBefore(t, origin.url, { ejection: { consecutiveFailures: 1 } });
  const headers = { connection: "upgrade", upgrade: "echo" };
  assert.equal((await exchange(gateway, "/", { headers })).status, 502);
  assert.equal((await exchange(gateway, "/")).body, "here");
  assert.equal(origin.streams, 1);
});

/// Fields of so many KiB.
const fieldsOf = (kibibytes) => Object.fromEntries(
  Array.from({ length: kibibytes / 8 }, (_, i) => [`x-large-${i}`, "x".repeat(8 << 10)]));

for (const [what, maxHeaderListSize, taken, refused] of [
  ["120 KiB", 1 << 20, 120, 136],
  ["what it has told", 40_000, 32, 40],
]) {
  test(`a target is sent heads up to ${what}; a larger one is refused, and harms no other`, async (t) => {
    const origin = await startOrigin(t, (stream, headers) => {
      const sizes = Object.keys(headers).filter((name) => name.startsWith("x-large")).map((name) => headers[name].length);
      stream.respond({ ":status": 200 });
      stream.end(`${sizes}`);
    }, { settings: { maxHeaderListSize }, maxHeaderListPairs: 1000 });
    const gateway = await startRoomy(t, origin.url);
    assert.equal((await exchange(gateway, "/")).status, 200);
    const whole = await exchange(gateway, "/", { headers: fieldsOf(taken) });
    assert.equal(whole.body, Array(taken / 8).fill(8 << 10).join());
    const tooLarge = await exchange(gateway, "/", { headers: fieldsOf(refused) });
    assert.equal(tooLarge.status, 431);
    assert.match(tooLarge.body, /larger than what the service takes/);
    assert.equal((await exchange(gateway, "/")).status, 200);
    assert.equal(origin.sessions.length, 1);
    assert.equal(origin.streams, 3);
  });
}
