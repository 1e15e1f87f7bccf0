#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what a command of this project needs and the system lacks (Debian, apt), without a
# question. No service is started by it and none is left enabled: the peers of the benchmarks come
# in packages that would do both.
#   cmake/install_packages.sh build|tests|browser|benchmarks...
set -euo pipefail

# PACKAGE, or COMMAND:PACKAGE where a command from elsewhere does as well.
build=(g++:g++ cmake:cmake ninja:ninja-build pkg-config:pkg-config ccache:ccache python3:python3
  curl:curl openssl:openssl libuv1-dev libnghttp2-dev libssl-dev libfmt-dev libcli11-dev
  nlohmann-json3-dev zlib1g-dev libbrotli-dev libzstd-dev)
tests=(catch2 node:nodejs npm:npm wrk:wrk nghttp:nghttp2-client haproxy:haproxy clang++-14:clang-14
  libclang-rt-14-dev
  clang-format-14:clang-format-14)
browser=(chromium:chromium)
benchmarks=(nginx:nginx-light haproxy:haproxy nghttpx:nghttp2-proxy wrk:wrk h2load:nghttp2-client
  openssl:openssl)

is_installed() {
  if [[ $1 == *:* ]]; then
    PATH="$PATH:/usr/sbin" command -v "${1%%:*}" >/dev/null
  else
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
  fi
}

missing_packages() {
  local group need
  for group in "$@"; do
    local -n needs=$group
    for need in "${needs[@]}"; do
      is_installed "$need" || echo "${need##*:}"
    done
  done | sort -u
}

# Every link by which an init system would start something at boot.
boot_links() {
  find /etc/systemd/system /etc/rc[0-9S].d -type l \( -path '*.wants/*' -o -name 'S[0-9]*' \) \
    2>/dev/null | sort
}

disable() {
  local link=$1 script
  case $link in
    /etc/systemd/*) rm -f "$link" ;;
    *)
      script=$(basename "$(readlink "$link")")
      if [[ -L $link ]]; then update-rc.d "$script" disable; fi
      ;;
  esac
}

install_quietly() {
  local policy=/usr/sbin/policy-rc.d links_before log link
  log=$(mktemp)
  if [[ ! -e $policy ]]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\n# Written by an installation that starts no service.\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  links_before=$(boot_links)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
    --no-install-recommends -o Dpkg::Options::=--force-confold "$@"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "could not install: $*" >&2
    exit 1
  fi
  comm -13 <(echo "$links_before") <(boot_links) | while read -r link; do
    disable "$link" >/dev/null 2>&1
  done
  rm -f "$log"
}

mapfile -t missing < <(missing_packages "$@")
if [[ ${#missing[@]} -eq 0 ]]; then exit 0; fi

if [[ $(id -u) -eq 0 ]]; then
  echo "installing: ${missing[*]}"
  install_quietly "${missing[@]}"
elif command -v sudo >/dev/null; then
  exec sudo bash "$0" "$@"
else
  echo "missing packages: ${missing[*]}" >&2
  echo "install them as root, or install sudo and run this again" >&2
  exit 1
fi
