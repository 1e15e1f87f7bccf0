// SPDX-License-Identifier: Apache-2.0
// A service of gRPC whose messages are bytes, by grpc-js, and clients of it.
import grpc from "@grpc/grpc-js";
import { EventEmitter } from "node:events";
import fs from "node:fs";

const asItIs = (bytes) => bytes;
const method = (name, requestStream, responseStream, service = "test.Echo") => ({
  path: `/${service}/${name}`,
  requestStream,
  responseStream,
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
});

const definition = {
  unary: method("Unary", false, false),
  count: method("Count", false, true),
  join: method("Join", true, false),
  chat: method("Chat", true, true),
  fail: method("Fail", false, false),
  failLate: method("FailLate", false, true),
  never: method("Never", false, false),
  neverEnding: method("NeverEnding", false, true),
};

/// What clients alone know of: other services, or none.
const elsewhere = {
  deaf: method("Unary", false, false, "test.Deaf"),
  deafNever: method("Never", false, false, "test.Deaf"),
  deafBegun: method("Begun", false, true, "test.Deaf"),
  deafBroken: method("Broken", false, true, "test.Deaf"),
  dead: method("Unary", false, false, "test.Dead"),
  nowhere: method("Unary", false, false, "test.Nowhere"),
};

const Client = grpc.makeGenericClientConstructor({ ...definition, ...elsewhere }, "Echo");
const kUnlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

export function metadata(fields) {
  const all = new grpc.Metadata();
  for (const [name, value] of Object.entries(fields)) all.set(name, value);
  return all;
}

function failure() {
  const trailers = metadata({ "x-reason": "sold out", "x-detail-bin": Buffer.from([0, 255, 7]) });
  return { code: grpc.status.FAILED_PRECONDITION, details: "no tea, 50 % of it ☕", metadata: trailers };
}

/// `events` tells of calls that begin ("call") and those that are taken back ("cancelled").
function implementation(events) {
  const watch = (call) => {
    events.emit("call", call.getPath());
    call.on("cancelled", () => events.emit("cancelled", call.getPath()));
  };
  return {
    unary(call, answer) {
      const [asked] = call.metadata.get("x-asked");
      if (asked) call.sendMetadata(metadata({ "x-head": `head of ${asked}` }));
      answer(null, call.request, asked && metadata({ "x-trailer": `trailer of ${asked}` }));
    },
    count(call) {
      for (let i = 0; i < Number(call.request); i++) call.write(Buffer.from(`${i}`));
      call.end(metadata({ "x-trailer": "counted" }));
    },
    join(call, answer) {
      const pieces = [];
      call.on("data", (piece) => pieces.push(piece));
      call.on("end", () => answer(null, Buffer.concat(pieces)));
    },
    chat(call) {
      watch(call);
      call.on("data", (message) => call.write(Buffer.from(`re: ${message}`)));
      call.on("end", () => call.end());
    },
    fail: (call, answer) => answer(failure()),
    failLate(call) {
      call.write(Buffer.from("one"));
      call.emit("error", failure());
    },
    never: watch,
    neverEnding(call) {
      watch(call);
      call.write(Buffer.from("begun"));
    },
  };
}

/// In clear text, or over TLS for "localhost" with `identity` of an Authority: { url, events }.
export async function startService(owner, identity) {
  const events = new EventEmitter();
  const server = new grpc.Server(kUnlimited);
  server.addService(definition, implementation(events));
  const credentials = identity
    ? grpc.ServerCredentials.createSsl(null, [{
      cert_chain: fs.readFileSync(identity.certificate), private_key: fs.readFileSync(identity.privateKey),
    }])
    : grpc.ServerCredentials.createInsecure();
  const port = await new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, port) => error ? reject(error) : resolve(port));
  });
  owner.after(() => server.forceShutdown());
  return { url: identity ? `https://localhost:${port}` : `http://127.0.0.1:${port}`, events };
}

/// A client with a connection of its own; over TLS where `ca` verifies the server as `name`.
export function connectGrpc(owner, { port }, { ca, name } = {}) {
  const credentials = ca ? grpc.credentials.createSsl(ca) : grpc.credentials.createInsecure();
  const named = name ? { "grpc.ssl_target_name_override": name, "grpc.default_authority": name } : {};
  const client = new Client(`127.0.0.1:${port}`, credentials, {
    ...kUnlimited, ...named, "grpc.use_local_subchannel_pool": 1, "grpc.enable_retries": 0,
  });
  owner.after(() => client.close());
  return client;
}

/// Follows a call to its end: { messages, message, head, status }, the last two with metadata.
export function outcome(start) {
  return new Promise((resolve) => {
    const result = { messages: [] };
    const call = start((error, message) => (result.message = message));
    call.on("metadata", (fields) => (result.head = fields));
    call.on("data", (message) => result.messages.push(`${message}`));
    call.on("error", () => {});
    call.on("status", (status) => {
      result.status = status;
      setImmediate(resolve, result);  // The answer to a unary call comes with its status.
    });
  });
}

export const { status } = grpc;
