# SPDX-License-Identifier: Apache-2.0
"""Who is measured: relay floors, peers and the gateway, all as one reverse proxy before one origin.

Every peer runs one worker without access log, with HTTP/1.1 and keep-alive on both sides, and is
otherwise left at its defaults.
"""

import getpass
import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from typing import Callable

from . import processes, routes

IDLE_SECONDS = 3600  # longer than any scenario holds a connection
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

    def find_program(self, bin_folder):
        """The path of its program, or None."""
        if self.group == "peers":
            return shutil.which(self.program, path=os.environ["PATH"] + ":/usr/sbin")
        path = os.path.join(bin_folder, self.program)
        return path if os.access(path, os.X_OK) else None

    def start(self, lab):
        folder = os.path.join(lab.folder, self.name)
        os.makedirs(folder, exist_ok=True)
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


def _nginx_config(log="access_log off;", location=""):
    def render(listen, origin, folder):
        user = f"user {getpass.getuser()};" if os.getuid() == 0 else ""
        temp_paths = "\n  ".join(f"{kind}_temp_path {folder}/{kind};" for kind in
                                 ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/errors;
events {{ worker_connections 16384; }}
http {{
  {log.format(folder=folder)}
  {temp_paths}
  keepalive_timeout {IDLE_SECONDS}s;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  upstream origin {{
    server {origin};
    keepalive 128;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {listen} backlog=4096;
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      {location}
    }}
  }}
}}
"""
    return render


_NGINX_UNBUFFERED = """proxy_buffering off; proxy_request_buffering off;
      proxy_buffer_size 64k; proxy_buffers 8 64k; client_body_buffer_size 64k;"""

_NGINX_JSON_LOG = """log_format line escape=json '{{"time":"$time_iso8601","id":"$request_id",'
    '"client":"$remote_addr","method":"$request_method","target":"$request_uri",'
    '"status":$status,"bytes_in":$request_length,"bytes_out":$bytes_sent,'
    '"duration":$request_time,"upstream":"$upstream_addr",'
    '"upstream_time":"$upstream_response_time"}}';
  access_log {folder}/access.log line buffer=64k flush=1s;"""

_NGINX_REQUEST_ID = """proxy_set_header X-Request-Id $request_id;
      add_header X-Request-Id $request_id;"""


def _nginx(name, **kwargs):
    access_log = kwargs.pop("access_log", False)
    return Contestant(name, "peers", "nginx",
                      lambda folder, listen, origin: [
                          "-c", f"{folder}/config", "-p", folder, "-e", f"{folder}/errors"],
                      _nginx_config(**kwargs), announces=False, access_log=access_log)


def _haproxy_config(listen, origin, folder):
    return f"""global
  nbthread 1
  maxconn 12000
  no strict-limits
defaults
  mode http
  timeout connect 5s
  timeout server 60s
  timeout client {IDLE_SECONDS}s
  timeout http-request 10s
  timeout http-keep-alive {IDLE_SECONDS}s
  http-reuse always
frontend clients
  bind {listen}
  default_backend origin
backend origin
  server origin {origin}
"""


def _nghttpx_arguments(folder, listen, origin):
    return ["--conf=/dev/null", "--workers=1", f"--errorlog-file={folder}/errors",
            f"--pid-file={folder}/pid", f"--frontend-keep-alive-timeout={IDLE_SECONDS}s",
            "--backend-keep-alive-timeout=60s", "--backlog=4096",
            "--frontend={},{};no-tls".format(*listen.split(":")),
            "--backend={},{};;proto=http/1.1".format(*origin.split(":"))]


def _ours(name, group, program, *flags, access_log=False):
    def arguments(folder, listen, origin):
        extra = [flag.format(folder=folder) for flag in flags]
        return ["--listen", listen, "--to", f"http://{origin}", *extra]
    return Contestant(name, group, program, arguments, access_log=access_log)


def gateway_with_layers(count):
    return _ours(f"gateway+{count}", "gateway", "bench_gateway", "--layers", str(count))


def _gateway_with_routes(name, count):
    """The gateway executable with a JSON file of `count` routes."""
    return Contestant(name, "gateway", "gateway",
                      lambda folder, listen, origin: ["--config", f"{folder}/config"],
                      lambda listen, origin, folder: routes.config(listen, origin, count))


FLOOR = _ours("floor-epoll", "floors", "bench_relay_epoll")
FLOOR_UV = _ours("floor-uv", "floors", "bench_relay_uv")
NGINX = _nginx("nginx")
NGINX_UNBUFFERED = _nginx("nginx-unbuffered", location=_NGINX_UNBUFFERED)
NGINX_LOGGED = _nginx("nginx-logged", log=_NGINX_JSON_LOG, location=_NGINX_REQUEST_ID,
                      access_log=True)
HAPROXY = Contestant("haproxy", "peers", "haproxy",
                     lambda folder, listen, origin: ["-db", "-f", f"{folder}/config"],
                     _haproxy_config, announces=False)
NGHTTPX = Contestant("nghttpx", "peers", "nghttpx", _nghttpx_arguments, announces=False)
# By default half of the descriptors are for targets: 9,968 clients where 20,000 are allowed.
GATEWAY = _ours("gateway", "gateway", "gateway", "--workers", "1", "--max-connections", "12000")
_LOGGED = ("--request-id", "--access-log", "{folder}/access.log")
GATEWAY_LOGGED = _ours("gateway-logged", "gateway", "bench_gateway", *_LOGGED, access_log=True)
GATEWAY_COUNTED = _ours("gateway-counted", "gateway", "bench_gateway", "--count-allocations")
GATEWAY_LOGGED_COUNTED = _ours("gateway-logged-counted", "gateway", "bench_gateway",
                               "--count-allocations", *_LOGGED, access_log=True)


ROUTES = {"gateway-10": 10, "gateway-1000": 1000, "gateway-100000": 100_000}
FEW_ROUTES, RELOADED, MANY_ROUTES = (_gateway_with_routes(*one) for one in ROUTES.items())


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
