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
import { Authority, kRsa } from "./authority.mjs";
import { binary, connect, startConfigured, startOrigin, temporaryFolder } from "./processes.mjs";

const run = promisify(execFile);

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

function curl(gateway, authority, name, ...options) {
  return run("curl", ["-sS", "--cacert", authority.file, "--resolve",
    `${name}:${gateway.port}:127.0.0.1`, ...options]);
}

/// One request by Node: { status, headers, fingerprint, reused, body }.
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
  const content = Buffer.concat(await response.toArray());
  return { status, headers, fingerprint, reused: request.reusedSocket, body: content };
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

for (const maxVersion of ["TLSv1.2", "TLSv1.3"]) {
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
    const options = { port: gateway.port, servername: "a.test", ca: fs.readFileSync(authority.file), maxVersion };
    const first = tls.connect(options);
    const ticket = once(first, "session");
    first.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    const [session] = await ticket;
    first.destroy();
    for (let i = 0; i < 12; ++i) {
      const next = tls.connect({ ...options, session });
      await once(next, "secureConnect");
      assert.equal(next.isSessionReused(), true, `connection ${i}`);
      next.destroy();
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
  const own = authority.issue(["client.test"]);
  const strange = others.issue(["strange.test"]);
  const keys = ({ certificate, privateKey }) => ({ cert: fs.readFileSync(certificate), key: fs.readFileSync(privateKey) });
  const server = authority.issue(["a.test"]);
  const optional = await startSecured(t, folder, { ...server, clientCertificates: "optional", clientCa: authority.file });
  assert.equal((await ask(optional, authority)).status, 200);
  assert.equal((await ask(optional, authority, keys(own))).status, 200);
  await assert.rejects(ask(optional, authority, keys(strange)));
  const required = await startSecured(t, folder, { ...server, clientCertificates: "required", clientCa: authority.file });
  assert.equal((await ask(required, authority, keys(own))).status, 200);
  await assert.rejects(ask(required, authority));
});

test("HTTP in clear text is answered with a sentence, and what is no HTTP is closed", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]));
  const { stdout } = await run("curl", ["-sS", "-i", `http://127.0.0.1:${gateway.port}/`]);
  assert.match(stdout, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.match(stdout, /use https/);
  for (const bytes of [Buffer.alloc(1000, 0xff), Buffer.from("16030100", "hex"), Buffer.from("\x16\x03\x01\xff\xff" + "x".repeat(70_000), "latin1")]) {
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
  const silent = await connect(t, gateway);
  const begun = await connect(t, gateway);
  begun.socket.write(Buffer.from("160301", "hex"));
  await silent.ended;
  await begun.ended;
  assert.equal((await ask(gateway, authority)).status, 200);
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
  gateway.child.kill("SIGHUP");
  while (!gateway.stderr.includes("reloaded")) await once(gateway.child.stderr, "data");
  const kept = await ask(gateway, authority, { agent });
  assert.equal(kept.reused, true);
  assert.equal(kept.status, 200);
  const renewed = await ask(gateway, authority);
  const expected = new X509Certificate(fs.readFileSync(files.certificate)).fingerprint256;
  assert.notEqual(renewed.fingerprint, before.fingerprint);
  assert.equal(renewed.fingerprint, expected);

  fs.writeFileSync(files.certificate, "no certificate");
  gateway.child.kill("SIGHUP");
  while (!gateway.stderr.includes("not reloaded")) await once(gateway.child.stderr, "data");
  assert.match(gateway.stderr, /cannot use the certificate/);
  assert.equal((await ask(gateway, authority)).fingerprint, expected);
  gateway.stderr = "";
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

test("OCSP responses are stapled by name, and read again with the certificates", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const a = authority.issue(["a.test"]);
  const b = authority.issue(["b.test"]);
  const ocspResponse = authority.answerOcsp(a);
  const gateway = await startSecured(t, authority.folder, { certificates: [{ ...a, ocspResponse }, b] });
  assert.equal(await stapled(gateway, authority), "good");
  assert.equal(await stapled(gateway, authority, "b.test"), "no response sent");
  assert.equal((await ask(gateway, authority)).status, 200);

  authority.answerOcsp(a, "R");
  gateway.child.kill("SIGHUP");
  while (!gateway.stderr.includes("reloaded")) await once(gateway.child.stderr, "data");
  assert.equal(await stapled(gateway, authority), "revoked");
  gateway.stderr = "";
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

test("handshakes that get nowhere give way to those that wait for their turn", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]),
    { maxHandshakes: 2, idleWhenFull: "1s" });
  const silent = [];
  for (let i = 0; i < 4; ++i) silent.push(await connect(t, gateway));
  const answers = await Promise.all(Array.from({ length: 5 }, () => ask(gateway, authority)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  await Promise.all(silent.map(({ ended }) => ended));
});

test("at the limit of connections those that shake hands give way", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const gateway = await startSecured(t, authority.folder, authority.issue(["a.test"]),
    { maxConnections: 2, idleWhenFull: "200ms" });
  const silent = [await connect(t, gateway), await connect(t, gateway)];
  assert.equal((await ask(gateway, authority)).status, 200);
  await silent[0].ended;
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
    const keys = { cert: fs.readFileSync(own.certificate), key: fs.readFileSync(own.privateKey) };
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
