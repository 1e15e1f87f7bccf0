# SPDX-License-Identifier: Apache-2.0
"""The figures that the design calls a must, read off the results. `--check` makes them the exit
status. A check whose contestants did not run, or whose figure was refused, is left out."""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Check:
    scenario: str
    what: str
    figure: Callable  # the figures of a scenario by contestant -> number
    limit: float

    def apply(self, figures):
        try:
            value = self.figure(figures)
        except (KeyError, TypeError):  # a missing contestant, or a summary of nothing
            return None
        return {"scenario": self.scenario, "what": self.what, "value": value,
                "limit": self.limit, "passed": value <= self.limit}


def _median(contestant, figure):
    return lambda figures: figures[contestant][figure]["median"]


def _greatest(contestant, figure):
    return lambda figures: figures[contestant][figure]["max"]


def _quotient(contestant, other, figure):
    """Of the medians of two contestants."""
    return lambda figures: figures[contestant][figure]["median"] / figures[other][figure]["median"]


def _handshake(kind):
    return Check("handshakes", f"CPU × nginx, {kind}", _median(f"gateway@{kind}", "× nginx"), 1.05)


MUSTS = (
    Check("plain", "excess over the floor, of nginx's", _median("gateway", "excess"), 0.5),
    Check("plain", "CPU per request × nginx", _median("gateway", "× nginx"), 1.0),
    Check("plain", "CPU per request × HAProxy", _median("gateway", "× haproxy"), 1.0),
    Check("access_log", "excess over the floor, of plain nginx's",
          _median("gateway-logged", "excess"), 0.7),
    Check("allocations", "mallocs per request", _median("gateway-counted", "allocations"), 0.01),
    Check("allocations", "mallocs per logged request",
          _median("gateway-logged-counted", "allocations"), 0.01),
    Check("reload", "ms until the slowest reload is in force",
          _greatest("gateway-1000", "slowest_ms"), 50),
    Check("reload", "ms of stall beyond the quiet one", _median("gateway-1000", "added_ms"), 2),
    Check("reload", "failed requests", _greatest("gateway-1000", "failed"), 0),
    Check("idle", "bytes per idle connection", _median("gateway", "bytes_per_connection"), 1536),
    Check("download", "growth in MiB", _median("gateway", "growth_mib"), 2.0),
    Check("download", "CPU × unbuffered nginx", _median("gateway", "× nginx-unbuffered"), 1.0),
    Check("upload", "growth in MiB", _median("gateway", "growth_mib"), 2.0),
    Check("upload", "CPU × unbuffered nginx", _median("gateway", "× nginx-unbuffered"), 1.0),
    Check("h2", "CPU per request × nginx", _median("gateway@h2", "× nginx"), 1.0),
    Check("h2", "CPU per request × HAProxy", _median("gateway@h2", "× haproxy"), 1.0),
    Check("h2", "CPU per request × nghttpx", _median("gateway@h2", "× nghttpx"), 1.0),
    Check("h2-origin", "CPU per request × floor", _median("gateway@h2-origin", "× floor-epoll"),
          1.0),
    Check("h2-both", "CPU per request × HAProxy", _median("gateway@h2-both", "× haproxy"), 1.0),
    Check("h2-both", "CPU per request × nghttpx", _median("gateway@h2-both", "× nghttpx"), 1.0),
    Check("slow-reader", "p99 of the others × without it", _median("gateway@h2-queued", "p99_ratio"),
          1.2),
    Check("slow-reader", "growth in MiB", _greatest("gateway@h2-queued", "growth_mib"), 64),
    Check("tls", "added CPU × what nginx adds", _quotient("gateway@tls", "nginx@tls", "added"), 1.0),
    *map(_handshake, ("p256-full", "p256-resumed", "rsa2048-full", "rsa2048-resumed")),
    Check("gzip", "CPU per answer × nginx", _median("gateway@gzip", "× nginx"), 1.1),
    Check("footprint", "MiB of a sidecar at rest", _median("sidecar", "rss_mib"), 8),
)


def verdicts(figures_by_scenario):
    for check in MUSTS:
        if check.scenario in figures_by_scenario:
            verdict = check.apply(figures_by_scenario[check.scenario])
            if verdict:
                yield verdict
