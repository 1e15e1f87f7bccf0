// SPDX-License-Identifier: Apache-2.0
// The JSON Schema of the configuration against what the gateway itself takes and refuses, and both
// against the JSON that the documentation shows.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import Ajv2020 from "ajv/dist/2020.js";
import { Authority } from "./authority.mjs";
import { binary, temporaryFolder } from "./processes.mjs";

const here = path.dirname(new URL(import.meta.url).pathname);
const root = path.join(here, "../../..");
const schema = JSON.parse(fs.readFileSync(path.join(root, "examples/gateway.schema.json"), "utf8"));
const ajv = new Ajv2020({ strict: true, strictRequired: false });
const isValid = ajv.compile(schema);

const folder = temporaryFolder({ after });

// The files that the texts name.
const authority = new Authority(folder, "internal-ca");
authority.answerOcsp(authority.issue(["a.test"], { file: "a" }));

function check(text) {
  const file = path.join(folder, "config.json");
  fs.writeFileSync(file, text);
  return spawnSync(binary, ["--config", file, "--check"], { cwd: folder, encoding: "utf8" });
}

function agree(config, expected) {
  const what = JSON.stringify(config);
  assert.equal(check(what).status === 0, expected, `the gateway ${expected ? "takes" : "refuses"} ${what}`);
  assert.equal(isValid(config), expected, `the schema on ${what}: ${ajv.errorsText(isValid.errors)}`);
}

