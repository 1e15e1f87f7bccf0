// SPDX-License-Identifier: Apache-2.0
// TLS towards clients: curl, Node and openssl meet the gateway executable.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import https from "node:https";
import net from "node:net";
import { test } from "node:test";
import tls from "node:tls";
import { promisify } from "node:util";
import { Authority, expireOcsp, kRsa } from "./authority.mjs";
import { connectHttp2, exchangeHttp2 } from "./http2_client.mjs";
import { binary, connect, startConfigured, startOrigin, temporaryFolder } from "./processes.mjs";

const run = promisify(execFile);
const kVersions = ["TLSv1.2", "TLSv1.3"];

/// A gateway with a TLS listener before an origin that tells what it was sent.
async function startSecured(owner, folder, options, config = {}) {
  const origin = await startOrigin(owner, (request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      if (request.url === "/echo") return response.end(body);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ url: request.url, headers: request.headers }));
    });
  });
  const gateway = await startConfigured(owner, {
    listen: [{ address: "127.0.0.1:0", tls: options }],
    services: { origin: { targets: [origin.url] } },
    routes: [{ path: "/*", service: "origin" }],
    ...config,
  });
  return gateway;
}

/// The first bytes that a client of TLS says.
async function helloOf(options) {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = tls.connect({ port: server.address().port, host: "127.0.0.1", ...options });
  client.on("error", () => {});
  const [socket] = await once(server, "connection");
  const [bytes] = await once(socket, "data");
  socket.destroy();
  server.close();
  return bytes;
}

function curl(gateway, authority, name, ...options) {
  return run("curl", ["-sS", "--cacert", authority.file, "--resolve",
    `${name}:${gateway.port}:127.0.0.1`, ...options]);
}

/// One request by Node: { status, headers, fingerprint, isResumed, reused, body }.
async function ask(gateway, authority, { name = "a.test", path = "/", body, ...options } = {}) {
  const request = https.request({
    ...{ host: "127.0.0.1", port: gateway.port, path, servername: name },
    ...{ ca: fs.readFileSync(authority.file), headers: { host: name }, agent: false },
    ...(body ? { method: "POST" } : {}),
    ...options,
  });
  request.end(body);
  const [response] = await once(request, "response");
  request.on("error", () => {});  // What fails from here on is told by the response.
  const { statusCode: status, headers, socket } = response;
  const fingerprint = socket.getPeerX509Certificate()?.fingerprint256;  // None in a resumed session.
  const isResumed = socket.isSessionReused();
  const content = Buffer.concat(await response.toArray());
  return { status, headers, fingerprint, isResumed, reused: request.reusedSocket, body: content };
}

/// A handshake of Node's: { version, suite, protocol, isResumed, session }, or the `code` of what ended it.
async function shakeHands(gateway, authority, options = {}) {
  const socket = tls.connect({ host: "127.0.0.1", port: gateway.port, servername: "a.test", ca: fs.readFileSync(authority.file), ...options });
  const shown = {};
  socket.on("session", (session) => (shown.session = session));
  try {
    await once(socket, "secureConnect");
    const version = socket.getProtocol();
    // Only now the gateway sees the client's certificate; the ticket says that it is content.
    if (version === "TLSv1.3") await once(socket, "session");
    return { ...shown, version, suite: socket.getCipher().name, protocol: socket.alpnProtocol, isResumed: socket.isSessionReused() };
  } catch (error) {
    return { code: error.code };
  } finally {
    socket.destroy();
  }
}

/// What a client shows of itself.
function keysOf({ certificate, privateKey }) {
  return { cert: fs.readFileSync(certificate), key: fs.readFileSync(privateKey) };
}

/// Has the files read again. Resolves to what the gateway says of it.
async function reload(gateway) {
  gateway.child.kill("SIGHUP");
  while (!gateway.stderr.includes("reloaded")) await once(gateway.child.stderr, "data");
  const said = gateway.stderr;
  gateway.stderr = "";
  return said;
}

