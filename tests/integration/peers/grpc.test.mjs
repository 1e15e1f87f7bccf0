// SPDX-License-Identifier: Apache-2.0
// gRPC through the gateway executable: grpc-js on both sides, in clear text and over TLS, and
// gRPC-Web by fetch and hand-made frames before the same service.
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http2 from "node:http2";
import { after, test } from "node:test";
import { Authority } from "./authority.mjs";
import { connectGrpc, metadata, outcome, startService, status } from "./grpc_service.mjs";
import { connectHttp2, exchangeHttp2 } from "./http2_client.mjs";
import { block, Client, data, Flag, headers, indexed, indexing, request, Type } from "./http2_frames.mjs";
import { startConfigured, temporaryFolder } from "./processes.mjs";

const owner = { after };
const service = await startService(owner);
const deaf = await startDeaf(owner);
const authority = new Authority(temporaryFolder(owner));
const gateway = await startConfigured(owner, {
  listen: [{ address: "127.0.0.1:0", limits: { halfClose: "50ms" } }, { address: "127.0.0.1:0", tls: authority.issue(["a.test"]) }],
  services: {
    echo: { targets: [service.url], http2: "always" },
    deaf: { targets: [deaf.url], http2: "always" },
    dead: { targets: ["http://127.0.0.1:1"], http2: "always" },
  },
  middleware: ["grpcWeb"],
  routes: [
    { path: "/test.Echo/*", service: "echo" },
    { path: "/test.Deaf/*", service: "deaf" },
    { path: "/test.Dead/*", service: "dead" },
  ],
});
const [clear, secured] =
  [...gateway.stdout.matchAll(/^listening on \S+:(\d+)$/gm)].map(([, port]) => ({ port: Number(port) }));

/// Before a service over TLS, of which ALPN tells that it speaks HTTP/2.
const beyond = await startConfigured(owner, {
  services: {
    echo: { targets: [(await startService(owner, authority.issue(["localhost"]))).url], tls: { ca: authority.file } },
  },
  routes: [{ path: "/*", service: "echo" }],
});

const client = connectGrpc(owner, clear);
const clients = {
  "in clear text": client,
  "over TLS": connectGrpc(owner, secured, { ca: fs.readFileSync(authority.file), name: "a.test" }),
  "where the service has TLS": connectGrpc(owner, beyond),
};
const none = metadata({});
const large = Buffer.from(Array.from({ length: 6 << 20 }, (_, i) => (i * 7919) >> 3));

/// A service that is no friend of deadlines: it answers to Unary, breaks off at Broken, begins at
/// Begun, has more to say at Flood than anybody reads, and leaves the rest alone. Its `server` emits "taken back", with the code, for each stream that is reset.
async function startDeaf(owner) {
  const server = http2.createServer();
  server.on("stream", (stream, fields) => {
    stream.on("error", () => {});
    stream.on("close", () => stream.rstCode && server.emit("taken back", stream.rstCode));
    const name = fields[":path"].replace("/test.Deaf/", "");
    if (name === "Broken") {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(frame("begun"));
      return stream.session.ping(() => stream.session?.destroy());  // What came before has arrived.
    }
    if (name === "Begun" || name === "Flood") {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      return stream.write(name === "Begun" ? frame("begun") : frame("x".repeat(1 << 20)));
    }
    if (name !== "Unary") return;
    stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "0",
      "x-te": fields.te, "x-timeout": fields["grpc-timeout"] ?? "" }, { endStream: true });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => server.close());
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

/// A unary call of a method that no definition has.
function callPath(path) {
  return outcome((done) => client.makeUnaryRequest(path, (m) => m, (m) => m, Buffer.alloc(0), none, {}, done));
}

/// The next time that the service tells of `event` for the method.
async function told(event, method) {
  for (;;) {
    const [path] = await once(service.events, event);
    if (path === `/test.Echo/${method}`) return;
  }
}

