// SPDX-License-Identifier: Apache-2.0
// A client that writes HTTP/2 frames one by one, right and wrong ones (RFC 9113), with as much of
// HPACK (RFC 7541) as that takes: it encodes what it is told to, and reads the status of an answer.
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";

export const kPreface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const Type = {
  data: 0, headers: 1, priority: 2, reset: 3, settings: 4, pushPromise: 5, ping: 6, goaway: 7,
  windowUpdate: 8, continuation: 9,
};

export const Flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 };

export const Setting = {
  headerTableSize: 1, enablePush: 2, maxConcurrentStreams: 3, initialWindowSize: 4, maxFrameSize: 5,
  maxHeaderListSize: 6, enableConnectProtocol: 8,
};

export const ErrorCode = {
  none: 0, protocol: 1, internal: 2, flowControl: 3, settingsTimeout: 4, streamClosed: 5,
  frameSize: 6, refusedStream: 7, cancel: 8, compression: 9, connect: 10, enhanceYourCalm: 11,
  inadequateSecurity: 12, http11Required: 13,
};

/// A frame of any kind. Its length is that of the payload unless told otherwise.
export function frame(type, flags, stream, payload = "", length = payload.length) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, Buffer.from(payload, "latin1")]);
}

export function uint32(...values) {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}

/// SETTINGS of pairs [Setting, value].
export function settings(...pairs) {
  const payload = Buffer.alloc(6 * pairs.length);
  pairs.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  });
  return frame(Type.settings, 0, 0, payload);
}

export const settingsAck = frame(Type.settings, Flag.ack, 0);
export const ping = (data = "12345678") => frame(Type.ping, 0, 0, data);
export const reset = (stream, code = ErrorCode.cancel) => frame(Type.reset, 0, stream, uint32(code));
export const windowUpdate = (stream, increment) =>
  frame(Type.windowUpdate, 0, stream, uint32(increment));

export function data(stream, content, { end = false } = {}) {
  return frame(Type.data, end ? Flag.endStream : 0, stream, content);
}

/// An integer with a prefix of so many bits, below the bits that say what it is.
function integer(value, bits, above) {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.from([above | value]);
  const bytes = [above | most];
  for (value -= most; value >= 128; value = Math.floor(value / 128)) bytes.push(128 | (value % 128));
  return Buffer.from([...bytes, value]);
}

function string(text) {
  return Buffer.concat([integer(Buffer.byteLength(text, "latin1"), 7, 0), Buffer.from(text, "latin1")]);
}

/// A field of a header block: not indexed, whatever characters it has.
export const literal = (name, value) => Buffer.concat([Buffer.from([0]), string(name), string(value)]);

/// A field that the peer adds to its table, where it has the index 62 until another is added.
export const indexing = (name, value) =>
  Buffer.concat([Buffer.from([0x40]), string(name), string(value)]);

/// A field of the static table or of the peer's.
export const indexed = (index) => integer(index, 7, 0x80);

export const block = (fields) => Buffer.concat(fields.map(([name, value]) => literal(name, value)));

/// The fields of a request, its pseudo-fields first. Those that are null are left out.
export function request(path = "/", { method = "GET", scheme = "http", authority = "a.test", fields = [] } = {}) {
  const all = [[":method", method], [":scheme", scheme], [":authority", authority], [":path", path], ...fields];
  return all.filter(([, value]) => value !== null);
}

/// HEADERS from fields, or from the bytes of a header block.
export function headers(stream, fields, { end = true } = {}) {
  const payload = Array.isArray(fields) ? block(fields) : fields;
  return frame(Type.headers, Flag.endHeaders | (end ? Flag.endStream : 0), stream, payload);
}

export const get = (stream, path, options) => headers(stream, request(path, options));

const kStaticStatus = { 8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500 };

/// The Huffman codes of the digits (RFC 7541, appendix B): 0 to 2 have five bits, the others six.
const kDigits = new Map([
  ["00000", 0], ["00001", 1], ["00010", 2], ["011001", 3], ["011010", 4], ["011011", 5],
  ["011100", 6], ["011101", 7], ["011110", 8], ["011111", 9],
]);

function huffmanDigits(bytes) {
  let digits = "";
  let code = "";
  for (const bit of Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("")) {
    code += bit;
    if (!kDigits.has(code)) continue;  // What is left at the end is padding.
    digits += kDigits.get(code);
    code = "";
  }
  return digits;
}

/// The status that a header block begins with. The table of this client is empty (see connect).
export function statusOf(payload) {
  let at = 0;
  while ((payload[at] & 0xe0) === 0x20) ++at;  // A size of the table: 0, as it was told.
  if (payload[at] & 0x80) return kStaticStatus[payload[at] & 0x7f];
  const length = payload[at + 1] & 0x7f;  // A literal whose name is one of the static table.
  const value = payload.subarray(at + 2, at + 2 + length);
  return Number(payload[at + 1] & 0x80 ? huffmanDigits(value) : value.toString());
}

