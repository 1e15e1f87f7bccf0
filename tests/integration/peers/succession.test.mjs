// SPDX-License-Identifier: Apache-2.0
// One gateway after another at the same addresses: a successor takes the sockets over under load
// and no request fails; sockets that came with the process are served.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { stat, writeFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import {
  binary, exchange, open, spawnGateway, startOrigin, temporaryFolder,
} from "./processes.mjs";

const run = promisify(execFile);

/// A gateway of whose lines on stderr the tests make up their own mind.
async function startHeir(owner, target, { listen, options }) {
  const gateway = spawnGateway(owner, ["--listen", listen, "--to", target, ...options]);
  while (!gateway.stdout.includes("\n")) {
    const happened = await Promise.race([once(gateway.child.stdout, "data"), gateway.ended]);
    if (happened.code !== undefined) throw new Error(`no gateway: ${gateway.stderr}`);
  }
  gateway.address = gateway.stdout.match(/^listening on (\S+)/)[1];
  gateway.port = Number(gateway.address.split(":").pop());
  return gateway;
}

for (const [before, after] of [[1, 1], [2, 1], [1, 3]]) {
  test(`restarts under load fail no request: ${before} workers, then ${after}`, async (t) => {
    const folder = await temporaryFolder(t);
    const origin = await startOrigin(t, (request, response) => response.end("hello"));
    const path = join(folder, "gateway.sock");
    const optionsOf = (workers) => ["--succession", path, "--workers", `${workers}`];
    let gateway = await startHeir(t, origin.url, { listen: "127.0.0.1:0", options: optionsOf(before) });
    const listen = gateway.address;

    const kept = run("wrk", ["-t1", "-c16", "-d2s", `http://${listen}/`]);
    const churning = run("wrk", ["-t1", "-c8", "-d2s", "-H", "Connection: close", `http://${listen}/`]);
    let isOver = false;
    const load = Promise.all([kept, churning]).finally(() => (isOver = true));
    let restarts = 0;
    while (!isOver) {
      const heir = await startHeir(t, origin.url, { listen, options: optionsOf(after) });
      assert.deepEqual(await gateway.ended, { code: 0, signal: null });
      assert.match(gateway.stderr, /^\S+ info a successor serves: draining\n$/);
      gateway = heir;
      ++restarts;
    }
    for (const { stdout } of await load) {
      assert.doesNotMatch(stdout, /Socket errors|Non-2xx/);
      assert.ok(Number(stdout.match(/(\d+) requests in/)[1]) > 100, stdout);
    }
    assert.ok(restarts >= 3, `${restarts} restarts`);
    gateway.child.kill("SIGTERM");
    assert.deepEqual(await gateway.ended, { code: 0, signal: null });
    await assert.rejects(stat(path), { code: "ENOENT" });
  });
}

test("a slow answer and an idle connection of the predecessor's end in order", async (t) => {
  const folder = await temporaryFolder(t);
  const held = [];
  const origin = await startOrigin(t, (request, response) => {
    if (request.url !== "/slow") return response.end("quick");
    held.push(response);
    origin.server.emit("held");
  });
  const options = ["--succession", join(folder, "gateway.sock")];
  const first = await startHeir(t, origin.url, { listen: "127.0.0.1:0", options });
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  await exchange(first, "/quick", { agent });
  const slow = open(first, "/slow");
  await once(origin.server, "held");

  const second = await startHeir(t, origin.url, { listen: first.address, options });
  const last = await exchange(first, "/quick", { agent });
  assert.equal(last.reused, true, "an idle connection may ask once more");
  assert.equal(last.headers.connection, "close");
  assert.equal(last.body, "quick");
  held[0].end("slow");
  const answer = await slow;
  assert.equal((await answer.toArray()).join(""), "slow");
  assert.deepEqual(await first.ended, { code: 0, signal: null });
  assert.equal((await exchange(second, "/quick")).body, "quick");
});

