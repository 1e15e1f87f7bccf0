# SPDX-License-Identifier: Apache-2.0
"""Who is measured: relay floors, peers and the gateway, all as one reverse proxy before one origin.

A name such as `nginx@tls` is a contestant and a variant of it. Figures relate a variant to the same
variant of others, and to the contestant without any.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from typing import Callable

from . import certificates, peers, processes, routes

# By default half of the descriptors are for targets: 9,968 clients where 20,000 are allowed.
MOST_CLIENTS = 12_000
SHOWN_CONFIG_BYTES = 16 * 1024  # a longer configuration is told by its size and hash alone


class Proxy:
    """A running contestant."""

    def __init__(self, contestant, process, address, access_log):
        self.contestant = contestant
        self.process = process
        self.address = address
        self.access_log = access_log
        self.folder = os.path.dirname(process.log_path)
        self.resting_rss_kib = None  # before its first long transfer
        self.version = 0  # of the file that it serves

    def pids(self):
        return self.process.pids()

    @property
    def url(self):
        return f"{'https' if self.contestant.certificate else 'http'}://{self.address}"

    def end_problems(self, answered):
        """Looks back once it has been stopped: did it end well, is every request in its log?"""
        problems = []
        status = self.process.child.returncode
        if status != 0 and self.contestant.group != "peers":
            problems.append(f"exited with status {status}")
        if self.access_log:
            logged = written_lines(self.access_log)
            if logged < answered:
                problems.append(f"logged {logged} of {answered} requests")
        return problems


@dataclass(frozen=True)
class Contestant:
    name: str
    group: str  # floors, peers or gateway
    program: str
    arguments: Callable  # (folder, listen, origin) -> list of arguments
    config: Callable = field(default=lambda listen, origin, folder: "")
    announces: bool = True  # binds port 0 and prints where; else it is told a free address
    access_log: bool = False
    h2: bool = False  # whether its clients speak HTTP/2, by prior knowledge
    certificate: str = ""  # the kind of its certificate where they speak TLS

    def find_program(self, bin_folder):
        """The path of its program, or None."""
        if self.group == "peers":
            return shutil.which(self.program, path=os.environ["PATH"] + ":/usr/sbin")
        path = os.path.join(bin_folder, self.program)
        return path if os.access(path, os.X_OK) else None

    def start(self, lab):
        folder = os.path.join(lab.folder, self.name)
        os.makedirs(folder, exist_ok=True)
        if self.certificate:
            certificates.make(lab.folder, self.certificate)
        listen = "127.0.0.1:0" if self.announces else processes.free_address()
        with open(os.path.join(folder, "config"), "w", encoding="utf-8") as file:
            file.write(self.config(listen, lab.origin_address, folder))
        argv = [self.find_program(lab.bin_folder)]
        argv += self.arguments(folder, listen, lab.origin_address)
        process = processes.Process(argv, lab.proxy_cpus, os.path.join(folder, "errors"))
        try:
            if self.announces:
                listen = process.wait_listening()
            else:
                process.wait_accepting(listen)
        except BaseException:
            process.stop()
            raise
        access_log = os.path.join(folder, "access.log") if self.access_log else None
        return Proxy(self, process, listen, access_log)


def _ours(name, group, program, *flags, access_log=False):
    def arguments(folder, listen, origin):
        extra = [flag.format(folder=folder) for flag in flags]
        return ["--listen", listen, "--to", f"http://{origin}", *extra]
    return Contestant(name, group, program, arguments, access_log=access_log)


def gateway_with_layers(count):
    return _ours(f"gateway+{count}", "gateway", "bench_gateway", "--layers", str(count))


def _config_argument(folder, _listen, _origin):
    return ["--config", f"{folder}/config"]


def _gateway_with_routes(name, count):
    """The gateway executable with a JSON file of `count` routes."""
    return Contestant(name, "gateway", "gateway", _config_argument,
                      lambda listen, origin, folder: routes.config(listen, origin, count))


def _gateway_with_file(name, service=None, middleware=(), certificate="", h2=False):
    """The gateway executable with a JSON file of one service that gets all requests."""
    def render(listen, origin, folder):
        listener = {"address": listen}
        if certificate:
            file = peers.certificate_path(folder, certificate)
            listener["tls"] = {"certificate": file, "privateKey": file}
        return json.dumps({
            "listen": listener, "workers": 1, "maxConnections": MOST_CLIENTS,
            "services": {"origin": {"targets": [f"http://{origin}"], **(service or {})}},
            "middleware": list(middleware), "routes": [{"path": "/*", "service": "origin"}]},
            indent=1)
    return Contestant(name, "gateway", "gateway", _config_argument, render, h2=h2,
                      certificate=certificate)


def _nginx(name, access_log=False, **options):
    return Contestant(name, "peers", "nginx", peers.nginx_arguments, peers.nginx(**options),
                      announces=False, access_log=access_log, h2=options.get("h2", False),
                      certificate=options.get("certificate", ""))


def _haproxy(name, **options):
    return Contestant(name, "peers", "haproxy", peers.haproxy_arguments, peers.haproxy(**options),
                      announces=False, h2=options.get("h2", False),
                      certificate=options.get("certificate", ""))


def _nghttpx(name, h2=False, **options):
    return Contestant(name, "peers", "nghttpx", peers.nghttpx_arguments(**options),
                      announces=False, h2=h2)


FLOOR = _ours("floor-epoll", "floors", "bench_relay_epoll")
FLOOR_UV = _ours("floor-uv", "floors", "bench_relay_uv")
NGINX = _nginx("nginx")
NGINX_UNBUFFERED = _nginx("nginx-unbuffered", location=peers.NGINX_UNBUFFERED)
NGINX_LOGGED = _nginx("nginx-logged", log=peers.NGINX_JSON_LOG, location=peers.NGINX_REQUEST_ID,
                      access_log=True)
HAPROXY = _haproxy("haproxy")
NGHTTPX = _nghttpx("nghttpx")
GATEWAY = _ours("gateway", "gateway", "gateway", "--workers", "1", "--max-connections",
                str(MOST_CLIENTS))
_LOGGED = ("--request-id", "--access-log", "{folder}/access.log")
GATEWAY_LOGGED = _ours("gateway-logged", "gateway", "bench_gateway", *_LOGGED, access_log=True)
GATEWAY_COUNTED = _ours("gateway-counted", "gateway", "bench_gateway", "--count-allocations")
GATEWAY_LOGGED_COUNTED = _ours("gateway-logged-counted", "gateway", "bench_gateway",
                               "--count-allocations", *_LOGGED, access_log=True)
# It tells on its error output, and for people, where it listens.
SIDECAR = Contestant("sidecar", "gateway", "sidecar",
                     lambda folder, listen, origin: [listen, f"{folder}/application.sock"],
                     announces=False)


ROUTES = {"gateway-10": 10, "gateway-1000": 1000, "gateway-100000": 100_000}
FEW_ROUTES, RELOADED, MANY_ROUTES = (_gateway_with_routes(*one) for one in ROUTES.items())

# HTTP/2 with clients, with the origin, with both. nginx has none for origins.
H2 = (_nginx("nginx@h2", h2=True, keepalive=512), _haproxy("haproxy@h2", h2=True),
      _nghttpx("nghttpx@h2", h2=True), _gateway_with_file("gateway@h2", h2=True))
_TO_H2 = {"http2": "always"}
H2_ORIGIN = (_haproxy("haproxy@h2-origin", server=" proto h2"),
             _nghttpx("nghttpx@h2-origin", origin_protocol="h2"),
             _gateway_with_file("gateway@h2-origin", service=_TO_H2))
H2_BOTH = (_haproxy("haproxy@h2-both", server=" proto h2", h2=True),
           _nghttpx("nghttpx@h2-both", origin_protocol="h2", h2=True),
           _gateway_with_file("gateway@h2-both", service=_TO_H2, h2=True))
# With far more streams than connections to the origin, for the slow reader among them.
H2_QUEUED = (_haproxy("haproxy@h2-queued", server=" maxconn 1024", h2=True),
             _gateway_with_file("gateway@h2-queued", h2=True, service={
                 "maxConnections": 1024, "queue": 20_000, "queueTimeout": "60s"}))

TLS = tuple(make(name + "@tls", certificate=certificates.P256) for name, make in
            (("nginx", _nginx), ("haproxy", _haproxy), ("gateway", _gateway_with_file)))
HANDSHAKES = tuple(make(f"{name}@{kind}", certificate=kind)
                   for kind in (certificates.P256, certificates.RSA2048)
                   for name, make in (("nginx", _nginx), ("gateway", _gateway_with_file)))
GZIP = (_nginx("nginx@gzip", location=peers.NGINX_GZIP),
        _gateway_with_file("gateway@gzip", middleware=[{"compression": {
            "codings": ["gzip"], "gzipLevel": 5}}]))


def describe(contestants):
    """What each was started with, addresses aside: part of the report, told apart by hashes."""
    return {contestant.name: _description(contestant) for contestant in contestants}


def _description(contestant):
    config = contestant.config("LISTEN:0", "ORIGIN:0", "FOLDER")
    arguments = contestant.arguments("FOLDER", "LISTEN:0", "ORIGIN:0")
    everything = "\0".join([contestant.program, *arguments, config])
    shown = config if len(config) <= SHOWN_CONFIG_BYTES else f"{len(config)} bytes"
    return {"group": contestant.group, "program": contestant.program, "arguments": arguments,
            "config": shown, "sha256": hashlib.sha256(everything.encode()).hexdigest()}


def written_lines(path):
    """Lines of an access log that are JSON objects with a status."""
    if not os.path.exists(path):
        return 0
    with open(path, encoding="utf-8") as file:
        return sum(_is_log_line(line) for line in file)


def _is_log_line(line):
    try:
        return "status" in json.loads(line)
    except ValueError:
        return False
