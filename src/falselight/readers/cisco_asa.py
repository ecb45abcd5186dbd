"""Cisco ASA logs as normalised batches; ``mappings.cisco_asa`` says what its fields become. Of FTD's lines among them only
security events are read as that device's: all other messages are those of ASA, and one log is one integration's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from falselight.mappings import cisco_asa, cisco_ftd
from falselight.readers import Report, syslog
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document

_SECURITY = re.compile(r"%(?:ASA|FTD|NGIPS)-(?:[A-Za-z]{1,20}-)?[0-7]-(?:43000[1-5]\b|:)")


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.Table]:  # fmt: skip
    """The events of a log, one a line."""
    return syslog.read(_parse, stream, path, label, report, skipped, wanted, settings)


def _parse(line: str, settings: Settings) -> Document | None:
    return cisco_ftd.parse(line, settings) if _SECURITY.search(line) else cisco_asa.parse(line, settings)
