# SPDX-License-Identifier: Apache-2.0
"""Child processes: on chosen cores, ready before they are used, gone when the harness is."""

import os
import select
import signal
import socket
import subprocess
import time

READY_SECONDS = 10.0


class StartError(Exception):
    """A program that should have listened does not."""


def free_address():
    """A loopback address that nobody listens on, for peers that cannot bind port 0 themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def accepts_connections(address):
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


class Process:
    """A child in a session of its own. Use it as a context manager, or call stop()."""

    def __init__(self, argv, cpus, log_path):
        self.name = os.path.basename(argv[0])
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self.child = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, cpus))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def read_line(self, seconds):
        """The next line of its output; a StartError says why there is none."""
        if not select.select([self.child.stdout], [], [], seconds)[0]:
            raise StartError(f"{self.name} said nothing within {seconds:.0f} s")
        line = self.child.stdout.readline().strip()
        if not line:
            raise StartError(f"{self.name} gave up; {self.last_words()}")
        return line

    def wait_listening(self):
        """The address that a program of ours announces."""
        line = self.read_line(READY_SECONDS)
        prefix = "listening on "
        if not line.startswith(prefix):
            raise StartError(f"{self.name} said {line!r} instead of where it listens")
        return line[len(prefix):].removeprefix("http://")

    def wait_accepting(self, address):
        """Waits until somebody else's program accepts connections."""
        deadline = time.monotonic() + READY_SECONDS
        while not accepts_connections(address):
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"{self.name} does not listen; {self.last_words()}")
            time.sleep(0.01)

    def pids(self):
        """The process and all that descend from it."""
        found = [self.child.pid]
        for pid in found:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                found += [int(child) for child in children.read().split()]
        return found

    def last_words(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return "its last words: " + " | ".join(log.read().splitlines()[-2:])

    def stop(self):
        """SIGTERM, then SIGKILL for what does not listen; returns the exit status."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(READY_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()
        return self.child.returncode
