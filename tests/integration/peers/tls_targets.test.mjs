// SPDX-License-Identifier: Apache-2.0
// TLS towards targets: whose certificate is taken, what is told where one is not, and how a cut
// connection differs from an end.
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import https from "node:https";
import net from "node:net";
import { test } from "node:test";
import { Authority } from "./authority.mjs";
import { exchange, startConfigured, temporaryFolder } from "./processes.mjs";

async function startSecureOrigin(owner, { certificate, privateKey }, options = {}) {
  const origin = https.createServer(
    { cert: fs.readFileSync(certificate), key: fs.readFileSync(privateKey), ...options },
    (request, response) => {
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
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  owner.after(() => {
    origin.close();
    origin.closeAllConnections();
  });
  return origin.address().port;
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
  const port = await startSecureOrigin(t, authority.issue(["localhost"]));
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
  const port = await startSecureOrigin(t, authority.issue(["localhost"]));
  const gateway = await startBefore(t, `https://localhost:${port}`, { ca: authority.file });
  assert.equal(JSON.parse((await exchange(gateway, "/close")).body).reused, false);
  assert.equal(JSON.parse((await exchange(gateway, "/close")).body).reused, true);
});

test("another name may be asked for, and a certificate shown", async (t) => {
  const authority = new Authority(temporaryFolder(t));
  const port = await startSecureOrigin(t, authority.issue(["internal.test"]), {
    ...{ requestCert: true, ca: fs.readFileSync(authority.file) },
  });
  const gateway = await startBefore(t, `https://127.0.0.1:${port}`, {
    ...{ ca: authority.file, serverName: "internal.test", ...authority.issue(["gateway.test"]) },
  });
  const { sni, client } = JSON.parse((await exchange(gateway, "/")).body);
  assert.equal(sni, "internal.test");
  assert.equal(client, "gateway.test");
});

test("a certificate that is not good is 502, and only the log knows why", async (t) => {
  const folder = temporaryFolder(t);
  const authority = new Authority(folder);
  const others = new Authority(folder, "others");
  for (const [certificate, tls, reason] of [
    [authority.issue(["other.test"]), { ca: authority.file }, /hostname mismatch/],
    [others.issue(["localhost"], { file: "strange" }), { ca: authority.file }, /unable to get local issuer/],
    [authority.issue(["localhost"], { file: "unknown" }), {}, /unable to get local issuer/],
    [authority.issue(["localhost"], { file: "late", days: -1 }), { ca: authority.file }, /expired/],
  ]) {
    const port = await startSecureOrigin(t, certificate);
    const gateway = await startBefore(t, `https://localhost:${port}`, tls);
    const answer = await exchange(gateway, "/");
    assert.equal(answer.status, 502);
    assert.doesNotMatch(answer.body, /certificate|issuer|verify/);
    const [line] = await linesOf(gateway);
    assert.equal(line.error, "tls_failed");
    assert.match(line.error_detail, reason);
  }
  const port = await startSecureOrigin(t, others.issue(["localhost"], { file: "any" }));
  const trusting = await startBefore(t, `https://localhost:${port}`, { verify: false });
  assert.equal((await exchange(trusting, "/")).status, 200);
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
  const port = await startSecureOrigin(t, authority.issue(["localhost"]));
  const gateway = await startBefore(t, `https://localhost:${port}`, { ca: authority.file });
  const cut = await exchange(gateway, "/cut");
  assert.equal(cut.isWhole, false);
  assert.equal((await exchange(gateway, "/")).status, 200);
});

test("a target must have a key that is pinned, whoever issued its certificate", async (t) => {
  const folder = temporaryFolder(t);
  const authority = new Authority(folder);
  const own = authority.issue(["localhost"]);
  const port = await startSecureOrigin(t, own);
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
