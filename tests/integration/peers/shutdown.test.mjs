// SPDX-License-Identifier: Apache-2.0
// How the gateway executable begins and ends: what it refuses to start with, what SIGTERM lets
// finish, what a second one cuts, and that a killed one can be started again at once.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import { connect, exchange, open, spawnGateway, startGateway, startOrigin } from "./processes.mjs";

const kLarge = 200 * 1024 * 1024;
const kBlock = Buffer.from(Array.from({ length: 64 * 1024 }, (_, i) => (i * 7919) >> 3));

/// A block's place in the content is part of it, so that none can be lost or doubled.
function* largeContent() {
  for (let sent = 0; sent < kLarge; sent += kBlock.length) {
    const block = Buffer.from(kBlock);
    block.writeUInt32LE(sent, 0);
    yield block;
  }
}

function largeHash() {
  const hash = createHash("sha1");
  for (const block of largeContent()) hash.update(block);
  return hash.digest("hex");
}

/// An origin whose /slow waits for `release`, and whose /large is large.
async function startSlowOrigin(owner) {
  const held = [];
  const origin = await startOrigin(owner, (request, response) => {
    if (request.url.startsWith("/slow")) {
      held.push(() => response.end(`done ${request.url}`));
      origin.server.emit("held");
    } else if (request.url === "/large") {
      Readable.from(largeContent()).pipe(response);
    } else {
      response.end("quick");
    }
  });
  origin.holds = async (count) => {
    while (held.length < count) await once(origin.server, "held");
  };
  origin.release = () => held.forEach((answer) => answer());
  return origin;
}

async function connectError(port) {
  const socket = net.connect(port, "127.0.0.1");
  const [error] = await once(socket, "error");
  return error.code;
}

for (const workers of [1, 2]) {
  test(`SIGTERM with ${workers} workers: what is in flight ends whole, the rest at once`, async (t) => {
    const origin = await startSlowOrigin(t);
    const gateway = await startGateway(t, origin.url, { options: ["--workers", `${workers}`] });

    const agent = new http.Agent({ keepAlive: true });
    const kept = await open(gateway, "/quick", { agent });
    const idle = kept.socket;
    kept.resume();
    await once(kept, "end");
    const silent = await connect(t, gateway);

    const names = Array.from({ length: 10 }, (_, i) => `/slow/${i}`);
    const answers = names.map((name) => exchange(gateway, name));
    await origin.holds(names.length);
    const download = await open(gateway, "/large");
    const hash = createHash("sha1");
    for (let read = 0; read < 1_000_000; ) {
      const piece = download.read();
      if (piece === null) {
        await once(download, "readable");
        continue;
      }
      hash.update(piece);
      read += piece.length;
    }

    gateway.child.kill("SIGTERM");
    // Their end is what tells that the drain has begun: nothing in flight has ended yet.
    await Promise.all([once(idle, "close"), silent.ended]);
    assert.equal(silent.text, "");
    assert.equal(await connectError(gateway.port), "ECONNREFUSED");

    origin.release();
    for (const [i, answer] of (await Promise.all(answers)).entries()) {
      assert.equal(answer.status, 200);
      assert.equal(answer.body, `done ${names[i]}`);
      assert.ok(answer.isWhole);
      assert.equal(answer.headers.connection, "close");
    }
    download.on("data", (piece) => hash.update(piece));
    await once(download, "end");
    assert.ok(download.complete);
    assert.equal(hash.digest("hex"), largeHash());
    assert.deepEqual(await gateway.ended, { code: 0, signal: null });
    assert.equal(gateway.stderr, "");
  });
}

test("a second SIGTERM ends it at once, and no client takes what was cut for whole", async (t) => {
  const origin = await startSlowOrigin(t);
  const gateway = await startGateway(t, origin.url);
  const idle = await connect(t, gateway);
  const slow = exchange(gateway, "/slow");
  await origin.holds(1);
  const download = await open(gateway, "/large");
  const failed = once(download, "error");

  gateway.child.kill("SIGTERM");
  await idle.ended;
  const begun = Date.now();
  gateway.child.kill("SIGTERM");
  assert.deepEqual(await gateway.ended, { code: 0, signal: null });
  assert.ok(Date.now() - begun < 2000, "far below the time of a drain");

  download.resume();
  const [error] = await failed;
  assert.equal(error.code, "ECONNRESET");
  assert.ok(!download.complete);
  const { status, isWhole } = await slow;
  assert.ok(!isWhole || status >= 500);
});

test("SIGINT drains like SIGTERM", async (t) => {
  const origin = await startSlowOrigin(t);
  const gateway = await startGateway(t, origin.url);
  const idle = await connect(t, gateway);
  const answer = exchange(gateway, "/slow");
  await origin.holds(1);
  gateway.child.kill("SIGINT");
  await idle.ended;
  origin.release();
  assert.equal((await answer).body, "done /slow");
  assert.deepEqual(await gateway.ended, { code: 0, signal: null });
});