for (const [how, client] of Object.entries(clients)) {
  test(`a unary call ${how}`, async () => {
    const { message, status: end } = await outcome((done) => client.unary(Buffer.from("hello"), done));
    assert.equal(`${message}`, "hello");
    assert.equal(end.code, status.OK);
  });

  test(`an empty message ${how} is a message`, async () => {
    const { message, status: end } = await outcome((done) => client.unary(Buffer.alloc(0), done));
    assert.equal(message.length, 0);
    assert.equal(end.code, status.OK);
  });

  test(`a stream from the service ${how}`, async () => {
    const { messages, status: end } = await outcome(() => client.count(Buffer.from("500")));
    assert.deepEqual(messages, Array.from({ length: 500 }, (_, i) => `${i}`));
    assert.equal(end.code, status.OK);
    assert.deepEqual(end.metadata.get("x-trailer"), ["counted"]);
  });

  test(`a stream of the client ${how}`, async () => {
    const { message, status: end } = await outcome((done) => {
      const call = client.join(done);
      for (let i = 0; i < 500; i++) call.write(Buffer.from(`${i},`));
      call.end();
      return call;
    });
    assert.equal(`${message}`, Array.from({ length: 500 }, (_, i) => `${i},`).join(""));
    assert.equal(end.code, status.OK);
  });

  test(`both stream ${how}: an answer comes before the next message is sent`, async () => {
    const call = client.chat();
    const ended = once(call, "status");
    for (const message of ["one", "two", "three"]) {
      call.write(Buffer.from(message));
      const [answer] = await once(call, "data");
      assert.equal(`${answer}`, `re: ${message}`);
    }
    call.end();
    call.resume();
    const [end] = await ended;
    assert.equal(end.code, status.OK);
  });

  test(`messages of several MiB pass both ways ${how}`, async () => {
    const { message } = await outcome((done) => client.unary(large, done));
    assert.ok(large.equals(message));
  });

  test(`fifty calls at a time on one connection ${how}`, async () => {
    const calls = Array.from({ length: 50 }, (_, i) => {
      if (i % 2 === 1) return outcome(() => client.count(Buffer.from(`${i}`)));
      return outcome((done) => client.unary(Buffer.from(`call ${i}`), done));
    });
    for (const [i, { message, messages, status: end }] of (await Promise.all(calls)).entries()) {
      assert.equal(end.code, status.OK);
      if (i % 2 === 1) assert.equal(messages.length, i);
      else assert.equal(`${message}`, `call ${i}`);
    }
  });
}

test("metadata go both ways, those of the answer at its head and at its end", async () => {
  const asked = metadata({ "x-asked": "tea" });
  const { head, status: end } = await outcome((done) => client.unary(Buffer.from("?"), asked, done));
  assert.deepEqual(head.get("x-head"), ["head of tea"]);
  assert.deepEqual(end.metadata.get("x-trailer"), ["trailer of tea"]);
});

test("services are told that trailers are understood, as some demand it", async () => {
  const { status: end } = await outcome((done) => client.deaf(Buffer.alloc(0), done));
  assert.deepEqual(end.metadata.get("x-te"), ["trailers"]);
  const { fields } = await callWeb("/test.Deaf/Unary", "", { isText: false });
  assert.equal(fields.get("x-te"), "trailers");
});

for (const [what, method, messages] of [["at once", "fail", []], ["after a message", "failLate", ["one"]]]) {
  test(`an error of the service ${what} reaches the client with all that it says`, async () => {
    const answer = await outcome((done) => client[method](Buffer.alloc(0), none, {}, done));
    const { code, details, metadata } = answer.status;
    assert.deepEqual(answer.messages, messages);
    assert.equal(code, status.FAILED_PRECONDITION);
    assert.equal(details, "no tea, 50 % of it ☕");
    assert.deepEqual(metadata.get("x-reason"), ["sold out"]);
    assert.deepEqual(metadata.get("x-detail-bin"), [Buffer.from([0, 255, 7])]);
  });
}

test("a method that the service does not have is told by the service", async () => {
  const { status: end } = await callPath("/test.Echo/Unknown");
  assert.equal(end.code, status.UNIMPLEMENTED);
  assert.match(end.details, /Unknown/);
});

// --- Deadlines and cancellation. Neither the client nor the service has a timer here.

