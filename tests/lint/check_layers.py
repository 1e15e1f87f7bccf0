#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the includes of include/ and src/ against the layers of the architecture.

A file includes files of the layers below its own, and of its own folder; folders of one layer do
not know each other. Public headers include public headers only, and no header that would cost
every host or tie it to a library that is ours alone.

Usage: check_layers.py REPOSITORY
"""

import pathlib
import re
import sys

# From the bottom up. Each set is one layer; its folders are siblings.
LAYERS = [
    {"core"},
    {"http"},
    {"net", "codec"},
    {"routing"},
    {"upstream", "limit", "identity", "observe", "cache", "transform"},
    {"aggregate", "middleware"},
    {"server"},
    {"config", "admin"},
    {"testing"},
]

# Folders that promise more than their layer does.
ONLY_ON = {"routing": {"core", "http"}}

# Folders without a public header.
PRIVATE_FOLDERS = {"net", "codec"}

# Files directly under include/gatewaykit/ and who may include them.
FOR_EVERYONE = {"export.hpp", "version.hpp"}

# Absent from a supported compiler, or a price that every including file would pay.
REFUSED_EVERYWHERE = {"expected", "format", "iostream", "ranges", "regex", "source_location"}

# A public header includes its own kind and the standard library; a name with a slash or a suffix
# is neither.
STANDARD_HEADER = re.compile(r"[a-z0-9_]+$")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def layer_of(folder):
    for level, folders in enumerate(LAYERS):
        if folder in folders:
            return level
    return None


def may_include(folder, other):
    if folder == other:
        return True
    if folder in ONLY_ON:
        return other in ONLY_ON[folder]
    return layer_of(other) < layer_of(folder)


def folder_of(name):
    """The layer's folder in "gatewaykit/core/task.hpp" or "net/loop.hpp", "" for a root file."""
    parts = name.removeprefix("gatewaykit/").split("/")
    return parts[0] if len(parts) > 1 else ""


def check_include(folder, is_public, quote, name):
    """Says what is wrong with one include of a file in the folder, or None."""
    if quote == "<":
        if name in REFUSED_EVERYWHERE:
            return f"<{name}> is not used here"
        if is_public and not STANDARD_HEADER.match(name) and not name.startswith("gatewaykit/"):
            return f"a public header includes <{name}>"
        return None
    if ".." in name.split("/"):
        return f'"{name}" is a path, not a name under include/ or src/'
    if is_public and not name.startswith("gatewaykit/"):
        return f'a public header includes the private "{name}"'
    other = folder_of(name)
    if other == "":
        allowed = not folder or name.removeprefix("gatewaykit/") in FOR_EVERYONE
        return None if allowed else f'"{name}" is for hosts: include what is used'
    if layer_of(other) is None:
        return f'"{name}" lies in no layer'
    if folder and not may_include(folder, other):
        return f'{folder}/ includes "{name}": {other}/ is not below it'
    return None


def check_file(path, folder, is_public):
    if folder and layer_of(folder) is None:
        yield 1, f"{folder}/ is no layer"
        return
    if is_public and folder in PRIVATE_FOLDERS:
        yield 1, f"{folder}/ has no public headers"
    source = path.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(source):
        problem = check_include(folder, is_public, *match.groups())
        if problem:
            yield source.count("\n", 0, match.start()) + 1, problem


def main(repository):
    failures = 0
    for base, is_public in (("include/gatewaykit", True), ("src", False)):
        root = pathlib.Path(repository, base)
        for path in sorted(root.rglob("*.[ch]pp")):
            folder = folder_of(path.relative_to(root).as_posix())
            for line, problem in check_file(path, folder, is_public):
                print(f"{path.relative_to(repository)}:{line}: {problem}", file=sys.stderr)
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