test("curl is served over TLS 1.2 and 1.3, in HTTP/2, and the origin is told of https", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]));
  for (const version of ["1.2", "1.3"]) {
    const { stdout } = await curl(gateway, authority, "a.test", `--tls-max`, version,
      "-w", "\n%{http_version} %{ssl_verify_result}", `https://a.test:${gateway.port}/path?q=1`);
    const [body, rest] = stdout.split("\n");
    assert.equal(rest, "2 0");
    assert.equal(JSON.parse(body).url, "/path?q=1");
    assert.equal(JSON.parse(body).headers["x-forwarded-proto"], "https");
  }
  await assert.rejects(curl(gateway, authority, "a.test", "--tls-max", "1.1",
    "--ciphers", "DEFAULT@SECLEVEL=0", `https://a.test:${gateway.port}/`), /alert|protocol version/);
});

test("content of any size passes both ways, and connections are kept", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]));
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (const size of [1, 16 * 1024, 16 * 1024 + 1, 100_000, 5_000_000]) {
    const body = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7919) >> 3));
    const answer = await ask(gateway, authority, { path: "/echo", body, agent });
    assert.ok(answer.body.equals(body), `${size} bytes`);
  }
  assert.equal(agent.totalSocketCount, 1);
});

test("each name gets its certificate; another's is 421 on that connection", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const certificates = [["a.test"], ["*.b.test"], ["exact.b.test"]].map((names) => authority.issue(names));
  const gateway = await startSecured(t, authority.folder, { certificates });
  const served = async (name) => {
    const socket = tls.connect({ port: gateway.port, servername: name, ca: fs.readFileSync(authority.file), checkServerIdentity: () => undefined });
    await once(socket, "secureConnect");
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  };
  assert.equal(await served("a.test"), "a.test");
  assert.equal(await served("x.b.test"), "*.b.test");
  assert.equal(await served("EXACT.b.test"), "exact.b.test");
  assert.equal(await served("x.y.b.test"), "a.test", "a wildcard stands for one label");
  assert.equal(await served("unknown.test"), "a.test");

  assert.equal((await ask(gateway, authority)).status, 200);
  assert.equal((await ask(gateway, authority, { headers: { host: "A.TEST:443" } })).status, 200);
  const misdirected = await ask(gateway, authority, { headers: { host: "x.b.test" } });
  assert.equal(misdirected.status, 421);
  assert.equal(misdirected.headers["content-type"], "application/problem+json");
  const sibling = await ask(gateway, authority, { name: "x.b.test", headers: { host: "y.b.test" } });
  assert.equal(sibling.status, 200, "the same certificate is good for both");
});

