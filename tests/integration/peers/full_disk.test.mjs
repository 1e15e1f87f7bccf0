// SPDX-License-Identifier: Apache-2.0
// The gateway executable whose access log goes nowhere: the disk is full, or nobody reads. Requests
// do not notice; what was lost is counted, and told in the log once it goes on.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { closed, exchange, startConfigured, startOrigin, temporaryFolder } from "./processes.mjs";

const kBuffer = 64 * 1024;
const kLine = 2000;
/// Lines of several times what may wait: in a worker, with the writer and in a pipe (64 KiB).
const kRequests = 400;

async function startLogging(owner, file, limits) {
  const { url } = await startOrigin(owner, (request, response) => response.end("served"));
  const config = {
    services: { origin: { targets: [url] } },
    middleware: [{ accessLog: { file, buffer: kBuffer } }],
    routes: [{ path: "/*", service: "origin" }],
  };
  return startConfigured(owner, config, { limits });
}

/// All of them are served, none of them late.
async function expectServed(owner, gateway, count) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  owner.after(() => agent.destroy());
  const target = `/${"x".repeat(kLine)}`;
  let slowest = 0;
  const ask = async () => {
    const begun = performance.now();
    assert.equal((await exchange(gateway, target, { agent })).body, "served");
    slowest = Math.max(slowest, performance.now() - begun);
  };
  for (let left = count; left > 0; left -= 8) {
    await Promise.all(Array.from({ length: Math.min(8, left) }, ask));
  }
  assert.ok(slowest < 1000, `one took ${slowest} ms`);
}

/// Asks until the log, which goes on again, tells of lost lines: they are told before the next one.
/// Resolves to the number of requests.
async function askUntilTold(owner, gateway, log) {
  let requests = 0;
  for (; !log().includes('"dropped":'); ++requests) {
    await expectServed(owner, gateway, 1);
    await pause(20);
  }
  return requests;
}

/// Every request has its line, or is among those that are told to be lost. Each line is whole.
function expectAccounted(text, requests) {
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const lost = lines.map(({ dropped }) => dropped ?? 0).reduce((sum, count) => sum + count, 0);
  const logged = lines.filter(({ status }) => status === 200).length;
  assert.ok(lost > 0 && logged > 0);
  assert.equal(logged + lost, requests);
}

test("a full disk delays no request, and the log goes on once it has room", async (t) => {
  const file = path.join(temporaryFolder(t), "access.log");
  // For this process the disk is full with 16 KiB in a file.
  const gateway = await startLogging(t, file, "-S -f 16");
  await expectServed(t, gateway, kRequests);
  assert.equal(fs.statSync(file).size, 16 * 1024);

  execFileSync("prlimit", ["--pid", gateway.pid, "--fsize=unlimited"]);
  const log = () => fs.readFileSync(file, "utf8");
  const requests = kRequests + (await askUntilTold(t, gateway, log));
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  expectAccounted(log(), requests);
});

test("with no room at all it serves, and ends in time", async (t) => {
  const gateway = await startLogging(t, "/dev/full");
  await expectServed(t, gateway, kRequests);
  const begun = performance.now();
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  assert.ok(performance.now() - begun < 3000);
});

test("a reader that stands still delays no request, and gets the rest later", async (t) => {
  const fifo = path.join(temporaryFolder(t), "access.fifo");
  execFileSync("mkfifo", [fifo]);
  const { O_RDONLY, O_NONBLOCK } = fs.constants;
  const reader = new net.Socket({ fd: fs.openSync(fifo, O_RDONLY | O_NONBLOCK), writable: false });
  t.after(() => reader.destroy());
  const gateway = await startLogging(t, fifo);
  await expectServed(t, gateway, kRequests);

  let text = "";
  const ended = closed(reader);
  reader.setEncoding("utf8").on("data", (more) => (text += more));
  const requests = kRequests + (await askUntilTold(t, gateway, () => text));
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  await ended;
  expectAccounted(text, requests);
});
