# SPDX-License-Identifier: Apache-2.0
"""The machine and the build that figures come from, and when they are not worth taking."""

import glob
import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
import time

OPTIMISED = ("Release", "RelWithDebInfo")
BACKGROUND_SECONDS = 1.0


def _output(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else None


def _cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _governor():
    files = sorted(glob.glob("/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"))
    found = set()
    for name in files:
        with open(name, encoding="ascii") as file:
            found.add(file.read().strip())
    return ", ".join(sorted(found)) or None


def _cache_entries(text):
    """NAME:TYPE=VALUE lines of a CMakeCache.txt."""
    entries = {}
    for line in text.splitlines():
        name, found, value = line.partition("=")
        if found and ":" in name and not line.startswith(("#", "//")):
            entries[name.partition(":")[0]] = value
    return entries


def build_of_cache(text):
    """How a build folder was configured: what decides about speed."""
    entries = _cache_entries(text)
    kind = entries.get("CMAKE_BUILD_TYPE", "")
    flags = (entries.get("CMAKE_CXX_FLAGS", ""),
             entries.get("CMAKE_CXX_FLAGS_" + kind.upper(), ""))
    return {"type": kind, "flags": " ".join(part for part in flags if part),
            "lto": entries.get("GATEWAYKIT_LTO", ""),
            "sanitizers": entries.get("GATEWAYKIT_SANITIZE", ""),
            "compiler": _output(entries.get("CMAKE_CXX_COMPILER", "c++"), "--version")}


def build(bin_folder):
    """The build that a folder of programs belongs to; None where it belongs to none."""
    folder = os.path.abspath(bin_folder)
    while folder != os.path.dirname(folder):
        cache = os.path.join(folder, "CMakeCache.txt")
        if os.path.exists(cache):
            with open(cache, encoding="utf-8") as file:
                return build_of_cache(file.read())
        folder = os.path.dirname(folder)
    return None


def build_problems(found):
    """Why programs of this build must not be measured."""
    if found is None:
        return ["the programs lie in no build folder, so that nobody knows how they were built"]
    problems = []
    if found["type"] not in OPTIMISED:
        problems.append(f"the build type is {found['type'] or 'none'}, not optimised")
    if found["sanitizers"] or "-fsanitize" in found["flags"]:
        problems.append(f"the build has sanitizers: {found['sanitizers'] or found['flags']}")
    return problems


def busy_share(before, after):
    """Of all cores, between two first lines of /proc/stat; waiting for a disk is not busy."""
    ticks = [int(b) - int(a) for a, b in zip(before.split()[1:9], after.split()[1:9])]
    total = sum(ticks)
    return 1 - (ticks[3] + ticks[4]) / total if total else 0.0


def background():
    """The share of all cores that others use at present."""
    def first_line():
        with open("/proc/stat", encoding="ascii") as file:
            return file.readline()
    before = first_line()
    time.sleep(BACKGROUND_SECONDS)
    return busy_share(before, first_line())


def environment(lab, descriptions, background):
    """Where and of what the figures were taken, so that another run can be compared with them."""
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    config = json.dumps(descriptions, sort_keys=True)
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": platform.node(),
        "kernel": platform.release(),
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "governor": _governor(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024),
        "background": background,
        "proxy_cpus": sorted(lab.proxy_cpus),
        "load_cpus": sorted(lab.load_cpus),
        "git": _output("git", "-C", source, "describe", "--always", "--dirty"),
        "versions": {
            "nginx": _output("/usr/sbin/nginx", "-v"),
            "haproxy": _output("/usr/sbin/haproxy", "-v"),
            "nghttpx": _output("nghttpx", "--version"),
            "wrk": _output("wrk", "--version"),
            "h2load": _output("h2load", "--version"),
            "openssl": _output("openssl", "version"),
        },
        "build": build(lab.bin_folder),
        "command": shlex.join(["./benchmarks/run", *sys.argv[1:]]),
        "config_sha256": hashlib.sha256(config.encode()).hexdigest(),
        "contestants": descriptions,
    }