test("a successor that fails leaves its predecessor as it was", async (t) => {
  const folder = await temporaryFolder(t);
  const origin = await startOrigin(t, (request, response) => response.end("still here"));
  const path = join(folder, "listen.sock");
  const options = ["--succession", join(folder, "gateway.sock"), "--listen", `unix:${path}`];
  const first = await startHeir(t, origin.url, { listen: "127.0.0.1:0", options });
  const taken = net.createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());

  const failed = spawnGateway(t, [
    ...["--listen", first.address, ...options, "--listen", `127.0.0.1:${taken.address().port}`],
    ...["--to", origin.url],
  ]);
  assert.equal((await failed.ended).code, 1);
  assert.match(failed.stderr, /Address already in use/);
  assert.equal((await exchange(first, "/")).body, "still here");
  const { stdout } = await run("curl", ["-sS", "--unix-socket", path, "http://a.test/"]);
  assert.equal(stdout, "still here");

  const second = await startHeir(t, origin.url, { listen: first.address, options });
  assert.deepEqual(await first.ended, { code: 0, signal: null });
  const after = await run("curl", ["-sS", "--unix-socket", path, "http://a.test/"]);
  assert.equal(after.stdout, "still here");
  second.child.kill("SIGTERM");
  await second.ended;
  await assert.rejects(stat(path), { code: "ENOENT" }, "the last one removes the path");
});

test("what is no gateway at the path is refused with a sentence", async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, "gateway.sock");
  await writeFile(path, "a file");
  const arguments_ = ["--listen", "127.0.0.1:0", "--to", "http://127.0.0.1:1", "--succession", path];
  const gateway = spawnGateway(t, arguments_);
  assert.equal((await gateway.ended).code, 1);
  assert.match(gateway.stderr, /succession at '.*': /);
});

/// What systemd does for a socket-activated service: the socket is descriptor 3, and says so.
const kActivate = `
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])
`;

function activated(owner, name, options) {
  const child = spawn("python3", ["-c", kActivate, name, binary, ...options]);
  const gateway = { stdout: "", stderr: "" };
  for (const output of ["stdout", "stderr"]) {
    child[output].setEncoding("utf8").on("data", (text) => (gateway[output] += text));
  }
  gateway.ended = once(child, "close").then(([code]) => code);
  owner.after(async () => {
    child.kill("SIGTERM");
    await gateway.ended;
  });
  gateway.ready = async () => {
    while (!gateway.stdout.includes("listening on")) {
      const happened = await Promise.race([once(child.stdout, "data"), gateway.ended]);
      assert.ok(typeof happened !== "number", gateway.stderr);
    }
    gateway.port = Number(gateway.stdout.match(/^port (\d+)/)[1]);
  };
  return gateway;
}

for (const address of ["systemd:web", "systemd:", "fd:3"]) {
  test(`a socket that came with the process is served: ${address}`, async (t) => {
    const origin = await startOrigin(t, (request, response) => response.end("activated"));
    const options = ["--listen", address, "--workers", "2", "--to", origin.url];
    const gateway = activated(t, "web", options);
    await gateway.ready();
    for (let i = 0; i < 10; ++i) assert.equal((await exchange(gateway, "/")).body, "activated");
    assert.equal(gateway.stderr, "");
  });
}

test("sockets that did not come, or are none, are refused with a sentence", async (t) => {
  const to = ["--to", "http://127.0.0.1:1"];
  const other = activated(t, "web", ["--listen", "systemd:admin", ...to]);
  assert.equal(await other.ended, 1);
  assert.match(other.stderr, /'systemd:admin': systemd has passed no socket of that name/);
  const strange = spawnGateway(t, ["--listen", "systemd:web", ...to]);
  assert.equal((await strange.ended).code, 1);
  assert.match(strange.stderr, /systemd has passed no sockets to this process/);
  for (const address of ["fd:0", "fd:99", "fd:x", "fd:-1", "fd:"]) {
    const none = spawnGateway(t, ["--listen", address, ...to]);
    assert.equal((await none.ended).code, 1);
    assert.match(none.stderr, /no listening stream socket|expected fd:N/);
  }
});
