# SPDX-License-Identifier: Apache-2.0
"""What is run: each scenario takes the lab and the settings and returns its runs by contestant.

A run is one contestant under one load for one short round. Rounds are paired: in each of them
every contestant runs once, in an order that rotates, so that they all meet the same machine.
"""

import os
import time
from dataclasses import dataclass, replace
from statistics import median
from typing import Callable

from . import contestants as who
from . import load, measure, reloads, routes, slow_reader

SETTLE_SECONDS = 0.05  # for the closing of the load's connections, which is part of the cost
IDLE_SETTLE_SECONDS = 1.0
MIB = 1024 * 1024
FIRST_TRANSFER_BYTES = 256 * 1024
H2_CONNECTIONS, H2_STREAMS = 16, 10  # the streams are those of one connection
HANDSHAKES_AT_ONCE = 16
JSON_BYTES = 64 * 1024


@dataclass(frozen=True)
class Settings:
    rounds: int = 9
    seconds: int = 2
    connections: int = 64
    idle_connections: int = 10_000
    transfer_bytes: int = 1024 * MIB
    warm_up: int = 1  # rounds that are thrown away
    least_busy: float = 0.5  # of its core: a proxy that mostly sleeps pays more wake-ups than work
    most_disturbed: float = 0.25  # share of a round in which something else had the proxy's core
    connection_steps: tuple = (1, 4, 16, 64, 256)
    reloads: int = 20  # in a round
    pace: int = 2000  # requests per second while a gateway reloads


QUICK = Settings(rounds=1, seconds=1, connections=16, idle_connections=200,
                 transfer_bytes=16 * MIB, warm_up=0, least_busy=0.0, most_disturbed=1.0,
                 connection_steps=(1, 16), reloads=5)


@dataclass(frozen=True)
class Scenario:
    name: str
    kind: str  # of figures.COST: the columns of its table
    title: str
    contestants: tuple
    run: Callable  # (lab, settings, contestants) -> {name: [run, ...]}
    most_rounds: int = 1000
    quick: tuple = ("gateway",)  # who takes part in the smoke
    base: str = ""  # the contestant to whose cost that of others without variants is a difference

    least_busy: float = 0.5  # less than that of the settings where the load costs as much itself

    def limited(self, settings):
        return replace(settings, rounds=min(settings.rounds, self.most_rounds),
                       least_busy=min(settings.least_busy, self.least_busy))


def _rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def _paired_rounds(lab, settings, contestants, run_once):
    """Interleaves the rounds; checks in the end that nobody died and no log line is missing."""
    names = [contestant.name for contestant in contestants]
    runs = {name: [] for name in names}
    with lab.running(contestants) as proxies:
        for number in range(settings.warm_up + settings.rounds):
            for name in _rotated(names, number):
                runs[name].append(run_once(proxies[name]))
    for name, proxy in proxies.items():
        answered = sum(run.get("requests", 0) for run in runs[name])
        runs[name][-1]["problems"] += proxy.end_problems(answered)
        runs[name][-1]["problems"] += _disturbances(runs[name], settings.most_disturbed)
    return {name: kept[settings.warm_up:] for name, kept in runs.items()}


def _disturbances(runs, most):
    """One noisy round is what medians are for; when most of them are, there is no figure."""
    waiting = median(run.get("waiting", 0.0) for run in runs)
    return [f"something else had its core for {waiting:.0%} of the time"] if waiting > most else []


def _measured(proxy, work):
    """Runs `work` and adds what it cost the proxy to what the load saw."""
    pids = proxy.pids()
    start, before = time.monotonic(), measure.cpu_time(pids)
    seen = work()
    busy_until = time.monotonic()
    time.sleep(SETTLE_SECONDS)
    used = measure.cpu_time(pids) - before
    wall_ns = (busy_until - start) * 1e9
    return {**seen, "cpu_ns": used.total_ns, "user_share": used.user_share(),
            "busy": used.total_ns / wall_ns, "waiting": used.waiting_ns / wall_ns}


