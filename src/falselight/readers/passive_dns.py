"""Passive DNS as normalised batches; ``mappings.passive_dns`` says what its fields become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from falselight.mappings.passive_dns import make
from falselight.readers import Report, json_logs
from falselight.readers.settings import Settings


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.Table]:  # fmt: skip
    """The events of a log, one a record."""
    return json_logs.read(make, stream, path, label, report, skipped, wanted, settings)
