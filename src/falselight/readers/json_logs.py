"""What JSON logs share whose records become events one by one: records in any framing in, normalised batches out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from falselight.readers import NOT_JSON, Report, fault, ndjson, syslog, tallies
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
    """The events of a log; what is no record of it is told and counted."""
    numbered = (
        (number, event)
        for number, record, text in records(stream, path, label, report, skipped)
        for event in make(record, text, settings)
    )
    yield from syslog.batches(numbered, "record", path, label, report, skipped, wanted)


def records(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str]
) -> Iterator[tuple[int, dict[str, Any], str]]:
    """The JSON objects of a log with their numbers and texts. What is none is told and counted."""
    mended = 0
    for number, line in ndjson.lines(as_lines(stream, path, label, report, skipped), path, label, report, skipped):
        try:
            record, was_mended = ndjson.parse(line)
        except ndjson.Unparsable as error:
            skipped["not JSON"] += 1
            if skipped["not JSON"] <= _REPORTED:
                report(
                    fault(NOT_JSON, f"{label}, record {number + 1} is not a JSON object: {error}", path, record=number)
                )
            continue
        mended += was_mended
        yield number, record, line.decode("utf-8", "replace").strip()
    tallies.tell_mended(mended, "record", path, label, report)