for (const maxVersion of kVersions) {
  test(`each name brings the chain of its certificate, and is resumed: ${maxVersion}`, async (t) => {
    const root = new Authority(temporaryFolder(t));
    const authority = new Authority(root.folder, "subordinate", root);
    const certificates = [authority.issue(["a.test"]), authority.issue(["b.test"])];
    const gateway = await startSecured(t, root.folder, { certificates });
    for (const servername of ["a.test", "b.test"]) {
      const options = { port: gateway.port, servername, ca: fs.readFileSync(root.file), maxVersion };
      const first = tls.connect(options);
      const ticket = once(first, "session");
      await once(first, "secureConnect");
      assert.equal(first.getPeerX509Certificate().checkHost(servername), servername);
      first.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\n\r\n`);
      const [session] = await ticket;
      first.destroy();
      const next = tls.connect({ ...options, session });
      await once(next, "secureConnect");
      assert.ok(next.isSessionReused());
      next.destroy();
    }
  });

  test(`sessions are resumed, on any worker: ${maxVersion}`, async (t) => {
    const authority = new Authority(temporaryFolder(t));
    const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]), { workers: 3 });
    const { session } = await shakeHands(gateway, authority, { maxVersion });
    for (let i = 0; i < 12; ++i) {
      assert.equal((await shakeHands(gateway, authority, { maxVersion, session })).isResumed, true, `connection ${i}`);
    }
  });

  test(`sessions are resumed after a reload, where clients show no certificates: ${maxVersion}`, async (t) => {
    const authority = new Authority(temporaryFolder(t));
    const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]));
    const { session } = await shakeHands(gateway, authority, { maxVersion });
    authority.issue(["a.test"]);
    await reload(gateway);
    assert.equal((await shakeHands(gateway, authority, { maxVersion, session })).isResumed, true);
  });

  test(`who has issued a client's certificate is asked again after a reload: ${maxVersion}`, async (t) => {
    const folder = temporaryFolder(t);
    const authority = new Authority(folder);
    const [former, latter] = ["former", "latter"].map((name) => new Authority(folder, name));
    const [own, other] = [former, latter].map((issuer) => keysOf(issuer.issue(["client.test"])));
    const clientCa = `${folder}/clients.pem`;
    for (const clientCertificates of ["required", "optional"]) {
      fs.copyFileSync(former.file, clientCa);
      const gateway = await startSecured(t, folder, { ...authority.issue(["a.test"]), clientCertificates, clientCa },
        { routes: [{ path: "/*", service: "origin", clientCertificate: true }] });
      const told = async (options) => {
        const { isResumed, body } = await ask(gateway, authority, { maxVersion, ...options });
        return [isResumed, JSON.parse(body).headers["client-cert"]];
      };
      const header = ({ cert }) => `:${new X509Certificate(cert).raw.toString("base64")}:`;
      const { session } = await shakeHands(gateway, authority, { maxVersion, ...own });
      assert.deepEqual(await told({ session }), [true, header(own)], "the session knows whose it is");

      fs.copyFileSync(latter.file, clientCa);
      await reload(gateway);
      assert.match((await shakeHands(gateway, authority, { maxVersion, session, ...own })).code, /ALERT_UNKNOWN_CA/);
      assert.deepEqual(await told({ session, ...other }), [false, header(other)]);
      if (clientCertificates === "required") await assert.rejects(told({ session }));
      else assert.deepEqual(await told({ session }), [false, undefined]);
    }
  });
}

test("a resumed connection brings the ticket for the next one", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]));
  const options = { port: gateway.port, servername: "a.test", ca: fs.readFileSync(authority.file), minVersion: "TLSv1.3" };
  let session;
  for (const reused of [false, true, true, true]) {
    const socket = tls.connect({ ...options, session });
    const ticket = once(socket, "session");
    socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    [session] = await ticket;
    assert.equal(socket.isSessionReused(), reused);
    socket.destroy();
  }
});

test("clients show certificates where they are asked to", async (t) => {
  const folder = temporaryFolder(t);
  const authority = new Authority(folder);
  const others = new Authority(folder, "others");
  const own = keysOf(authority.issue(["client.test"]));
  const strange = keysOf(others.issue(["strange.test"]));
  const server = authority.issue(["a.test"]);
  const optional = await startSecured(t, folder, { ...server, clientCertificates: "optional", clientCa: authority.file });
  assert.equal((await ask(optional, authority)).status, 200);
  assert.equal((await ask(optional, authority, own)).status, 200);
  await assert.rejects(ask(optional, authority, strange));
  const required = await startSecured(t, folder, { ...server, clientCertificates: "required", clientCa: authority.file });
  assert.equal((await ask(required, authority, own)).status, 200);
  await assert.rejects(ask(required, authority));
});

