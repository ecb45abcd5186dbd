"""JSON logs in whatever framing they come as lines of one record each: lines already, an array, objects that are printed over
several lines, or objects whose ``records`` hold the records, as Azure writes its blobs.

Records are taken as they stand, without a whole file in memory; only line breaks between their parts become blanks.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, cast

from falselight.readers import DAMAGED, TOO_LARGE, Report, fault

_CHUNK = 1 << 20
_LONGEST = 64 << 20
_REPORTED = 20
_VALUES = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*"records"\s*:\s*)?\[|(?:\xef\xbb\xbf)?\s*\{[ \t]*\r?\n')
# What may stand between two records: commas, brackets, and the object around an array of records.
_BETWEEN = re.compile(r'(?:[\s,\[\]}\ufeff]|\{\s*"records"\s*:\s*(?=\[))*')
_NEXT = re.compile(r"\},?\s*(?=\{)")
_BREAKS = str.maketrans("\r\n", "  ")


def as_lines(stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str]) -> BinaryIO:
    """A stream of lines with one JSON value each, whose numbers from 0 are those of the records."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream))
    if _VALUES.match(buffered.peek(_CHUNK)) is None:
        return cast(BinaryIO, buffered)
    values = _values(cast(BinaryIO, buffered), path, label, report, skipped)
    return cast(BinaryIO, io.BufferedReader(_Lines(values), _CHUNK))


class _Lines(io.RawIOBase):
    """Texts as a stream of lines."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            found = next(self._texts, None)
            self._rest = b"" if found is None else found.encode("utf-8", "replace") + b"\n"
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _values(stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str]) -> Iterator[str]:
    """The text of each value. One that is broken is told and counted, and the next that follows an object is looked for."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    decoder = json.JSONDecoder()
    text, position, open_arrays, number = "", 0, 0, 0
    size = _CHUNK
    while True:
        between = _BETWEEN.match(text, position)
        end = between.end() if between is not None else position
        try:
            if end < len(text):
                _, behind = decoder.raw_decode(text, end)
                if behind < len(text) or not text[end:].isalnum():
                    open_arrays += text.count("[", position, end) - text.count("]", position, end)
                    yield text[end:behind].translate(_BREAKS)
                    position, number, size = behind, number + 1, _CHUNK
                    continue
            broken = None
        except (ValueError, RecursionError) as error:
            broken = error
        if broken is not None and not _is_cut_off(broken, text, end):
            found = _NEXT.search(text, end)
            _tell(f"{label}, record {number}, is no JSON value: {broken}", path, number, report, skipped)
            position = found.end() if found is not None else len(text)
            continue
        more = decode(stream.read(size), False)
        if not more:
            if broken is not None or open_arrays + text.count("[", position) > text.count("]", position):
                _tell(f"{label} ends within a record or an array", path, number, report, skipped)
            return
        text, position, size = text[position:] + more, 0, min(2 * size, _LONGEST)
        if len(text) > 2 * _LONGEST:
            report(
                fault(TOO_LARGE, f"{label}, record {number}: longer than {_LONGEST} characters", path, record=number)
            )
            skipped["too large"] += 1
            return


def _is_cut_off(error: Exception, text: str, start: int) -> bool:
    """Whether a value may be whole with more of the text."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or error.pos >= len(text) - 8 or start >= len(text)


def _tell(message: str, path: str, number: int, report: Report, skipped: Counter[str]) -> None:
    skipped["not JSON"] += 1
    if skipped["not JSON"] <= _REPORTED:
        report(fault(DAMAGED, message, path, record=number))
