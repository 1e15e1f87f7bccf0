// SPDX-License-Identifier: Apache-2.0
// The gateway from a file: what it prints, what it refuses, and a reload under load.
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, test } from "node:test";
import { exchange, spawnGateway, startOrigin, temporaryFolder } from "./processes.mjs";

const folder = temporaryFolder({ after });

function write(name, value) {
  const file = path.join(folder, name);
  fs.writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value, null, 1));
  return file;
}

function config(url, routes) {
  return {
    listen: ["127.0.0.1:0"],
    services: { origin: { targets: [url] } },
    middleware: ["requestId"],
    routes: [{ path: "/*", service: "origin" }, ...routes],
  };
}

async function said(gateway, stream, text) {
  while (!gateway[stream].includes(text)) {
    const happened = await Promise.race([once(gateway.child[stream], "data"), gateway.ended]);
    if (happened.code !== undefined) throw new Error(`it ended: ${gateway.stderr}`);
  }
}

async function start(owner, file) {
  const gateway = spawnGateway(owner, ["--config", file]);
  await said(gateway, "stdout", "\n");
  gateway.port = Number(gateway.stdout.match(/:(\d+)\n/)[1]);
  /// Sends SIGHUP and waits for what it says of it, which is taken off what it has said.
  gateway.reload = async () => {
    gateway.stderr = "";
    gateway.child.kill("SIGHUP");
    await said(gateway, "stderr", "reloaded");
    return gateway.stderr;
  };
  return gateway;
}

test("it serves what the file says, and drains", async (t) => {
  const { url } = await startOrigin(t, (request, response) => response.end(request.url));
  const routes = [{ path: "/hello", respond: { body: "hello" } }];
  const gateway = await start(t, write("serve.json", config(url, routes)));
  assert.equal((await exchange(gateway, "/hello")).body, "hello");
  const answer = await exchange(gateway, "/other");
  assert.equal(answer.body, "/other");
  assert.ok(answer.headers["x-request-id"]);
  gateway.child.kill("SIGTERM");
  assert.deepEqual(await gateway.ended, { code: 0, signal: null });
  assert.equal(gateway.stderr, "");
});

test("a reload under load fails no request, keeps connections to targets, and serves the new routes", async (t) => {
  let connections = 0;
  const { server, url } = await startOrigin(t, (request, response) => response.end("origin"));
  server.on("connection", () => ++connections);
  const routes = (i) => [{ path: "/generation", respond: { body: `${i}` } }];
  const file = write("load.json", config(url, routes(0)));
  const gateway = await start(t, file);

  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  t.after(() => agent.destroy());
  let isOver = false;
  let answered = 0;
  const client = async () => {
    while (!isOver) {
      const { status, body, isWhole } = await exchange(gateway, "/x", { agent });
      assert.deepEqual({ status, body, isWhole }, { status: 200, body: "origin", isWhole: true });
      ++answered;
    }
  };
  const clients = Array.from({ length: 8 }, client);
  await exchange(gateway, "/x", { agent });
  for (let i = 1; i <= 10; ++i) {
    const before = answered;
    write("load.json", config(url, routes(i)));
    assert.match(await gateway.reload(), /^gateway: reloaded\n$/);
    assert.equal((await exchange(gateway, "/generation")).body, `${i}`);
    while (answered < before + 50) await new Promise(setImmediate);
  }
  isOver = true;
  await Promise.all(clients);
  assert.ok(connections <= 9, `${connections} connections to the target: its pool was kept`);
});

test("a half-written, wrong or missing file leaves what runs, and says why", async (t) => {
  const good = { listen: "127.0.0.1:0", routes: [{ path: "/", respond: { body: "old" } }] };
  const file = write("bad.json", good);
  const gateway = await start(t, file);
  for (const [text, problem] of [
    ["", /bad\.json:1:1: is no JSON/],
    [JSON.stringify(good).slice(0, 40), /bad\.json:1:\d+: is no JSON/],
    [{ ...good, routes: [{ path: "/", service: "x" }] }, /\/routes\/0\/service: there is no service "x"/],
    [{ ...good, listen: "127.0.0.1:1" }, /\/listen: cannot change while the gateway runs/],
    [{ ...good, workers: 3 }, /\/workers: cannot change while the gateway runs/],
    ["\xff\xfe", /is no JSON/],
    ["[".repeat(1_000_000), /nested deeper/],
    [" ".repeat(17 << 20), /larger than 16 MiB/],
  ]) {
    write("bad.json", text);
    const sentences = await gateway.reload();
    assert.match(sentences, problem);
    assert.match(sentences, /gateway: not reloaded: what runs stays\n$/);
    assert.equal((await exchange(gateway, "/")).body, "old");
  }
  fs.unlinkSync(file);
  gateway.stderr = "";
  gateway.child.kill("SIGHUP");
  await said(gateway, "stderr", "cannot read");
  assert.equal((await exchange(gateway, "/")).body, "old");
  write("bad.json", { ...good, routes: [{ path: "/", respond: { body: "new" } }] });
  await gateway.reload();
  assert.equal((await exchange(gateway, "/")).body, "new");
});

