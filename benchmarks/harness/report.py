# SPDX-License-Identifier: Apache-2.0
"""The table for people and the JSON file for everything else."""

import hashlib
import json
import os
import platform
import subprocess
import time

# heading, figure, format; a figure that a contestant lacks is a dash
_RATIOS = (("× floor", "× floor-epoll", "{:.2f}"), ("× nginx", "× nginx", "{:.2f}"),
           ("× haproxy", "× haproxy", "{:.2f}"))
_COLUMNS = {
    "requests": (("CPU µs", "cpu_us", "{:.1f}"), ("user", "user_us", "{:.1f}"),
                 ("system", "system_us", "{:.1f}"), *_RATIOS, ("excess", "excess", "{:.2f}"),
                 ("added µs", "added", "{:+.2f}"),
                 ("req/s", "requests_per_second", "{:.0f}"), ("p50 µs", "p50_us", "{:.0f}"),
                 ("p99 µs", "p99_us", "{:.0f}"), ("RSS MiB", "rss_mib", "{:.1f}"),
                 ("busy", "busy", "{:.0%}")),
    "transfer": (("CPU ms/GiB", "cpu_ms", "{:.0f}"), ("user", "user_ms", "{:.0f}"),
                 ("system", "system_ms", "{:.0f}"), *_RATIOS,
                 ("× unbuffered", "× nginx-unbuffered", "{:.2f}"),
                 ("MiB/s", "mib_per_second", "{:.0f}"), ("growth MiB", "growth_mib", "{:.1f}"),
                 ("RSS MiB", "rss_mib", "{:.1f}"), ("busy", "busy", "{:.0%}")),
    "allocations": (("mallocs/request", "allocations", "{:.3f}"),
                    ("requests", "requests", "{:.0f}")),
    "reload": (("reload ms", "reload_ms", "{:.1f}"), ("slowest ms", "slowest_ms", "{:.1f}"),
               ("longest stall ms", "stall_ms", "{:.2f}"), ("quiet", "quiet_ms", "{:.2f}"),
               ("beyond", "added_ms", "{:.2f}"), ("p99 µs", "p99_us", "{:.0f}"),
               ("quiet", "quiet_p99_us", "{:.0f}"), ("failed", "failed", "{:.0f}"),
               ("requests", "requests", "{:.0f}"), ("RSS MiB", "rss_mib", "{:.1f}")),
    "idle": (("bytes/connection", "bytes_per_connection", "{:.0f}"),
             ("before MiB", "before_mib", "{:.1f}"), ("RSS MiB", "rss_mib", "{:.1f}"),
             ("held", "held", "{:.0f}")),
}
_WITH_SPREAD = {"× floor-epoll", "excess", "added", "stall_ms", "quiet_ms"}


def _cell(figures, figure, form):
    value = figures.get(figure)
    if value is None:
        return "-"
    text = form.format(value["median"])
    if figure in _WITH_SPREAD:
        text += f" ({form.format(value['q1'])}-{form.format(value['q3'])})"
    return text


def table(kind, figures):
    """One line per contestant; of a refused one, why."""
    columns = [column for column in _COLUMNS[kind]
               if any(own.get(column[1]) is not None for own in figures.values())]
    lines = {"contestant": [heading for heading, _, _ in columns]}
    refusals = {}
    for name, own in figures.items():
        if "problems" in own:
            refusals[name] = "invalid: " + "; ".join(own["problems"])
        else:
            lines[name] = [_cell(own, figure, form) for _, figure, form in columns]
    name_width = max(map(len, [*lines, *refusals]))
    widths = [max(map(len, column)) for column in zip(*lines.values())]
    text = [[name.ljust(name_width), *(cell.rjust(width) for cell, width in zip(cells, widths))]
            for name, cells in lines.items()]
    text += [[name.ljust(name_width), why] for name, why in refusals.items()]
    return "\n".join("  " + "  ".join(line) for line in text)


def disturbance(runs_by_name):
    """The greatest share of a round in which a proxy waited for its core: others' work on it."""
    return max((run.get("waiting", 0.0) for runs in runs_by_name.values() for run in runs),
               default=0.0)


def verdict_line(verdict):
    word = "ok    " if verdict["passed"] else "MISSED"
    return (f"  {word} {verdict['scenario']}: {verdict['what']} {verdict['value']:.2f}"
            f" (must be at most {verdict['limit']:g})")


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


def environment(lab, descriptions):
    """Where and of what the figures were taken, so that another run can be compared with them."""
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    config = json.dumps(descriptions, sort_keys=True)
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": platform.node(),
        "kernel": platform.release(),
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "proxy_cpus": sorted(lab.proxy_cpus),
        "load_cpus": sorted(lab.load_cpus),
        "git": _output("git", "-C", source, "describe", "--always", "--dirty"),
        "versions": {
            "nginx": _output("/usr/sbin/nginx", "-v"),
            "haproxy": _output("/usr/sbin/haproxy", "-v"),
            "nghttpx": _output("nghttpx", "--version"),
            "wrk": _output("wrk", "--version"),
            "compiler": _output("c++", "--version"),
        },
        "config_sha256": hashlib.sha256(config.encode()).hexdigest(),
        "contestants": descriptions,
    }


def write_json(path, content):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