/// A connection whose frames are written by the test. What comes is read and kept in `frames`, and
/// nothing is said of it but what the test says: no SETTINGS are acknowledged, no PING is answered.
export class Client {
  frames = [];
  isEnded = false;
  #unread = Buffer.alloc(0);
  #arrival = Promise.resolve();
  #tell = () => {};

  /// Connects and begins: the preface and SETTINGS of these pairs. `secure` are options of TLS.
  static async connect(owner, gateway, { pairs = [], secure } = {}) {
    const client = await Client.open(owner, gateway, secure);
    client.send(kPreface, settings([Setting.headerTableSize, 0], ...pairs));
    return client;
  }

  /// Connects and sends nothing.
  static async open(owner, gateway, secure) {
    const where = { host: "127.0.0.1", port: gateway.port };
    const socket = secure
      ? tls.connect({ ...where, ALPNProtocols: ["h2"], ...secure })
      : net.connect({ ...where, noDelay: true });
    owner.after(() => socket.destroy());
    await once(socket, secure ? "secureConnect" : "connect");
    return new Client(socket);
  }

  constructor(socket) {
    this.socket = socket;
    this.#expect();
    socket.on("data", (bytes) => this.#read(bytes));
    socket.on("error", () => {});
    this.ended = new Promise((resolve) => {
      for (const event of ["end", "close"]) socket.on(event, resolve);
    });
    this.ended.then(() => {
      this.isEnded = true;
      this.#tell();
    });
  }

  /// Writes these bytes at once. False where more would only pile up here.
  send(...pieces) {
    return !this.isEnded && this.socket.writable && this.socket.write(Buffer.concat(pieces));
  }

  /// Writes `count` times what `make(i)` gives, a piece at a time, until the gateway ends the
  /// connection. Resolves to the number that was written.
  async flood(count, make) {
    for (let i = 0; i < count; ) {
      if (this.isEnded || !this.socket.writable) return i;
      const pieces = [];
      for (let size = 0; i < count && size < 64 * 1024; ++i) size += pieces[pieces.push(make(i)) - 1].length;
      if (!this.send(...pieces)) await Promise.race([once(this.socket, "drain"), this.ended]).catch(() => {});
      await new Promise(setImmediate);
    }
    return count;
  }

  /// The first frame that `isWanted`; undefined where the connection ends without it.
  async until(isWanted) {
    for (let looked = 0; ; ) {
      for (; looked < this.frames.length; ++looked) {
        if (isWanted(this.frames[looked])) return this.frames[looked];
      }
      if (this.isEnded) return undefined;
      await this.#arrival;
    }
  }

  /// Answers PING after everything that was sent before: what came of it has come then.
  async settled(mark = `${this.frames.length}`.padStart(8)) {
    this.send(ping(mark));
    return this.until(({ type, payload }) => type === Type.ping && payload.toString() === mark);
  }

  /// What became of a request: { status }, { reset: code } or { goaway: code } or {} where the
  /// connection was closed without a word.
  async outcome(stream) {
    const told = await this.until((received) =>
      received.type === Type.goaway && received.code !== ErrorCode.none ||
      received.stream === stream && (received.type === Type.reset || received.status >= 200));
    if (told?.type === Type.goaway) return { goaway: told.code };
    if (told?.type === Type.reset) return { reset: told.code };
    return told ? { status: told.status } : {};
  }

  /// The content of an answer once it has ended, or what has come of it when it was cut.
  async content(stream) {
    await this.until(({ type, flags, stream: of }) =>
      of === stream && (type === Type.reset || (type <= Type.headers && flags & Flag.endStream)));
    const pieces = this.frames.filter(({ type, stream: of }) => of === stream && type === Type.data);
    return Buffer.concat(pieces.map(({ payload }) => payload)).toString();
  }

  /// The error code with which the gateway said goodbye; undefined where it only closed.
  async goaway() {
    await this.ended;
    return this.frames.filter(({ type }) => type === Type.goaway).at(-1)?.code;
  }

  #expect() {
    this.#arrival = new Promise((resolve) => (this.#tell = resolve));
  }

  #read(bytes) {
    this.#unread = this.#unread.length ? Buffer.concat([this.#unread, bytes]) : bytes;
    while (this.#unread.length >= 9) {
      const size = 9 + this.#unread.readUIntBE(0, 3);
      if (this.#unread.length < size) break;
      this.frames.push(parsed(this.#unread.subarray(0, size)));
      this.#unread = this.#unread.subarray(size);
    }
    const tell = this.#tell;
    this.#expect();
    tell();
  }
}

function parsed(bytes) {
  const payload = bytes.subarray(9);
  const received = {
    type: bytes[3], flags: bytes[4], stream: bytes.readUInt32BE(5) & 0x7fffffff, payload,
  };
  if (received.type === Type.headers) received.status = statusOf(payload);
  if (received.type === Type.reset) received.code = payload.readUInt32BE(0);
  if (received.type === Type.goaway) {
    received.last = payload.readUInt32BE(0);
    received.code = payload.readUInt32BE(4);
  }
  return received;
}
