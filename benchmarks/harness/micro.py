# SPDX-License-Identifier: Apache-2.0
"""The micro-benchmarks: programs named *_bench that measure one unit, print their own lines and
exit with 1 where a figure misses what the design promises of the unit."""

import glob
import os
import subprocess


def run(lab):
    """Runs all of them on the proxy's core, printing as they go: {name: {status, lines}}."""
    results = {}
    for path in sorted(glob.glob(os.path.join(lab.bin_folder, "*_bench"))):
        name = os.path.basename(path)
        done = subprocess.run([path], capture_output=True, text=True, check=False,
                              preexec_fn=lambda: os.sched_setaffinity(0, lab.proxy_cpus))
        print(f"\n{name}\n{done.stdout}{done.stderr}", end="", flush=True)
        results[name] = {"status": done.returncode, "lines": done.stdout.splitlines()}
    return results


def verdicts(results):
    for name, result in results.items():
        yield {"scenario": "micro", "what": f"{name} exits with", "value": result["status"],
               "limit": 0, "passed": result["status"] == 0}