test("--check tells every problem and serves nothing", async (t) => {
  const good = write("good.json", { listen: "127.0.0.1:0", routes: [] });
  const checked = spawnGateway(t, ["--config", good, "--check"]);
  assert.deepEqual(await checked.ended, { code: 0, signal: null });
  assert.equal(checked.stdout + checked.stderr, "");

  const bad = write("wrong.json", '{"listen": "127.0.0.1",\n "routs": []}');
  for (const options of [["--check"], []]) {
    const refused = spawnGateway(t, ["--config", bad, ...options]);
    assert.deepEqual(await refused.ended, { code: 1, signal: null });
    assert.equal(refused.stdout, "");
    assert.deepEqual(refused.stderr.trim().split("\n").map((line) => line.slice(bad.length)), [
      ':1:1: needs "routes"',
      ":1:12: /listen: cannot listen on '127.0.0.1': expected ADDRESS:PORT or unix:PATH",
      ':2:2: /routs: is no key that is known here (did you mean "routes"?)',
    ]);
  }
});

test("a file that cannot be read is told", async (t) => {
  for (const file of [folder, path.join(folder, "nowhere.json")]) {
    const refused = spawnGateway(t, ["--config", file, "--check"]);
    assert.deepEqual(await refused.ended, { code: 1, signal: null });
    assert.equal(refused.stderr, `gateway: cannot read ${file}\n`);
  }
});

test("--check leaves no access log behind", async (t) => {
  const log = path.join(temporaryFolder(t), "access.log");
  const config = write("logs.json", {
    listen: "127.0.0.1:0", middleware: [{ accessLog: { file: log } }], routes: [],
  });
  const checked = spawnGateway(t, ["--config", config, "--check"]);
  assert.deepEqual(await checked.ended, { code: 0, signal: null });
  assert.ok(!fs.existsSync(log));
});

test("a file goes with no option of the short form", async (t) => {
  const file = write("plain.json", { listen: "127.0.0.1:0", routes: [] });
  for (const options of [["--to", "http://a.test"], ["--listen", "127.0.0.1:0"], ["--workers", "2"]]) {
    const refused = spawnGateway(t, ["--config", file, ...options]);
    assert.ok((await refused.ended).code > 0);
    assert.equal(refused.stdout, "");
  }
});

test("it tells its version; a command line that it cannot take ends with 2", async (t) => {
  const told = spawnGateway(t, ["--version"]);
  assert.deepEqual(await told.ended, { code: 0, signal: null });
  assert.match(told.stdout, /^\d+\.\d+\.\d+\n$/);
  for (const options of [[], ["--check"], ["--nonsense"], ["explain", "GET"]]) {
    const refused = spawnGateway(t, options);
    assert.deepEqual(await refused.ended, { code: 2, signal: null });
    assert.notEqual(refused.stderr, "");
  }
});

test("explain tells what becomes of a request, and opens neither listeners nor logs", async (t) => {
  const log = path.join(folder, "never.log");
  const file = write("explain.json", {
    listen: ["127.0.0.1:0"],
    services: { origin: { targets: ["http://127.0.0.1:9"] } },
    middleware: ["requestId", { accessLog: { file: log } }],
    routes: [
      { path: "/users/{id}", methods: ["GET"], service: "origin", timeout: "1s" },
      { path: "/users/{id}", methods: ["GET"], headers: { "x-beta": "1" }, respond: "beta" },
      { path: "/admin", host: "admin.test", respond: "admin" },
    ],
  });
  const explain = async (...request) => {
    const gateway = spawnGateway(t, ["explain", ...request, "--config", file]);
    const { code } = await gateway.ended;
    return { code, lines: (gateway.stdout + gateway.stderr).split("\n") };
  };
  const taken = await explain("GET", "http://shop.test/users/7?x=1");
  assert.deepEqual(taken, {
    code: 0,
    lines: [
      "GET shop.test/users/7?x=1",
      "route: GET, HEAD /users/{id}",
      "  id = 7",
      "runs: request_id, access_log, timeout, proxy to origin",
      "other routes:",
      "  GET, HEAD /users/{id} [x-beta: 1]: asks for the field x-beta: 1",
      "",
    ],
  });
  assert.match((await explain("GET", "/users/7", "-H", "X-Beta: 1")).lines[1], /x-beta/);
  assert.equal((await explain("GET", "/admin", "-H", "Host: admin.test", "-H", "x: y")).code, 0);
  for (const [request, expected] of [
    [["GET", "/admin"], /404.*admin\.test\/admin: is for the host admin\.test/s],
    [["POST", "/users/7"], /405/],
    [["GET", "/a%00"], /400/],
    [["GE T", "/"], /no method/],
    [["GET", "/", "-H", "nonsense"], /'nonsense' is no header field/],
  ]) {
    const refused = await explain(...request);
    assert.equal(refused.code, 1);
    assert.match(refused.lines.join("\n"), expected);
  }
  assert.ok(!fs.existsSync(log));
});
