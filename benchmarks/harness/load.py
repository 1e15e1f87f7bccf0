# SPDX-License-Identifier: Apache-2.0
"""What drives the contestants: wrk for requests, own programs for transfers and idle connections.

Each function returns what the load saw, with `problems`: the reasons, if any, why the figures of
this run must not be used.
"""

import json
import os
import subprocess
import urllib.request

from . import processes

WRK_REPORT = "wrk_report "
HOLD_SECONDS = 60
ABORTS_ALLOWED = 256  # wrk leaves with requests under way when its time is up


def origin_stats(address):
    with urllib.request.urlopen(f"http://{address}/stats", timeout=10) as answer:
        return json.load(answer)


def allocations(address):
    """How often a bench_gateway has called malloc so far."""
    with urllib.request.urlopen(f"http://{address}/allocations", timeout=10) as answer:
        return int(answer.read())


def _run(lab, argv):
    return subprocess.run(argv, capture_output=True, text=True, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, lab.load_cpus))


def wrk(lab, address, connections, seconds, close=False):
    """Keeps `connections` busy; with `close` each request has a connection of its own."""
    script = os.path.join(lab.load_folder, "wrk_report.lua")
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", script, f"http://{address}/"]
    if close:
        argv[1:1] = ["-H", "Connection: close"]
    before = origin_stats(lab.origin_address)
    finished = _run(lab, argv)
    after = origin_stats(lab.origin_address)
    for line in finished.stdout.splitlines():
        if line.startswith(WRK_REPORT):
            seen = json.loads(line[len(WRK_REPORT):])
            seen["problems"] = _wrk_problems(seen, before, after)
            return seen
    return {"requests": 0, "problems": [f"wrk failed: {finished.stderr.strip()[-200:]}"]}


def _wrk_problems(seen, before, after):
    problems = [f"{seen[kind]} {kind.replace('_', ' ')}" for kind in
                ("connect_errors", "read_errors", "write_errors", "status_errors", "timeouts")
                if seen[kind]]
    grown = {name: after[name] - before[name] for name in after}
    if seen["requests"] == 0:
        problems.append("no request was answered")
    if grown["errors"]:
        problems.append(f"the origin got {grown['errors']} malformed requests")
    if grown["aborted"] > ABORTS_ALLOWED:
        problems.append(f"the origin saw {grown['aborted']} aborted exchanges")
    if grown["requests"] < seen["requests"]:
        problems.append("the origin served fewer requests than the client got answers")
    return problems


def transfer(lab, address, size, upload):
    argv = [os.path.join(lab.bin_folder, "bench_transfer"), "--to", address, "--bytes", str(size)]
    if upload:
        argv.append("--upload")
    before = origin_stats(lab.origin_address)
    finished = _run(lab, argv)
    after = origin_stats(lab.origin_address)
    if finished.returncode != 0:
        return {"problems": [finished.stderr.strip()[-200:] or "the transfer failed"]}
    seen = json.loads(finished.stdout)
    seen["problems"] = [f"the origin counted {kind}" for kind in ("errors", "aborted")
                        if after[kind] > before[kind]]
    return seen


def hold(lab, address, count, weigh):
    """Opens `count` keep-alive connections, calls `weigh` while all of them are idle."""
    argv = [os.path.join(lab.bin_folder, "bench_idle"), "--to", address,
            "--connections", str(count)]
    holder = processes.Process(argv, lab.load_cpus, os.path.join(lab.folder, "idle-errors"))
    with holder:
        try:
            holder.read_line(HOLD_SECONDS)
            weigh()
            holder.child.stdin.write("\n")
            holder.child.stdin.flush()
            held = int(holder.read_line(HOLD_SECONDS).removeprefix("held "))
        except (processes.StartError, BrokenPipeError) as failure:
            return {"problems": [str(failure)]}
    return {"held": held,
            "problems": [] if held == count else [f"held {held} of {count} connections"]}
