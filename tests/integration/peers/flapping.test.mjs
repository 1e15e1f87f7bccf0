// SPDX-License-Identifier: Apache-2.0
// The gateway executable before two targets of which one comes and goes many times a second: its
// port refuses, and its connections are reset in the middle of what they do. Clients see little.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { exchange, startConfigured, startOrigin } from "./processes.mjs";

const kFlapsPerSecond = 8;
const kSeconds = 3;
const kClients = 16;

const answer = (name) => (request, response) => {
  response.setHeader("x-target", name);
  setTimeout(() => response.end(request.url), 1);
};

/// A server that is there for half of each period; `url` stays the same.
async function startFlapping(owner, onRequest) {
  const sockets = new Set();
  const server = http.createServer({ keepAliveTimeout: 60_000 }, onRequest);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const listen = async (port) => {
    server.listen({ port, host: "127.0.0.1" });
    await once(server, "listening");
    return server.address().port;
  };
  const port = await listen(0);
  const leave = async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  owner.after(leave);
  const flap = async () => {
    await pause(500 / kFlapsPerSecond);
    await leave();
    await pause(500 / kFlapsPerSecond);
    await listen(port);
  };
  return { url: `http://127.0.0.1:${port}`, flap };
}

/// What becomes of the requests of many clients while `flapping` flaps.
async function askWhileFlapping(owner, gateway, flapping) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: kClients });
  owner.after(() => agent.destroy());
  let isOver = false;
  const seen = { good: 0, flapping: 0, failures: [] };
  const ask = async () => {
    for (let i = 0; !isOver; ++i) {
      const { status, body, headers, isWhole, error } = await exchange(gateway, `/${i}`, { agent });
      if (status === 200 && isWhole && body === `/${i}`) {
        ++seen[headers["x-target"]];
      } else {
        seen.failures.push(error ?? status);
      }
    }
  };
  const clients = Promise.all(Array.from({ length: kClients }, ask));
  for (let flaps = 0; flaps < kFlapsPerSecond * kSeconds; ++flaps) await flapping.flap();
  isOver = true;
  await clients;
  return seen;
}

for (const [how, ejection] of [
  ["as it is left out for longer and longer", {}],
  ["as it is soon used again", { base: "10ms", longest: "10ms" }],
]) {
  test(`less than 1 % fail before a target that flaps 8 times a second, ${how}`, async (t) => {
    const good = await startOrigin(t, answer("good"));
    const flapping = await startFlapping(t, answer("flapping"));
    const gateway = await startConfigured(t, {
      services: { both: { targets: [flapping.url, good.url], ejection } },
      routes: [{ path: "/*", service: "both" }],
    });
    const seen = await askWhileFlapping(t, gateway, flapping);
    const all = seen.good + seen.flapping + seen.failures.length;
    assert.ok(seen.good > 0 && seen.flapping > 0, "both were asked");
    const { failures } = seen;
    assert.ok(failures.length < all / 100, `${failures.length} of ${all} failed: ${failures}`);
    assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  });
}
