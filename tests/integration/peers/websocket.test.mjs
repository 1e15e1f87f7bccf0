// SPDX-License-Identifier: Apache-2.0
// WebSockets through the gateway executable, over HTTP/1.1 in clear text and over TLS, between two
// real peers.
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import { after, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { Authority } from "./authority.mjs";
import { exchange, startConfigured, startOrigin, temporaryFolder } from "./processes.mjs";

const owner = { after };
const origin = await startOrigin(owner, (request, response) => response.end("no socket"));
const server = new WebSocketServer({
  server: origin.server, perMessageDeflate: true, verifyClient: ({ req }) => req.url !== "/refused",
});
const authority = new Authority(temporaryFolder(owner));
const gateway = await startConfigured(owner, {
  listen: ["127.0.0.1:0", { address: "127.0.0.1:0", tls: authority.issue(["a.test"]) }],
  services: { origin: { targets: [origin.url] } },
  routes: [{ path: "/*", service: "origin" }],
});
const [clear, secured] = [...gateway.stdout.matchAll(/^listening on (\S+)$/gm)].map(([, address]) => address);
const identity = { ca: fs.readFileSync(authority.file), servername: "a.test", headers: { host: "a.test" } };

/// A pair of sockets that talk to each other: that of a client, which is told of TLS by its
/// options, and that of the origin.
async function connectPair(owner, options = {}) {
  const accepted = once(server, "connection");
  const url = options.ca ? `wss://${secured}` : `ws://${clear}`;
  const near = new WebSocket(`${url}/chat?room=1`, "chat", options);
  owner.after(() => near.terminate());
  await once(near, "open");
  const [far, request] = await accepted;
  return { near, far, request };
}

test("the origin sees who asks, and its choice of a protocol comes back", async (t) => {
  const { near, request } = await connectPair(t, { headers: { "x-forwarded-for": "203.0.113.9" } });
  assert.equal(request.url, "/chat?room=1");
  assert.equal(request.headers["x-forwarded-for"], "127.0.0.1");
  assert.equal(request.headers["x-forwarded-host"], clear);
  assert.equal(near.protocol, "chat");
});

test("the origin is told of TLS where its client has that", async (t) => {
  const { request } = await connectPair(t, identity);
  assert.equal(request.headers["x-forwarded-proto"], "https");
  assert.equal(request.headers["x-forwarded-host"], "a.test");
});

for (const [how, options] of [["", {}], [", compressed", { perMessageDeflate: true }], [", over TLS", identity]]) {
  test(`messages of any size pass both ways${how}`, async (t) => {
    const { near, far } = await connectPair(t, { perMessageDeflate: false, ...options });
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
  });
}

test("messages in fragments, with a ping between them", async (t) => {
  const { near, far } = await connectPair(t, { perMessageDeflate: false });
  const pinged = once(far, "ping");
  const ponged = once(near, "pong");
  const message = once(far, "message");
  near.send("one ", { fin: false });
  near.send("two ", { fin: false });
  near.ping("still there?");
  near.send("three", { fin: true });
  assert.equal((await pinged)[0].toString(), "still there?");
  assert.equal((await ponged)[0].toString(), "still there?");
  assert.equal((await message)[0].toString(), "one two three");
});

test("10,000 messages at a time keep their order", async (t) => {
  const { near, far } = await connectPair(t);
  let count = 0;
  const all = new Promise((resolve, reject) => {
    far.on("message", (data) => {
      if (Number(data) !== count) reject(new Error(`${data} where ${count} was due`));
      if (++count === 10_000) resolve();
    });
  });
  for (let i = 0; i < 10_000; ++i) near.send(`${i}`);
  await all;
});

for (const [how, options] of [["", {}], [" over TLS", identity]]) {
  for (const [who, first, second] of [["client", "near", "far"], ["origin", "far", "near"]]) {
    test(`the ${who} closes${how}: the other is told the code and the reason`, async (t) => {
      const pair = await connectPair(t, options);
      const closed = Promise.all([once(pair[second], "close"), once(pair[first], "close")]);
      pair[first].close(4321, "enough");
      const [[code, reason], [own]] = await closed;
      assert.deepEqual([code, reason.toString(), own], [4321, "enough", 4321]);
    });

    test(`the ${who} vanishes${how}: the other learns it at once`, async (t) => {
      const pair = await connectPair(t, options);
      const told = once(pair[second], "close");
      pair[first].terminate();
      assert.equal((await told)[0], 1006);
    });
  }
}

test("a refusal is an answer as any other", async (t) => {
  const socket = new WebSocket(`ws://${clear}/refused`);
  t.after(() => socket.terminate());
  socket.on("error", () => {});
  const [, response] = await once(socket, "unexpected-response");
  assert.equal(response.statusCode, 401);
  assert.equal((await exchange(gateway, "/")).body, "no socket");
});
