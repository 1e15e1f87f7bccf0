// SPDX-License-Identifier: Apache-2.0
// WebSockets over HTTP/2 (RFC 8441): Node's client with the codec of ws on its streams before the
// gateway executable, origins that know HTTP/1.1 alone behind it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { after, test } from "node:test";
import { Receiver, Sender, WebSocketServer } from "ws";
import { connectHttp2, exchangeHttp2 } from "./http2_client.mjs";
import { Client, headers, request, Setting, Type, windowUpdate } from "./http2_frames.mjs";
import { closed, startConfigured, startOrigin } from "./processes.mjs";

const owner = { after };
const origin = await startOrigin(owner, (incoming, response) => response.end("no socket"));
const server = new WebSocketServer({ server: origin.server, handleProtocols: () => "chat" });
/// Leaves it to each test how an upgrade is answered.
const odd = await startOrigin(owner, (incoming, response) => response.end("odd"));
const config = {
  services: { origin: { targets: [origin.url] }, odd: { targets: [odd.url] } },
  routes: [{ path: "/*", service: "origin" }, { path: "/odd", service: "odd" }],
};
const gateway = await startConfigured(owner, config);
const session = await connectHttp2(owner, gateway);
if (!session.remoteSettings.enableConnectProtocol) await once(session, "remoteSettings");

/// The client's end of a WebSocket: events tell what it hears, and what it says is masked.
function endOf(stream) {
  const near = stream.pipe(new Receiver());
  const sender = new Sender(stream);
  near.on("finish", () => stream.resume());  // Behind the frame that closes it comes an end.
  return Object.assign(near, {
    send: (data, options) => sender.send(data, { fin: true, ...options, mask: true }),
    ping: (data) => sender.ping(data, true),
    pong: (data) => sender.pong(data, true),
    close: (code, reason) => sender.close(code, reason, true),
  });
}

function ask(path, fields, on = session) {
  const stream = on.request({
    ":method": "CONNECT", ":protocol": "websocket", ":scheme": "http", ":path": path, ":authority": "a.test",
    "sec-websocket-version": "13", ...fields,
  }, { endStream: false });
  stream.on("error", () => {});
  stream.on("end", () => stream.end());
  return stream;
}

/// A WebSocket: its stream, the client's end and the origin's.
async function open(fields, on) {
  const accepted = once(server, "connection");
  const stream = ask("/chat?room=1", fields, on);
  const [answer] = await once(stream, "response");
  assert.equal(answer[":status"], 200);
  const [far, request] = await accepted;
  return { stream, near: endOf(stream), far, request, answer };
}

test("it is offered", () => {
  assert.equal(session.remoteSettings.enableConnectProtocol, true);
});

test("the origin sees a handshake of HTTP/1.1, of which the client sees none", async () => {
  const key = "dGhlIHNhbXBsZSBub25jZQ==";
  const { stream, far, request, answer } = await open({ "sec-websocket-protocol": "chat", "sec-websocket-key": key });
  assert.equal(request.method, "GET");
  assert.equal(request.url, "/chat?room=1");
  assert.equal(request.headers.upgrade, "websocket");
  assert.match(request.headers["sec-websocket-key"], /^[A-Za-z0-9+/]{22}==$/);
  assert.notEqual(request.headers["sec-websocket-key"], key);
  assert.equal(request.headers["x-forwarded-host"], "a.test");
  assert.equal(answer["sec-websocket-protocol"], "chat");
  for (const name of ["connection", "upgrade", "sec-websocket-accept"]) assert.ok(!(name in answer), name);
  far.terminate();
  await once(stream, "close");
});

test("messages of any size pass both ways", async () => {
  const { stream, near, far } = await open();
  far.on("message", (data, binary) => far.send(data, { binary }));
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 5_000_000]) {
    for (const binary of [true, false]) {
      const content = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7919) % 127));
      near.send(content, { binary });
      const [data, isBinary] = await once(near, "message");
      assert.ok(data.equals(content), `${size} bytes`);
      assert.equal(isBinary, binary);
    }
  }
  stream.close();
});

for (const [who, from, to] of [["client", "near", "far"], ["origin", "far", "near"]]) {
  test(`messages of the ${who} in fragments, with a ping between them, and the pong that comes back`, async () => {
    const { stream, [from]: one, [to]: other, near } = await open();
    near.on("ping", (data) => near.pong(data));
    const heard = Promise.all([once(other, "ping"), once(one, "pong"), once(other, "message")]);
    one.send("one ", { fin: false });
    one.send("two ", { fin: false });
    one.ping("still there?");
    one.send("three", { fin: true });
    assert.deepEqual((await heard).map(([data]) => `${data}`), ["still there?", "still there?", "one two three"]);
    stream.close();
  });

  test(`the ${who} closes: the other is told the code and the reason`, async () => {
    const { stream, [from]: one, near, far } = await open();
    if (one === far) near.on("conclude", (code, reason) => near.close(code, reason));
    const ends = Promise.all([once(near, "conclude"), once(far, "close"), once(stream, "end")]);
    one.close(4321, "enough");
    const [heardNear, heardFar] = (await ends).map(([code, reason]) => [code, `${reason}`]);
    assert.deepEqual([heardNear, heardFar], [[4321, "enough"], [4321, "enough"]]);
  });
}

