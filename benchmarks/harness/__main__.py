# SPDX-License-Identifier: Apache-2.0
"""The command line of ./benchmarks/run. Exit status: 0 ok, 1 a must was missed (with --check),
2 a figure was refused or nothing could be measured."""

import argparse
import dataclasses
import json
import os
import signal
import sys

from . import (checks, compare, contestants, figures, machine, micro, page, processes, report,
               scenarios)
from .lab import Lab

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _arguments():
    parser = argparse.ArgumentParser(
        prog="benchmarks/run", description="Measures the gateway against relay floors and peers. "
        "How and why: benchmarks/README.md")
    names = [scenario.name for scenario in scenarios.ALL] + ["micro"]
    parser.add_argument("--scenario", action="append", choices=names,
                        help="run only this one; may be repeated")
    parser.add_argument("--rounds", type=int, help="paired rounds (9; fewer where long)")
    parser.add_argument("--seconds", type=int, help="length of a round under wrk (2)")
    parser.add_argument("--connections", type=int, help="client connections at once (64)")
    parser.add_argument("--only", help="comma-separated contestants, or the groups floors, peers, "
                        "gateway")
    parser.add_argument("--quick", action="store_true",
                        help="a smoke of a few seconds; its figures mean nothing")
    parser.add_argument("--check", action="store_true",
                        help="exit 1 when a figure misses what the design calls a must")
    parser.add_argument("--json", default=os.path.join(ROOT, "build", "benchmarks.json"),
                        help="where everything is written (build/benchmarks.json)")
    parser.add_argument("--html", default=os.path.join(ROOT, "build", "benchmarks.html"),
                        help="the report for people (build/benchmarks.html)")
    parser.add_argument("--background", type=int, default=25, metavar="PERCENT",
                        help="how much of the machine others may use before and, as a median, of "
                        "the proxy's core while it is measured (25)")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "release", "bin"),
                        help="folder of the programs (build/release/bin)")
    parser.add_argument("--proxy-cpu", type=int, help="core of the proxy (the last one)")
    return parser.parse_args()


def _settings(args):
    base = scenarios.QUICK if args.quick else scenarios.Settings()
    given = {name: getattr(args, name) for name in ("rounds", "seconds", "connections")
             if getattr(args, name) is not None}
    if not args.quick:
        given["most_disturbed"] = args.background / 100
    return dataclasses.replace(base, **given)


def _participants(scenario, args):
    only = args.only.split(",") if args.only else None
    chosen = [one for one in scenario.contestants
              if only is None
              or {one.name, figures.plain_name(one.name), one.group} & set(only)]
    if args.quick and only is None:
        chosen = [one for one in chosen if one.name in scenario.quick]
    return chosen


def _require_programs(participants, bin_folder):
    missing = {one.program for one in participants if one.find_program(bin_folder) is None}
    if missing:
        raise processes.StartError(f"not found: {', '.join(sorted(missing))} (see --bin, --only)")


def _require_fit(args, background):
    """Refuses builds and hours whose figures would be wrong."""
    problems = machine.build_problems(machine.build(args.bin))
    if background * 100 > args.background:
        problems.append(f"others use {background:.0%} of the machine, more than {args.background}% "
                        "(--background PERCENT)")
    if problems:
        raise processes.StartError("; ".join(problems))


def _wants_micro(args):
    return "micro" in args.scenario if args.scenario else not (args.quick or args.only)


def _run(args, lab, chosen):
    """Runs the scenarios one by one, each with its table; returns all that is worth keeping."""
    results = {}
    for scenario in chosen:
        participants = _participants(scenario, args)
        settings = scenario.limited(_settings(args))
        print(f"\n{scenario.name}: {scenario.title}", flush=True)
        runs = scenario.run(lab, settings, participants)
        own = figures.of_scenario(scenario.kind, runs, scenario.base)
        results[scenario.name] = {"title": scenario.title, "kind": scenario.kind,
                                  "settings": dataclasses.asdict(settings), "runs": runs,
                                  "figures": own}
        print(report.table(scenario.kind, own))
        disturbed = report.disturbance(runs)
        if disturbed > 0.05:
            print(f"  note: something else used the proxy's core, up to {disturbed:.0%} of a round")
    return results


def _conclude(args, results, micro_results):
    """Prints the verdicts; returns them and the exit status."""
    by_scenario = {name: result["figures"] for name, result in results.items()}
    verdicts = [] if args.quick else list(checks.verdicts(by_scenario))
    verdicts += micro.verdicts(micro_results)
    if verdicts:
        print("\nwhat the design demands")
    for verdict in verdicts:
        print(report.verdict_line(verdict))
    refused = [f"{scenario}/{name}" for scenario, own in by_scenario.items()
               for name, one in own.items() if "problems" in one]
    if refused:
        print("\ninvalid: " + ", ".join(refused))
        return verdicts, 2
    missed = any(not verdict["passed"] for verdict in verdicts)
    return verdicts, 1 if args.check and missed else 0


def main():
    args = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # unwinds, so that no child stays
    chosen = [one for one in scenarios.ALL if not args.scenario or one.name in args.scenario]
    chosen = [one for one in chosen if _participants(one, args)]
    participants = list({one.name: one for scenario in chosen
                         for one in _participants(scenario, args)}.values())
    try:
        _require_programs(participants, args.bin)
        background = machine.background()
        if not args.quick:
            _require_fit(args, background)
        with Lab(args.bin, args.proxy_cpu) as lab:
            environment = machine.environment(lab, contestants.describe(participants), background)
            if args.quick:
                print("a smoke: whether it works, not what it costs")
            print(f"{environment['cpu']}, Linux {environment['kernel']}; the proxy on core "
                  f"{environment['proxy_cpus']}, load and origin on {environment['load_cpus']}")
            results = _run(args, lab, chosen)
            micro_results = micro.run(lab) if _wants_micro(args) else {}
    except processes.StartError as failure:
        print(f"cannot measure: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 2
    verdicts, status = _conclude(args, results, micro_results)
    content = {"environment": environment, "scenarios": results, "micro": micro_results,
               "verdicts": verdicts, "status": status}
    report.write(args.json, json.dumps(content, indent=1) + "\n")
    report.write(args.html, page.render(content))
    print(f"\neverything: {os.path.relpath(args.json)}, {os.path.relpath(args.html)}")
    return status


sys.exit(compare.main(sys.argv[2:]) if sys.argv[1:2] == ["compare"] else main())
