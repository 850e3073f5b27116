"""Hosts of a test's own, each a network namespace behind one bridge, where the sandbox lets
root make some; otherwise they all are this host."""
import contextlib
import ctypes
import os
import re
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    return subprocess.run(["ip", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def clear():
    """Takes away what runs that were killed have left: the process is gone that they name."""
    for folder, what in (("/run/netns", "netns"), ("/sys/class/net", "link")):
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            owner = re.fullmatch(r"ivs(\d+)(b|-\d+)", name)
            if owner and not os.path.exists(f"/proc/{owner[1]}"):
                ip(what, "del", name)


class Network:
    """`with Network(2) as network`: network.hosts are the names to give inside(), and
    network.address is where the host that they share is reached from each."""

    def __init__(self, count):
        self.mark = f"ivs{os.getpid()}"
        self.hosts = [f"{self.mark}-{number}" for number in range(count)]
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.is_real = bool(shutil.which("ip")) and os.geteuid() == 0 and self._build()
        self.address = "10.213.77.254" if self.is_real else "127.0.0.1"

    def _build(self):
        clear()
        bridge = f"{self.mark}b"
        built = (ip("link", "add", bridge, "type", "bridge") and
                 ip("addr", "add", "10.213.77.254/24", "dev", bridge) and
                 ip("link", "set", bridge, "up"))
        for number, host in enumerate(self.hosts):
            here, there = f"{self.mark}h{number}", f"{self.mark}t{number}"
            built = (built and ip("netns", "add", host) and
                     ip("link", "add", here, "type", "veth", "peer", "name", there) and
                     ip("link", "set", there, "netns", host) and
                     ip("link", "set", here, "master", bridge, "up") and
                     ip("-n", host, "addr", "add", f"10.213.77.{number + 1}/24", "dev", there) and
                     ip("-n", host, "link", "set", there, "up") and
                     ip("-n", host, "link", "set", "lo", "up"))
        if not built:
            self._take_away()
        return built

    def _take_away(self):
        for host in self.hosts:
            ip("netns", "del", host)
        ip("link", "del", f"{self.mark}b")

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        if self.is_real:
            self._take_away()
        os.close(self.home)

    @contextlib.contextmanager
    def inside(self, host):
        """Sockets and processes that this thread makes meanwhile are of that host."""
        if not self.is_real:
            yield
            return
        there = os.open(f"/run/netns/{host}", os.O_RDONLY)
        try:
            self._enter(there)
            yield
        finally:
            self._enter(self.home)
            os.close(there)

    @staticmethod
    def _enter(namespace):
        if LIBC.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