test("a client's certificate that has expired, or has a name that goes on behind a NUL, is refused", async (t) => {
  const folder = temporaryFolder(t);
  const authority = new Authority(folder);
  const good = keysOf(authority.issue(["client.test", "admin.test"], { file: "good" }));
  const late = keysOf(authority.issue(["client.test"], { file: "late", days: -1 }));
  const forged = keysOf(authority.issue(["client.test", "admin.test\0.evil.test"], { file: "forged" }));
  for (const clientCertificates of ["optional", "required"]) {
    const options = { ...authority.issue(["a.test"]), clientCertificates, clientCa: authority.file };
    const gateway = await startSecured(t, folder, options);
    for (const maxVersion of kVersions) {
      const refusal = async (keys) => (await shakeHands(gateway, authority, { maxVersion, ...keys })).code;
      assert.equal(await refusal(good), undefined);
      assert.match(await refusal(late), /ALERT_CERTIFICATE_EXPIRED/);
      assert.match(await refusal(forged), /ALERT_CERTIFICATE_UNKNOWN|ALERT_BAD_CERTIFICATE/);
    }
  }
});

test("HTTP in clear text is answered with a sentence, and what is no HTTP is closed", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]));
  const { stdout } = await run("curl", ["-sS", "-i", `http://127.0.0.1:${gateway.port}/`]);
  assert.match(stdout, /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nThis port speaks HTTP over TLS: use https\.\r\n$/);
  const asked = ["DELETE /", "OPTIONS *", "PATCH /", "CONNECT a.test:443"].map((start) => `${start} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
  // Most of the content is on its way when the answer is.
  const upload = `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n${"x".repeat(700_000)}`;
  for (const text of [...asked, "GET / HTTP/1.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", upload]) {
    const client = await connect(t, gateway);
    client.socket.write(text);
    await client.ended;
    assert.equal(client.text, stdout, text.slice(0, 20));
    assert.ok(client.socket.readableEnded, "no reset");
  }
  const garbage = [Buffer.alloc(1000, 0xff), Buffer.from("16030100", "hex"), Buffer.from("\x16\x03\x01\xff\xff" + "x".repeat(70_000), "latin1")];
  for (const bytes of [...garbage, Buffer.from("SSH-2.0-x\r\n")]) {
    const client = await connect(t, gateway);
    client.socket.end(bytes);
    await client.ended;
    assert.doesNotMatch(client.text, /HTTP/);
  }
  assert.equal((await ask(gateway, authority)).status, 200);
});

test("a client that does not finish its handshake is closed", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, { ...authority.issue(["a.test"]), handshakeTimeout: "200ms" });
  const start = performance.now();
  const silent = await connect(t, gateway);
  const begun = await connect(t, gateway);
  begun.socket.write(Buffer.from("160301", "hex"));
  await Promise.all([silent.ended, begun.ended]);
  assert.ok(performance.now() - start < 5000);  // By default it would be 10 s.
  assert.equal((await ask(gateway, authority)).status, 200);
});

test("a client can neither renegotiate nor fall back to an older version", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]));
  const socket = tls.connect({ port: gateway.port, servername: "a.test", ca: fs.readFileSync(authority.file), maxVersion: "TLSv1.2" });
  await once(socket, "secureConnect");
  const refused = new Promise((resolve) => {
    socket.on("error", resolve);
    socket.renegotiate({}, (error) => error && resolve(error));
  });
  assert.match((await refused).message, /no renegotiation/);
  socket.destroy();

  const offered = ["s_client", "-connect", `127.0.0.1:${gateway.port}`, "-CAfile", authority.file];
  // Says that it has been refused something better, which is not so (RFC 7507).
  const fallback = run("openssl", [...offered, "-tls1_2", "-fallback_scsv"]);
  fallback.child.stdin.end();
  await assert.rejects(fallback, /inappropriate fallback/);
  for (const version of ["-tls1", "-tls1_1"]) {
    const old = run("openssl", [...offered, version, "-cipher", "ALL@SECLEVEL=0"]);
    old.child.stdin.end();
    await assert.rejects(old, /alert protocol version/, version);
  }
  assert.equal((await ask(gateway, authority)).status, 200);
});

test("a listener may want TLS 1.3 at least", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, { ...authority.issue(["a.test"]), minVersion: "1.3" });
  assert.match((await shakeHands(gateway, authority, { maxVersion: "TLSv1.2" })).code, /ALERT_PROTOCOL_VERSION/);
  assert.equal((await shakeHands(gateway, authority)).version, "TLSv1.3");
});

test("AES of 128 bits is chosen, whatever the client likes best, and nothing without forward secrecy or an AEAD", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"], { kind: kRsa }));
  const tls12 = (...suites) => shakeHands(gateway, authority, { maxVersion: "TLSv1.2", ciphers: suites.join(":") });
  const [strong, light] = ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"];
  assert.equal((await tls12(strong, light)).suite, light);
  assert.equal((await tls12(strong)).suite, strong);
  const ciphers = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256";
  assert.equal((await shakeHands(gateway, authority, { ciphers })).suite, "TLS_AES_128_GCM_SHA256");
  for (const suite of ["AES128-GCM-SHA256", "AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256"]) {
    assert.match((await tls12(suite)).code, /ALERT_HANDSHAKE_FAILURE/, suite);
  }
});

test("the suites of TLS 1.2 may be others", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const suite = "ECDHE-ECDSA-CHACHA20-POLY1305";
  const gateway = await startSecured(t, authority.folder, { ...authority.issue(["a.test"]), ciphers: suite });
  assert.equal((await shakeHands(gateway, authority, { maxVersion: "TLSv1.2" })).suite, suite);
  const { code } = await shakeHands(gateway, authority, { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" });
  assert.match(code, /ALERT_HANDSHAKE_FAILURE/);
});

test("a client that speaks no protocol that the listener does is told so before any request", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const tls = authority.issue(["a.test"]);
  const gateway = await startSecured(t, authority.folder, tls);
  const without = await startSecured(t, authority.folder, tls, { listen: { address: "127.0.0.1:0", tls, http2: { enabled: false } } });
  const offer = (to, ...ALPNProtocols) => shakeHands(to, authority, { ALPNProtocols });
  assert.equal((await offer(gateway, "http/1.1", "spdy/3", "h2")).protocol, "h2");
  assert.equal((await offer(gateway, "spdy/3", "http/1.1")).protocol, "http/1.1");
  assert.equal((await offer(without, "h2", "http/1.1")).protocol, "http/1.1");
  assert.equal((await shakeHands(gateway, authority)).protocol, false);
  for (const { code } of [await offer(gateway, "spdy/3"), await offer(without, "h2")]) {
    assert.match(code, /ALERT_NO_APPLICATION_PROTOCOL/);
  }
});

test("a handshake that is cut off anywhere leaves nothing behind", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]));
  const hello = await helloOf({ servername: "a.test" });
  for (let size = 0; size <= hello.length; size += 16) {
    const client = await connect(t, gateway);
    client.socket.end(hello.subarray(0, size));
    await client.ended;
    assert.doesNotMatch(client.text, /HTTP/);
  }
  const torn = await connect(t, gateway);
  torn.socket.write(hello);
  await once(torn.socket, "data");  // Its own flight: certificate and all.
  torn.socket.resetAndDestroy();
  assert.equal((await ask(gateway, authority)).status, 200);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
});

test("what the origin cuts never ends in order for the client", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const origin = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (head) => {
      const length = head.toString().startsWith("GET /whole") ? "" : "Content-Length: 100\r\n";
      socket.end(`HTTP/1.1 200 OK\r\n${length}Connection: close\r\n\r\nwhole`);
    });
  });
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => origin.close());
  const gateway = await startConfigured(t, {
    listen: [{ address: "127.0.0.1:0", tls: authority.issue(["a.test"]) }],
    services: { origin: { targets: [`http://127.0.0.1:${origin.address().port}`] } },
    routes: [{ path: "/*", service: "origin" }],
  });
  assert.equal((await ask(gateway, authority, { path: "/whole" })).body.toString(), "whole");
  await assert.rejects(ask(gateway, authority, { path: "/cut" }), { code: "ECONNRESET" });
});

