// SPDX-License-Identifier: Apache-2.0
// Byte streams as a client might send them: well-formed ones, attacks, and what a grammar with
// mistakes makes at random. All are strings of bytes (U+0000 to U+00FF).
import { readdir, readFile } from "node:fs/promises";

const kCorpora = new URL("../../fuzz/corpus/", import.meta.url);
/// How a fuzz target is to split its input.
const kSplitBytes = 2;

export const head = (lines = "",
line = "GET / HTTP/1.1") => `${line}\r\nHost: a.test\r\n${lines}\r\n`;
export const chunked = (content) =>
  head("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1") + content;
const good = head("", "GET /behind HTTP/1.1");

/// The inputs of a fuzz target, as streams.
async function corpus(name, wrap = (bytes) => bytes) {
  const folder = new URL(`${name}/`, kCorpora);
  const names = (await readdir(folder)).sort();
  const inputs = await Promise.all(names.map((file) => readFile(new URL(file, folder), "latin1")));
  return inputs.map((bytes) => wrap(bytes.slice(kSplitBytes)));
}

export async function corpusStreams() {
  return [...(await corpus("request_parser")), ...(await corpus("chunked_decoder", chunked))];
}

const kLines = [
  "Content-Length: 4\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nContent-Length: 4", "Content-Length: 3\r\nContent-Length: 5",
  "Content-Length: 3\r\nContent-Length: 3",
  ...["3, 5", "3, 3", "+5", "0x5", "-1", "1 0", "", "5;", "1e3", "007", "5\v",
    "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "18446744073709551621",
  ].map((value) => `Content-Length: ${value}`),
  ...["identity", "chunked, gzip", "gzip, chunked", "xchunked", "chunkedx", "chunked, chunked",
    "cow", "\vchunked", "chunked\v", ",chunked", "chunked,", "", "chunked;q=1", '"chunked"',
    "Chunked", "chunked\r\nTransfer-Encoding: chunked", "identity\r\nTransfer-Encoding: chunked",
    "chunked\r\nTransfer-Encoding: identity",
  ].map((value) => `Transfer-Encoding: ${value}`), "X: a\rb", "X: a\r\rb", "X: a\nb", "X: a\n",
  "X: a\r\n b", "X: a\r\n\tb", "X:\r\n a", "X : a", "X\t: a", " X: a", "X", "", "\rX: a", ": a",
  "X(: a", "X\x80: a", "X\0: a", "X: a\0b", "X: a\x01", "X: a\x7f", "X: \x80\xff", "X:\ta\t", "X:",
  "X: \t ", "Content-Length : 5", "X y: z", "X_y: z", "X@: z", "Host: a.test", "Host: b.test",
  "Host:", "Expect: 100-continue", "Expect: 100-Continue", "Expect: 100-continue, x", "Expect: x",
  "Connection: close", "Connection: CLOSE", "Connection: x, close", "Connection: closed",
  "Connection: keep-alive", "Connection: keep-alive, close", "Connection: close\x01",
  "Connection: \"close\"", "Connection: x\r\nConnection: close", "Connection: ,,",
  "Proxy-Connection: close", "Connection: upgrade\r\nUpgrade: websocket",
  "Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA",
  "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 5",
  "Connection: X-Forwarded-For\r\nX-Forwarded-For: 1", "Keep-Alive: timeout=5", "TE: trailers",
];

const kRequestLines = [
  ...["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PURGE", "MKCOL",
    "SOURCE", "QUERY", "get", "G", "GETX", "FOO", "M-SEARCH", "PRI", "GE(T", "GE\0T", "",
    "M".repeat(32), "M".repeat(33), "\x16\x03\x01",
  ].map((method) => `${method} / HTTP/1.1`),
  ...["/a?b=c#d", "*", "admin", "host:80", "*/x", "http://a.test/", "HTTP://a.test",
    "http://u@a.test/", "http://b.test:81/?x", "http://", "http:///x", "http://a.test:x/",
    "ftp://a.test/", "https://a.test/", "http:/a", "http:a", "://a", "//a", "/\\", "/\x80", "/\x01",
    "/\x7f", "/a\rb", "/a\nb", "/\0", "?x", "#", "/a#b#c", "/%", "/%zz", "/%00", "/..",
    "/\"<>^`{|}", "http://a.test?x", "http://[::1]/", "http://a_b/", "http://a.test#x",
    "/" + "x".repeat(8191), "/" + "x".repeat(8192), "x-y+1.z://a",
  ].map((target) => `GET ${target} HTTP/1.1`),
  ...["a.test:80", "a.test", "/", "*", "http://a.test/", "u@a.test:80", "a.test:x", "[::1]:80"].map(
    (target) => `CONNECT ${target} HTTP/1.1`),
  "OPTIONS * HTTP/1.1", "OPTIONS */x HTTP/1.1",
  ...["HTTP/0.9", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/2", "HTTP/3.0", "http/1.1", "HTTP/x.y",
    "HTTP/1.", "HTTP/11.1", "HTTP/1.11", "HTTP/1,1", "ICE/1.0", "RTSP/1.0", "HTTP/1.1x",
    "HTTP /1.1", "HTTP/ 1.1", "x HTTP/1.1", " HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1\t", "",
  ].map((version) => `GET / ${version}`), "GET\t/\tHTTP/1.1", "GET  / HTTP/1.1", "GET /\tHTTP/1.1",
  " GET / HTTP/1.1", "GET /", "GET", "/ HTTP/1.1", "SOURCE / ICE/1.0", "PRI * HTTP/2.0",
  "DESCRIBE / RTSP/1.0", "DESCRIBE / HTTP/1.1",
];

