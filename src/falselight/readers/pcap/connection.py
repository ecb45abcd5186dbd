"""One connection so far: who opened it, how much each end sent, its states and its history; its events are logged here.

The states and times are Zeek's (``states``); what reads the payload is an ``Application``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from falselight.readers.pcap import states
from falselight.readers.pcap.headers import ACK, FIN, RST, SYN, TCP, UDP
from falselight.readers.pcap.runs import Run, ends_of
from falselight.readers.pcap.states import ORIGINATOR, RESPONDER, Ends
from falselight.readers.pcap.streams import Stream

_PROTOCOLS = {TCP: "tcp", UDP: "udp"}
Log = Callable[[str, dict[str, Any]], None]


class Application(Protocol):
    """What reads one connection's payload. ``held`` is how many bytes it keeps."""

    @property
    def held(self) -> int: ...
    def data(self, who: int, data: bytes) -> None: ...
    def gap(self, who: int, length: int) -> None: ...
    def finish(self) -> None: ...


class Connection:
    """One connection so far. Pairs are of the lower end and the higher one; ``originator`` is the one that opened it."""

    __slots__ = (
        "_log", "_seen", "app", "bytes", "ends", "first_sequence", "firsts", "higher", "history", "last", "lower",
        "originator", "packets", "payload", "protocol", "services", "start", "streams", "time", "uid", "untold",
    )  # fmt: skip

    def __init__(self, key: bytes, run: Run, log: Log) -> None:
        self.lower, self.higher, self.protocol = ends_of(key)
        self.start = self.last = self.time = run.first
        self.packets, self.bytes, self.payload = (0, 0), (0, 0), (0, 0)
        self.ends = Ends()
        self.history, self._seen = "", set[str]()
        self.first_sequence: int | None = None
        self.streams: list[Stream | None] = [None, None]
        # The numbers of the first bytes, where the SYN told them.
        self.firsts: list[int | None] = [None, None]
        self.app: Application | None = None
        # Whether no payload has come yet.
        self.untold = True
        self.services: list[str] = []
        self._log = log
        self.originator = self._opener(run)
        digest = hashlib.blake2b(key + run.first.to_bytes(8, "big"), digest_size=13).digest()
        self.uid = "C" + letters(digest)[:17]

    def _opener(self, run: Run) -> int:
        """Which end opened the connection (0: the lower): the first sender, unless it answers or is a server by its port."""
        sender = 0 if run.lower else 1
        ports = LIKELY.get(self.protocol, frozenset())
        if run.flags & SYN:
            turned = bool(run.flags & ACK)
        else:
            own, other = (self.lower[1], self.higher[1])[:: 1 if run.lower else -1]
            turned = own in ports and other not in ports
        if turned:
            self.history += "^"
        return 1 - sender if turned else sender

    def who(self, side: int) -> int:
        """The role of an end."""
        return ORIGINATOR if side == self.originator else RESPONDER

    def log(self, name: str, row: dict[str, Any], time: int | None = None) -> None:
        """Records an event of this connection."""
        ends = (self.lower, self.higher) if self.originator == 0 else (self.higher, self.lower)
        (row["id.orig_h"], row["id.orig_p"]), (row["id.resp_h"], row["id.resp_p"]) = ends
        row["uid"], row["ts"] = self.uid, self.time if time is None else time
        self._log(name, row)

    def add(self, run: Run) -> None:
        """Counts a run and moves the states."""
        self.last = max(self.last, run.last)
        self.packets = (self.packets[0] + run.packets[0], self.packets[1] + run.packets[1])
        self.bytes = (self.bytes[0] + run.bytes[0], self.bytes[1] + run.bytes[1])
        self.payload = (self.payload[0] + run.payload[0], self.payload[1] + run.payload[1])
        if self.protocol == TCP:
            self._flags(run)
        self._marks(run)

    def _flags(self, run: Run) -> None:
        if run.flags & (SYN | FIN | RST):
            side = 0 if run.lower else 1
            who = self.who(side)
            if run.flags & SYN:
                self._mark("H" if run.flags & ACK else "S", who)
            self.ends.segment(run.flags, who, run.last)
            return
        for side in (0, 1) if run.lower else (1, 0):
            if run.packets[side]:
                self.ends.segment(ACK, self.who(side), run.last)

    def _marks(self, run: Run) -> None:
        control = self.protocol == TCP and run.flags & (SYN | FIN | RST)
        if self.protocol not in _PROTOCOLS or len(self._seen) >= 12:
            return
        for _, place in sorted(zip(run.order, range(4), strict=True)):
            if run.order[place] < run.end:
                letter = "D" if place > 1 else "A"
                if letter == "D" or (self.protocol == TCP and not control):
                    self._mark(letter, self.who(place % 2))
        if control and run.flags & (FIN | RST):
            self._mark("R" if run.flags & RST else "F", self.who(0 if run.lower else 1))

    def _mark(self, letter: str, who: int) -> None:
        letter = letter if who == ORIGINATOR else letter.lower()
        if letter not in self._seen:
            self._seen.add(letter)
            self.history += letter

    def deadline(self) -> int:
        """The time by which the connection is over if nothing more is heard."""
        quiet = self.last + states.INACTIVITY.get(self.protocol, states.ICMP_INACTIVITY)
        return quiet if self.ends.until is None else min(quiet, self.ends.until)

    def held(self) -> int:
        """How many bytes of payload are kept."""
        waiting = sum(stream.held for stream in self.streams if stream is not None)
        return waiting + (0 if self.app is None else self.app.held)

    def give_up(self) -> None:
        """Reads no more payload; what was read is told."""
        if self.app is not None:
            self.app.finish()
        self.app, self.streams = None, [None, None]

    def close(self) -> None:
        """Ends the connection: what its protocol still holds, then its own event."""
        for stream in self.streams:
            if stream is not None and self.app is not None:
                stream.finish()
        if self.app is not None:
            self.app.finish()
        missed = sum(stream.missed for stream in self.streams if stream is not None)
        self.app, self.streams = None, [None, None]
        turn = 1 if self.originator == 0 else -1
        packets, sizes, payload = (pair[::turn] for pair in (self.packets, self.bytes, self.payload))
        tcp = self.protocol == TCP
        row = {
            "proto": _PROTOCOLS.get(self.protocol, "icmp"),
            "service": ",".join(self.services) or None,
            "duration": (self.last - self.start) / 1e9 if sum(packets) > 1 else None,
            "conn_state": self.ends.conn_state((payload[0], payload[1])) if tcp
            else states.datagram_state((packets[0], packets[1]), self.protocol),
            "missed_bytes": missed,
            "history": self.history or None,
            "orig_pkts": packets[0], "orig_ip_bytes": sizes[0], "resp_pkts": packets[1], "resp_ip_bytes": sizes[1],
        }  # fmt: skip
        self.log("conn", row, self.start)


LIKELY = states.LIKELY_SERVER_PORTS


def letters(data: bytes) -> str:
    """Letters and digits that stand for these bytes, as in Zeek's ids."""
    return base64.b64encode(data, b"Zz").decode("ascii").rstrip("=")