test("SIGHUP brings new certificates, and open connections go on", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const files = authority.issue(["a.test"]);
  const gateway = await startSecured(t, authority.folder, files);
  const agent = new https.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const before = await ask(gateway, authority, { agent });

  authority.issue(["a.test"]);
  await reload(gateway);
  const kept = await ask(gateway, authority, { agent });
  assert.equal(kept.reused, true);
  assert.equal(kept.status, 200);
  const renewed = await ask(gateway, authority);
  const expected = new X509Certificate(fs.readFileSync(files.certificate)).fingerprint256;
  assert.notEqual(renewed.fingerprint, before.fingerprint);
  assert.equal(renewed.fingerprint, expected);

  fs.writeFileSync(files.certificate, "no certificate");
  assert.match(await reload(gateway), /cannot use the certificate[^]*not reloaded/);
  assert.equal((await ask(gateway, authority)).fingerprint, expected);
});

test("certificates that are renewed under load cost no request", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const tls = authority.issue(["a.test"]);
  const held = [];
  const origin = await startOrigin(t, (request, response) => {
    if (request.url === "/") return response.end("whole");
    response.write("begun, ");
    held.push(response);
  });
  const gateway = await startConfigured(t, {
    workers: 2,
    listen: { address: "127.0.0.1:0", tls },
    services: { origin: { targets: [origin.url] } },
    routes: [{ path: "/*", service: "origin" }],
  });
  const agent = new https.Agent({ keepAlive: true, maxSockets: 3 });
  t.after(() => agent.destroy());
  const session = await connectHttp2(t, gateway, { ca: fs.readFileSync(authority.file), servername: "a.test" });
  const byHttp1 = (path) => ask(gateway, authority, { path, agent });
  const byHttp2 = (path) => exchangeHttp2(session, path, { headers: { ":authority": "a.test" } });
  const byNewcomer = () => ask(gateway, authority);
  const inFlight = [byHttp1("/held"), byHttp2("/held")];
  while (held.length < 2) await once(origin.server, "request");

  const outcomes = [];
  let isOver = false;
  const load = [byHttp1, byHttp1, byHttp2, byHttp2, byNewcomer].map(async (request) => {
    while (!isOver) outcomes.push(await request("/").then(({ status }) => status, String));
  });
  for (let i = 0; i < 5; ++i) {
    authority.issue(["a.test"]);
    await reload(gateway);
    const shown = new X509Certificate(fs.readFileSync(tls.certificate)).fingerprint256;
    assert.equal((await ask(gateway, authority)).fingerprint, shown);
  }
  isOver = true;
  await Promise.all(load);
  for (const response of held) response.end("done");
  for (const { status, body } of await Promise.all(inFlight)) assert.equal(`${status} ${body}`, "200 begun, done");
  assert.ok(outcomes.length > 20);
  assert.deepEqual(new Set(outcomes), new Set([200]));
  assert.equal(agent.totalSocketCount, 3, "its connections were kept");
  assert.equal(session.closed, false);
});

