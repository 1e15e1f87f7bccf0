# SPDX-License-Identifier: Apache-2.0
"""What a reload costs those who are served meanwhile: a gateway reads its file again and again
under a steady load, and the longest wait around each reload is held against quiet times.

On a busy machine some request always waits long. So the stall is the median over the reloads of
the longest wait around each, and the quiet one the same of as many stretches without a reload.
"""

import os
import signal
import time
from statistics import median, quantiles

from . import load, measure
from . import routes as routes_file
from .contestants import ROUTES

AFTER_US = 5000  # what a reload leaves to clean up falls into this time behind it


def _reload_once(proxy, text, version):
    """Has the proxy read its file, which has become `text`; the monotonic times in microseconds of
    the signal and of the first answer by it, or None where that does not come."""
    config = os.path.join(proxy.folder, "config")
    with open(config + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(config + ".new", config)
    start = time.monotonic()
    os.kill(proxy.process.child.pid, signal.SIGHUP)
    end = load.wait_for_answer(proxy.address, routes_file.VERSION_PATH, str(version))
    return None if end is None else (start * 1e6, end * 1e6)


def _reload_repeatedly(proxy, texts, seconds):
    start = time.monotonic()
    spans = []
    for number, (version, text) in enumerate(texts.items(), 1):
        spans.append(_reload_once(proxy, text, version))
        time.sleep(max(0.0, start + number * seconds / len(texts) - time.monotonic()))
    return spans


def longest_waits(samples, spans):
    """Of each span (begin, end) the longest latency of a request that was under way in it; all in
    microseconds. Spans without any are left out."""
    waits = ([latency for sent, latency in samples if sent < end and sent + latency > begin]
             for begin, end in spans)
    return [max(wait) for wait in waits if wait]


def quiet_spans(samples, count, length):
    """`count` spans of `length`, spread evenly over the samples."""
    first, last = samples[0][0], samples[-1][0]
    step = (last - first) / count
    return [(first + number * step, first + number * step + length) for number in range(count)]


def figures(quiet, loaded, spans):
    """The figures of a run from the samples of its quiet and of its disturbed half."""
    durations = [end - begin for begin, end in spans]
    around = [(begin, end + AFTER_US) for begin, end in spans]
    undisturbed = quiet_spans(quiet, len(spans), median(durations) + AFTER_US)
    stall = median(longest_waits(loaded, around)) / 1e3
    quiet_stall = median(longest_waits(quiet, undisturbed)) / 1e3
    latencies = [latency for _, latency in loaded]
    return {"reload_ms": median(durations) / 1e3, "slowest_ms": max(durations) / 1e3,
            "stall_ms": stall, "quiet_ms": quiet_stall, "added_ms": max(0.0, stall - quiet_stall),
            "longest_ms": max(latencies) / 1e3, "p99_us": quantiles(latencies, n=100)[98],
            "requests": len(loaded)}


def run(lab, settings, proxy):
    """The same steady load twice: undisturbed, then with reloads under it."""
    count = ROUTES[proxy.contestant.name]
    paths = routes_file.write_paths(os.path.join(lab.folder, "reload-paths"), count)
    # Made before the load, whose client shares its core with this program.
    texts = {version: routes_file.config("127.0.0.1:0", lab.origin_address, count, version)
             for version in range(proxy.version + 1, proxy.version + 1 + settings.reloads)}
    proxy.version += settings.reloads
    quiet = load.paced(lab, proxy.address, paths, settings.pace,
                       lambda: time.sleep(settings.seconds))
    if not quiet["problems"] and quiet["failed"]:
        quiet["problems"].append(f"{quiet['failed']} requests failed without any reload")
    if quiet["problems"]:
        return {"problems": quiet["problems"]}
    spans = []
    loaded = load.paced(lab, proxy.address, paths, settings.pace,
                        lambda: spans.extend(_reload_repeatedly(proxy, texts, settings.seconds)))
    if not loaded["problems"] and None in spans:
        loaded["problems"].append("a reload did not come into force")
    if loaded["problems"]:
        return {"problems": loaded["problems"]}
    return {**figures(quiet["samples"], loaded["samples"], spans), "failed": loaded["failed"],
            "rss_mib": measure.rss_kib(proxy.pids()) / 1024, "problems": []}