def _request_load(lab, settings, proxy, **options):
    """What its clients speak decides about the load."""
    if proxy.contestant.h2:
        return load.h2load(lab, proxy.address, H2_CONNECTIONS, H2_STREAMS, settings.seconds)
    return load.wrk(lab, proxy.url, settings.connections, settings.seconds, **options)


def _costed(settings, proxy, work):
    """Runs a load of requests; adds the cost of each."""
    if proxy.contestant.certificate:
        problems = load.tls_problems(proxy.address)
        if problems:
            return {"requests": 0, "problems": problems}
    run = _measured(proxy, work)
    if not run["requests"]:
        return run
    run["cpu_us"] = run["cpu_ns"] / 1e3 / run["requests"]
    run["user_us"] = run["cpu_us"] * run["user_share"]
    run["system_us"] = run["cpu_us"] - run["user_us"]
    run["requests_per_second"] = run["requests"] / (run["duration_us"] / 1e6)
    run["rss_mib"] = measure.rss_kib(proxy.pids()) / 1024
    if run["busy"] + run["waiting"] < settings.least_busy:
        run["problems"].append("the load kept the proxy too idle")
    return run


def _request_run(lab, settings, proxy, **options):
    return _costed(settings, proxy, lambda: _request_load(lab, settings, proxy, **options))


def _requests(lab, settings, contestants, **options):
    return _paired_rounds(lab, settings, contestants,
                          lambda proxy: _request_run(lab, settings, proxy, **options))


def _churn(lab, settings, contestants):
    return _requests(lab, settings, contestants, fields=("Connection: close",))


def _gzip_run(lab, settings, proxy):
    run = _request_run(lab, settings, proxy, path=f"/json/{JSON_BYTES}",
                       fields=("Accept-Encoding: gzip",))
    if run["requests"]:
        run["answer_kib"] = run["bytes"] / run["requests"] / 1024
        if run["answer_kib"] * 1024 > JSON_BYTES / 2:
            run["problems"].append("the answers were not compressed")
    return run


def _gzip(lab, settings, contestants):
    return _paired_rounds(lab, settings, contestants,
                          lambda proxy: _gzip_run(lab, settings, proxy))


def _handshakes(lab, settings, contestants):
    """Runs by contestant and kind: `nginx@p256-full`, `nginx@p256-resumed`."""
    runs = {}
    for kind in ("full", "resumed"):
        def run_once(proxy, resumed=kind == "resumed"):
            return _costed(settings, proxy, lambda: load.handshakes(
                lab, proxy.address, HANDSHAKES_AT_ONCE, settings.seconds, resumed))

        own = _paired_rounds(lab, settings, contestants, run_once)
        runs |= {f"{name}-{kind}": kept for name, kept in own.items()}
    return runs


def _connections(lab, settings, contestants):
    """Runs by contestant and number of connections: `nginx@16`."""
    runs = {}
    for count in settings.connection_steps:
        step = replace(settings, connections=count, least_busy=0.0)
        for name, own in _requests(lab, step, contestants).items():
            runs[f"{name}@{count}"] = [{**run, "connections": count} for run in own]
    return runs


def _routes(lab, settings, contestants):
    """Every contestant is asked for paths of all of its routes, at random."""
    paths = {one.name: routes.write_paths(os.path.join(lab.folder, one.name + "-paths"),
                                          who.ROUTES[one.name]) for one in contestants}
    return _paired_rounds(lab, settings, contestants, lambda proxy: _request_run(
        lab, settings, proxy, paths=paths[proxy.contestant.name]))


def _reload(lab, settings, contestants):
    return _paired_rounds(lab, replace(settings, warm_up=0), contestants,
                          lambda proxy: reloads.run(lab, settings, proxy))


def _allocations_run(lab, settings, proxy):
    before = load.allocations(proxy.address)
    run = load.wrk(lab, proxy.url, settings.connections, settings.seconds)
    if run["requests"]:
        run["allocations"] = (load.allocations(proxy.address) - before) / run["requests"]
    return run