test("the gateway ends a call at its deadline, and takes it back from the service", async () => {
  const takenBack = once(deaf.server, "taken back");
  const fields = metadata({ "grpc-timeout": "200m" });
  const { status: end } = await outcome((done) => client.deafNever(Buffer.alloc(0), fields, done));
  assert.equal(end.code, status.DEADLINE_EXCEEDED);
  assert.deepEqual(await takenBack, [http2.constants.NGHTTP2_CANCEL]);
});

test("the deadline holds for a stream that has begun: what came is kept, and the target is told", async () => {
  const takenBack = once(deaf.server, "taken back");
  const fields = metadata({ "grpc-timeout": "300m" });
  const { messages, status: end } = await outcome(() => client.deafBegun(Buffer.alloc(0), fields));
  assert.deepEqual(messages, ["begun"]);
  assert.equal(end.code, status.DEADLINE_EXCEEDED);
  assert.deepEqual(await takenBack, [http2.constants.NGHTTP2_CANCEL]);
});

test("the deadline is told to a client that reads nothing, and its connection goes on", async (t) => {
  const takenBack = once(deaf.server, "taken back");
  const session = await connectHttp2(t, clear);
  const stream = session.request({ ":method": "POST", ":path": "/test.Deaf/Flood",
    "content-type": "application/grpc", "grpc-timeout": "300m" });
  stream.end(frame(""));
  const [trailers] = await once(stream, "trailers");
  assert.equal(trailers["grpc-status"], `${status.DEADLINE_EXCEEDED}`);
  await takenBack;
  stream.destroy();
  const { headers } = await exchangeHttp2(session, "/test.Deaf/Unary",
    { headers: { "content-type": "application/grpc" }, body: frame("") });
  assert.equal(headers["grpc-status"], "0");
});

test("a deadline that is not reached changes nothing, and the service is told of it", async () => {
  for (const timeout of ["60S", "99999999H", "99999999M", "99999999n"]) {
    const fields = metadata({ "grpc-timeout": timeout });
    const { status: end } = await outcome((done) => client.deaf(Buffer.alloc(0), fields, done));
    assert.equal(end.code, status.OK, timeout);
    assert.deepEqual(end.metadata.get("x-timeout"), [timeout]);
  }
});

test("a call that its client takes back is taken back from the service, and others go on", async () => {
  for (const [method, name] of [["never", "Never"], ["neverEnding", "NeverEnding"]]) {
    const begun = told("call", name);
    const cancelled = told("cancelled", name);
    let call;
    const ended = outcome((done) => (call = client[method](Buffer.alloc(0), none, {}, done)));
    await begun;
    call.cancel();
    assert.equal((await ended).status.code, status.CANCELLED);
    await cancelled;
  }
  assert.equal(`${(await outcome((done) => client.unary(Buffer.from("still"), done))).message}`, "still");
});

test("a client's stream that is silent for longer than the listener allows is ended on both sides", async (t) => {
  const gateway = await startConfigured(t, {
    listen: { address: "127.0.0.1:0", limits: { bodyIdle: "100ms" } },
    services: { echo: { targets: [service.url], http2: "always" } },
    routes: [{ path: "/*", service: "echo" }],
  });
  const client = connectGrpc(t, gateway);
  const silent = (call) => call.write(Buffer.from("one")) && call;
  const cancelled = told("cancelled", "Chat");
  const { messages, status: end } = await outcome(() => silent(client.chat()));
  assert.deepEqual(messages, ["re: one"]);
  assert.equal(end.code, status.UNKNOWN);
  assert.match(end.details, /in time/);
  await cancelled;
  const { status: unanswered } = await outcome((done) => silent(client.join(done)));
  assert.equal(unanswered.code, status.UNKNOWN);
  assert.match(unanswered.details, /in time/);
});