test("a mistake in the TLS options is refused at its place before anything listens", async (t) => {
  const folder = temporaryFolder(t);
  const authority = new Authority(folder);
  const one = authority.issue(["a.test"]);
  const other = authority.issue(["b.test"]);
  for (const [options, sentence] of [
    [{ ...one, certificate: "/nowhere.pem" }, /cannot use the certificate '\/nowhere.pem': No such file/i],
    [{ ...one, privateKey: other.privateKey }, /key values mismatch/],
    [{ certificate: one.certificate }, /needs a "privateKey"/],
    [{ certificates: [] }, /needs a certificate/],
    [{ ...one, ciphers: "NONSENSE" }, /tls.ciphers 'NONSENSE'/],
    [{ ...one, minVersion: "1.1" }, /minVersion/],
    [{ ...one, clientCertificates: "required" }, /client_ca/],
    [{ ...one, handshakeTimeout: "0s" }, /handshake_timeout/],
  ]) {
    const file = `${folder}/gateway.json`;
    fs.writeFileSync(file, JSON.stringify({ listen: [{ address: "127.0.0.1:0", tls: options }], routes: [] }));
    await assert.rejects(run(binary, ["--config", file, "--check"]), sentence);
  }
});

/// What `openssl s_client -status` says of the OCSP response that it was handed.
async function stapled(gateway, authority, name = "a.test") {
  const client = execFile("openssl", ["s_client", "-connect", `127.0.0.1:${gateway.port}`, "-servername", name,
    "-CAfile", authority.file, "-status"]);
  client.stdin.end();
  const { stdout } = await new Promise((resolve) => {
    let stdout = "";
    client.stdout.on("data", (text) => (stdout += text));
    client.on("close", () => resolve({ stdout }));
  });
  return stdout.match(/Cert Status: (\w+)|OCSP response: (no response sent)/).slice(1).find(Boolean);
}

