# SPDX-License-Identifier: Apache-2.0
"""CPU time and memory of a process tree, read from /proc.

The total comes from schedstat, which counts nanoseconds; utime and stime of stat count ticks of
10 ms and serve only to split that total into user and system time.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class CpuTime:
    total_ns: int
    waiting_ns: int  # runnable, while something else had the core
    user_ticks: int
    system_ticks: int

    def __sub__(self, earlier):
        return CpuTime(self.total_ns - earlier.total_ns, self.waiting_ns - earlier.waiting_ns,
                       self.user_ticks - earlier.user_ticks,
                       self.system_ticks - earlier.system_ticks)

    def user_share(self):
        ticks = self.user_ticks + self.system_ticks
        return self.user_ticks / ticks if ticks else 0.0


def _text(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def cpu_time(pids):
    total = waiting = user = system = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            ran, waited, _ = _text(f"/proc/{pid}/task/{task}/schedstat").split()
            total += int(ran)
            waiting += int(waited)
        after_name = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        user += int(after_name[11])
        system += int(after_name[12])
    return CpuTime(total, waiting, user, system)


def _status_kib(pids, field):
    total = 0
    for pid in pids:
        for line in _text(f"/proc/{pid}/status").splitlines():
            if line.startswith(field + ":"):
                total += int(line.split()[1])
    return total


def rss_kib(pids):
    return _status_kib(pids, "VmRSS")


def own_bytes(pids):
    """Memory that is no file's: heaps, stacks, shared arenas. What processes of the tree share
    counts once, and the code that other programs happen to use as well does not count."""
    total = 0
    for pid in pids:
        for line in _text(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                total += int(line.split()[1]) * 1024
    return total


def reset_peak(pids):
    """Makes peak_rss_kib count from now on."""
    for pid in pids:
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")


def peak_rss_kib(pids):
    return _status_kib(pids, "VmHWM")