test("after kill -9 another one serves on the same port within two seconds", async (t) => {
  const origin = await startSlowOrigin(t);
  const first = await startGateway(t, origin.url);
  const idle = await connect(t, first);
  const cut = exchange(first, "/slow");
  await origin.holds(1);
  first.child.kill("SIGKILL");
  const begun = Date.now();
  await first.ended;
  const second = await startGateway(t, origin.url, { listen: first.address });
  assert.equal((await exchange(second, "/quick")).body, "quick");
  assert.ok(Date.now() - begun < 2000);
  assert.equal(second.port, first.port);
  await idle.ended;
  assert.ok(!(await cut).isWhole);
  assert.deepEqual(await second.stop(), { code: 0, signal: null });
});

for (const workers of [1, 2]) {
  test(`a port in use is refused, also where the other one is a gateway of ${workers} workers`, async (t) => {
    const options = ["--workers", `${workers}`];
    const origin = await startOrigin(t, (request, response) => response.end("first"));
    const first = await startGateway(t, origin.url, { options });
    const second = spawnGateway(t, ["--listen", first.address, "--to", origin.url, ...options]);
    assert.deepEqual(await second.ended, { code: 1, signal: null });
    assert.equal(second.stdout, "");
    assert.match(second.stderr, /^gateway: cannot listen on '127\.0\.0\.1:\d+': Address already in use\n$/);
    assert.equal((await exchange(first, "/")).body, "first");
  });
}

test("the same address twice is refused as one in use", async (t) => {
  const origin = await startOrigin(t, (request, response) => response.end());
  const first = await startGateway(t, origin.url);
  await first.stop();
  const address = ["--listen", first.address];
  const gateway = spawnGateway(t, [...address, ...address, "--to", origin.url]);
  assert.deepEqual(await gateway.ended, { code: 1, signal: null });
  assert.equal(gateway.stdout, "");
  assert.match(gateway.stderr, /^gateway: cannot listen on .*: Address already in use\n$/);
});

const target = "http://127.0.0.1:9";
for (const [what, options, ...problems] of [
  ["a listener without a port", ["--listen", "127.0.0.1"], /'127\.0\.0\.1': expected ADDRESS:PORT/],
  ["a port above 65535", ["--listen", "127.0.0.1:65536"], /'127\.0\.0\.1:65536': the port is no/],
  ["a port with a tail", ["--listen", "127.0.0.1:80x"], /'127\.0\.0\.1:80x': the port is no/],
  ["a listener without an address", ["--listen", ":8080"], /':8080': the host is no IP address/],
  ["a host name to listen on", ["--listen", "a.test:80"], /'a\.test:80': the host is no IP address/],
  ["an address of another machine", ["--listen", "192.0.2.1:8080"], /'192\.0\.2\.1:8080': Cannot/],
  ["a bad listener behind a good one", ["--listen", "127.0.0.1:0", "--listen", "x"], /'x': expected/],
  ["a target without a scheme", ["--to", "127.0.0.1:9000"], /"127\.0\.0\.1:9000".*http:\/\/HOST/],
  ["a target with a path", ["--to", "http://a.test/x"], /http:\/\/a\.test\/x.*path/],
  ["a target with port 0", ["--to", "http://a.test:0"], /http:\/\/a\.test:0.*port/],
  ["a target of an unknown scheme", ["--to", "ftp://a.test"], /ftp:\/\/a\.test.*form http/],
  ["two bad targets", ["--to", "http://", "--to", "ftp://b.test"], /http:\/\/.*host/, /ftp:\/\/b\.test/],
  ["too many workers", ["--workers", "2000"], /workers must not exceed 1024/],
  ["a log that cannot be opened", ["--access-log", "/nowhere/log"], /\/nowhere\/log.*No such file/],
]) {
  test(`${what}: nothing listens, and each problem is named`, async (t) => {
    const isTarget = options.includes("--to");
    const gateway = spawnGateway(t, [...options, ...(isTarget ? [] : ["--to", target])]);
    assert.deepEqual(await gateway.ended, { code: 1, signal: null });
    assert.equal(gateway.stdout, "");
    const lines = gateway.stderr.trim().split("\n");
    assert.equal(lines.length, problems.length, gateway.stderr);
    for (const [i, problem] of problems.entries()) {
      assert.match(lines[i], /^gateway: /);
      assert.match(lines[i], problem);
    }
  });
}

test("no target, an unknown option and a number that is none are refused with a sentence", async (t) => {
  for (const options of [[], ["--to", target, "--frm", "x"], ["--to", target, "--workers", "-1"]]) {
    const gateway = spawnGateway(t, options);
    const { code, signal } = await gateway.ended;
    assert.ok(code > 0 && signal === null);
    assert.equal(gateway.stdout, "");
    assert.match(gateway.stderr, /--to is required|--frm|--workers/);
  }
});
