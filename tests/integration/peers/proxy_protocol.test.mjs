// SPDX-License-Identifier: Apache-2.0
// The PROXY protocol among real peers: curl and HAProxy send it, in clear text and ahead of TLS,
// and what the gateway sends is read by Node and by another gateway.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { test } from "node:test";
import tls from "node:tls";
import { promisify } from "node:util";
import { Authority } from "./authority.mjs";
import { exchange, startConfigured, startOrigin, temporaryFolder } from "./processes.mjs";

const run = promisify(execFile);
// Another address of the same machine, which nobody trusts.
const kElsewhere = "127.0.0.9";

function startTelling(owner) {
  return startOrigin(owner, (request, response) => response.end(request.headers["x-forwarded-for"]));
}

/// A gateway that is told by 127.0.0.1 whose connections it gets, before an origin that tells.
async function startAnnounced(owner, listener = {}) {
  const origin = await startTelling(owner);
  return startConfigured(owner, {
    listen: { address: "127.0.0.1:0", proxyProtocol: true, trustedProxies: ["127.0.0.1"], ...listener },
    services: { origin: { targets: [origin.url] } },
    routes: [{ path: "/*", service: "origin" }],
  });
}

/// HAProxy before the gateway, passing connections on as bytes; answers its port.
async function startHaproxy(owner, gateway, server) {
  const file = path.join(temporaryFolder(owner), "haproxy.cfg");
  fs.writeFileSync(file, `
    defaults
      mode tcp
      timeout connect 5s
      timeout client 30s
      timeout server 30s
    frontend clients
      bind fd@3
      default_backend gateway
    backend gateway
      server gateway 127.0.0.1:${gateway.port} ${server}
`);
  // Its socket is ours at first: who connects before it is ready waits.
  const listener = net.createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  const child = spawn("haproxy", ["-db", "-f", file], {
    stdio: ["ignore", "inherit", "ignore", listener._handle.fd],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  listener.close();
  await once(child, "spawn");
  owner.after(() => child.kill("SIGKILL"));
  return port;
}

/// Connects from `localAddress`.
async function connectFrom(localAddress, port, host = "127.0.0.1") {
  const socket = net.connect({ port, host, localAddress });
  await once(socket, "connect");
  return socket;
}

/// One request over a connected socket, and the content of the answer.
async function ask(socket, headers = {}) {
  const request = http.request({ createConnection: () => socket, headers: { host: "a.test", ...headers } });
  request.end();
  const [response] = await once(request, "response");
  const body = Buffer.concat(await response.toArray()).toString();
  socket.destroy();
  return body;
}

async function secured(socket, authority) {
  const stream = tls.connect({ socket, servername: "a.test", ca: fs.readFileSync(authority.file) });
  await once(stream, "secureConnect");
  return stream;
}

test("curl tells of itself, in clear text and ahead of TLS", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const clear = await startAnnounced(t);
  const secure = await startAnnounced(t, { tls: authority.issue(["a.test"]) });
  const urls = [`http://127.0.0.1:${clear.port}/`, `https://a.test:${secure.port}/`];
  for (const url of urls) {
    const options = ["-sS", "--cacert", authority.file, "--resolve", `a.test:${secure.port}:127.0.0.1`];
    const { stdout } = await run("curl", [...options, "--haproxy-protocol", url]);
    assert.equal(stdout, "127.0.0.1");
    await assert.rejects(run("curl", [...options, url]), "no header, no answer");
  }
});

for (const server of ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority"]) {
  test(`HAProxy tells of its clients: ${server}`, async (t) => {
    const authority = new Authority(temporaryFolder(t));
    const clear = await startAnnounced(t);
    const secure = await startAnnounced(t, { tls: authority.issue(["a.test"]) });
    const clearPort = await startHaproxy(t, clear, server);
    const securePort = await startHaproxy(t, secure, server);
    const forged = { "x-forwarded-for": "203.0.113.7" };
    assert.equal(await ask(await connectFrom(kElsewhere, clearPort), forged), kElsewhere);
    const socket = await secured(await connectFrom(kElsewhere, securePort), authority);
    assert.equal(await ask(socket), kElsewhere);
  });
}

test("HAProxy's own checks keep their connection to themselves", async (t) => {
  const gateway = await startAnnounced(t);
  const port = await startHaproxy(t, gateway, "send-proxy-v2 check inter 100ms check-send-proxy");
  // LOCAL: were it refused, the server would soon be down.
  for (let i = 0; i < 5; ++i) {
    assert.equal(await ask(await connectFrom(kElsewhere, port)), kElsewhere);
  }
});

test("whoever is not trusted to tell is closed", async (t) => {
  const gateway = await startAnnounced(t);
  const socket = await connectFrom(kElsewhere, gateway.port);
  socket.write("PROXY TCP4 192.0.2.1 127.0.0.1 1 80\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  let text = "";
  socket.on("data", (bytes) => (text += bytes));
  socket.on("error", () => {});
  await new Promise((resolve) => socket.on("close", resolve));
  assert.equal(text, "");
});

test("peers of a Unix-domain socket tell where they are trusted", async (t) => {
  const address = path.join(temporaryFolder(t), "gateway.sock");
  await startAnnounced(t, { address: `unix:${address}`, trustedProxies: ["unix"] });
  const socket = net.connect(address);
  socket.write("PROXY TCP4 192.0.2.1 127.0.0.1 1 80\r\n");
  assert.equal(await ask(socket), "192.0.2.1");
});

test("a client without an address that a proxy tells of is not believed, as the proxy itself would be", async (t) => {
  const folder = temporaryFolder(t);
  const askWith = async (name, proxyProtocol, header) => {
    const address = path.join(folder, name);
    await startAnnounced(t, { address: `unix:${address}`, trustedProxies: ["unix"], proxyProtocol });
    const socket = net.connect(address);
    socket.write(header, "latin1");
    return ask(socket, { "x-forwarded-for": "203.0.113.7" });
  };
  assert.equal(await askWith("silent", false, ""), "203.0.113.7");
  const paths = ["/client.sock", "/server.sock"].map((file) => file.padEnd(108, "\0")).join("");
  assert.equal(await askWith("telling", true, `\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8${paths}`), "");
});

for (const version of ["v1", "v2"]) {
  test(`targets are told of the client, each exchange on a connection of its own: ${version}`, async (t) => {
    const authority = new Authority(temporaryFolder(t));
    for (const listener of [{}, { tls: authority.issue(["localhost"]) }]) {
      const inner = await startAnnounced(t, listener);
      const target = `${listener.tls ? "https" : "http"}://localhost:${inner.port}`;
      const outer = await startConfigured(t, {
        services: { inner: { targets: [target], proxyProtocol: version, tls: { ca: authority.file } } },
        routes: [{ path: "/*", service: "inner" }],
      });
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      t.after(() => agent.destroy());
      // Whether the inner one believes X-Forwarded-For goes by the client that it is told of.
      assert.equal((await exchange(outer, "/", { agent })).body, "127.0.0.1, 127.0.0.1");
      assert.equal((await exchange(outer, "/", { localAddress: kElsewhere })).body, kElsewhere);
      assert.equal((await exchange(outer, "/", { agent })).body, "127.0.0.1, 127.0.0.1");
    }
  });
}

test("those that queue for a connection get one of their own", async (t) => {
  const inner = await startAnnounced(t);
  const target = `http://127.0.0.1:${inner.port}`;
  const outer = await startConfigured(t, {
    services: { inner: { targets: [target], proxyProtocol: "v2", maxConnections: 1, queueTimeout: "30s" } },
    routes: [{ path: "/*", service: "inner" }],
  });
  const told = { "127.0.0.1": "127.0.0.1, 127.0.0.1", [kElsewhere]: kElsewhere };
  const clients = Array.from({ length: 20 }, (_, i) => (i % 3 ? "127.0.0.1" : kElsewhere));
  const answers = await Promise.all(clients.map((localAddress) => exchange(outer, "/", { localAddress })));
  assert.deepEqual(answers.map(({ body }) => body), clients.map((client) => told[client]));
});

test("targets on Unix-domain sockets are told, too", async (t) => {
  const address = `unix:${path.join(temporaryFolder(t), "inner.sock")}`;
  await startAnnounced(t, { address, trustedProxies: ["unix"] });
  for (const proxyProtocol of ["v1", "v2"]) {
    const outer = await startConfigured(t, {
      services: { inner: { targets: [address], proxyProtocol } },
      routes: [{ path: "/*", service: "inner" }],
    });
    assert.equal((await exchange(outer, "/", { localAddress: kElsewhere })).body, kElsewhere);
  }
});

test("a target reads the header ahead of the request, and every connection carries one", async (t) => {
  const heads = [];
  const origin = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (bytes) => {
      heads.push(bytes.toString("latin1"));
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  });
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => origin.close());
  const { port } = origin.address();
  const gateway = await startConfigured(t, {
    services: { origin: { targets: [`http://127.0.0.1:${port}`], proxyProtocol: "v1" } },
    routes: [{ path: "/*", service: "origin" }],
  });
  for (let i = 0; i < 3; ++i) assert.equal((await exchange(gateway, `/${i}`)).body, "ok");
  assert.equal(heads.length, 3);
  for (const head of heads) {
    assert.match(head, new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 \\d+ ${port}\\r\\n`));
  }
});
