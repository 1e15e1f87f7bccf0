#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small origin for trying the gateway: it answers with what reached it.

    GET  anything   JSON: its own name and the request as it arrived
    GET  /stream    five lines, one every 200 ms, chunked
    POST anything   JSON: size and SHA-256 of the body

Usage: demo_origin.py NAME    (on a free port of 127.0.0.1; prints "listening on ADDRESS")
"""

import hashlib
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet
    name = ""

    def do_GET(self):
        if self.path == "/stream":
            self.stream()
        else:
            self.answer(method="GET", target=self.path, headers=dict(self.headers.items()))

    def do_POST(self):
        body = self.read_body()
        self.answer(method="POST", size=len(body), sha256=hashlib.sha256(body).hexdigest())

    def read_body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", "0")))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def answer(self, **facts):
        body = json.dumps({"origin": self.name, **facts}, indent=2).encode() + b"\n"
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number in range(1, 6):
            line = f"line {number} of 5\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
            time.sleep(0.2)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


def main(name):
    Origin.name = name
    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main(sys.argv[1])