test("clients who leave end no call of others at the same service", async (t) => {
  // One worker has one connection to the service, which would end it for so many resets.
  const gateway = await startConfigured(t, {
    workers: 1,
    services: { echo: { targets: [service.url], http2: "always" } },
    routes: [{ path: "/*", service: "echo" }],
  });
  const held = connectGrpc(t, gateway).chat();
  const ended = once(held, "status");
  const hasty = connectGrpc(t, gateway);
  const chat = async (message) => {
    held.write(Buffer.from(message));
    assert.equal(`${(await once(held, "data"))[0]}`, `re: ${message}`);
  };
  await chat("one");
  const fields = metadata({ "grpc-timeout": "5m" });
  for (let i = 0; i < 1200; i += 50) {
    const calls = Array.from({ length: 50 }, () => outcome((done) => hasty.never(Buffer.alloc(0), fields, done)));
    for (const { status: end } of await Promise.all(calls)) assert.equal(end.code, status.DEADLINE_EXCEEDED);
  }
  await chat("two");
  held.end();
  held.resume();
  assert.equal((await ended)[0].code, status.OK);
});

// --- What the gateway has to say itself.

for (const [what, method, code] of [["a dead service", "dead", "UNAVAILABLE"],
  ["no route", "nowhere", "UNIMPLEMENTED"]]) {
  test(`${what} is told as ${code}`, async () => {
    const { status: end } = await outcome((done) => client[method](Buffer.from("?"), done));
    assert.equal(end.code, status[code]);
    assert.ok(end.details.length > 0);
  });
}

test("a stream that the service breaks off is no success, and the next call works", async () => {
  const { messages, status: end } = await outcome(() => client.deafBroken(Buffer.alloc(0)));
  assert.deepEqual(messages, ["begun"]);
  assert.equal(end.code, status.UNAVAILABLE);
  const { status: next } = await outcome((done) => client.deaf(Buffer.alloc(0), done));
  assert.equal(next.code, status.OK);
});

for (const [whose, path, code] of [["the gateway's", "/test.Dead/Unary", "UNAVAILABLE"],
  ["a service's", "/test.Echo/Fail", "FAILED_PRECONDITION"]]) {
  test(`${whose} errors are trailers alone, as HTTP/2 has them`, async (t) => {
    const session = await connectHttp2(t, clear);
    const stream = session.request({ ":method": "POST", ":path": path,
      "content-type": "application/grpc+proto", te: "trailers" });
    stream.end(frame("?"));
    const [fields, flags] = await once(stream, "response");
    assert.ok(flags & http2.constants.NGHTTP2_FLAG_END_STREAM);
    assert.equal(fields[":status"], 200);
    assert.equal(fields["content-type"], "application/grpc+proto");
    assert.equal(fields["grpc-status"], `${status[code]}`);
    stream.resume();
    await once(stream, "close");
  });

  test(`${whose} errors are one frame`, async (t) => {
    const client = await Client.connect(t, clear);
    const fields = [["content-type", "application/grpc"], ["te", "trailers"]];
    client.send(headers(1, request(path, { method: "POST", fields }), { end: false }), data(1, frame("?"), { end: true }));
    assert.equal((await client.outcome(1)).status, 200);
    await client.settled();
    const [head, ...rest] = client.frames.filter(({ stream }) => stream === 1);
    assert.ok(head.flags & Flag.endStream);
    assert.deepEqual(rest.filter(({ type }) => type !== Type.windowUpdate), []);
  });
}

// --- Calls that are refused before they have a route.

const kTooLarge = { "x-large": "v".repeat(40_000) };

test("metadata beyond what the listener takes are told as RESOURCE_EXHAUSTED, and the next call works", async () => {
  const { status: end } = await outcome((done) => client.unary(Buffer.from("?"), metadata(kTooLarge), done));
  assert.equal(end.code, status.RESOURCE_EXHAUSTED);
  assert.ok(end.details.length > 0);
  const { status: next } = await outcome((done) => client.unary(Buffer.from("?"), done));
  assert.equal(next.code, status.OK);
});

test("a path that is refused is told as INTERNAL", async () => {
  const { status: end } = await callPath("/test.Echo/%00");
  assert.equal(end.code, status.INTERNAL);
  assert.ok(end.details.length > 0);
});

const kLargest = 32 * 1024;

/// As the listener counts them.
const sizeOf = (fields) => fields.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);

/// Fields of so many bytes. One in the gateway's table stands in for most of what there would be to send.
function filling(bytes) {
  const [name, value] = ["x-large", "v".repeat(4000)];
  const times = Math.floor(bytes / sizeOf([[name, value]])) - 1;
  const rest = bytes - times * sizeOf([[name, value]]) - sizeOf([[name, ""]]);
  return [indexing(name, value), ...Array(times - 1).fill(indexed(62)), block([[name, "v".repeat(rest)]])];
}

