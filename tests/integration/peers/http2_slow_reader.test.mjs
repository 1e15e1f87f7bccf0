// SPDX-License-Identifier: Apache-2.0
// A client of HTTP/2 that asks for much, allows all of it to be sent, and reads nothing: its frames
// are written by hand, since every library reads.
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { test } from "node:test";
import { startGateway, startOrigin } from "./processes.mjs";

const STREAMS = 8;
const LONG = Buffer.alloc(64 << 20, "x");
const GREATEST_WINDOW = 0x7fffffff;

const uint32 = (value) => [24, 16, 8, 0].map((shift) => (value >> shift) & 0xff);
const frame = (type, flags, stream, payload) =>
  Buffer.from([...uint32(payload.length).slice(1), type, flags, ...uint32(stream), ...payload]);
const literal = (name, value) => [name, value.length, ...Buffer.from(value)];

function preface() {
  const settings = frame(4, 0, 0, [0, 4, ...uint32(GREATEST_WINDOW)]);
  const window = frame(8, 0, 0, uint32(GREATEST_WINDOW - 65_535));
  return Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings, window]);
}

/// GET over http; the numbers are those of the static table (RFC 7541 appendix A).
function request(stream, path) {
  return frame(1, 5, stream, [0x82, 0x86, ...literal(4, path), ...literal(1, "a.test")]);
}

const residentMib = (pid) =>
  Number(fs.readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s*(\d+)/)[1]) / 1024;

test("one who reads nothing keeps nobody waiting, and is not stored for", async (t) => {
  let asked = 0;
  let allAsked;
  const everyLongOne = new Promise((resolve) => (allAsked = resolve));
  const origin = await startOrigin(t, (request, response) => {
    if (request.url !== "/long") return response.end("short");
    response.on("error", () => {});
    response.end(LONG);
    if (++asked === STREAMS) allAsked();
  });
  const gateway = await startGateway(t, origin.url);
  const before = residentMib(gateway.pid);

  const slow = net.connect(gateway.port, "127.0.0.1").pause();
  t.after(() => slow.destroy());
  slow.on("error", () => {});
  slow.write(preface());
  for (let i = 0; i < STREAMS; ++i) slow.write(request(2 * i + 1, "/long"));
  await everyLongOne;

  const client = http2.connect(`http://127.0.0.1:${gateway.port}`);
  t.after(() => client.destroy());
  for (let i = 0; i < 50; ++i) {
    const other = client.request({ ":path": "/short" });
    const [headers] = await once(other, "response");
    assert.equal(headers[":status"], 200);
    assert.equal(Buffer.concat(await other.toArray()).toString(), "short");
  }
  const growth = residentMib(gateway.pid) - before;
  assert.ok(growth < 64, `grew by ${growth} MiB`);
});
