# SPDX-License-Identifier: Apache-2.0
"""The place where a scenario runs: cores, folders, the origin, and the proxies that are up."""

import contextlib
import os
import resource
import tempfile

from . import processes

DESCRIPTORS = 65536


def raise_descriptor_limit():
    """Children inherit it; 10,000 held connections need 20,000 descriptors in some peers."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else max(DESCRIPTORS, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Lab:
    """A context manager: the origin runs inside it, and everything started in it ends with it."""

    def __init__(self, bin_folder, proxy_cpu):
        cpus = os.sched_getaffinity(0)
        self.bin_folder = bin_folder
        self.load_folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "load")
        self.proxy_cpus = {max(cpus) if proxy_cpu is None else proxy_cpu}
        self.load_cpus = cpus - self.proxy_cpus or cpus
        self._exits = contextlib.ExitStack()

    def __enter__(self):
        raise_descriptor_limit()
        os.sched_setaffinity(0, self.load_cpus)
        self.folder = self._exits.enter_context(tempfile.TemporaryDirectory(prefix="gatewaykit-"))
        origin = processes.Process([os.path.join(self.bin_folder, "bench_origin")],
                                   self.load_cpus, os.path.join(self.folder, "origin-errors"))
        self._exits.enter_context(origin)
        self.origin_address = origin.wait_listening()
        return self

    def __exit__(self, *error):
        return self._exits.__exit__(*error)

    @contextlib.contextmanager
    def running(self, contestants):
        """All of them up at once, by name: an idle proxy costs the others nothing."""
        with contextlib.ExitStack() as exits:
            proxies = {}
            for contestant in contestants:
                proxies[contestant.name] = proxy = contestant.start(self)
                exits.enter_context(proxy.process)
            yield proxies
