// SPDX-License-Identifier: Apache-2.0
// Clients that send too slowly, at the time limits that the gateway executable has when nothing is
// configured: 10 s for a head, 10 s between two pieces of content, 100 bytes a second after 20 s.
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { connect, startGateway, startOrigin } from "./processes.mjs";

/// What the origin saw of each request: "whole" or "cut".
const seen = new Map();

function onRequest(request, response) {
  request.resume();
  request.on("close", () => seen.set(request.url, request.complete ? "whole" : "cut"));
  request.on("end", () => response.end("too early"));
  request.on("error", () => {});
}

/// A byte of `bytes` each `interval` until the gateway ends the connection or all are sent.
function dribble({ socket, ended }, bytes, interval) {
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < bytes.length) socket.write(bytes[sent++]);
  }, interval);
  ended.then(() => clearInterval(timer));
}

/// Seconds until the gateway has ended the connection.
async function lifetime(client) {
  const begun = Date.now();
  await client.ended;
  return (Date.now() - begun) / 1000;
}

function between(seconds, least, most) {
  assert.ok(seconds > least && seconds < most, `ended after ${seconds} s`);
}

describe("the time limits of a client", { concurrency: true }, async () => {
  const limit = (name, act) =>
    test(name, async (t) => {
      const origin = await startOrigin(t, onRequest);
      const gateway = await startGateway(t, origin.url);
      await act(await connect(t, gateway));
      assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
    });

  limit("one that sends nothing is closed within twelve seconds, without a word", async (client) => {
    between(await lifetime(client), 9, 12);
    assert.equal(client.text, "");
  });

  limit("a byte of a head each half second gets 408 within twelve seconds", async (client) => {
    dribble(client, "GET / HTTP/1.1\r\nHost: a.test\r\nX-Long: and so on\r\n\r\n", 500);
    between(await lifetime(client), 9, 12);
    assert.match(client.text, /^HTTP\/1\.1 408 [^]*\r\nconnection: close\r\n/i);
  });

  limit("a head that stops gets 408 ten seconds after it began", async (client) => {
    client.socket.write("GET /head HTTP/1.1\r\nHost: a.te");
    between(await lifetime(client), 9, 12);
    assert.match(client.text, /^HTTP\/1\.1 408 /);
    assert.equal(seen.get("/head"), undefined);
  });

  limit("the second head on a connection has its own ten seconds", async (client) => {
    client.socket.write("GET /first HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await once(client.socket, "data");
    client.socket.write("GET /second HTTP/1.1\r\nHost: a.te");
    between(await lifetime(client), 9, 12);
    assert.match(client.text, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 408 /);
  });

  for (const [kind, framing, content] of [
    ["content of a known length", "Content-Length: 1000", "x".repeat(100)],
    ["chunked content", "Transfer-Encoding: chunked", "64\r\n" + "x".repeat(100) + "\r\n64\r\nxx"],
  ]) {
    const path = `/${kind.split(" ")[0]}`;
    limit(`${kind} that stops gets 408, and the origin sees no whole request`, async (client) => {
      client.socket.write(`POST ${path} HTTP/1.1\r\nHost: a.test\r\n${framing}\r\n\r\n${content}`);
      between(await lifetime(client), 9, 12.5);
      assert.match(client.text, /^HTTP\/1\.1 408 /);
      assert.equal(seen.get(path), "cut");
    });
  }

  limit("content of a byte each three seconds gets 408 when its rate is looked at", async (client) => {
    client.socket.write("POST /rate HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\n");
    dribble(client, "x".repeat(1000), 3000);
    between(await lifetime(client), 19, 25);
    assert.match(client.text, /^HTTP\/1\.1 408 /);
    assert.equal(seen.get("/rate"), "cut");
  });
});