test("names may have certificates with keys of different kinds", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const [a, b] = [authority.issue(["a.test"]), authority.issue(["b.test"], { kind: kRsa })];
  for (const certificates of [[a, b], [b, a]]) {
    const gateway = await startSecured(t, authority.folder, { certificates });
    for (const name of ["a.test", "b.test"]) {
      assert.equal((await ask(gateway, authority, { name })).status, 200, name);
      assert.equal((await ask(gateway, authority, { name, maxVersion: "TLSv1.2" })).status, 200, name);
    }
  }
});

test("the staple is that of the certificate which is shown", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const [a, b] = [authority.issue(["a.test"]), authority.issue(["b.test"])];
  const certificates = [{ ...a, ocspResponse: authority.answerOcsp(a) }, { ...b, ocspResponse: authority.answerOcsp(b, "R") }];
  const gateway = await startSecured(t, authority.folder, { certificates });
  assert.equal(await stapled(gateway, authority), "good");
  assert.equal(await stapled(gateway, authority, "b.test"), "revoked");
});

test("OCSP responses are stapled by name until they expire, and read again with the certificates", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const a = authority.issue(["a.test"]);
  const b = authority.issue(["b.test"]);
  const ocspResponse = authority.answerOcsp(a);
  const gateway = await startSecured(t, authority.folder, { certificates: [{ ...a, ocspResponse }, b] });
  assert.equal(await stapled(gateway, authority), "good");
  assert.equal(await stapled(gateway, authority, "b.test"), "no response sent");
  assert.equal((await ask(gateway, authority)).status, 200);

  authority.answerOcsp(a, "R");
  await reload(gateway);
  assert.equal(await stapled(gateway, authority), "revoked");

  expireOcsp(ocspResponse);
  await reload(gateway);
  assert.equal(await stapled(gateway, authority), "no response sent");
  assert.equal((await ask(gateway, authority)).status, 200);
});

test("an OCSP response that is of no use is refused before anything listens", async (t) => {
  const folder = temporaryFolder(t);
  const authority = new Authority(folder);
  const certificate = authority.issue(["a.test"]);
  const other = authority.answerOcsp(authority.issue(["b.test"]));
  fs.writeFileSync(`${folder}/refused`, Buffer.from("30030a0101", "hex"));
  for (const [ocspResponse, sentence] of [
    ["/nowhere.der", /cannot use the OCSP response '\/nowhere.der': it cannot be read/],
    [certificate.certificate, /it is no OCSP response/],
    [`${folder}/refused`, /the authority gave no answer/],
    [other, /it is about another certificate/],
  ]) {
    const file = `${folder}/gateway.json`;
    fs.writeFileSync(file, JSON.stringify({ listen: { address: "127.0.0.1:0", tls: { ...certificate, ocspResponse } }, routes: [] }));
    await assert.rejects(run(binary, ["--config", file, "--check"]), sentence);
  }
});

/// Clients that say nothing. `order` is told when each of them is closed.
async function connectSilent(owner, gateway, count, order) {
  for (let i = 0; i < count; ++i) {
    const { ended } = await connect(owner, gateway);
    ended.then(() => order.push("closed"));
  }
}