test("the origin vanishes, and so does the stream; the client vanishes, and so does the origin's socket", async () => {
  const first = await open();
  first.far.terminate();
  await once(first.stream, "close");
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
  const answers = all.map(({ near }) => once(near, "message"));
  for (const { near } of all) near.send("hello");
  for (const [i, [data]] of (await Promise.all(answers)).entries()) assert.equal(`${data}`, `${i} hello`);
  for (const { stream } of all) stream.close();
});

test("an origin that refuses is heard", async () => {
  const stream = ask("/", { "sec-websocket-version": "5" });
  const [answer] = await once(stream, "response");
  assert.ok(answer[":status"] >= 400 && answer[":status"] < 500);
  stream.close();
});

// --- Who has accepted, and who has not.

function accepting({ headers }) {
  const accept = createHash("sha1").update(`${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  return `HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept.digest("base64")}\r\n\r\n`;
}

/// Asks the odd origin, with content that waits for no answer: the client's stream, the request and
/// socket of the origin, and what `text()` that one has got behind the head.
async function askOdd() {
  const upgraded = once(odd.server, "upgrade");
  const stream = ask("/odd");
  stream.write("early");
  const [request, socket, head] = await upgraded;
  let text = `${head}`;
  socket.on("error", () => {});
  socket.on("end", () => socket.end());
  socket.on("data", (piece) => (text += piece));
  return { stream, request, socket, text: () => text };
}

test("what the client says before the origin has accepted is held back until then", async () => {
  const { stream, request, socket, text } = await askOdd();
  // An exchange behind it on the same connection: what could have come has come.
  assert.equal((await exchangeHttp2(session, "/odd")).body, "odd");
  assert.equal(text(), "");
  const came = once(socket, "data");
  socket.write(accepting(request));
  const [answer] = await once(stream, "response");
  assert.equal(answer[":status"], 200);
  await came;
  assert.equal(text(), "early");
  stream.close();
  await closed(socket);
});

const kSwitching = "HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
for (const [what, answer] of [
  ["200", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"],
  ["204", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"],
  ["101 to another key than was sent", `${kSwitching}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`],
  ["101 to no key", `${kSwitching}\r\n`],
]) {
  test(`an origin that answers ${what} has not accepted: this is told as 502`, async () => {
    const { stream, socket, text } = await askOdd();
    const left = closed(socket);
    socket.write(answer);
    const [fields] = await once(stream, "response");
    assert.equal(fields[":status"], 502);
    assert.equal(fields["content-type"], "application/problem+json");
    assert.ok(!("sec-websocket-accept" in fields));
    await once(stream.resume(), "close");
    await left;
    assert.equal(text(), "");
  });
}

// --- Clients that hear nothing, and sockets on which there is nothing to hear.

const impatient = await startConfigured(owner, {
  ...config, listen: { address: "127.0.0.1:0", limits: { sendIdle: "300ms" } },
});
const outlive = () => new Promise((resolve) => setTimeout(resolve, 3 * 300));

/// The same from frames, whose client opens a window of so many bytes for what the origin says.
async function openFrames(t, window) {
  const client = await Client.connect(t, impatient, { pairs: [[Setting.initialWindowSize, window]] });
  const accepted = once(server, "connection");
  const fields = [[":protocol", "websocket"], ["sec-websocket-version", "13"]];
  client.send(headers(1, request("/chat", { method: "CONNECT", fields }), { end: false }));
  const [far] = await accepted;
  assert.equal((await client.outcome(1)).status, 200);
  return { client, far };
}

const isReset = ({ type, stream }) => type === Type.reset && stream === 1;
const isContent = ({ type, stream }) => type === Type.data && stream === 1;

test("a client that opens no window for what the origin says is left, and the origin with it", { timeout: 10_000 }, async (t) => {
  const { client, far } = await openFrames(t, 0);
  const told = once(far, "close");
  far.send("hello");
  assert.ok(await client.until(isReset));
  assert.equal((await told)[0], 1006);
  assert.ok(await client.settled(), "the connection goes on");
  assert.ok(!client.frames.some(isContent));
});

test("a socket on which nobody says anything lives on", async (t) => {
  const session = await connectHttp2(t, impatient);
  if (!session.remoteSettings.enableConnectProtocol) await once(session, "remoteSettings");
  const { near, far } = await open({}, session);
  await outlive();
  for (const [from, to] of [[near, far], [far, near]]) {
    const heard = once(to, "message");
    from.send("still there?");
    assert.equal(`${(await heard)[0]}`, "still there?");
    await outlive();
  }
  const told = once(far, "close");
  near.close(4321, "enough");
  assert.equal((await told)[0], 4321);
});

for (const [what, window, said] of [["has opened no window yet", 0, ""], ["has used up its window", 7, "hello"]]) {
  test(`a client that ${what} has time until the origin says more`, { timeout: 10_000 }, async (t) => {
    const { client, far } = await openFrames(t, window);
    if (said) far.send(said);
    if (said) assert.equal(`${(await client.until(isContent)).payload.subarray(2)}`, said);
    await outlive();
    assert.ok(await client.settled());
    assert.ok(!client.frames.some(isReset));
    client.send(windowUpdate(1, 100));
    far.send("more");
    const last = await client.until((each) => isContent(each) && each.payload.includes("more") || isReset(each));
    assert.equal(last?.type, Type.data);
  });
}