def _allocations(lab, settings, contestants):
    return _paired_rounds(lab, settings, contestants,
                          lambda proxy: _allocations_run(lab, settings, proxy))


def _transfer_run(lab, settings, proxy, upload):
    pids = proxy.pids()
    if proxy.resting_rss_kib is None:
        load.transfer(lab, proxy.address, FIRST_TRANSFER_BYTES, upload)  # touches all its code
        proxy.resting_rss_kib = measure.rss_kib(pids)
    measure.reset_peak(pids)
    run = _measured(proxy, lambda: load.transfer(lab, proxy.address, settings.transfer_bytes,
                                                 upload))
    if run["problems"]:
        return run
    gibibytes = settings.transfer_bytes / (1024 * MIB)
    run["cpu_ms"] = run["cpu_ns"] / 1e6 / gibibytes
    run["user_ms"] = run["cpu_ms"] * run["user_share"]
    run["system_ms"] = run["cpu_ms"] - run["user_ms"]
    run["mib_per_second"] = settings.transfer_bytes / MIB / run["seconds"]
    run["growth_mib"] = (measure.peak_rss_kib(pids) - proxy.resting_rss_kib) / 1024
    run["rss_mib"] = measure.rss_kib(pids) / 1024
    return run


def _transfers(lab, settings, contestants, upload):
    return _paired_rounds(lab, replace(settings, warm_up=0), contestants,
                          lambda proxy: _transfer_run(lab, settings, proxy, upload))


def _download(lab, settings, contestants):
    return _transfers(lab, settings, contestants, upload=False)


def _upload(lab, settings, contestants):
    return _transfers(lab, settings, contestants, upload=True)


def _idle_run(lab, settings, proxy):
    """Weighs the proxy before and while it holds idle connections, all of which it must keep."""
    load.hold(lab, proxy.address, settings.connections, lambda: None)  # fills its pools
    pids = proxy.pids()
    before = measure.own_bytes(pids)
    weights = []

    def weigh():
        time.sleep(IDLE_SETTLE_SECONDS)
        weights.append((measure.own_bytes(pids), measure.rss_kib(pids)))

    seen = load.hold(lab, proxy.address, settings.idle_connections, weigh)
    if seen["problems"]:
        return seen
    weight, rss_kib = weights[0]
    return {**seen, "bytes_per_connection": (weight - before) / settings.idle_connections,
            "before_mib": before / MIB, "rss_mib": rss_kib / 1024}


def _idle(lab, settings, contestants):
    return _paired_rounds(lab, replace(settings, warm_up=0), contestants,
                          lambda proxy: _idle_run(lab, settings, proxy))


def _slow_reader(lab, settings, contestants):
    return _paired_rounds(lab, replace(settings, warm_up=0), contestants,
                          lambda proxy: slow_reader.run(lab, settings, proxy))


def _footprint_run(proxy):
    """Weighs a proxy that has nothing to do, after one request."""
    problems = load.ask(proxy.address, "/-/ready")
    time.sleep(IDLE_SETTLE_SECONDS)
    pids = proxy.pids()
    return {"rss_mib": measure.rss_kib(pids) / 1024, "own_mib": measure.own_bytes(pids) / MIB,
            "problems": problems}


def _footprint(lab, settings, contestants):
    return _paired_rounds(lab, replace(settings, warm_up=0), contestants, _footprint_run)


_PEERS = (who.NGINX, who.HAPROXY, who.NGHTTPX)
def _names(contestants):
    return tuple(contestant.name for contestant in contestants)


_TRANSFER = (who.FLOOR, who.NGINX, who.NGINX_UNBUFFERED, who.HAPROXY, who.GATEWAY)

