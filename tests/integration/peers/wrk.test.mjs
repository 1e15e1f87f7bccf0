// SPDX-License-Identifier: Apache-2.0
// The gateway executable under load by wrk: no request fails, and each has its line in the log.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { startGateway, startOrigin, temporaryFolder } from "./processes.mjs";

const run = promisify(execFile);
const kConnections = 32;

test("wrk sees no error, and the access log has a line of JSON for each request", async (t) => {
  const log = join(temporaryFolder(t), "access.log");
  const origin = await startOrigin(t, (request, response) => response.end("hello"));
  const options = ["--workers", "2", "--request-id", "--access-log", log];
  const gateway = await startGateway(t, origin.url, { options });

  const { stdout } = await run("wrk", [
    ...["-t1", `-c${kConnections}`, "-d2s", `http://${gateway.address}/load?token=x`],
  ]);
  assert.doesNotMatch(stdout, /Socket errors|Non-2xx/);
  const requests = Number(stdout.match(/(\d+) requests in/)[1]);
  assert.ok(requests > 100, stdout);

  // wrk leaves with a request on each connection.
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  assert.equal(gateway.stderr, "");
  const text = await readFile(log, "utf8");
  assert.ok(text.endsWith("\n"));
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.ok(lines.length >= requests && lines.length <= requests + kConnections + 1,
    `${lines.length} lines for ${requests} requests`);
  assert.equal(new Set(lines.map((line) => line.id)).size, lines.length, "each has its own id");
  const failed = lines.filter(({ status }) => status !== 200 && status !== 499);
  assert.deepEqual(failed, []);
  assert.ok(lines.filter(({ status }) => status === 499).length <= kConnections);
});
