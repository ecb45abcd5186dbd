"""What JSON logs share whose records become events one by one: records in any framing in, normalised batches out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from falselight.readers import NOT_JSON, Report, fault, ndjson, syslog
from falselight.readers.json_framing import as_lines
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document

# A record and its text → its events, each by dotted name; None for a part that is none of the log.
Make = Callable[[dict[str, Any], str, Settings], Iterable[Document | None]]
_REPORTED = 20


def read(
    make: Make, stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str],
    wanted: frozenset[str] | None, settings: Settings,
) -> Iterator[pa.Table]:  # fmt: skip
    """The events of a log. What is no JSON object, and what is no record of this log, is told and counted."""

    def numbered() -> Iterator[tuple[int, Document | None]]:
        mended = 0
        for number, line in ndjson.lines(as_lines(stream, path, label, report, skipped), path, label, report, skipped):
            try:
                record, was_mended = ndjson.parse(line)
            except ndjson.Unparsable as error:
                skipped["not JSON"] += 1
                if skipped["not JSON"] <= _REPORTED:
                    message = f"{label}, record {number + 1} is not a JSON object: {error}"
                    report(fault(NOT_JSON, message, path, record=number))
                continue
            mended += was_mended
            for event in make(record, line.decode("utf-8", "replace").strip(), settings):
                yield number, event
        if mended:
            message = f"{label}: {mended} records hold bytes that are no valid UTF-8, shown as replacement characters"
            report(fault("W0511", message, path))

    yield from syslog.batches(numbered(), "record", path, label, report, skipped, wanted)
