# SPDX-License-Identifier: Apache-2.0
"""What drives the contestants: wrk and h2load for requests, own programs for the rest.

Each function returns what the load saw, with `problems`: the reasons, if any, why the figures of
this run must not be used.
"""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time
import urllib.request

from . import certificates, processes

WRK_REPORT = "wrk_report "
READY_SECONDS = 60
ABORTS_ALLOWED = 256  # wrk leaves with requests under way when its time is up
PERCENTILES = (50, 75, 90, 95, 99, 99.5, 99.9, 99.99)
TLS_AGREED = ("TLSv1.3", certificates.TLS_SUITE)


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


def _with_origin(lab, work, aborts_allowed=ABORTS_ALLOWED):
    """Adds what speaks against what `work` saw, in the eyes of the origin."""
    before = origin_stats(lab.origin_address)
    seen = work()
    after = origin_stats(lab.origin_address)
    grown = {name: after[name] - before[name] for name in after}
    if grown["errors"]:
        seen["problems"].append(f"the origin got {grown['errors']} malformed requests")
    if grown["aborted"] > aborts_allowed:
        seen["problems"].append(f"the origin saw {grown['aborted']} aborted exchanges")
    if grown["requests"] < seen["requests"]:
        seen["problems"].append("the origin served fewer requests than the client got answers")
    return seen


def wrk(lab, url, connections, seconds, path="/", fields=(), paths=None):
    """Keeps `connections` busy; the requests have `fields`; with `paths`, a file, each asks for one
    of its lines instead of `path`."""
    script = os.path.join(lab.load_folder, "wrk_paths.lua" if paths else "wrk_report.lua")
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", script]
    for one in fields:
        argv += ["-H", one]
    argv.append(url + path)
    if paths:
        argv += ["--", paths]
    return _with_origin(lab, lambda: _wrk_report(_run(lab, argv)))


def _wrk_report(finished):
    for line in finished.stdout.splitlines():
        if line.startswith(WRK_REPORT):
            seen = json.loads(line[len(WRK_REPORT):])
            kinds = ("connect_errors", "read_errors", "write_errors", "status_errors", "timeouts")
            return {**seen, "problems": _load_problems(seen, kinds)}
    return {"requests": 0, "problems": [f"wrk failed: {finished.stderr.strip()[-200:]}"]}


def _load_problems(seen, kinds):
    problems = [f"{seen[kind]} {kind.replace('_', ' ')}" for kind in kinds if seen[kind]]
    return problems if seen["requests"] else [*problems, "no request was answered"]


def h2load(lab, address, connections, streams, seconds):
    """Keeps `streams` streams of each connection busy, in HTTP/2 by prior knowledge."""
    log = os.path.join(lab.folder, "h2load-log")
    argv = ["h2load", f"--clients={connections}", f"--max-concurrent-streams={streams}",
            f"--duration={seconds}", f"--log-file={log}", f"http://{address}/"]

    def work():
        with open(log, "w", encoding="ascii"):  # it would append to the last one
            return h2load_report(_run(lab, argv).stdout, _logged_latencies(log))

    # The streams of this load that are under way when its time is up, and those of the one before.
    return _with_origin(lab, work, max(ABORTS_ALLOWED, 2 * connections * streams))


def _logged_latencies(log):
    """Microseconds, of every request that was answered."""
    with open(log, encoding="ascii") as file:
        return [int(line.rpartition("\t")[2]) for line in file]


def h2load_report(text, latencies):
    """What h2load saw, by the names that wrk's report has."""
    finished = re.search(r"^finished in ([0-9.]+)(m?s),", text, re.M)
    requests = re.search(r"^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, "
                         r"(\d+) timeout", text, re.M)
    traffic = re.search(r"^traffic: \S+ \((\d+)\) total", text, re.M)
    if not (finished and requests and traffic):
        return {"requests": 0, "problems": [f"h2load failed: {text.strip()[-200:]}"]}
    unit = 1e3 if finished[2] == "ms" else 1e6
    seen = {"requests": int(requests[1]), "duration_us": float(finished[1]) * unit,
            "bytes": int(traffic[1]), "failed": int(requests[2]), "errored": int(requests[3]),
            "timeouts": int(requests[4]), **percentiles(latencies)}
    return {**seen, "problems": _load_problems(seen, ("failed", "errored", "timeouts"))}


def percentiles(latencies):
    """As wrk_report.lua names them; nothing of nothing."""
    ordered = sorted(latencies)
    return {f"p{share:g}_us".replace(".", "_"): ordered[int((len(ordered) - 1) * share / 100)]
            for share in PERCENTILES if ordered}


def tls_problems(address):
    """A contestant with a cheaper cipher than the others' would seem to be faster."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            with context.wrap_socket(plain) as secured:
                agreed = secured.version(), secured.cipher()[0]
    except OSError as failure:
        return [f"no TLS: {failure}"]
    return [] if agreed == TLS_AGREED else [f"agreed on {' and '.join(agreed)}"]


def handshakes(lab, address, connections, seconds, resumed):
    """TLS handshakes, each with one request behind it, `connections` at once."""
    argv = [os.path.join(lab.bin_folder, "bench_handshakes"), "--to", address, "--connections",
            str(connections), "--seconds", str(seconds)]
    if resumed:
        argv.append("--resumed")

    def work():
        finished = _run(lab, argv)
        if finished.returncode != 0:
            return {"requests": 0, "problems": [finished.stderr.strip()[-200:]]}
        return {**json.loads(finished.stdout), "problems": []}

    return _with_origin(lab, work)


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


def beside_slow_reader(lab, address, streams, work):
    """Does `work` while one client reads its `streams` long answers slowly; how many bytes it got,
    and problems."""
    try:
        seen = json.loads(_while_running(lab, "bench_slow_reader", "--to", address, "--streams",
                                         str(streams), work=work))
    except (processes.StartError, BrokenPipeError) as failure:
        return {"problems": [f"the slow reader: {failure}"]}
    return {**seen, "problems": [] if seen["received"] else ["the slow reader got nothing"]}


def ask(address, path):
    """One request, whatever its answer may be."""
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
        return []
    except (OSError, http.client.HTTPException) as failure:
        return [f"no answer: {failure}"]
    finally:
        connection.close()


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
