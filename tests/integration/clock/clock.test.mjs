// SPDX-License-Identifier: Apache-2.0
// The gateway executable while its wall clock jumps an hour ahead, then two back: what it says of
// the time follows at once, and what it waits for does not notice.
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { exchange, startConfigured, startOrigin, temporaryFolder } from "../peers/processes.mjs";

const kHour = 3600;

/// A clock for `env` of a process; `set` makes it differ from ours by these seconds.
function wallClock(owner) {
  const file = path.join(temporaryFolder(owner), "clock");
  const set = (seconds) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    // Written over, not anew: the process has it mapped.
    fs.writeFileSync(file, bytes, { flag: fs.existsSync(file) ? "r+" : "w" });
  };
  set(0);
  const env = {
    GATEWAYKIT_WALL_CLOCK: file,
    LD_PRELOAD: path.join(process.env.GATEWAYKIT_BIN_DIR, "libwall_clock.so"),
    // The sanitizer would be the first library.
    ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:verify_asan_link_order=0`,
  };
  return { env, set };
}

/// Requests to it wait until `release` is called.
async function startHoldingOrigin(owner) {
  const origin = await startOrigin(owner, (request, response) => {
    origin.release = () => response.end("released");
    origin.server.emit("held");
  });
  return origin;
}

function expectTime(text, offset, what) {
  const difference = Date.parse(text) / 1000 - (Date.now() / 1000 + offset);
  assert.ok(Math.abs(difference) < 5, `${what} is ${difference} seconds off`);
}

test("when the wall clock jumps, dates follow and timers do not", async (t) => {
  const clock = wallClock(t);
  const origin = await startHoldingOrigin(t);
  const gateway = await startConfigured(t, {
    services: { origin: { targets: [origin.url] } },
    middleware: [{ accessLog: { file: "-" } }],
    routes: [
      { path: "/held", service: "origin" },
      { path: "/late", service: "origin", timeout: "300ms" },
      { path: "/here", respond: { body: "here" } },
    ],
  }, clock);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const offsets = [0, kHour, -kHour];

  expectTime((await exchange(gateway, "/here", { agent })).headers.date, 0, "Date");
  for (const offset of offsets.slice(1)) {
    // In flight, and a connection that idles: both have limits of less than an hour.
    const isHeld = once(origin.server, "held");
    const held = exchange(gateway, "/held");
    await isHeld;
    const { release } = origin;
    clock.set(offset);

    const begun = performance.now();
    assert.equal((await exchange(gateway, "/late")).status, 504);
    const took = performance.now() - begun;
    assert.ok(took > 250 && took < 3000, `a timeout of 300 ms took ${took} ms`);

    release();
    assert.equal((await held).body, "released");
    const answer = await exchange(gateway, "/here", { agent });
    assert.ok(answer.reused, "the client's connection was kept");
    expectTime(answer.headers.date, offset, "Date");
  }

  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  const lines = gateway.stdout.trim().split("\n").slice(1).map((line) => JSON.parse(line));
  const here = lines.filter(({ target }) => target === "/here");
  assert.equal(here.length, offsets.length);
  here.forEach(({ time }, i) => expectTime(time, offsets[i], "the log's time"));
  for (const { duration } of lines) assert.ok(duration >= 0 && duration < 5);
});
