# SPDX-License-Identifier: Apache-2.0
"""What one slow reader costs the others: the same load over HTTP/2 twice, alone and beside a client
that asks for a hundred long answers and hardly reads them.

A proxy that takes from the origin whatever comes grows by all of it; one that lets a full socket
stand in the way of other connections makes them wait.
"""

from . import load, measure

CONNECTIONS = 100  # the slow reader's among them
STREAMS = 100
TIMES_LONGER = 2  # than other rounds: with 9,900 requests under way, each waits long for its turn


def figures(alone, beside, alone_peak_kib, beside_peak_kib):
    """The figures of a run from what the load saw, and the greatest RSS, in each half."""
    return {"alone_p99_ms": alone["p99_us"] / 1e3, "p99_ms": beside["p99_us"] / 1e3,
            "p99_ratio": beside["p99_us"] / alone["p99_us"],
            "growth_mib": max(0, beside_peak_kib - alone_peak_kib) / 1024,
            "requests": alone["requests"] + beside["requests"]}


def run(lab, settings, proxy):
    pids = proxy.pids()
    seen, peaks = [], []

    def others():
        measure.reset_peak(pids)
        seen.append(load.h2load(lab, proxy.address, CONNECTIONS - 1, STREAMS,
                                settings.seconds * TIMES_LONGER))
        peaks.append(measure.peak_rss_kib(pids))

    others()
    slow = load.beside_slow_reader(lab, proxy.address, STREAMS, others)
    found = [problem for one in (*seen, slow) for problem in one["problems"]]
    if found:
        return {"problems": found}
    return {**figures(*seen, *peaks), "slow_mib": slow["received"] / (1024 * 1024),
            "rss_mib": measure.rss_kib(pids) / 1024, "problems": []}