ALL = (
    Scenario("plain", "requests", "a plain reverse proxy, 128-byte bodies, keep-alive",
             (who.FLOOR, who.FLOOR_UV, *_PEERS, who.GATEWAY), _requests,
             quick=("floor-epoll", "nginx", "gateway")),
    Scenario("layers", "requests", "the gateway with 1 to 8 trivial middlewares",
             (who.FLOOR, who.NGINX, who.GATEWAY, *map(who.gateway_with_layers, (1, 2, 4, 8))),
             _requests, quick=("gateway+8",), base="gateway"),
    Scenario("access_log", "requests", "request id and JSON access log to a file",
             (who.FLOOR, who.NGINX, who.NGINX_LOGGED, who.GATEWAY, who.GATEWAY_LOGGED),
             _requests, quick=("nginx-logged", "gateway-logged")),
    Scenario("allocations", "allocations", "calls of malloc and its kin once pools are warm",
             (who.GATEWAY_COUNTED, who.GATEWAY_LOGGED_COUNTED), _allocations, most_rounds=3,
             quick=("gateway-counted",)),
    Scenario("churn", "requests", "a new client connection for each request",
             (who.FLOOR, who.FLOOR_UV, *_PEERS, who.GATEWAY), _churn, most_rounds=5),
    Scenario("connections", "requests", "the plain proxy with few and with many connections",
             (who.FLOOR, who.NGINX, who.HAPROXY, who.GATEWAY), _connections, most_rounds=3),
    Scenario("routes", "requests", "JSON files of 10 and of 100,000 routes, random paths of all",
             (who.FEW_ROUTES, who.MANY_ROUTES), _routes, quick=(who.MANY_ROUTES.name,),
             base=who.FEW_ROUTES.name),
    Scenario("reload", "reload", "SIGHUP to a gateway of 1,000 routes under a steady load",
             (who.RELOADED,), _reload, most_rounds=5, quick=(who.RELOADED.name,)),
    Scenario("idle", "idle", "memory of idle keep-alive connections",
             (*_PEERS, who.GATEWAY), _idle, most_rounds=1),
    Scenario("download", "transfer", "one long body from the origin to the client",
             _TRANSFER, _download, most_rounds=3),
    Scenario("upload", "transfer", "one long body from the client to the origin",
             _TRANSFER, _upload, most_rounds=3),
    Scenario("h2", "requests", "HTTP/2 clients, 10 streams on each connection, HTTP/1.1 origin",
             (who.FLOOR, *who.H2), _requests, quick=_names(who.H2),
             least_busy=0.25),
    Scenario("h2-origin", "requests", "HTTP/1.1 clients, an HTTP/2 origin",
             (who.FLOOR, *who.H2_ORIGIN), _requests, quick=_names(who.H2_ORIGIN),
             least_busy=0.25),
    Scenario("h2-both", "requests", "HTTP/2 clients, an HTTP/2 origin",
             (who.FLOOR, *who.H2_BOTH), _requests, quick=_names(who.H2_BOTH),
             least_busy=0.25),
    Scenario("slow-reader", "slow-reader", "HTTP/2: 99 connections of 100 streams, one slow reader",
             who.H2_QUEUED, _slow_reader, most_rounds=5, quick=("gateway@h2-queued",)),
    Scenario("tls", "requests", "TLS 1.3 on keep-alive connections, and the same in clear text",
             (who.NGINX, who.HAPROXY, who.GATEWAY, *who.TLS), _requests, quick=_names(who.TLS)),
    Scenario("handshakes", "requests", "a TLS 1.3 connection, full or resumed, for each request",
             who.HANDSHAKES, _handshakes, most_rounds=9, quick=_names(who.HANDSHAKES),
             least_busy=0.25),
    Scenario("gzip", "requests", "64 KiB of JSON compressed by gzip at level 5",
             who.GZIP, _gzip, quick=_names(who.GZIP)),
    Scenario("footprint", "footprint", "memory at rest, after one request",
             (*_PEERS, who.GATEWAY, who.SIDECAR), _footprint, most_rounds=1, quick=("sidecar",)),
)
