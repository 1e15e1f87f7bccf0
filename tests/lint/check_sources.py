#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every source file for its licence line, left-over notes and paths of one machine.

Usage: check_sources.py REPOSITORY
"""

import pathlib
import re
import sys

FOLDERS = ("include", "src", "examples", "tests", "benchmarks", "cmake", ".ci")
ROOT_FILES = ("CMakeLists.txt", "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "conanfile.py")
SKIPPED_FOLDERS = {"node_modules", "corpus", "__pycache__"}
TEXT_SUFFIXES = {".hpp", ".cpp", ".py", ".sh", ".mjs", ".cmake", ".txt", ".md", ".in"}
LICENSED_SUFFIXES = TEXT_SUFFIXES - {".md"}

LICENCE = "SPDX-License-Identifier: Apache-2.0"
LEFT_OVER = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X)\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|home|root|Users)/\w")


def is_script(path):
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def source_files(root):
    for name in ROOT_FILES:
        if (root / name).is_file():
            yield root / name
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not SKIPPED_FOLDERS & set(path.parts):
                if path.suffix in TEXT_SUFFIXES or (not path.suffix and is_script(path)):
                    yield path


def check_file(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.suffix in LICENSED_SUFFIXES or not path.suffix:
        if not any(LICENCE in line for line in lines[:3]):
            yield 1, f"no line with {LICENCE}"
    for number, line in enumerate(lines, 1):
        if LEFT_OVER.search(line):
            yield number, "a note that was left over"
        if MACHINE_PATH.search(line):
            yield number, "a path of one machine"


def main(repository):
    root = pathlib.Path(repository)
    failures = 0
    for path in source_files(root):
        for number, problem in check_file(path):
            print(f"{path.relative_to(root)}:{number}: {problem}", file=sys.stderr)
            failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
