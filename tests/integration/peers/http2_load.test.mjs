// SPDX-License-Identifier: Apache-2.0
// Honest clients in numbers (h2load, wrk) share the one worker of a gateway with clients that abuse
// HTTP/2 all the time: none of their requests fails or waits for long, whichever version they speak
// and whichever the origin does.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import http2 from "node:http2";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { block, Client, data, ErrorCode, Flag, frame, get, headers, indexed, indexing, ping, request, reset, Setting, Type, windowUpdate } from "./http2_frames.mjs";
import { startConfigured, startOrigin } from "./processes.mjs";

const run = promisify(execFile);
const kOften = 5000;

async function startHttp2Origin(owner) {
  const server = http2.createServer((request, response) => request.url.startsWith("/held") || response.end("honest"));
  const sessions = [];
  server.on("session", (session) => sessions.push(session.on("error", () => {})));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => {
    sessions.forEach((session) => session.destroy());
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}` };
}

/// Each opens a connection, does its worst, and has ended when it resolves.
const attacks = {
  "rapid reset": (client) => client.flood(kOften, (i) => Buffer.concat([get(2 * i + 1, "/held"), reset(2 * i + 1)])),
  "provoked resets": (client) => client.flood(kOften, (i) => Buffer.concat([get(2 * i + 1, "/held"), windowUpdate(2 * i + 1, 0x7fffffff)])),
  "pings": (client) => client.flood(kOften, () => ping()),
  "padding": async (client) => {
    client.send(headers(1, request("/held", { method: "POST" }), { end: false }));
    await client.flood(kOften, () => frame(Type.data, Flag.padded, 1, "\0"));
  },
  "continuations": async (client) => {
    client.send(frame(Type.headers, Flag.endStream, 1, block(request("/never"))));
    await client.flood(kOften, () => frame(Type.continuation, 0, 1, ""));
  },
  "large heads": async (client) => {
    client.send(headers(1, Buffer.concat([block(request("/held")), indexing("x", "b".repeat(3900))])));
    await client.flood(kOften, (i) => headers(2 * i + 3, Buffer.concat([block(request("/held")), ...Array(3).fill(indexed(62))])));
  },
  "answers unread": async (client) => {
    client.send(...Array.from({ length: 50 }, (_, i) => get(2 * i + 1, "/large")));
    await client.settled();
    client.socket.destroy();
  },
  "half a request": async (client) => {
    client.send(headers(1, request("/held", { method: "POST" }), { end: false }), data(1, "x"));
    await client.settled();
    client.socket.destroy();
  },
};

async function attackUntil(owner, gateway, isOver) {
  let count = 0;
  while (!isOver()) {
    for (const attack of Object.values(attacks)) {
      const client = await Client.connect(owner, gateway, { pairs: [[Setting.initialWindowSize, 0]] });
      await attack(client);
      await client.ended;
      ++count;
      await pause(50);  // The origin has the same processor.
    }
  }
  return count;
}

for (const [what, startIt, service] of [
  ["HTTP/1.1", (owner) => startOrigin(owner, ({ url }, response) => {
    if (url.startsWith("/held")) return;
    response.end(url === "/large" ? Buffer.alloc(1 << 20) : "honest");
  }), {}],
  ["HTTP/2", startHttp2Origin, { http2: "always" }],
]) {
  test(`no request of others fails before an origin of ${what}`, { timeout: 90_000 }, async (t) => {
    const origin = await startIt(t);
    const gateway = await startConfigured(t, {
      listen: { address: "127.0.0.1:0", limits: { headerTimeout: "2s" } },
      workers: 1,
      services: { origin: { targets: [origin.url], ...service } },
      routes: [{ path: "/*", service: "origin" }],
    });
    const url = `http://127.0.0.1:${gateway.port}/honest`;
    let left = 2;
    const done = () => (left -= 1);
    const [over2, over1, count] = await Promise.all([
      run("h2load", ["-n3000", "-c4", "-m5", url]).finally(done),
      run("wrk", ["-t1", "-c4", "-d4", "--latency", "--timeout", "10s", url]).finally(done),
      attackUntil(t, gateway, () => left === 0),
    ]);
    assert.ok(count >= Object.keys(attacks).length);
    assert.match(over2.stdout, /3000 succeeded, 0 failed, 0 errored, 0 timeout/);
    const [, slowest, unit] = over2.stdout.match(/time for request:\s+\S+\s+([\d.]+)(us|ms|s)\b/);
    assert.ok(unit !== "s" || Number(slowest) < 2, `a request over HTTP/2 took ${slowest}${unit}`);
    assert.doesNotMatch(over1.stdout, /Non-2xx|Socket errors/);
    const [, most, scale] = over1.stdout.match(/Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)\b/);
    assert.ok(scale !== "s" || Number(most) < 2, `a request over HTTP/1.1 took ${most}${scale}`);
  });
}
