# SPDX-License-Identifier: Apache-2.0
"""./benchmarks/run compare A.json B.json: what has changed from one run to another.

A change counts where the quartiles of the rounds of both lie apart; a figure of a single round has
no spread, so that its every change counts. Runs of different machines or settings are not compared
unless it is asked for. Exit status: 0 ok, 1 the gateway got worse than --fail-above allows,
2 the runs cannot be compared.
"""

import argparse
import json
import sys

from . import figures

LOWER_IS_BETTER = ("cpu_us", "cpu_ms", "allocations", "bytes_per_connection", "× floor-epoll",
                   "excess", "added", "p50_us", "p99_us", "growth_mib", "rss_mib", "reload_ms",
                   "stall_ms", "failed", "p99_ratio")
HIGHER_IS_BETTER = ("requests_per_second", "mib_per_second")
MACHINE = ("host", "kernel", "cpu", "cpus", "proxy_cpus", "load_cpus")
TOLD = ("versions", "build")  # what a comparison may be about


def _differences(what, a, b, keys):
    return [f"{what}{key}: {a.get(key)} against {b.get(key)}" for key in keys
            if a.get(key) != b.get(key)]


def _shared(a, b):
    return [key for key in a if key in b]


def obstacles(a, b):
    """Why figures of the two runs do not say anything about each other."""
    ours, theirs = a["environment"], b["environment"]
    found = _differences("", ours, theirs, MACHINE)
    for scenario in _shared(a["scenarios"], b["scenarios"]):
        settings = [run["scenarios"][scenario]["settings"] for run in (a, b)]
        found += _differences(f"{scenario}: ", *settings, sorted({*settings[0], *settings[1]}))
    for name in _shared(ours["contestants"], theirs["contestants"]):
        if ours["contestants"][name]["sha256"] != theirs["contestants"][name]["sha256"]:
            found.append(f"{name}: another configuration")
    if not _shared(a["scenarios"], b["scenarios"]):
        found.append("they have no scenario in common")
    return found


def notes(a, b):
    """Differences that may be the reason for the comparison."""
    return [note for key in TOLD for note in _differences(
        "", a["environment"].get(key) or {}, b["environment"].get(key) or {},
        sorted({*(a["environment"].get(key) or {}), *(b["environment"].get(key) or {})}))]


def _change(scenario, name, figure, a, b):
    percent = (b["median"] - a["median"]) / abs(a["median"]) * 100 if a["median"] else None
    better = b["median"] > a["median"] if figure in HIGHER_IS_BETTER else b["median"] < a["median"]
    return {"scenario": scenario, "contestant": name, "figure": figure, "a": a["median"],
            "b": b["median"], "percent": percent, "same": a["median"] == b["median"],
            "better": better, "beyond_noise": a["q1"] > b["q3"] or b["q1"] > a["q3"]}


def changes(a, b):
    """Every figure that both runs have."""
    found = []
    for scenario in _shared(a["scenarios"], b["scenarios"]):
        ours, theirs = (run["scenarios"][scenario]["figures"] for run in (a, b))
        for name in _shared(ours, theirs):
            for figure in LOWER_IS_BETTER + HIGHER_IS_BETTER:
                before, after = ours[name].get(figure), theirs[name].get(figure)
                if before and after:
                    found.append(_change(scenario, name, figure, before, after))
    return found


def lost(a, b):
    """Contestants that were valid and no longer are."""
    return [f"{scenario}/{name}" for scenario in _shared(a["scenarios"], b["scenarios"])
            for name, own in b["scenarios"][scenario]["figures"].items()
            if "problems" in own
            and "problems" not in a["scenarios"][scenario]["figures"].get(name, {"problems": []})]


def regressions(found, groups, percent):
    """The gateway's changes to the worse that count; those of peers tell of the machine alone. A
    figure that was zero has become worse by more than any share."""
    return [change for change in found
            if groups.get(figures.plain_name(change["contestant"])) == "gateway"
            and change["beyond_noise"] and not change["same"] and not change["better"]
            and (change["percent"] is None or abs(change["percent"]) > percent)]


def _verdict(change):
    if change["same"]:
        return "same"
    if not change["beyond_noise"]:
        return "noise"
    return "better" if change["better"] else "worse"


def table(found):
    rows = [("scenario", "contestant", "figure", "A", "B", "change", "")]
    for change in found:
        percent = change["percent"]
        rows.append((change["scenario"], change["contestant"], change["figure"],
                     f"{change['a']:.2f}", f"{change['b']:.2f}",
                     "-" if percent is None else f"{percent:+.1f}%", _verdict(change)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(
        cell.ljust(width) if index in (0, 1, 2, 6) else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog="benchmarks/run compare", description="Tells what has changed from A to B.")
    parser.add_argument("a", metavar="A.json")
    parser.add_argument("b", metavar="B.json")
    parser.add_argument("--fail-above", type=float, metavar="PERCENT",
                        help="exit 1 when a figure of the gateway got worse by more, beyond noise")
    parser.add_argument("--force", action="store_true",
                        help="compare runs of different machines or settings all the same")
    return parser.parse_args(argv)


def _read(path):
    with open(path, encoding="utf-8") as file:
        run = json.load(file)
    if not {"environment", "scenarios"} <= run.keys():
        raise ValueError("not what ./benchmarks/run writes")
    return run


def main(argv):
    args = _arguments(argv)
    runs = []
    for path in (args.a, args.b):
        try:
            runs.append(_read(path))
        except (OSError, ValueError, AttributeError) as failure:
            print(f"cannot read {path}: {failure}", file=sys.stderr)
            return 2
    found_obstacles = obstacles(*runs)
    for obstacle in found_obstacles:
        print(f"differs: {obstacle}", file=sys.stderr)
    if found_obstacles and not args.force:
        print("not compared (--force compares all the same)", file=sys.stderr)
        return 2
    for note in notes(*runs):
        print(f"note: {note}")
    found = changes(*runs)
    print(table(found))
    gone = lost(*runs)
    if gone:
        print("no longer valid: " + ", ".join(gone))
    if args.fail_above is None:
        return 0
    groups = {figures.plain_name(name): one["group"] for run in runs
              for name, one in run["environment"]["contestants"].items()}
    worse = regressions(found, groups, args.fail_above)
    for change in worse:
        print(f"worse: {change['scenario']}/{change['contestant']} {change['figure']}")
    return 1 if worse or gone else 0
