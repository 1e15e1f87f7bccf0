// SPDX-License-Identifier: Apache-2.0
// The same byte streams to our codec and to Node's strict HTTP server: both must find the same
// requests in them and refuse at the same place. Where they do not, differences.mjs must give the
// reason. GATEWAYKIT_SEED and GATEWAYKIT_STREAMS choose what is generated, and how much of it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { differences, llhttp } from "./differences.mjs";
import { readByNode } from "./node_reader.mjs";
import { corpusStreams, generatedStreams, writtenStreams } from "./streams.mjs";

const kSeed = Number(process.env.GATEWAYKIT_SEED ?? 1);
const kGenerated = Number(process.env.GATEWAYKIT_STREAMS ?? 4000);
const kTool = `${process.env.GATEWAYKIT_BIN_DIR}/parse_requests`;

const toBytes = (stream) => Buffer.from(stream, "latin1");

/// What our codec makes of the streams, whole and in pieces.
async function readByUs(streams) {
  const tool = spawn(kTool, [], { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  tool.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  tool.stdin.on("error", () => {});
  for (const stream of streams) {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(stream.length);
    tool.stdin.write(size);
    tool.stdin.write(toBytes(stream));
  }
  tool.stdin.end();
  const [code] = await once(tool, "close");
  assert.equal(code, 0, "the codec understands pieces as it understands the whole");
  return output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/// Fields that belong to the hop, which our parser keeps for itself.
const kHopFields = [
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "upgrade",
  "te",
  "keep-alive",
  "proxy-connection",
  "http2-settings",
];

const valuesOf = (fields, name) =>
  fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);

function withoutHopFields(fields) {
  const nominated = valuesOf(fields, "connection").flatMap((value) => value.split(","));
  const dropped = new Set([...kHopFields, ...nominated.map((name) => name.trim().toLowerCase())]);
  return fields.filter(([name]) => !dropped.has(name.toLowerCase()));
}

const isPart = (part, whole) => {
  const left = whole.map(String);
  return part.map(String).every((field) => {
    const at = left.indexOf(field);
    left.splice(0, at + 1);
    return at >= 0;
  });
};

/// RFC 9112 section 9.3 says who is right.
function differenceOfPersistence(ours, { version, fields }) {
  const options = valuesOf(fields, "connection").flatMap((value) => value.toLowerCase().split(","));
  const has = (option) => options.some((other) => other.trim() === option);
  const persists = !has("close") && (version === "1.1" || has("keep-alive"));
  if (ours.keepAlive !== persists) return "we are wrong about Connection";
  if (valuesOf(fields, "proxy-connection").length > 0) return "Node closes for Proxy-Connection";
  return persists ? "Node closes against Connection" : "Node stays against Connection";
}

/// What of one request the two see differently: null, or its name.
function differenceOfRequests(ours, nodes) {
  for (const key of ["method", "target", "version"]) {
    if (ours[key] !== nodes[key]) return `${key} differs`;
  }
  const hosts = valuesOf(nodes.fields, "host").map((host) => host.toLowerCase());
  const hasPath = ours.target.startsWith("/") || ours.target === "*";
  if (hasPath && ours.authority !== (hosts[0] ?? "")) return "authority differs";
  if (String(ours.fields) !== String(withoutHopFields(nodes.fields))) return "fields differ";
  if (ours.method !== "CONNECT" && ours.keepAlive !== nodes.keepAlive) {
    return differenceOfPersistence(ours, nodes);
  }
  if (!ours.isWhole || !nodes.isWhole) return null;
  // Ours leaves those out that could do harm.
  if (!isPart(ours.trailers, nodes.trailers)) return "trailers differ";
  return ours.content === nodes.content ? null : "content differs";
}

/// How a side goes on behind the requests that both have seen whole.
function goesOn({ requests, end }, agreed) {
  if (requests.length > agreed && requests[agreed].isWhole) return "accepts";
  const place = requests.length > agreed ? "content" : "head";
  return end.status ? `refuses ${place}` : `${end} ${place}`;
}

/// Null, or the class of the first difference.
function differenceOf(ours, nodes) {
  let agreed = 0;
  for (; ours.requests[agreed] && nodes.requests[agreed]; ++agreed) {
    const [our, node] = [ours.requests[agreed], nodes.requests[agreed]];
    const difference = differenceOfRequests(our, node);
    if (difference) return difference;
    if (!our.isWhole || !node.isWhole) break;
  }
  const [us, them] = [goesOn(ours, agreed), goesOn(nodes, agreed)];
  if (us === them) {
    const isSame =
      us !== "waiting content" || ours.requests[agreed].content === nodes.requests[agreed].content;
    return isSame ? null : "content differs";
  }
  if (nodes.end === "upgrade") return "Node reads nothing behind an upgrade";
  if (them === "closed head" && nodes.requests.at(-1).keepAlive) return "Node closes for a trailer";
  if (us === "refuses head" || (us === "refuses content" && them !== "refuses head")) {
    return `we refuse: ${ours.end.why}`;
  }
  if (them.startsWith("refuses")) {
    return us === "waiting head" ? "Node refuses a head early" : `Node refuses: ${nodes.end.why}`;
  }
  return `${us} | ${them}`;
}

async function classify(streams) {
  const [ours, nodes] = await Promise.all([readByUs(streams), readByNode(streams.map(toBytes))]);
  return streams.map((stream, i) => ({
    stream,
    name: differenceOf(ours[i], nodes[i]),
    ours: ours[i],
    nodes: nodes[i],
  }));
}

/// Fails with the bytes of the streams, the shortest one of each class.
function expectKnown(results) {
  const known = new Set(differences.map(({ name }) => name));
  const unknown = new Map();
  for (const result of results) {
    const { name, stream } = result;
    if (name === null || known.has(name)) continue;
    if (!(unknown.get(name)?.stream.length <= stream.length)) unknown.set(name, result);
  }
  const told = [...unknown.values()].map(({ name, stream, ours, nodes }) =>
    [
      name,
      JSON.stringify(stream),
      `ours: ${JSON.stringify(ours)}`,
      `Node: ${JSON.stringify(nodes)}`,
    ].join("\n  "),
  );
  assert.equal(told.length, 0, `unknown differences:\n${told.join("\n")}`);
}

const used = process.versions.llhttp;
const isRelated = Number.parseInt(used) === Number.parseInt(llhttp);
const skip = !isRelated && `the table is about llhttp ${llhttp}, not ${used}`;
const skipStale = used !== llhttp && `rows are stale by what llhttp ${llhttp} does, not ${used}`;

test(
  "requests, attacks and inputs of the fuzz targets differ as the table says",
  { skip },
  async () => {
    expectKnown(await classify([...writtenStreams, ...(await corpusStreams())]));
  },
);

test(`generated streams differ as the table says (seed ${kSeed})`, { skip }, async () => {
  expectKnown(await classify(generatedStreams(kSeed, kGenerated)));
});

test("no row of the table is stale: its example shows it", { skip: skipStale }, async () => {
  const results = await classify(differences.map(({ example }) => example));
  assert.deepEqual(
    results.map(({ name }) => name),
    differences.map(({ name }) => name),
  );
});

test("where Node is the stricter one an RFC says why we are not", () => {
  for (const { name, reason, isStricter } of differences) {
    if (!isStricter) assert.match(reason, /^RFC \d+ (section|appendix) [A-C\d.]+: ./, name);
    assert.ok(reason.length > 20, name);
  }
});
