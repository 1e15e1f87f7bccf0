// SPDX-License-Identifier: Apache-2.0
// Every example, started as its first lines say and asked what they promise.
import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Authority } from "./authority.mjs";
import { connectGrpc, outcome, startService } from "./grpc_service.mjs";
import { exchange, startOrigin, temporaryFolder } from "./processes.mjs";

const folder = temporaryFolder({ after });
const program = (name) => path.join(process.env.GATEWAYKIT_BIN_DIR, name);

/// An example that serves: `port`, what it prints, and stop().
async function start(owner, name, ...options) {
  const child = spawn(program(name), options);
  const example = { child, out: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => (example.out += text));
  }
  example.ended = once(child, "close").then(([code]) => code);
  owner.after(() => child.kill("SIGKILL"));
  example.says = async (pattern) => {
    while (!pattern.test(example.out)) {
      const streams = [once(child.stdout, "data"), once(child.stderr, "data"), example.ended];
      if (typeof (await Promise.race(streams)) === "number") assert.fail(example.out);
    }
    return example.out.match(pattern);
  };
  example.port = Number((await example.says(/listening on port (\d+)\n/))[1]);
  example.stop = () => {
    child.kill("SIGTERM");
    return example.ended;
  };
  return example;
}

test("hello_proxy", async (t) => {
  const { url } = await startOrigin(t, (request, response) => response.end(request.url));
  const example = await start(t, "hello_proxy", "127.0.0.1:0", url);
  assert.equal((await exchange(example, "/any/path")).body, "/any/path");
  assert.equal(await example.stop(), 0);
});

test("custom_middleware", async (t) => {
  const example = await start(t, "custom_middleware", "127.0.0.1:0");
  const refused = await exchange(example, "/hello");
  assert.equal(refused.status, 400);
  assert.equal(JSON.parse(refused.body).detail, "x-tenant is required");
  const answer = await exchange(example, "/hello", { headers: { "x-tenant": "acme" } });
  assert.equal(answer.body, "hello, acme\n");
  assert.equal(answer.headers["cache-control"], "private");
  assert.equal((await exchange(example, "/ready")).body, "ready\n");
  assert.equal(await example.stop(), 0);
});

test("sidecar", async (t) => {
  const socket = path.join(folder, "app.sock");
  const application = http.createServer((request, response) => response.end("application"));
  application.listen(socket);
  t.after(() => application.closeAllConnections() ?? application.close());
  await once(application, "listening");
  const example = await start(t, "sidecar", "127.0.0.1:0", socket);
  const answer = await exchange(example, "/");
  assert.equal(answer.body, "application");
  assert.ok(answer.headers["x-request-id"]);
  assert.equal((await exchange(example, "/-/ready")).status, 200);
  // A sidecar is small: what it has of its own, apart from the programs that it shares.
  const status = fs.readFileSync(`/proc/${example.child.pid}/status`, "utf8");
  t.diagnostic(status.match(/VmRSS:.*/)[0]);
  example.child.kill("SIGTERM");
  while ((await exchange(example, "/-/ready")).status === 200);
  assert.equal(await example.ended, 0);
  assert.match(example.out, /"upstream":"unix:.*app.sock"/);
});

test("embedded", async (t) => {
  const example = await start(t, "embedded", "127.0.0.1:0");
  await example.says(/coffee is unknown\n/);
  assert.equal((await exchange(example, "/price/tea")).body, "1\n");
  example.child.stdin.write("\n");
  await example.says(/coffee is known\n/);
  assert.equal((await exchange(example, "/price/tea")).body, "2\n");
  example.child.stdin.end();
  assert.equal(await example.ended, 0);
  assert.match(example.out, /2 requests\n$/);
});

test("tls_termination", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const { certificate, privateKey } = authority.issue(["localhost"]);
  const { url } = await startOrigin(t, (request, response) => response.end(request.url));
  const example = await start(t, "tls_termination", "127.0.0.1:0", "127.0.0.1:0", certificate, privateKey, url);
  const clearPort = Number((await example.says(/redirecting from port (\d+)\n/))[1]);
  const { stdout } = await promisify(execFile)("curl", ["-sSi", "--cacert", authority.file,
    `https://localhost:${example.port}/path`]);
  assert.match(stdout, /^HTTP\/2 200 /);
  assert.match(stdout, /^strict-transport-security: max-age=/im);
  assert.match(stdout, /\r\n\r\n\/path$/);
  const moved = await exchange({ port: clearPort }, "/path?q", { headers: { host: `localhost:${clearPort}` } });
  assert.equal(moved.status, 308);
  assert.equal(moved.headers.location, `https://localhost:${example.port}/path?q`);
  assert.equal(await example.stop(), 0);
});

test("grpc_proxy", async (t) => {
  const { url } = await startService(t);
  const page = "https://shop.example";
  const example = await start(t, "grpc_proxy", "127.0.0.1:0", page, url);
  const { message } = await outcome((done) => connectGrpc(t, example).unary(Buffer.from("you"), done));
  assert.equal(`${message}`, "you");
  const path = "/test.Echo/Unary";
  const asked = { origin: page, "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-grpc-web" };
  const preflight = await exchange(example, path, { method: "OPTIONS", headers: asked });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers["access-control-allow-origin"], page);
  assert.match(preflight.headers["access-control-allow-headers"], /\bx-grpc-web\b/);
  const call = Buffer.from("\0\0\0\0\x05\n\x03you");
  const headers = { origin: page, "content-type": "application/grpc-web+proto" };
  const answer = await exchange(example, path, { method: "POST", headers, body: call });
  assert.equal(answer.headers["access-control-allow-origin"], page);
  assert.match(answer.headers["access-control-expose-headers"], /\bgrpc-status\b/);
  assert.match(answer.body, /^\0\0\0\0\x05\n\x03you\x80.*grpc-status: 0\r\n/s);
  assert.equal(await example.stop(), 0);
});

test("tested_middleware", () => {
  const run = spawnSync(program("tested_middleware"), { encoding: "utf8" });
  assert.equal(run.status, 0);
  assert.equal(run.stdout.match(/^ok: /gm).length, 2);
});

test("each says how it is used", () => {
  const wrong = ["nowhere", "http://127.0.0.1:1", "no certificate", "no key", "http://127.0.0.1:1"];
  const counts = { hello_proxy: 2, custom_middleware: 1, sidecar: 2, embedded: 1, tls_termination: 5, grpc_proxy: 3 };
  for (const [name, count] of Object.entries(counts)) {
    const run = spawnSync(program(name), { encoding: "utf8" });
    assert.equal(run.status, 2);
    assert.match(run.stderr, new RegExp(`^usage: ${name} `));
    assert.equal(spawnSync(program(name), wrong.slice(0, count)).status, 1);
  }
});
