"""Runs in, connections out, each when it has ended; payload goes to what reads its protocol.

A connection ends by Zeek's rules (``states``): some time after both ends closed or one reset, or when nothing was heard for
five minutes (TCP) or one (UDP, ICMP). A SYN behind an end opens the next one. Time is that of the packets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from falselight import collector
from falselight.readers.pcap import states
from falselight.readers.pcap.connection import Application, Connection, Log
from falselight.readers.pcap.headers import ACK, SYN, TCP, Packets
from falselight.readers.pcap.runs import Run, Sorted, arrange, divide
from falselight.readers.pcap.states import ORIGINATOR
from falselight.readers.pcap.streams import Stream

MAX_CONNECTIONS = 200_000
MAX_BUFFERED_BYTES = 256 << 20
SWEEP_EVERY, SWEEP_BLOCKS = states.SECOND, 8


@dataclass
class Connections:
    """All that is open. ``begin`` gives what reads a connection's payload (None: nothing does)."""

    log: Log
    begin: Callable[[Connection], Application | None]
    skipped: Counter[str]
    _open: dict[bytes, Connection] = field(default_factory=dict)
    _now: int = 0
    _swept: int = 0
    _blocks: int = 0

    def add(self, packets: Packets) -> None:
        """A block's packets."""
        if len(packets):
            with collector.paused():
                self._add(packets)

    def _add(self, packets: Packets) -> None:
        arranged = arrange(packets)
        runs, firsts = divide(packets, arranged)
        segments = _Segments(packets, arranged)
        for group in arranged.groups:
            key = arranged.keys[group]
            connection = self._open.get(key)
            for run in runs[firsts[group] : firsts[group + 1]]:
                if connection is None or self._ended(connection, run, segments):
                    if connection is not None:
                        connection.close()
                    connection = self._open[key] = Connection(key, run, self.log)
                connection.add(run)
                if run.flags & SYN:
                    segments.note(connection, run)
                if run.payload != (0, 0):
                    if connection.untold:
                        connection.untold = False
                        connection.app = self.begin(connection)
                    if connection.app is not None:
                        segments.give(connection, run)
        self._now = max(self._now, int(packets.time.max()))
        self._blocks += 1
        full = len(self._open) > MAX_CONNECTIONS or self._blocks % SWEEP_BLOCKS == 0
        if self._now - self._swept >= SWEEP_EVERY or full:
            self._sweep()

    def finish(self) -> None:
        """Ends all connections."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def _ended(self, connection: Connection, run: Run, segments: _Segments) -> bool:
        if run.first > connection.deadline():
            return True
        if not (run.flags & SYN and not run.flags & ACK and connection.protocol == TCP):
            return False
        sequence = segments.sequence(run.begin)
        return connection.ends.over() or (
            connection.first_sequence not in (None, sequence) and connection.ends.responder != states.INACTIVE
        )

    def _sweep(self) -> None:
        self._swept = self._now
        over = [key for key, connection in self._open.items() if connection.deadline() < self._now]
        if len(self._open) - len(over) > MAX_CONNECTIONS:
            left = sorted(self._open, key=lambda key: self._open[key].last)
            over = left[: len(self._open) - MAX_CONNECTIONS // 2]
            self.skipped["connections cut in two for lack of room"] += len(over)
        for key in over:
            self._open.pop(key).close()
        self._release()

    def _release(self) -> None:
        """Gives up reading payload where the most is held, if it is too much in all."""
        reading = [(connection.held(), key) for key, connection in self._open.items() if connection.app is not None]
        total = sum(held for held, _ in reading)
        for held, key in sorted(reading, reverse=True):
            if total <= MAX_BUFFERED_BYTES:
                return
            total -= held
            self._open[key].give_up()
            self.skipped["payloads given up for lack of room"] += 1


class _Segments:
    """The payload of a block's packets, in the order of the runs."""

    def __init__(self, packets: Packets, arranged: Sorted) -> None:
        order = arranged.order
        self._data = packets.data
        columns = (packets.time, packets.start, packets.captured, packets.payload, packets.sequence, packets.acknowledged,
                   packets.flags)  # fmt: skip
        self._columns = [column[order].tolist() for column in columns]
        self._lower = arranged.lower.tolist()

    def sequence(self, row: int) -> int:
        return int(self._columns[4][row])

    def note(self, connection: Connection, run: Run) -> None:
        """Remembers the number of a SYN. Only the last of several attempts is the one that is answered."""
        side, sequence = 0 if run.lower else 1, self.sequence(run.begin)
        if connection.first_sequence is None and connection.who(side) == ORIGINATOR:
            connection.first_sequence = sequence
        connection.firsts[side] = (sequence + 1) & 0xFFFFFFFF

    def give(self, connection: Connection, run: Run) -> None:
        """Hands the run's payload over while something reads it."""
        times, starts, captured, payloads, sequences, acknowledged, flags = self._columns
        if connection.protocol != TCP:
            for row in range(run.begin, run.end):
                if connection.app is not None:
                    connection.time = times[row]
                    side = 0 if self._lower[row] else 1
                    start = starts[row]
                    connection.app.data(connection.who(side), self._data[start : start + captured[row]])
            return
        for row in range(run.begin, run.end):
            if not payloads[row]:
                continue
            if connection.app is None:
                return
            side = 0 if self._lower[row] else 1
            first = sequences[row] + (1 if flags[row] & SYN else 0)
            stream = connection.streams[side]
            if stream is None:
                told = connection.firsts[side]
                stream = connection.streams[side] = _stream(connection, side, first if told is None else told)
            connection.time = times[row]
            other = connection.streams[1 - side]
            if other is not None and other.waits and flags[row] & ACK:
                other.acknowledge(acknowledged[row])
            start = starts[row]
            stream.segment(first, self._data[start : start + captured[row]], payloads[row])


def _stream(connection: Connection, side: int, first: int) -> Stream:
    who = connection.who(side)

    def deliver(data: bytes) -> None:
        if connection.app is not None:
            connection.app.data(who, data)

    def gap(length: int) -> None:
        if connection.app is not None:
            connection.app.gap(who, length)

    return Stream(first, deliver, gap)