test("handshakes that get nowhere give way to those that wait for their turn", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const tls = { ...authority.issue(["a.test"]), handshakeTimeout: "60s" };
  const gateway = await startSecured(t, authority.folder, tls, { maxHandshakes: 2, idleWhenFull: "1s" });
  const order = [];
  await connectSilent(t, gateway, 4, order);
  const start = performance.now();
  const asked = Array.from({ length: 5 }, async () => {
    assert.equal((await ask(gateway, authority)).status, 200);
    order.push("answered");
  });
  await Promise.all(asked);
  assert.ok(performance.now() - start < 20_000);
  // First come, first served: two have had their turn in vain, and one of the next two.
  assert.deepEqual(order.slice(0, 3), ["closed", "closed", "closed"]);
});

test("at the limit of connections those that shake hands give way", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const tls = { ...authority.issue(["a.test"]), handshakeTimeout: "60s" };
  const gateway = await startSecured(t, authority.folder, tls, { maxConnections: 2, idleWhenFull: "200ms" });
  const order = [];
  await connectSilent(t, gateway, 2, order);
  const start = performance.now();
  assert.equal((await ask(gateway, authority)).status, 200);
  assert.ok(performance.now() - start < 20_000);
  assert.equal(order[0], "closed");
});

test("TCP asks now and then whether a client is still there", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const tls = authority.issue(["a.test"]);
  const gateway = await startSecured(t, authority.folder, tls, { listen: ["127.0.0.1:0", { address: "127.0.0.1:0", tls }] });
  const hexadecimal = (port) => port.toString(16).toUpperCase().padStart(4, "0");
  for (const [, port] of gateway.stdout.matchAll(/^listening on \S+:(\d+)$/gm)) {
    const { socket } = await connect(t, { port: Number(port) });
    const ends = `${hexadecimal(Number(port))} \\w+:${hexadecimal(socket.localPort)}`;
    const [, timer, ticks] = fs.readFileSync("/proc/net/tcp", "utf8").match(new RegExp(`:${ends} 01 \\S+ (\\w+):(\\w+)`));
    assert.equal(timer, "02", "that of keep-alive");
    assert.ok(parseInt(ticks, 16) <= 60 * 100);
  }
});

test("the verified certificate of a client is told, and no other", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const own = authority.issue(["client.test"]);
  const tls = { ...authority.issue(["a.test"]), clientCertificates: "optional", clientCa: authority.file };
  const forged = { host: "a.test", "client-cert": ":Zm9yZ2Vk:", "client-cert-chain": ":Zm9yZ2Vk:", "x-ssl-client-verify": "SUCCESS" };
  for (const trustedProxies of [[], ["127.0.0.1"]]) {
    const origin = await startOrigin(t, (request, response) => response.end(JSON.stringify(request.headers)));
    const gateway = await startConfigured(t, {
      listen: { address: "127.0.0.1:0", tls, trustedProxies },
      services: { origin: { targets: [origin.url] } },
      routes: [{ path: "/told", service: "origin", clientCertificate: true }, { path: "/*", service: "origin" }],
    });
    const keys = keysOf(own);
    const headersAt = async (path, options) => JSON.parse((await ask(gateway, authority, { path, headers: forged, ...options })).body);
    const told = await headersAt("/told", keys);
    const der = new X509Certificate(keys.cert).raw.toString("base64");
    assert.equal(told["client-cert"], `:${der}:`);
    assert.equal(told["client-cert-chain"], undefined);
    assert.equal((await headersAt("/told"))["client-cert"], undefined);
    const isBelieved = trustedProxies.length > 0;
    const others = await headersAt("/others", keys);
    assert.equal(others["client-cert"], isBelieved ? ":Zm9yZ2Vk:" : undefined);
    assert.equal(others["x-ssl-client-verify"], isBelieved ? "SUCCESS" : undefined);
  }
});