const whole = {
  $schema: "gateway.schema.json",
  listen: [
    "127.0.0.1:0",
    {
      address: "[::1]:0",
      limits: {
        target: 8192, headerBytes: "32KiB", headerFields: 100, headerTimeout: "10s", body: "10MiB",
        bodyIdle: "10s", bodyRate: "none", idle: "1m", sendIdle: "60s", halfClose: "500ms",
      },
      http2: {
        enabled: true, streams: 100, streamWindow: "64KiB", connectionWindow: "1MiB", frameSize: "16KiB",
        resets: 200, idleFrames: 1000,
      },
      trustedProxies: ["10.0.0.0/8", "unix"], proxyProtocol: true, clientField: "forwarded", encodedSlash: "keep",
      tls: {
        certificates: [{ certificate: "a.pem", privateKey: "a.key", ocspResponse: "a.ocsp" }], minVersion: "1.3",
        ciphers: "ECDHE+AESGCM", clientCertificates: "optional", clientCa: "internal-ca.pem",
        handshakeTimeout: "5s",
      },
    },
    { address: "unix:/tmp/never-bound", mode: "0660" },
  ],
  workers: 2, drainDelay: "1s", drainTimeout: "10s", maxConnections: "none", idleWhenFull: "1s",
  maxHandshakes: 512, succession: "/run/gateway.sock",
  services: {
    users: {
      targets: ["http://127.0.0.1:9000", { url: "unix:/run/users.sock", weight: 3 }],
      balance: "roundRobin", host: "users.test",
      timeouts: { connect: "1s", firstByte: "2s", idle: "3s", total: "none" },
      retries: { attempts: 2, budget: 0.5 },
      ejection: { consecutiveFailures: 3, base: "1s", longest: "30s" },
      maxConnections: 10, maxIdleConnections: 5, keepAlive: "50s", queue: 1, queueTimeout: "1s",
      dnsInterval: "30s", http2: "auto", http2Streams: 50, proxyProtocol: "v2",
      tls: { ca: "ca.pem", serverName: "a.test", verify: true, pins: ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="], minVersion: "1.3", certificate: "c.pem", privateKey: "k.pem" },
    },
    one: { targets: "http://127.0.0.1:9000", timeout: "5s" },
  },
  middleware: [
    "requestId", { requestId: { field: "x-id" } }, { accessLog: { file: "-", buffer: "1MiB", redact: ["pin"] } },
    "grpcWeb", { grpcWeb: {} }, { bodyLimit: { bytes: 100 } }, { timeout: { after: "5s" } },
    { headers: { request: { set: { "x-a": "{client}" }, remove: ["x-b"] }, response: { append: { "x-c": "d" } } } },
    { ipFilter: { allow: ["10.0.0.0/8"], of: "peer", allowUnix: true } },
    { cors: { origins: ["https://a.test"], methods: ["PUT"], headers: ["x"], exposedHeaders: ["y"], credentials: true, maxAge: "1h", privateNetwork: true } },
    { compression: { codings: ["br", "gzip"], types: ["text/*"], minSize: 100, gzipLevel: 1, brotliLevel: 0, zstdLevel: 1, memory: "1MiB" } },
  ],
  routes: [
    { path: "/a/*", methods: ["GET"], host: "*.a.test", headers: { x: "y", z: { exists: true } }, service: "users", stripPrefix: "/a", clientCertificate: true, timeout: "1s", middleware: ["requestId"] },
    { path: "/r/{id}/*", service: "users", rewrite: "/v2/{id}/*" },
    { path: "/b", respond: { status: 404, body: "no", contentType: "text/x", headers: { a: "b" } } },
    { path: "/c", respond: "yes" },
    { path: "/d", redirect: "/e{target}" },
    { path: "/f", redirect: { location: "https://{hostname}/", status: 302 } },
  ],
};

/// Every place of a value in `value`, as a list of keys.
function* places(value, at = []) {
  yield at;
  if (typeof value !== "object") return;
  for (const key of Object.keys(value)) yield* places(value[key], [...at, key]);
}

function changed(value, at, change) {
  const copy = structuredClone(value);
  const parent = at.slice(0, -1).reduce((node, key) => node[key], copy);
  change(parent, at.at(-1));
  return copy;
}

test("both take a text that uses every key, and the shortest one", () => {
  agree(whole, true);
  agree({ listen: "127.0.0.1:0", routes: [] }, true);
});

test("both refuse an unknown key wherever an object stands, but among names", () => {
  for (const at of places(whole)) {
    const node = at.reduce((value, key) => value[key], whole);
    if (typeof node !== "object" || Array.isArray(node)) continue;
    const place = at.join("/");
    if (/^services$|headers$|\/set$|\/append$|exists$|\/z$/.test(place)) continue;
    agree(at.length ? changed(whole, at, (parent, key) => (parent[key].unknown = 1)) : { ...whole, unknown: 1 }, false);
  }
});

test("both refuse a value of another kind wherever one stands", () => {
  for (const at of places(whole)) {
    if (at.length === 0) continue;
    agree(changed(whole, at, (parent, key) => (parent[key] = null)), false);
  }
});

test("both refuse values that are out of range or none of the words", () => {
  for (const [at, value] of [
    ["workers", 1025], ["workers", -1], ["workers", 1.5], ["drainTimeout", "10"], ["drainTimeout", "1.5s"],
    ["maxConnections", "all"], ["listen/1/limits/body", "10MB"], ["listen/1/clientField", "x-real-ip"],
    ["listen/2/mode", "999"], ["services/users/balance", "best"], ["services/users/retries/budget", 2],
    ["services/users/targets", []], ["services/users/proxyProtocol", "v3"], ["maxHandshakes", 0],
    ["middleware/0", "requestid"], ["middleware/10/compression/gzipLevel", 0],
    ["middleware/10/compression/codings", ["lzma"]], ["routes/2/respond/status", 99],
    ["routes/5/redirect/status", 200], ["routes/2/service", "users"],
  ]) {
    agree(changed(whole, at.split("/"), (parent, key) => (parent[key] = value)), false);
  }
});

/// The blocks of JSON in a document.
function blocksOf(text) {
  return [...text.matchAll(/^```json\n(.*?)^```$/gms)].map((match) => match[1]);
}

function read(file) {
  return fs.readFileSync(path.join(root, file), "utf8");
}

function takeBoth(text) {
  const { status, stderr } = check(text);
  assert.equal(stderr, "", text);
  assert.equal(status, 0, text);
  assert.ok(isValid(JSON.parse(text)), `the schema on ${text}: ${ajv.errorsText(isValid.errors)}`);
}

test("both take the file that the README shows", () => {
  const blocks = blocksOf(read("README.md"));
  assert.notEqual(blocks.length, 0);
  blocks.forEach(takeBoth);
});

const middlewares = read("include/gatewaykit/middleware/README.md");

test("both take each snippet of the middlewares' documentation: a route, or an element of middleware", () => {
  const blocks = blocksOf(middlewares);
  assert.notEqual(blocks.length, 0);
  for (const block of blocks) {
    const isRoute = "path" in Object(JSON.parse(block));
    takeBoth(`{
      "listen": "127.0.0.1:0",
      "services": {"users": {"targets": "http://127.0.0.1:9000"}},
      "middleware": ["requestId"],
      "routes": [${isRoute ? block : `{"path": "/*", "respond": "", "middleware": [${block}]}`}]
    }`);
  }
});

test("every middleware and every option of the schema is documented where its JSON is shown", () => {
  const sections = middlewares.split(/^## /m);
  const { properties } = schema.$defs.middleware.items.anyOf.find(({ type }) => type === "object");
  assert.notEqual(Object.keys(properties).length, 0);
  for (const [name, { properties: options }] of Object.entries(properties)) {
    const section = sections.find((text) => blocksOf(text).some((block) => name in Object(JSON.parse(block))));
    assert.ok(section, `there is JSON of ${name}`);
    for (const option of Object.keys(options)) {
      assert.match(section, new RegExp(`^\\|.*\\| \`${option}\` \\|`, "m"), `${name} tells of ${option}`);
    }
  }
});
