// SPDX-License-Identifier: Apache-2.0
// Peers of the gateway as processes and servers: the gateway executable itself, an HTTP origin of
// Node, and an origin that writes what bytes it likes. Each ends with the test that it was given.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";

export const binary = `${process.env.GATEWAYKIT_BIN_DIR}/gateway`;

/// A folder that is gone after the tests.
export function temporaryFolder(owner) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "gatewaykit-"));
  owner.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

/// The executable with these arguments. `limits` are arguments of the shell's ulimit, set first;
/// `env` is added to the environment.
export function spawnGateway(owner, options, limits, env) {
  const shell = ["-c", `ulimit ${limits}; exec "$0" "$@"`, binary, ...options];
  const around = { env: { ...process.env, ...env } };
  const child = limits ? spawn("bash", shell, around) : spawn(binary, options, around);
  const gateway = { child, pid: child.pid, stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => (gateway[name] += text));
  }
  // "close" comes once all of its output is there.
  gateway.ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  owner.after(async () => {
    child.kill("SIGKILL");
    await gateway.ended;
  });
  return gateway;
}

/// A gateway before `target` that is ready: `port` and `address` say where.
export function startGateway(owner, target, { listen = "127.0.0.1:0", options = [], limits } = {}) {
  const all = ["--listen", listen, "--to", target, ...options];
  return ready(owner, spawnGateway(owner, all, limits));
}

/// The same from a configuration, which the gateway reads from a file.
export function startConfigured(owner, config, { limits, env } = {}) {
  const file = path.join(temporaryFolder(owner), "gateway.json");
  fs.writeFileSync(file, JSON.stringify({ listen: ["127.0.0.1:0"], ...config }));
  return ready(owner, spawnGateway(owner, ["--config", file], limits, env));
}

async function ready(owner, gateway) {
  while (!gateway.stdout.includes("\n")) {
    const happened = await Promise.race([once(gateway.child.stdout, "data"), gateway.ended]);
    if (happened.code !== undefined) throw new Error(`no gateway: ${gateway.stderr}`);
  }
  gateway.address = gateway.stdout.match(/^listening on (\S+)/)[1];
  gateway.port = Number(gateway.address.split(":").pop());
  // A gateway that serves has nothing to say but what went wrong; a sanitizer would say it here.
  owner.after(() => assert.equal(gateway.stderr, ""));
  /// Drains it. Resolves to { code, signal }.
  gateway.stop = () => {
    gateway.child.kill("SIGTERM");
    return gateway.ended;
  };
  return gateway;
}

async function listening(owner, server) {
  // Room for a flood that comes before the first accept.
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 });
  await once(server, "listening");
  const sockets = new Set();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  owner.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

export function startOrigin(owner, onRequest) {
  return listening(owner, http.createServer({ keepAliveTimeout: 60_000 }, onRequest));
}

/// An origin without a codec: `onHead(socket, path, head)` for each request head that arrives.
/// What the request holds behind its head is read and dropped.
export function startRawOrigin(owner, onHead) {
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      for (let end; /^[A-Z]+ \//.test(text) && (end = text.indexOf("\r\n\r\n")) > 0; ) {
        const head = text.slice(0, end);
        text = text.slice(end + 4);
        onHead(socket, head.split(" ")[1], head);
      }
      if (!/^[A-Z]/.test(text)) text = "";
    });
  });
  return listening(owner, server);
}

/// One request by Node's client. Resolves when the answer's head is there: its body is unread.
export async function open(gateway, path, options = {}) {
  const { body, ...rest } = options;
  const request = http.request({ host: "127.0.0.1", port: gateway.port, path, ...rest });
  request.end(body);
  const [response] = await once(request, "response");
  // What fails from here on is told by `response.complete` once it is closed.
  request.on("error", () => {});
  response.on("error", () => {});
  return response;
}

/// The end of a stream, in order or not.
export function closed(stream) {
  return new Promise((resolve) => stream.on("close", resolve));
}

/// One request and the whole answer, or how it failed: { status, headers, body, isWhole, reused }.
export function exchange(gateway, path, options = {}) {
  const { body, ...rest } = options;
  return new Promise((resolve) => {
    const request = http.request({ host: "127.0.0.1", port: gateway.port, path, ...rest });
    const result = { isWhole: false, body: "" };
    request.on("error", (error) => resolve({ ...result, error: error.code }));
    // An answer may come before the upload has ended, which then fails when nobody looks any more.
    request.on("socket", (socket) => request.reusedSocket || socket.on("error", () => {}));
    request.on("response", (response) => {
      result.status = response.statusCode;
      result.headers = response.headers;
      result.reused = request.reusedSocket;
      response.setEncoding("latin1").on("data", (text) => (result.body += text));
      response.on("error", (error) => (result.error = error.code));
      response.on("close", () => resolve({ ...result, isWhole: response.complete }));
    });
    request.end(body);
  });
}

/// A plain connection. `text` is what came; `ended` resolves when the peer closes or resets it.
export async function connect(owner, gateway) {
  const socket = net.connect(gateway.port, "127.0.0.1");
  const client = { socket, text: "" };
  socket.setEncoding("latin1").on("data", (text) => (client.text += text));
  await once(socket, "connect");
  socket.on("error", () => {});
  client.ended = new Promise((resolve) => {
    socket.on("end", resolve);
    socket.on("close", resolve);
  });
  owner?.after(() => socket.destroy());
  return client;
}