/// Lines before a chunk of five bytes.
const kSizeLines = [
  "5", "005", "00000000000000005", "0000000000000005", "0x5", "-5", "+5", "", "5;a", "5;a=b;c",
  "5 ;a", "5 ", "5\t;a", "5; a", "5;a =b", "5;", '5;a="b c"', '5;a="b', '5;a="\\\"b"', "5;a=",
  "5;=a", "5;;", "5;a=b c", "5;a(", '5;a="b"c', "5;\x80", "5;a=\x80", '5;a="\x80"', "5;\x01",
  "5;a\tb", "5;a\rb", "5;a\nb", `5;${"a".repeat(4096)}`, `5;${"a".repeat(4097)}`,
  `5;${"a".repeat(20000)}`, "10000000000000005", "5x",
];

const kChunks = [
  ...kSizeLines.map((line) => `${line}\r\nabcde\r\n0\r\n\r\n`),
  "0\r\n\r\n", "00\r\n\r\n", "5\r\nabcde\r\n", "A\r\n0123456789\r\n0\r\n\r\n",
  "5\nabcde\r\n0\r\n\r\n", "5\rabcde\r\n0\r\n\r\n", "5\r\nabcde0\r\n\r\n", "5\r\nabcde\n0\r\n\r\n",
  "5\r\nabcdef\r\n0\r\n\r\n", "5\r\nabcde\r0\r\n\r\n", "5;a\nabcde\r\n0\r\n\r\n",
  "7fffffffffffffff\r\na", "8000000000000000\r\na", "ffffffffffffffff\r\na", "g\r\n",
  "0\r\nX: a\r\n\r\n", "0\r\nX: a\r\nY: b\r\n\r\n",
  "0\r\nContent-Length: 9\r\nHost: b\r\nTransfer-Encoding: gzip\r\nX-Sum: 1\r\n\r\n",
  "0\r\nX : a\r\n\r\n", "0\r\n X: a\r\n\r\n", "0\r\nX: a\r\n b\r\n\r\n", "0\r\nX: a\n\r\n",
  "0\n\r\n", "0\r\n\n", "0\r\n\r", "0\r\nX\r\n\r\n", "0\r\nX: \0\r\n\r\n", "0\r\nX: a\r\n\n",
  `0\r\nX: ${"a".repeat(33000)}\r\n\r\n`, "0\r\n" + "X: a\r\n".repeat(101) + "\r\n", "0;a\r\n\r\n",
  "0 \r\n\r\n",
];

