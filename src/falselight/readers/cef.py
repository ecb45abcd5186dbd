"""CEF and LEEF events as normalised batches; ``mappings.cef`` says what their fields become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from falselight.mappings.cef import parse
from falselight.readers import Report, syslog
from falselight.readers.settings import Settings


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.Table]:  # fmt: skip
    """The events of a log, one a line."""
    return syslog.read(parse, stream, path, label, report, skipped, wanted, settings)