for (const [where, order] of Object.entries({
  "before the large ones": (filling, type) => [type, ...filling(kLargest)],
  "as the last that there is room for": (filling, type, size) => [...filling(kLargest - size), type, block([["x", "y"]])],
  "as the one too many": (filling, type) => [...filling(kLargest), type],
  "behind the one too many": (filling, type) => [...filling(kLargest + 1), type],
})) {
  test(`what is refused is told in gRPC's way with the content type ${where}`, async (t) => {
    for (const kind of ["application/grpc", "application/grpc+proto", "application/grpc-web"]) {
      const head = request("/test.Echo/Unary", { method: "POST" });
      const field = [["content-type", kind]];
      const rest = order((bytes) => filling(bytes - sizeOf(head)), block(field), sizeOf(field));
      const client = await Client.connect(t, clear);
      client.send(headers(1, Buffer.concat([block(head), ...rest]), { end: false }), data(1, frame("?"), { end: true }));
      assert.deepEqual(await client.outcome(1), { status: 200 });
      await client.settled();
      assert.ok(client.frames.some(({ type, flags }) => type === Type.headers && flags & Flag.endStream));
    }
  });
}

for (const [what, path, fields, code] of [["too large a head", "/test.Echo/Unary", kTooLarge, 431],
  ["a path that is refused", "/test.Echo/%00", {}, 400]]) {
  test(`${what} is told in a problem document where the request is none of gRPC`, async (t) => {
    const session = await connectHttp2(t, clear);
    for (const type of ["application/json", "application/grpcx"]) {
      const answer = await exchangeHttp2(session, path, { headers: { "content-type": type, ...fields }, body: "?" });
      assert.equal(answer.status, code);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.ok(!("grpc-status" in answer.headers));
    }
  });
}

// --- gRPC-Web, over HTTP/1.1 as fetch of Node has it.

