"""A test network on one Linux machine: an implant's host, a server and a resolver, each in a network namespace of its own.

The namespaces belong to processes (``unshare --net``) and are gone with them: nothing of the machine's own network is
touched or left behind. The server has a documentation address (RFC 5737) that no other network knows."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

IMPLANT, SERVER, RESOLVER = "10.83.0.2", "203.0.113.10", "10.83.0.53"
_TOOLS = ("unshare", "nsenter", "ip", "mount")
_STOPPED_WITHIN = 10


class NotAllowed(RuntimeError):
    """This machine does not let us make namespaces; the message says what is missing."""


@dataclass
class Network:
    """The running network. ``folder`` holds its files; ``run`` runs a script at the implant's host."""

    folder: Path
    implant: int
    server: int
    _children: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, shell: str, script: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a script as the implant; ``subprocess.TimeoutExpired`` after so many seconds."""
        path = self.folder / "test.sh"
        path.write_text(script, encoding="utf-8")
        inside = ["nsenter", "--target", str(self.implant), "--net", "--mount", shell, str(path)]
        return subprocess.run(inside, capture_output=True, text=True, timeout=seconds, check=False)

    @contextlib.contextmanager
    def captured(self, name: str) -> Iterator[Path]:
        """Capture all that the implant's host sends and receives meanwhile."""
        path = self.folder / f"{name}.pcap"
        process = self._started(self.implant, "falselight.validation.capture", str(path))
        try:
            yield path
        finally:
            _end(process)

    @contextlib.contextmanager
    def resolving(self, zone: str, address: str) -> Iterator[None]:
        """Answer names of the zone with the address; with none they do not exist."""
        given = ["--resolver", RESOLVER, "--zone", zone, *(["--address", address] if address else [])]
        process = self._started(self.server, "falselight.validation.servers", *given)
        try:
            yield
        finally:
            _end(process)

    def listen(self, web: list[int], listen: list[int]) -> None:
        """Let the server answer HTTP at some ports and accept connections at others."""
        given = ["--web", *map(str, web), "--listen", *map(str, listen)]
        self._children.append(self._started(self.server, "falselight.validation.servers", *given))

    def _started(self, namespace: int, module: str, *arguments: str) -> subprocess.Popen[str]:
        inside = ["nsenter", "--target", str(namespace), "--net", sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(inside, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            _end(process)
            raise NotAllowed(f"{module} did not start in its namespace")
        return process

    def close(self) -> None:
        """End every process of the network, and the namespaces with them."""
        for child in reversed(self._children):
            _end(child)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A network of implant, server and resolver for as long as the block lasts. Raises ``NotAllowed``."""
    reason = unavailable()
    if reason is not None:
        raise NotAllowed(reason)
    with tempfile.TemporaryDirectory(prefix="falselight-network-") as name:
        folder = Path(name)
        children = [_namespace("--mount"), _namespace()]
        made = Network(folder, children[0].pid, children[1].pid, list(children))
        try:
            _connect(made)
            yield made
        finally:
            made.close()


def unavailable() -> str | None:
    """Why no network can be made here; None if one can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} is not installed (util-linux, iproute2)"
    if os.geteuid() != 0:
        return "making network namespaces and capturing packets needs root"
    tried = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"this system does not allow network namespaces: {tried.stderr.strip()}"


def _namespace(*more: str) -> subprocess.Popen[str]:
    """A process that holds a network namespace until its standard input is closed."""
    command = ["unshare", "--net", *more, "sh", "-c", "ip link set lo up && echo ready && exec cat >/dev/null"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        _end(process)
        raise NotAllowed("a network namespace could not be set up")
    return process


def _connect(made: Network) -> None:
    """One cable between the two hosts; the resolver is a second address at the server's end."""
    resolv = made.folder / "resolv.conf"
    resolv.write_text(f"nameserver {RESOLVER}\noptions timeout:1 attempts:1\n", encoding="ascii")
    implant, server = str(made.implant), str(made.server)
    for line in (
        f"nsenter --target {implant} --net ip link add wire type veth peer name wire netns {server}",
        f"nsenter --target {implant} --net ip address add {IMPLANT}/24 dev wire",
        f"nsenter --target {implant} --net ip link set wire up",
        f"nsenter --target {server} --net ip address add {RESOLVER}/24 dev wire",
        f"nsenter --target {server} --net ip address add {SERVER}/32 dev wire",
        f"nsenter --target {server} --net ip link set wire up",
        f"nsenter --target {implant} --net ip route add 203.0.113.0/24 dev wire",
        f"nsenter --target {implant} --mount mount --bind {resolv} /etc/resolv.conf",
    ):
        done = subprocess.run(line.split(" "), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotAllowed(f"{line!r} failed: {done.stderr.strip()}")


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
