"""A packet capture of all interfaces of one Linux network namespace, as pcap. Run as
``python -m falselight.validation.capture FILE``; it captures until it is ended."""

from __future__ import annotations

import signal
import socket
import struct
import sys
import time
from pathlib import Path

_EVERY_PROTOCOL = 0x0003
_LONGEST = 262_144
# magic of microsecond pcap, version 2.4, no offset, no accuracy, snapshot length, Ethernet
_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _LONGEST, 1)


def capture(path: Path) -> None:
    """Write every packet until SIGTERM or SIGINT."""
    ended = False

    def end(_: int, __: object) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL)) as sock,
        path.open("wb") as out,
    ):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        sock.settimeout(0.2)
        out.write(_HEADER)
        print("ready", flush=True)
        quiet = False
        while not (ended and quiet):
            try:
                packet, origin = sock.recvfrom(_LONGEST)
            except TimeoutError:
                quiet = True
                out.flush()
                continue
            quiet = False
            # What goes out of the loopback interface comes in again: it is kept once.
            if origin[0] == "lo" and origin[2] == socket.PACKET_OUTGOING:
                continue
            now = time.time_ns()
            out.write(struct.pack("<IIII", now // 10**9, now % 10**9 // 1000, len(packet), len(packet)))
            out.write(packet)


if __name__ == "__main__":
    capture(Path(sys.argv[1]))