/// A message in its frame; flag 0x80 marks the frame of trailers.
function frame(text, flag = 0) {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(text.length, 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

/// Base64 whose padding may stand between any two frames.
function decodePieces(text) {
  return Buffer.concat(text.split(/(?<==)(?!=)/).map((piece) => Buffer.from(piece, "base64")));
}

function parseFrames(bytes) {
  const messages = [];
  let trailers;
  while (bytes.length > 0) {
    const end = 5 + bytes.readUInt32BE(1);
    const content = bytes.subarray(5, end).toString("latin1");
    assert.equal(trailers, undefined, "trailers come last");
    if (bytes[0] === 0) messages.push(content);
    else trailers = Object.fromEntries(content.trimEnd().split("\r\n").map((line) => line.split(": ")));
    bytes = bytes.subarray(end);
  }
  return { messages, trailers };
}

/// One call of gRPC-Web: { type, fields, messages, trailers }.
async function callWeb(path, message, { isText, fields = {} }) {
  const type = isText ? "application/grpc-web-text+proto" : "application/grpc-web+proto";
  const response = await fetch(`http://127.0.0.1:${clear.port}${path}`, {
    method: "POST",
    headers: { "content-type": type, "x-grpc-web": "1", ...fields },
    body: isText ? frame(message).toString("base64") : frame(message),
  });
  assert.equal(response.status, 200);
  const content = Buffer.from(await response.arrayBuffer());
  const bytes = isText ? decodePieces(content.toString("latin1")) : content;
  assert.equal(response.headers.get("content-type").replace("+proto", ""), type.replace("+proto", ""));
  return { fields: response.headers, ...parseFrames(bytes) };
}

for (const [what, isText] of [["binary", false], ["text", true]]) {
  test(`gRPC-Web in ${what}: a unary call`, async () => {
    const answer = await callWeb("/test.Echo/Unary", "hello", { isText, fields: { "x-asked": "tea" } });
    assert.deepEqual(answer.messages, ["hello"]);
    assert.equal(answer.trailers["grpc-status"], "0");
    assert.equal(answer.trailers["x-trailer"], "trailer of tea");
    assert.equal(answer.fields.get("x-head"), "head of tea");
  });

  test(`gRPC-Web in ${what}: a stream from the service`, async () => {
    const { messages, trailers } = await callWeb("/test.Echo/Count", "100", { isText });
    assert.deepEqual(messages, Array.from({ length: 100 }, (_, i) => `${i}`));
    assert.equal(trailers["grpc-status"], "0");
    assert.equal(trailers["x-trailer"], "counted");
  });

  test(`gRPC-Web in ${what}: an error of the service, at once and after a message`, async () => {
    const { fields } = await callWeb("/test.Echo/Fail", "", { isText });
    assert.equal(fields.get("grpc-status"), `${status.FAILED_PRECONDITION}`);
    assert.equal(decodeURIComponent(fields.get("grpc-message")), "no tea, 50 % of it ☕");
    const { messages, trailers } = await callWeb("/test.Echo/FailLate", "", { isText });
    assert.deepEqual(messages, ["one"]);
    assert.equal(trailers["grpc-status"], `${status.FAILED_PRECONDITION}`);
    assert.equal(trailers["x-reason"], "sold out");
  });

  test(`gRPC-Web in ${what}: what the gateway has to say itself`, async () => {
    const { fields, messages } = await callWeb("/test.Dead/Unary", "?", { isText });
    assert.equal(fields.get("grpc-status"), `${status.UNAVAILABLE}`);
    assert.deepEqual(messages, []);
    const { fields: nowhere } = await callWeb("/test.Nowhere/Unary", "?", { isText });
    assert.equal(nowhere.get("grpc-status"), `${status.UNIMPLEMENTED}`);
  });

  test(`gRPC-Web in ${what}: the gateway ends a call at its deadline`, async () => {
    const takenBack = once(deaf.server, "taken back");
    const { fields } = await callWeb("/test.Deaf/Never", "", { isText, fields: { "grpc-timeout": "200m" } });
    assert.equal(fields.get("grpc-status"), `${status.DEADLINE_EXCEEDED}`);
    await takenBack;
  });

  test(`gRPC-Web in ${what}: the deadline holds for a stream that has begun`, async () => {
    const takenBack = once(deaf.server, "taken back");
    const { messages, trailers } = await callWeb("/test.Deaf/Begun", "", { isText, fields: { "grpc-timeout": "300m" } });
    assert.deepEqual(messages, ["begun"]);
    assert.equal(trailers["grpc-status"], `${status.DEADLINE_EXCEEDED}`);
    await takenBack;
  });

  test(`gRPC-Web in ${what}: a stream that the service breaks off is no success`, async () => {
    const { messages, trailers } = await callWeb("/test.Deaf/Broken", "", { isText });
    assert.deepEqual(messages, ["begun"]);
    assert.equal(trailers["grpc-status"], `${status.UNAVAILABLE}`);
  });
}

test("gRPC-Web over HTTP/2 and TLS, as browsers have it", async (t) => {
  const session = await connectHttp2(t, secured, { ca: fs.readFileSync(authority.file), servername: "a.test" });
  const headers = { "content-type": "application/grpc-web", "x-grpc-web": "1" };
  const answer = await exchangeHttp2(session, "/test.Echo/Count", { headers, body: frame("3") });
  const { messages, trailers } = parseFrames(Buffer.from(answer.body, "latin1"));
  assert.equal(answer.trailers, undefined);
  assert.deepEqual(messages, ["0", "1", "2"]);
  assert.equal(trailers["grpc-status"], "0");
});

test("a message of gRPC-Web arrives while its stream goes on", async () => {
  const leaving = new AbortController();
  const cancelled = told("cancelled", "NeverEnding");
  const response = await fetch(`http://127.0.0.1:${clear.port}/test.Echo/NeverEnding`, {
    method: "POST", headers: { "content-type": "application/grpc-web+proto" }, body: frame(""),
    signal: leaving.signal,
  });
  const { value } = await response.body.getReader().read();
  assert.deepEqual(parseFrames(Buffer.from(value)).messages, ["begun"]);
  leaving.abort();
  await cancelled;
});
