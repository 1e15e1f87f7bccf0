// SPDX-License-Identifier: Apache-2.0
// The gateway executable under more clients than it has room for: who behaves is served meanwhile.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { binary, connect, exchange, startGateway, startOrigin } from "./processes.mjs";

/// Descriptors that the gateway may have, and clients that want one each.
const kDescriptors = 256;
const kFlood = 300;

function flood(owner, gateway, count, bytes) {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const client = await connect(owner, gateway);
      client.socket.write(bytes);
      return client;
    }),
  );
}

/// Seconds of processor time that the process has used (proc(5): fields 14 and 15, in ticks).
async function processorTime(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const [, , ...fields] = stat.slice(stat.lastIndexOf(")")).split(" ");
  return (Number(fields[10]) + Number(fields[11])) / 100;
}

/// Answers after a while, on a connection that it closes then: each request needs a descriptor.
function startPatientOrigin(owner) {
  return startOrigin(owner, (request, response) => {
    response.setHeader("connection", "close");
    setTimeout(() => response.end(request.url), 20);
  });
}

test("among 1,000 half-sent requests an honest one is answered within two seconds", async (t) => {
  const origin = await startPatientOrigin(t);
  const gateway = await startGateway(t, origin.url);
  const clients = await flood(t, gateway, 1000, "GET /half HTTP/1.1\r\nHost: a.test\r\nX-Long: ");
  const begun = Date.now();
  assert.equal((await exchange(gateway, "/honest")).body, "/honest");
  assert.ok(Date.now() - begun < 2000);

  // They were only waiting: the other half makes requests of them.
  for (const { socket } of clients.slice(0, 50)) {
    socket.write("x\r\nConnection: close\r\n\r\n");
  }
  await Promise.all(clients.slice(0, 50).map((client) => client.ended));
  for (const { text } of clients.slice(0, 50)) assert.match(text, /^HTTP\/1\.1 200 [^]*\/half/);
  assert.ok(clients.slice(50).every(({ socket, text }) => !socket.readableEnded && text === ""));
});

test("with more connections than descriptors it serves those it has, without spinning", async (t) => {
  const origin = await startPatientOrigin(t);
  const gateway = await startGateway(t, origin.url, { limits: `-n ${kDescriptors}` });
  const known = await connect(t, gateway);
  const clients = await flood(t, gateway, kFlood, "GET /held HTTP/1.1\r\n");

  // The window in which processor time is measured: a request each 100 ms is its only load.
  const before = await processorTime(gateway.pid);
  const begun = Date.now();
  for (let i = 1; i <= 15; ++i) {
    known.socket.write(`GET /known HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    await pause(100);
    while (known.text.split("HTTP/1.1 200").length <= i) await pause(10);
  }
  const share = (await processorTime(gateway.pid) - before) / ((Date.now() - begun) / 1000);
  assert.ok(share < 0.5, `it used ${share} of a processor`);

  let isAnswered = false;
  const honest = exchange(gateway, "/honest").finally(() => (isAnswered = true));
  await pause(50);
  assert.ok(!isAnswered, "otherwise the flood was too small to show anything");
  const left = Date.now();
  for (const { socket } of clients) socket.destroy();
  assert.equal((await honest).body, "/honest");
  assert.ok(Date.now() - left < 2000);
  assert.equal(gateway.stderr, "");
});

test("of more requests at a time than descriptors all are answered", async (t) => {
  const origin = await startPatientOrigin(t);
  const gateway = await startGateway(t, origin.url, { limits: `-n ${kDescriptors}` });
  const paths = Array.from({ length: kFlood }, (_, i) => `/${i}`);
  const answers = await Promise.all(
    paths.map((path) => exchange(gateway, path, { agent: false })),
  );
  assert.deepEqual(answers.map(({ body }) => body), paths);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
});

// To look at an object for the first time this sanitizer opens a pipe, and takes it for broken
// where it gets none.
const needsDescriptors = (await readFile(binary)).includes("__ubsan_handle_dynamic_type_cache_miss");

test("a connection that it has no descriptor for is not blamed on the target", {
  skip: needsDescriptors && "the sanitizer needs descriptors itself",
}, async (t) => {
  const origin = await startPatientOrigin(t);
  const options = ["--access-log", "-"];
  const usual = await startGateway(t, origin.url, { options });
  const used = (await readdir(`/proc/${usual.pid}/fd`)).length;
  // Eight clients are always let in, but here they leave only two descriptors for the target.
  const gateway = await startGateway(t, origin.url, { options, limits: `-n ${used + 10}` });
  const clients = await flood(t, gateway, 8, "GET /many HTTP/1.1\r\nHost: a.test\r\n");
  for (const { socket } of clients) socket.write("Connection: close\r\n\r\n");
  await Promise.all(clients.map((client) => client.ended));
  assert.equal((await exchange(gateway, "/one")).body, "/one");
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });

  const [, ...lines] = gateway.stdout.trim().split("\n");
  const failed = lines.map((line) => JSON.parse(line)).filter(({ status }) => status !== 200);
  assert.ok(failed.length > 0, "otherwise there were descriptors enough to show anything");
  for (const { status, error, error_origin } of failed) {
    assert.deepEqual([status, error, error_origin], [502, "connect_failed", "gateway"]);
  }
});
