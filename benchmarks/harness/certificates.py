# SPDX-License-Identifier: Apache-2.0
"""Self-signed certificates for the proxies under test, made anew for each run of the harness."""

import os
import subprocess

from . import processes

P256, RSA2048 = "p256", "rsa2048"
# What the gateway prefers. Peers are told to use it as well: theirs would be a dearer one.
TLS_SUITE = "TLS_AES_128_GCM_SHA256"
_KEYS = {P256: ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), RSA2048: ("rsa:2048",)}


def path(lab_folder, kind):
    """One file with certificate and key, as HAProxy wants them."""
    return os.path.join(lab_folder, kind + ".pem")


def make(lab_folder, kind):
    """Unless it is there."""
    wanted = path(lab_folder, kind)
    if os.path.exists(wanted):
        return
    parts = [wanted + ".certificate", wanted + ".key"]
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *_KEYS[kind], "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", parts[0],
         "-keyout", parts[1]], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise processes.StartError(f"openssl made no certificate: {made.stderr.strip()[-200:]}")
    with open(wanted, "w", encoding="ascii", opener=_private) as together:
        for part in parts:
            with open(part, encoding="ascii") as file:
                together.write(file.read())


def _private(name, flags):
    return os.open(name, flags, 0o600)
