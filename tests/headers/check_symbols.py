#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the public headers, preprocessed as a host sees them, show no library but ours.

A host must be able to use another version of libuv, curl, nghttp2, OpenSSL or fmt, or none. The
forward declaration of uv_loop_s is the one exception: a host may bring its own loop.

Usage: check_symbols.py INCLUDE_FOLDER COMPILER [FLAG...]
"""

import pathlib
import re
import subprocess
import sys

FOREIGN_SYMBOL = re.compile(
    r"\b(uv_\w+|UV_\w+|curl_\w+|CURL\w*|nghttp2_\w+|NGHTTP2_\w+|SSL_\w+|EVP_\w+|X509_\w+|BIO_\w+"
    r"|fmt::\w+|nlohmann::\w+|z_stream|deflate\w+|Brotli\w+|BROTLI_\w+|ZSTD_\w+)")
FOREIGN_HEADER = re.compile(
    r"/(uv\.h|uv/|curl/|nghttp2/|openssl/|fmt/|nlohmann/|zlib\.h|zstd\.h|brotli/)")
ALLOWED = {"uv_loop_s"}

LINE_MARKER = re.compile(r'# (\d+) "([^"]*)"')


def preprocess(folder, compiler):
    headers = sorted(path.relative_to(folder).as_posix()
                     for path in (folder / "gatewaykit").rglob("*.hpp"))
    unit = "".join(f'#include "{header}"\n' for header in headers)
    command = [*compiler, "-std=c++20", "-E", "-x", "c++", f"-I{folder}", "-"]
    return subprocess.run(command, input=unit, capture_output=True, text=True, check=True).stdout


def check(folder, preprocessed):
    """Yields (file, line, what) for each foreign name in our headers."""
    current, line = "", 0
    seen_headers = set()
    for text in preprocessed.splitlines():
        marker = LINE_MARKER.match(text)
        if marker:
            line, current = int(marker[1]), marker[2]
            if FOREIGN_HEADER.search(current) and current not in seen_headers:
                seen_headers.add(current)
                yield current, line, "is included by a public header"
            continue
        if current.startswith(str(folder)):
            for symbol in FOREIGN_SYMBOL.findall(text):
                if symbol not in ALLOWED:
                    yield current, line, f"shows {symbol}"
        line += 1


def main(folder, *compiler):
    folder = pathlib.Path(folder)
    try:
        preprocessed = preprocess(folder, compiler)
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    problems = list(check(folder, preprocessed))
    for path, line, what in problems:
        print(f"{path}:{line}: {what}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
