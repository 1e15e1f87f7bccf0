// SPDX-License-Identifier: Apache-2.0
// What Node's HTTP server, with its strict parser, makes of byte streams: over a loopback
// connection for each of them, in the form in which parse_requests tells what ours makes of them.
import diagnostics from "node:diagnostics_channel";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";

const kConnections = 32;
/// As ours: the request line and the section.
const kLargestHead = 40 * 1024;
const kMostFields = 100;

/// The outcomes of all streams, in order.
export async function readByNode(streams) {
  const seen = new Map();
  const server = http.createServer({ insecureHTTPParser: false, maxHeaderSize: kLargestHead });
  server.maxHeadersCount = 2 * kMostFields;
  server.keepAliveTimeout = 0;
  const connectionOf = (socket) => seen.get(socket.remotePort);
  // Tells of every request that was parsed, those that Node answers itself too.
  const onStart = (message) => record(connectionOf(message.socket), message);
  diagnostics.subscribe("http.server.request.start", onStart);
  server.on("request", (request, response) => {
    // Without its length an answer to HTTP/1.0 closes the connection, and any answer may.
    response.setHeader("content-length", 0);
    request.on("end", () => response.end());
  });
  server.on("connect", (request, socket) => {
    record(connectionOf(socket), { request, response: {} });
    connectionOf(socket).end = "tunnel";
    socket.end();
  });
  server.on("clientError", (error, socket) => {
    connectionOf(socket).error ??= error;
    socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const outcomes = [];
  const left = streams.entries();
  const work = async () => {
    for (const [index, stream] of left) {
      outcomes[index] = await exchange(server.address().port, stream, seen);
    }
  };
  await Promise.all(Array.from({ length: kConnections }, work));
  diagnostics.unsubscribe("http.server.request.start", onStart);
  server.close();
  return outcomes;
}

function record(connection, { request, response }) {
  const entry = { request, response, content: "" };
  connection.entries.push(entry);
  request.on("error", () => {});
  request.on("data", (bytes) => (entry.content += bytes.toString("latin1")));
}

async function exchange(port, stream, seen) {
  const connection = { entries: [] };
  const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  const { localPort } = socket;
  seen.set(localPort, connection);
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.resume();
  // The end of the stream makes Node say whether it waits for more of a message.
  socket.end(stream);
  await closed;
  seen.delete(localPort);
  return outcomeOf(connection);
}

function outcomeOf({ entries, error, end }) {
  const requests = [];
  for (const entry of entries) {
    const { statusCode } = entry.response;
    if (statusCode >= 400)
      return { requests, end: { status: statusCode, why: `answers ${statusCode}` } };
    requests.push(describe(entry));
  }
  if (end) return { requests, end };
  const last = requests.at(-1);
  if (error?.code === "HPE_INVALID_EOF_STATE") return { requests, end: "waiting" };
  if (error && error.code !== "HPE_CLOSED_CONNECTION") {
    return {
      requests,
      end: { status: 400, why: `${error.code} ${error.reason ?? error.message}` },
    };
  }
  if (last && asksForUpgrade(last)) return { requests, end: "upgrade" };
  if (last && !last.isWhole) return { requests, end: "waiting" };
  return { requests, end: error || last?.keepAlive === false ? "closed" : "idle" };
}

const asksForUpgrade = ({ fields }) =>
  fields.some(([name]) => name.toLowerCase() === "upgrade") &&
  fields.some(([name, value]) => name.toLowerCase() === "connection" && /upgrade/i.test(value));

function describe({ request, response, content }) {
  return {
    method: request.method,
    target: request.url,
    version: request.httpVersion,
    fields: pairs(request.rawHeaders),
    keepAlive: response.shouldKeepAlive ?? true, // Not known of CONNECT.
    content,
    trailers: pairs(request.rawTrailers),
    isWhole: request.complete || request.method === "CONNECT",
  };
}

function pairs(raw) {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i], raw[2 * i + 1]]);
}
