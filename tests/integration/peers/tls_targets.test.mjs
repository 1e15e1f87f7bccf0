// SPDX-License-Identifier: Apache-2.0
// TLS towards targets: whose certificate is taken, what is told where one is not, and how a cut
// connection differs from an end.
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import https from "node:https";
import net from "node:net";
import { pipeline } from "node:stream";
import { test } from "node:test";
import tls from "node:tls";
import { Authority } from "./authority.mjs";
import { exchange, startConfigured, temporaryFolder } from "./processes.mjs";

/// { port, handshakes, requests }: the latter are counted.
async function startSecureOrigin(owner, { certificate, privateKey }, options = {}) {
  const seen = { handshakes: 0, requests: 0 };
  const origin = https.createServer(
    { cert: fs.readFileSync(certificate), key: fs.readFileSync(privateKey), ...options },
    (request, response) => {
      seen.requests += 1;
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        if (request.url === "/cut") {
          response.write("not all");
          return setImmediate(() => request.socket.destroy());
        }
        if (request.url === "/close") response.setHeader("connection", "close");
        if (request.method === "POST") return response.end(Buffer.concat(chunks));
        response.end(JSON.stringify({
          host: request.headers.host,
          reused: request.socket.isSessionReused(),
          sni: request.socket.servername,
          client: request.socket.getPeerCertificate().subject?.CN,
        }));
      });
    });
  origin.on("secureConnection", () => (seen.handshakes += 1));
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  owner.after(() => {
    origin.close();
    origin.closeAllConnections();
  });
  return Object.assign(seen, { port: origin.address().port });
}

/// Passes connections on to `port` as bytes: { port, said }, where the latter is all that has come.
async function startTap(owner, port) {
  const tap = { said: "" };
  const server = net.createServer((socket) => {
    socket.on("data", (bytes) => (tap.said += bytes.toString("latin1")));
    pipeline(socket, net.connect(port, "127.0.0.1"), socket, () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => server.close());
  return Object.assign(tap, { port: server.address().port });
}

function startBefore(owner, target, tls = {}, service = {}) {
  const log = `${temporaryFolder(owner)}/access.log`;
  return startConfigured(owner, {
    middleware: [{ accessLog: { file: log } }],
    services: { origin: { targets: [target], tls, ...service } },
    routes: [{ path: "/*", service: "origin" }],
  }).then((gateway) => Object.assign(gateway, { log }));
}

/// The lines of the access log, once the gateway has ended.
async function linesOf(gateway) {
  gateway.child.kill("SIGTERM");
  await gateway.ended;
  return fs.readFileSync(gateway.log, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
}

test("a target is known by its name and the authority, and content passes both ways", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const { port } = await startSecureOrigin(t, authority.issue(["localhost"]));
  const gateway = await startBefore(t, `https://localhost:${port}`, { ca: authority.file });
  const answer = await exchange(gateway, "/");
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.body).sni, "localhost");
  const body = Buffer.alloc(3_000_000, "abcdefg");
  const echoed = await exchange(gateway, "/echo", { method: "POST", body });
  assert.equal(echoed.isWhole, true);
  assert.ok(Buffer.from(echoed.body, "latin1").equals(body));
});

test("sessions are resumed", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const { port } = await startSecureOrigin(t, authority.issue(["localhost"]));
  const gateway = await startBefore(t, `https://localhost:${port}`, { ca: authority.file });
  assert.equal(JSON.parse((await exchange(gateway, "/close")).body).reused, false);
  assert.equal(JSON.parse((await exchange(gateway, "/close")).body).reused, true);
});

test("another name may be asked for, and a certificate shown", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const { port } = await startSecureOrigin(t, authority.issue(["internal.test"]), {
    ...{ requestCert: true, ca: fs.readFileSync(authority.file) },
  });
  const gateway = await startBefore(t, `https://127.0.0.1:${port}`, {
    ...{ ca: authority.file, serverName: "internal.test", ...authority.issue(["gateway.test"]) },
  });
  const { sni, client } = JSON.parse((await exchange(gateway, "/")).body);
  assert.equal(sni, "internal.test");
  assert.equal(client, "gateway.test");
});

