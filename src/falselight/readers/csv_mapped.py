"""CSV files that a mapping file of the user's describes (``csv_mapping``) as normalised batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

import pyarrow as pa

from falselight.readers import Report, syslog
from falselight.readers.csv_mapping import CsvMapping, cells
from falselight.readers.settings import TIMEZONE, Settings
from falselight.readers.syslog import MOMENT, Document, iso, moment


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.Table]:  # fmt: skip
    """The events of a file, one a line behind its header."""
    yield from syslog.read(_Parser().parse, stream, path, label, report, skipped, wanted, settings)


class _Parser:
    """Keeps the header, and the mapping that fits it."""

    def __init__(self) -> None:
        self._mapping: CsvMapping | None = None
        self._names: list[str] = []

    def parse(self, line: str, settings: Settings) -> Document | None:
        """The event of one line; nothing for the header; None for a line with too few cells or no time."""
        if self._mapping is None:
            head = line.lstrip("\ufeff")
            self._mapping = next((each for each in settings.csv if each.fits(head.encode())), None)
            self._names = cells(head, self._mapping.csv.delimiter) if self._mapping is not None else []
            return {} if self._mapping is not None else None
        layout = self._mapping.csv
        found = cells(line, layout.delimiter)
        if len(found) < len(self._names):
            return None
        raw = {name: cell for name, cell in zip(self._names, found, strict=False) if cell not in ("", "-")}
        event: Document = {
            "event.original": line,
            "event.module": "csv",
            "event.dataset": "csv.mapped",
            **self._mapping.constants,
        }
        if layout.time is not None:
            time = _time(raw.pop(layout.time, ""), layout.format, settings)
            if time is None:
                return None
            event["@timestamp"] = iso(time)
        for name, cell in raw.items():
            event[self._mapping.fields.get(name, f"labels.{name}")] = cell
        return event


def _time(text: str, format: str | None, settings: Settings) -> datetime | None:
    """By the format that the mapping names; else ISO 8601 and its kin, or epoch seconds or milliseconds."""
    try:
        if format is not None:
            made = datetime.strptime(text, format)
            if made.tzinfo is None:
                settings.assumed[TIMEZONE] += 1
            return made if made.tzinfo is not None else made.replace(tzinfo=settings.timezone)
        if text.replace(".", "", 1).isdecimal() and len(text) <= 20:
            seconds = float(text)
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds if seconds < 1e11 else seconds / 1000)
    except (ValueError, OverflowError):
        return None
    found = MOMENT.match(text)
    return moment(found, settings) if found is not None else None
