// SPDX-License-Identifier: Apache-2.0
// The classes of difference between our codec and Node's strict HTTP server that are meant. Each
// has an example that shows it, and a reason; where Node refuses what we take, the reason names the
// section of an RFC. A class that is not here fails the test, and so does one that is no more.
import { chunked, head } from "./streams.mjs";

/// The parser of Node that the classes were found with. Others are strict in other places: those of
/// one major version in fewer or more of these, which makes rows stale.
export const llhttp = "9.3.1";

const get = (target) => head("", `GET ${target} HTTP/1.1`);
const host = (value) => `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
const chunk = (line) => chunked(`${line}\r\nabcde\r\n0\r\n\r\n`);

/// We are the stricter ones: what is malformed, or what no gateway can serve.
const ours = {
  "we refuse: Host is no host with a port": [
    host("a/b"),
    "Node leaves the authority to the application; a gateway routes by it",
  ],
  "we refuse: Host is repeated": [
    host("a\r\nHost: b"),
    "RFC 9112 section 3.2: 400; Node takes the first",
  ],
  "we refuse: Host is missing": [
    "CONNECT a.test:80 HTTP/1.1\r\n\r\n",
    "RFC 9112 section 3.2: 400; Node does not look in a CONNECT",
  ],
  "we refuse: the request target has no form that the method takes": [
    get("*"),
    "RFC 9112 section 3.2 has a form for each method; Node takes any text",
  ],
  "we refuse: the request line has no valid target and version": [
    "GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "RFC 9112 section 3: single blanks; Node skips several, and takes HTTP/0.9 without a version",
  ],
  "we refuse: the request line does not end with a version": [
    head("", "DESCRIBE / RTSP/1.0"),
    "Node's parser knows RTSP and ICE, and skips blanks before the version",
  ],
  "we refuse: the version is neither HTTP/1.1 nor 1.0": [
    head("", "GET / HTTP/2.0"),
    "Node's parser takes 0.9 and 2.0 for versions of this syntax",
  ],
  "we refuse: the request line does not begin with a method": [
    `\n${head()}`,
    "Node skips any number of CR and LF in front of a request; we skip two line ends",
  ],
  "we refuse: a CR stands without LF": [
    `\r${head()}`,
    "Node skips any number of CR and LF in front of a request; we skip two line ends",
  ],
  "we refuse: the request target is too long": [
    get(`/${"x".repeat(8192)}`),
    "our limit of 8 KiB; Node limits the head as a whole",
  ],
  "we refuse: the header section is too large": [
    head(`X: ${"x".repeat(33000)}\r\n`),
    "our limit of 32 KiB; Node limits head and trailers as a whole",
  ],
  "we refuse: too many fields": [
    head("X: a\r\n".repeat(100)),
    "our limit of 100; Node drops those above its own without a word",
  ],
  "we refuse: Connection has too many options": [
    head(`Connection: ${"x,".repeat(64)}x\r\n`),
    "our limit of 64: each is looked for among all fields",
  ],
  "we refuse: Content-Length is not a number of bytes": [
    head("Content-Length: 9223372036854775808\r\n"),
    "our limit is 2^63 - 1; Node's is 2^64 - 1",
  ],
  "we refuse: HTTP/1.0 has no Transfer-Encoding": [
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "RFC 9112 section 6.1: framing that a sender of HTTP/1.0 cannot have meant; Node decodes it",
  ],
  "we refuse: Transfer-Encoding is malformed": [
    head("Transfer-Encoding: ,chunked\r\n") + "0\r\n\r\n",
    "no list with empty or malformed members frames content here",
  ],
  "we refuse: no transfer coding but chunked is served": [
    head("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n",
    "RFC 9112 section 6.1: 501; Node hands on coded content",
  ],
  "we refuse: no expectation but 100-continue can be met": [
    head("Expect: 100-continue, x\r\n"),
    "RFC 9110 section 10.1.1: 417; Node looks for the word, in HTTP/1.1 alone",
  ],
  "we refuse: a chunk size has too many digits": [
    chunk("00000000000000005"),
    "our limit of 16 digits; Node takes any number of zeros in front",
  ],
  "we refuse: a chunk size is too large": [
    chunked("8000000000000000\r\n"),
    "our limit is 2^63 - 1; Node's is 2^64 - 1",
  ],
  "we refuse: a chunk extension is too long": [
    chunk(`5;${"a".repeat(4097)}`),
    "our limit of 4 KiB for a chunk; Node's is 16 KiB for all of them",
  ],
  "we refuse: the path holds a malformed escape": [get("/%zz"), "Node does not look into paths"],
  "we refuse: the path holds a backslash": [get("/\\"), "Node does not look into paths"],
  "we refuse: the path holds an encoded backslash": [get("/%5c"), "Node does not look into paths"],
  "we refuse: the path holds an encoded slash": [get("/%2f"), "Node does not look into paths"],
  "we refuse: the path holds an encoded control character": [
    get("/%00"),
    "Node does not look into paths",
  ],
  "we refuse: a path segment holds nothing but parameters": [
    get("/;a"),
    "Node does not look into paths",
  ],
  "we refuse: the query holds a character that must be encoded": [
    get("/?a#b"),
    "RFC 9112 section 3.2: a target has no fragment; Node does not mind",
  ],
  "we refuse: the target has a fragment": [
    get("/#"),
    "RFC 9112 section 3.2: a target has no fragment; Node does not mind",
  ],
  "Node stays against Connection": [
    `POST / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n`,
    "RFC 9112 section 9.3: close wins; Node obeys keep-alive, and misses a close before a tab",
  ],
};

/// Node is the stricter one.
const nodes = {
  "Node refuses: HPE_INVALID_METHOD Invalid method encountered": [
    head("", "FOO / HTTP/1.1"),
    "RFC 9110 section 9.1: a method is any token, and origins may know more",
  ],
  "Node refuses: HPE_INVALID_METHOD Expected space after method": [
    head("", "GETX / HTTP/1.1"),
    "RFC 9110 section 9.1: a method is any token, and origins may know more",
  ],
  "Node refuses: HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request": [
    head("", "DESCRIBE / HTTP/1.1"),
    "RFC 9110 section 9.1: a method of RTSP is a token too",
  ],
  "Node refuses: HPE_INVALID_VERSION Expected HTTP/2 Connection Preface": [
    head("", "PRI / HTTP/1.1"),
    "RFC 9113 section 3.4: PRI begins HTTP/2 with its version alone; else it is a token",
  ],
  "Node refuses a head early": [
    "FOO",
    "RFC 9110 section 9.1: we wait for the rest of a line whose method Node does not know",
  ],
  "Node refuses: HPE_INVALID_CHUNK_SIZE Invalid character in chunk size": [
    chunk("5 ;a"),
    "RFC 9112 section 7.1.1: blanks may stand before the semicolon",
  ],
  ...Object.fromEntries(
    [
      ["character in chunk extensions", "5;"],
      ["character in chunk extensions name", "5;a("],
      ["character in chunk extensions value", "5;a=b c"],
      ["character in chunk extensions quoted value", '5;a="b'],
      ["quoted-pair in chunk extensions quoted value", '5;a="\\'],
      ["character in chunk extensions quote value", '5;a="b"c'],
    ].map(([what, line]) => [
      `Node refuses: HPE_STRICT Invalid ${what}`,
      [
        chunk(line),
        "RFC 9112 section 7.1.1: extensions are ignored, and never sent on. No line end or other " +
          "control character may stand in one, so that all recipients find the same end",
      ],
    ]),
  ),
  "Node refuses: HPE_INVALID_CONTENT_LENGTH Content-Length can't be present with Transfer-Encoding":
    [
      chunked("0\r\nContent-Length: 5\r\n\r\n"),
      "RFC 9110 section 6.5.1: what frames a message has no meaning in trailers; we drop it",
    ],
  "Node refuses: HPE_INVALID_TRANSFER_ENCODING Invalid `Transfer-Encoding` header value": [
    chunked("0\r\nTransfer-Encoding: gzip\r\n\r\n"),
    "RFC 9110 section 6.5.1: what frames a message has no meaning in trailers; we drop it",
  ],
  "Node refuses: HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding`": [
    head("Transfer-Encoding: chunked\t\r\n") + "0\r\n\r\n",
    "RFC 9110 section 5.5: a tab behind a value is no part of it",
  ],
  "Node closes for a trailer": [
    chunked("0\r\nConnection: close\r\n\r\n") + head(),
    "RFC 9110 section 6.5.1: Connection has no meaning in trailers; we drop it",
  ],
  "Node closes for Proxy-Connection": [
    head("Proxy-Connection: close\r\n"),
    "RFC 9112 appendix C.2.2: clients are not to send Proxy-Connection; we drop it",
  ],
  "Node closes against Connection": [
    "GET / HTTP/1.0\r\nConnection: keep-alive\t\r\n\r\n",
    "RFC 9110 section 5.5: a tab behind a value is no part of it",
  ],
  "Node reads nothing behind an upgrade": [
    head("Connection: upgrade\r\nUpgrade: x\r\n") + head(),
    "RFC 9110 section 7.8: an upgrade that is not taken is ignored, and HTTP goes on",
  ],
};

const rows = (classes, isStricter) =>
  Object.entries(classes).map(([name, [example, reason]]) => ({
    name,
    example,
    reason,
    isStricter,
  }));

export const differences = [...rows(ours, true), ...rows(nodes, false)];
