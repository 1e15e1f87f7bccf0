// SPDX-License-Identifier: Apache-2.0
// Requests of Node's HTTP/2 client.
import { once } from "node:events";
import http2 from "node:http2";

/// A connection to the gateway; over TLS where `secure` has its options.
export async function connectHttp2(owner, { port }, secure) {
  const url = `${secure ? "https" : "http"}://127.0.0.1:${port}`;
  const session = http2.connect(url, secure);
  session.on("error", () => {});  // What it means for a request is told by the request.
  owner.after(() => session.destroy());
  await once(session, "connect");
  return session;
}

/// One request and the whole answer, or how it failed:
/// { status, headers, interim, trailers, body, isWhole, code }.
export function exchangeHttp2(session, path, { headers, body, trailers } = {}) {
  return new Promise((resolve) => {
    const method = body === undefined ? "GET" : "POST";
    const stream = session.request({ ":method": method, ":path": path, ...headers },
      { endStream: body === undefined, waitForTrailers: Boolean(trailers) });
    const pieces = [];
    const result = { interim: [], isWhole: false };
    stream.on("headers", (fields) => result.interim.push(fields));
    stream.on("response", (fields) => Object.assign(result, { status: fields[":status"], headers: fields }));
    stream.on("trailers", (fields) => (result.trailers = fields));
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.on("data", (piece) => pieces.push(piece));
    stream.on("end", () => (result.isWhole = result.status !== undefined && !stream.aborted));
    stream.on("error", () => {});
    stream.on("close", () => {
      const isWhole = result.isWhole && stream.rstCode === 0;
      resolve({ ...result, isWhole, code: stream.rstCode, body: Buffer.concat(pieces).toString("latin1") });
    });
    if (body !== undefined) stream.end(body);
  });
}
