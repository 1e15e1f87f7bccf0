# SPDX-License-Identifier: Apache-2.0
"""What drives the contestants: wrk for requests, own programs for transfers and idle connections.

Each function returns what the load saw, with `problems`: the reasons, if any, why the figures of
this run must not be used.
"""

import http.client
import json
import os
import subprocess
import time
import urllib.request

from . import processes

WRK_REPORT = "wrk_report "
READY_SECONDS = 60
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


def wrk(lab, address, connections, seconds, close=False, paths=None):
    """Keeps `connections` busy; with `close` each request has a connection of its own; with
    `paths`, a file, each asks for one of its lines."""
    script = os.path.join(lab.load_folder, "wrk_paths.lua" if paths else "wrk_report.lua")
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", script, f"http://{address}/"]
    if close:
        argv[1:1] = ["-H", "Connection: close"]
    if paths:
        argv += ["--", paths]
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


def _while_running(lab, program, *arguments, work):
    """Starts a load program of ours, does `work` once it says that it is ready, tells it to come
    to an end; returns its last line."""
    argv = [os.path.join(lab.bin_folder, program), *arguments]
    with processes.Process(argv, lab.load_cpus, os.path.join(lab.folder, "load-errors")) as running:
        running.read_line(READY_SECONDS)
        work()
        running.child.stdin.write("\n")
        running.child.stdin.flush()
        return running.read_line(READY_SECONDS)


def hold(lab, address, count, weigh):
    """Opens `count` keep-alive connections, calls `weigh` while all of them are idle."""
    try:
        last_line = _while_running(lab, "bench_idle", "--to", address, "--connections", str(count),
                                   work=weigh)
    except (processes.StartError, BrokenPipeError) as failure:
        return {"problems": [str(failure)]}
    held = int(last_line.removeprefix("held "))
    return {"held": held,
            "problems": [] if held == count else [f"held {held} of {count} connections"]}


def paced(lab, address, paths, rate, work):
    """What requests at a steady pace see while `work` runs: `samples` of [monotonic time of
    sending, latency] in microseconds, and how many failed."""
    try:
        seen = json.loads(_while_running(lab, "bench_paced", "--to", address, "--paths", paths,
                                         "--rate", str(rate), work=work))
    except (processes.StartError, BrokenPipeError) as failure:
        return {"problems": [str(failure)]}
    return {**seen, "problems": [] if seen["samples"] else ["no request was answered"]}


def wait_for_answer(address, path, wanted):
    """Asks until the answer is `wanted`; returns the monotonic time of it, None where it does not
    come."""
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            connection.request("GET", path)
            if connection.getresponse().read().decode() == wanted:
                return time.monotonic()
            time.sleep(0.001)
        return None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
