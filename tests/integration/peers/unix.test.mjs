// SPDX-License-Identifier: Apache-2.0
// Unix-domain sockets on both sides: what a sidecar listens on and forwards to.
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { after, test } from "node:test";
import { exchange, spawnGateway, startGateway, startOrigin, temporaryFolder } from "./processes.mjs";

const folder = temporaryFolder({ after });
const at = (name) => path.join(folder, name);

function get(socketPath, target = "/") {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, path: target, headers: { host: "a.test" } });
    request.on("error", reject);
    request.on("response", async (response) => {
      let body = "";
      for await (const text of response.setEncoding("utf8")) body += text;
      resolve({ status: response.statusCode, body });
    });
    request.end();
  });
}

/// A gateway that answers "hi" on a path; `listener` are further keys of it.
async function serveOn(owner, name, listener = {}, keys = {}) {
  const file = at(`${name}.json`);
  const listen = { address: `unix:${at(name)}`, ...listener };
  fs.writeFileSync(
    file,
    JSON.stringify({ listen, routes: [{ path: "/", respond: { body: "hi" } }], ...keys }),
  );
  const gateway = spawnGateway(owner, ["--config", file]);
  while (!gateway.stdout.includes("\n")) {
    const happened = await Promise.race([once(gateway.child.stdout, "data"), gateway.ended]);
    if (happened.code !== undefined) throw new Error(gateway.stderr);
  }
  assert.equal(gateway.stdout, `listening on unix:${at(name)}\n`);
  gateway.stop = () => {
    gateway.child.kill("SIGTERM");
    return gateway.ended;
  };
  return gateway;
}

test("two workers share a path, which is gone once they have stopped", async (t) => {
  const gateway = await serveOn(t, "shared", {}, { workers: 2 });
  const answers = await Promise.all(Array.from({ length: 100 }, () => get(at("shared"))));
  assert.ok(answers.every(({ status, body }) => status === 200 && body === "hi"));
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  assert.ok(!fs.existsSync(at("shared")));
});

test("a target may be a path", async (t) => {
  const { url } = await startOrigin(t, (request, response) => response.end(request.url));
  const inner = spawnGateway(t, ["--listen", `unix:${at("inner")}`, "--to", url]);
  await once(inner.child.stdout, "data");
  const outer = await startGateway(t, `unix:${at("inner")}`);
  const answer = await exchange(outer, "/through/both");
  assert.equal(answer.body, "/through/both");
});

test("permissions are those that were asked for, whatever the umask", async (t) => {
  for (const [mode, bits] of [["0600", 0o600], ["0666", 0o666]]) {
    const gateway = await serveOn(t, `mode${mode}`, { mode });
    assert.equal(fs.statSync(at(`mode${mode}`)).mode & 0o777, bits);
    await gateway.stop();
  }
});

test("a path that was left behind is taken over", async (t) => {
  const killed = await serveOn(t, "stale");
  killed.child.kill("SIGKILL");
  await killed.ended;
  assert.ok(fs.existsSync(at("stale")));
  const gateway = await serveOn(t, "stale");
  assert.equal((await get(at("stale"))).body, "hi");
  await gateway.stop();
});

test("a path that somebody listens on, or that is no socket, is refused and left alone", async (t) => {
  const server = net.createServer().listen(at("used"));
  t.after(() => server.close());
  await once(server, "listening");
  fs.writeFileSync(at("file"), "precious");
  for (const name of ["used", "file", "x".repeat(200), ""]) {
    const address = name === "" ? "unix:" : `unix:${at(name)}`;
    const gateway = spawnGateway(t, ["--listen", address, "--to", "http://127.0.0.1:1"]);
    assert.deepEqual(await gateway.ended, { code: 1, signal: null });
    assert.match(gateway.stderr, /cannot listen on 'unix:/);
  }
  assert.equal(fs.readFileSync(at("file"), "utf8"), "precious");
  assert.ok(server.listening && fs.existsSync(at("used")));
});

test("a path that another one has taken meanwhile is not removed", async (t) => {
  const first = await serveOn(t, "moved");
  fs.unlinkSync(at("moved"));
  const second = await serveOn(t, "moved");
  await first.stop();
  assert.equal((await get(at("moved"))).body, "hi");
  await second.stop();
});