const kStreams = [
  "", "\r\n", "\r\n" + good, "\r\n\r\n" + good, "\r\n\r\n\r\n" + good, "\n" + good, "\r" + good,
  "\r\n\r" + good, "GET / HTTP/1.1\nHost: a.test\n\n", "GET / HTTP/1.1\r\nHost: a.test\n\r\n",
  "GET / HTTP/1.1\r\nHost: a.test\r\n\n", "GET / HTTP/1.1\rHost: a.test\r\n\r\n",
  "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\n\r\n" + good,
  "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + good,
  "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n", "GET http://a.test/ HTTP/1.1\r\n\r\n", "GET /\r\n\r\n",
  "GET /\r\nHost: a.test\r\n\r\n", head("Connection: close\r\n") + good,
  head("Connection: close\r\n") + "\r\n", head("Connection: close\r\n") + "garbage",
  head("Content-Length: 5\r\n") + "abcde" + good, head("Content-Length: 5\r\n") + "abc",
  good.repeat(10), good + "BAD\r\n\r\n" + good, head("Content-Length: 5\r\n") + "abcde\r\n" + good,
  head("Content-Length: 3\r\n") + "abcde" + good, head("", "POST / HTTP/1.1") + "abc",
  head(`X: ${"x".repeat(32000)}\r\n`), head(`X: ${"x".repeat(33000)}\r\n`),
  head(`X: ${"x".repeat(100000)}\r\n`), head(`${"x".repeat(33000)}: a\r\n`),
  head("X: a\r\n".repeat(99)), head("X: a\r\n".repeat(100)),
  head("Connection: upgrade\r\nUpgrade: websocket\r\n") + good,
  head(`Connection: ${"x,".repeat(65)}x\r\n`),
  ...["", " ", "a/b", "a b", "u@a", "a:", "a:x", "a:0", "a:65536", "::1", "[::1]", "[::1]:80",
    "[::1", "a,b", "a%41", "\xc3\xa4", "a_b", "A.TEST", "127.0.0.1:1",
  ].map((host) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
];

export const writtenStreams = [
  ...kStreams,
  ...kLines.flatMap((line) => [head(`${line}\r\n`) + "abcde" + good, head(`${line}\r\n`,
    "POST / HTTP/1.0") + good]),
  ...kRequestLines.map((line) => head("", line) + good),
  ...kChunks.map((content) => chunked(content) + good),
];

/// Numbers from 0 to 1 that the seed decides on (mulberry32).
function randomNumbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/// Requests by a grammar that makes a mistake now and then; then bytes may be changed.
class Generator {
  constructor(seed) {
    this.random = randomNumbers(seed);
  }
  chance(probability) {
    return this.random() < probability;
  }
  below(count) {
    return Math.floor(this.random() * count);
  }
  among(choices) {
    return choices[this.below(choices.length)];
  }
  /// Mostly what is right.
  or(right, choices) {
    return this.chance(0.97) ? right : this.among(choices);
  }

  lineEnd() {
    return this.or("\r\n", ["\n", "\r", "\r\r\n", "\n\r\n", " \r\n"]);
  }
  line() {
    if (this.chance(0.15)) return this.among(kRequestLines);
    const method = this.among(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"]);
    const target = this.among(["/", "/a/b?c=d", "/%41", "http://a.test/x", "/a;b=1"]);
    return [method, target, this.chance(0.9) ? "HTTP/1.1" : "HTTP/1.0"].join(this.or(" ", ["  ",
    "\t", ""]));
  }
  field() {
    if (this.chance(0.08)) return this.among(kLines);
    const name = this.among(["Accept", "X-A", "Cookie", "x_y", "Authorization", "Connection",
    "TE"]);
    const value = this.among(["a", "", "a, b", "k=v; l=w", '"q"', "close", "keep-alive",
    "trailers"]);
    return name + this.or(":", [" :", "", "::"]) + this.or(" ", ["", "\t",
    "  "]) + value + this.or("", [" ", "\t"]);
  }
  fields(most) {
    return Array.from({ length: this.below(most) }, () => this.field() + this.lineEnd()).join("");
  }
  chunk(size) {
    const digits = this.or(size.toString(16), ["0" + size.toString(16), "0x" + size, size + " ", "",
    "g"]);
    const extension = this.chance(0.9) ? "" : this.among([";a", ";a=b", ';a="b c"', " ;a", ";",
    ";a;b=1"]);
    return digits + extension + this.lineEnd();
  }
  /// Fields that frame the content, and the content.
  content() {
    const kind = this.below(4);
    if (kind > 1) return ["", ""];
    const text = this.among(["", "a", "abcde", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"]);
    if (kind === 0) {
      const length = this.or(text.length, [text.length + 1, Math.max(0, text.length - 1),
      `0${text.length}`]);
      return [`Content-Length: ${length}${this.lineEnd()}`, text];
    }
    if (this.chance(0.03)) return ["Transfer-Encoding: chunked\r\n", this.among(kChunks)];
    let chunks = "";
    for (let i = this.below(3); i > 0; --i) {
      chunks += this.chunk(text.length || 1) + (text || "x") + this.lineEnd();
    }
    const end = this.chunk(0) + (this.chance(0.2) ? this.fields(3) : "") + this.lineEnd();
    return [`Transfer-Encoding: chunked${this.lineEnd()}`, chunks + end];
  }
  request() {
    const [framing, content] = this.content();
    const host = this.or(`Host: a.test${this.lineEnd()}`, ["", "Host: a b\r\n",
    "Host: a\r\nHost: b\r\n"]);
    const fields = host + this.fields(4) + framing;
    return this.line() + this.lineEnd() + fields + this.lineEnd() + content;
  }
  /// One byte or a few, anywhere.
  changed(stream) {
    const at = this.below(stream.length + 1);
    const size = 1 + this.below(3);
    const bytes = this.or(String.fromCharCode(this.below(256)),
      ["\r\n", "\n", "\r", "\0", " ", "\t", ":", ";", "\r\n\r\n", "0\r\n\r\n", "\x80"]);
    switch (this.below(4)) {
      case 0:
        return stream.slice(0, at) + bytes + stream.slice(at);
      case 1:
        return stream.slice(0, at) + bytes + stream.slice(at + size);
      case 2:
        return stream.slice(0, at) + stream.slice(at + size);
      default:
        return stream.slice(0, at + size) + stream.slice(at);
    }
  }
  stream() {
    let stream = "";
    for (let i = this.below(3); i >= 0; --i) stream += this.request();
    const changes = this.chance(0.5) ? 0 : 1 + this.below(2);
    for (let i = 0; i < changes; ++i) stream = this.changed(stream);
    return this.chance(0.1) ? stream.slice(0, this.below(stream.length)) : stream;
  }
}

export function generatedStreams(seed, count) {
  const generator = new Generator(seed);
  return Array.from({ length: count }, () => generator.stream());
}
