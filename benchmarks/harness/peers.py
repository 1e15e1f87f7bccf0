# SPDX-License-Identifier: Apache-2.0
"""How the peers are told to be a reverse proxy before one origin.

Every peer runs one worker without access log, with keep-alive on both sides, and is otherwise left
at its defaults. What a scenario changes are the arguments of these functions, each of which returns
a function that renders a configuration or a command line.
"""

import getpass
import os

from . import certificates

IDLE_SECONDS = 3600  # longer than any scenario holds a connection
LOG_OFF = "access_log off;"

NGINX_UNBUFFERED = """proxy_buffering off; proxy_request_buffering off;
      proxy_buffer_size 64k; proxy_buffers 8 64k; client_body_buffer_size 64k;"""

NGINX_JSON_LOG = """log_format line escape=json '{{"time":"$time_iso8601","id":"$request_id",'
    '"client":"$remote_addr","method":"$request_method","target":"$request_uri",'
    '"status":$status,"bytes_in":$request_length,"bytes_out":$bytes_sent,'
    '"duration":$request_time,"upstream":"$upstream_addr",'
    '"upstream_time":"$upstream_response_time"}}';
  access_log {folder}/access.log line buffer=64k flush=1s;"""

NGINX_GZIP = """gzip on; gzip_comp_level 5; gzip_types application/json; gzip_proxied any;"""

NGINX_REQUEST_ID = """proxy_set_header X-Request-Id $request_id;
      add_header X-Request-Id $request_id;"""


def certificate_path(folder, kind):
    """As a contestant's configuration names it, whose folder lies in the lab's."""
    return certificates.path(os.path.dirname(folder), kind)


def _nginx_tls(folder, certificate):
    if not certificate:
        return ""
    file = certificate_path(folder, certificate)
    return f"""
    ssl_certificate {file};
    ssl_certificate_key {file};
    ssl_conf_command Ciphersuites {certificates.TLS_SUITE};
    ssl_protocols TLSv1.3;"""


def nginx(log=LOG_OFF, location="", certificate="", h2=False, keepalive=128):
    """`keepalive` is how many idle connections to the origin it keeps: not fewer than there are
    requests at once, or it would open one for many of them."""
    def render(listen, origin, folder):
        user = f"user {getpass.getuser()};" if os.getuid() == 0 else ""
        temp_paths = "\n  ".join(f"{kind}_temp_path {folder}/{kind};" for kind in
                                 ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        protocols = (" ssl" if certificate else "") + (" http2" if h2 else "")
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
    keepalive {keepalive};
    keepalive_requests 1000000000;
  }}
  server {{
    listen {listen} backlog=4096{protocols};{_nginx_tls(folder, certificate)}
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


def nginx_arguments(folder, _listen, _origin):
    return ["-c", f"{folder}/config", "-p", folder, "-e", f"{folder}/errors"]


def haproxy(certificate="", h2=False, server=""):
    def render(listen, origin, folder):
        bind = listen + (" proto h2" if h2 else "")
        if certificate:
            bind += f" ssl crt {certificate_path(folder, certificate)} ciphersuites {certificates.TLS_SUITE} ssl-min-ver TLSv1.3"
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
  bind {bind}
  default_backend origin
backend origin
  server origin {origin}{server}
"""
    return render


def haproxy_arguments(folder, _listen, _origin):
    return ["-db", "-f", f"{folder}/config"]


def nghttpx_arguments(origin_protocol="http/1.1"):
    """Its clear-text clients may speak HTTP/2 without being asked."""
    def arguments(folder, listen, origin):
        return ["--conf=/dev/null", "--workers=1", f"--errorlog-file={folder}/errors",
                f"--pid-file={folder}/pid", f"--frontend-keep-alive-timeout={IDLE_SECONDS}s",
                "--backend-keep-alive-timeout=60s", "--backlog=4096",
                "--frontend={},{};no-tls".format(*listen.split(":")),
                "--backend={},{};;proto={}".format(*origin.split(":"), origin_protocol)]
    return arguments
