"""Packet captures as normalised batches (see ``columns``): connections, DNS, HTTP, TLS and certificates, as Zeek has them.

No library on PyPI gives these events. dpkt (1.9.8, 2022-08) and scapy (2.8.0, 2026-10, GPL) make an object of every layer of
every packet: dpkt alone, which decodes and no more, takes longer for a packet than all of this may; nfstream
(6.6.0, 2026-02, LGPL) gives flows without answers and certificates; pyshark (0.6, 2023-04) needs tshark beside it. So headers
are columns in NumPy, and only payload that still tells something goes through Python. Certificates, where mistakes are
costly, are read by ``cryptography`` (50.0.2, 2026-09, a parser in Rust, among the most used packages of all).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from falselight.diagnostics import Diagnostic, Severity
from falselight.readers import Report, tallies
from falselight.readers.settings import Settings

PASSED = "N0520"
# A batch costs some milliseconds however small it is.
EVENTS_TOGETHER, BLOCKS_TOGETHER, TEXT_TOGETHER = 16_384, 16, 16 << 20


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The events of a capture, each block's when their connections have told them. A record's number is that of the
    event."""
    # Every hunt asks whether a file is a capture; what reads one takes its time to load.
    from falselight.readers.pcap.applications import begin
    from falselight.readers.pcap.connections import Connections
    from falselight.readers.pcap.events import Events
    from falselight.readers.pcap.framing import Framing
    from falselight.readers.pcap.headers import decode

    events, passed = Events(wanted), Counter[str]()
    connections = Connections(events.add, begin, skipped)
    waited = 0
    for block in Framing(path, label, report, skipped).blocks(stream):
        connections.add(decode(block, skipped, passed))
        waited += 1
        if len(events) and (
            waited >= BLOCKS_TOGETHER or len(events) >= EVENTS_TOGETHER or events.size >= TEXT_TOGETHER
        ):
            yield from events.take()
            waited = 0
    connections.finish()
    yield from events.take()
    tallies.tell_malformed(events.malformed, path, label, report)
    if passed:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(passed.items()))
        report(Diagnostic(PASSED, Severity.NOTE, f"{label}: no events come of {told}", path=path))
