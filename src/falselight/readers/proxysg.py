"""ProxySG's access logs as normalised batches; ``mappings.proxysg`` says what their fields become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from falselight.mappings.proxysg import Parser
from falselight.readers import Report, syslog
from falselight.readers.settings import Settings


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.Table]:  # fmt: skip
    """The events of a log, one a line; its ``#Fields`` lines name the columns."""
    return syslog.read(Parser().parse, stream, path, label, report, skipped, wanted, settings)