test("a certificate that is not good is 502, only the log knows why, and the target gets no request", async (t) => {
  const folder = temporaryFolder(t);
  const authority = new Authority(folder);
  const others = new Authority(folder, "others");
  const itself = new Authority(folder, "localhost");
  const own = { ca: authority.file };
  const local = authority.issue(["localhost"], { file: "local" });
  for (const [certificate, tls, reason, host = "localhost"] of [
    [authority.issue(["other.test"]), own, /hostname mismatch/],
    [others.issue(["localhost"], { file: "strange" }), own, /unable to get local issuer/],
    [{ certificate: itself.file, privateKey: itself.key }, own, /self-signed certificate/],
    [local, {}, /unable to get local issuer/],
    [authority.issue(["localhost"], { file: "late", days: -1 }), own, /expired/],
    [local, own, /IP address mismatch/, "127.0.0.1"],
    [authority.issue(["127.0.0.2"]), own, /IP address mismatch/, "127.0.0.1"],
    [local, { ...own, pins: [createHash("sha256").update("another key").digest("base64")] }, /its key is not pinned/],
  ]) {
    const origin = await startSecureOrigin(t, certificate);
    const tap = await startTap(t, origin.port);
    const gateway = await startBefore(t, `https://${host}:${tap.port}`, tls);
    const answer = await exchange(gateway, "/");
    assert.equal(answer.status, 502);
    assert.doesNotMatch(answer.body, /certificate|issuer|verify/);
    const [line] = await linesOf(gateway);
    assert.equal(line.error, "tls_failed");
    assert.match(line.error_detail, reason);
    assert.match(tap.said, /^\x16\x03/);
    assert.doesNotMatch(tap.said, /GET |HTTP\//);
    assert.deepEqual([origin.handshakes, origin.requests], [0, 0]);
  }
  const { port } = await startSecureOrigin(t, others.issue(["localhost"], { file: "any" }));
  const trusting = await startBefore(t, `https://localhost:${port}`, { verify: false });
  assert.equal((await exchange(trusting, "/")).status, 200);
});

test("a target may be an address, if its certificate says so", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const { port } = await startSecureOrigin(t, authority.issue(["127.0.0.1"]));
  const gateway = await startBefore(t, `https://127.0.0.1:${port}`, { ca: authority.file });
  const answer = await exchange(gateway, "/");
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.body).sni, false, "an address is no name to ask for");
});

test("a target that speaks older versions of TLS alone is 502", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const certificate = authority.issue(["localhost"]);
  const weak = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
  const [old, newer] = [await startSecureOrigin(t, certificate, weak), await startSecureOrigin(t, certificate, { maxVersion: "TLSv1.2" })];
  const client = tls.connect({ port: old.port, servername: "localhost", ca: fs.readFileSync(authority.file), ...weak });
  await once(client, "secureConnect");
  assert.equal(client.getProtocol(), "TLSv1.1");
  client.destroy();
  for (const [{ port }, minVersion] of [[old, undefined], [newer, "1.3"]]) {
    const gateway = await startBefore(t, `https://localhost:${port}`, { ca: authority.file, minVersion });
    assert.equal((await exchange(gateway, "/")).status, 502);
    const [line] = await linesOf(gateway);
    assert.equal(line.error, "tls_failed");
    assert.match(line.error_detail, /protocol/);
  }
  assert.deepEqual([old.requests, newer.requests], [0, 0]);
  const gateway = await startBefore(t, `https://localhost:${newer.port}`, { ca: authority.file });
  assert.equal((await exchange(gateway, "/")).status, 200);
});

test("a target that speaks no TLS, or does not finish its handshake", async (t) => {
  const plain = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  });
  const silent = net.createServer((socket) => socket.on("error", () => {}));
  for (const server of [plain, silent]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
  }
  const timeouts = { connect: "300ms" };
  const failed = await startBefore(t, `https://localhost:${plain.address().port}`, {}, { timeouts });
  assert.equal((await exchange(failed, "/")).status, 502);
  const late = await startBefore(t, `https://localhost:${silent.address().port}`, {}, { timeouts });
  assert.equal((await exchange(late, "/")).status, 504);
  assert.equal((await linesOf(late))[0].error, "tls_timeout");
});

test("an answer that is cut is not taken for whole", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const { port } = await startSecureOrigin(t, authority.issue(["localhost"]));
  const gateway = await startBefore(t, `https://localhost:${port}`, { ca: authority.file });
  const cut = await exchange(gateway, "/cut");
  assert.equal(cut.isWhole, false);
  assert.equal((await exchange(gateway, "/")).status, 200);
});

test("a target must have a key that is pinned, whoever issued its certificate", async (t) => {
  const folder = temporaryFolder(t);
  const authority = new Authority(folder);
  const own = authority.issue(["localhost"]);
  const { port } = await startSecureOrigin(t, own);
  const spki = new X509Certificate(fs.readFileSync(own.certificate)).publicKey.export({ type: "spki", format: "der" });
  const pin = createHash("sha256").update(spki).digest("base64");
  const other = createHash("sha256").update("another key").digest("base64");
  const pinned = (tls) => startBefore(t, `https://localhost:${port}`, tls);
  for (const tls of [{ ca: authority.file, pins: [other, pin] }, { verify: false, pins: [pin] }]) {
    assert.equal((await exchange(await pinned(tls), "/")).status, 200);
  }
  for (const tls of [{ ca: authority.file, pins: [other] }, { verify: false, pins: [other] }]) {
    const gateway = await pinned(tls);
    assert.equal((await exchange(gateway, "/")).status, 502);
    const [line] = await linesOf(gateway);
    assert.equal(line.error, "tls_failed");
    assert.match(line.error_detail, /its key is not pinned/);
  }
  // A pin does not replace the authority.
  const untrusted = await pinned({ pins: [pin] });
  assert.equal((await exchange(untrusted, "/")).status, 502);
  assert.match((await linesOf(untrusted))[0].error_detail, /unable to get local issuer/);
});
