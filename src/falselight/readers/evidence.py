"""The original records behind a match, read again from the input, after proof that it is still the same file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from falselight.diagnostics import Diagnostic, FalselightError
from falselight.readers import CHANGED, NO_RECORD, containers, evtx, fault, json_signs
from falselight.readers.detect import Kind, detect
from falselight.readers.json_framing import as_lines
from falselight.readers.ndjson import ARRAYS, elements, lines
from falselight.readers.places import comes_once
from falselight.readers.settings import DEFAULTS
from falselight.store import Input

_ELEMENTS = ARRAYS | {Kind.RESPONSE, Kind.WINDOWS_RESPONSE}


def original(input: Input, records: list[int]) -> list[bytes | dict[str, Any]]:
    """The records of these numbers, in the order asked for: a line as its raw bytes without the line break, an element
    of an array or answer as its document, an EVTX record as the bytes of its JSON, an event of a capture as its fields.

    Raises ``FalselightError``: the file is gone or unreadable (E0501, E0502), its SHA-256 is not the recorded one
    (E0509), or it holds no such record (E0510)."""
    if input.kept is None and comes_once(input.path):
        message = f"{input.path} was read as it came, and cannot be read again; save it to a file to have its records"
        raise FalselightError([fault(NO_RECORD, message, input.path)])
    diagnostics: list[Diagnostic] = []
    for opened in containers.open_all([Path(input.kept or input.path)], diagnostics.append):
        found_sha256 = opened.described().sha256
        if input.sha256 is not None and found_sha256 != input.sha256:
            message = f"{input.path} changed since it was read: its SHA-256 is {found_sha256}, not {input.sha256}"
            raise FalselightError([fault(CHANGED, message, input.path)])
        if opened.input.member == input.member:
            found = _collect(_records(opened), records)
            missing = [number for number in records if number not in found]
            if missing:
                message = f"{opened.label} holds no record {missing[0]}"
                raise FalselightError([fault(NO_RECORD, message, input.path, record=missing[0])])
            return [found[number] for number in records]
    name = input.path if input.member is None else f"{input.path}!{input.member}"
    raise FalselightError(diagnostics or [fault(NO_RECORD, f"{name} is not in the file any more", input.path)])


def _collect(numbered: Iterable[tuple[int, Any]], records: list[int]) -> dict[int, Any]:
    """The records asked for; reading stops behind the last of them."""
    asked = set(records)
    found: dict[int, Any] = {}
    for number, record in numbered:
        if number in asked:
            found[number] = record
            if len(found) == len(asked):
                break
    return found


def _records(opened: containers.Opened) -> Iterator[tuple[int, Any]]:
    kind = detect(opened.head())
    ignored: Counter[str] = Counter()
    path = opened.input.path
    if kind is Kind.EVTX:
        with opened.local() as file:
            yield from evtx.raw_records(file)
    elif kind is Kind.OCSF_PARQUET:
        from falselight.readers import ocsf_parquet

        yield from ocsf_parquet.records(opened.stream)
    elif kind in _ELEMENTS:
        yield from elements(opened.stream, kind, path, opened.label, _silent, ignored)
    elif kind is Kind.PCAP:
        # Loaded only for such input: what reads certificates takes time.
        from falselight.readers import pcap

        for batch in pcap.read(opened.stream, path, opened.label, _silent, ignored, None, DEFAULTS):
            for row in batch.to_pylist():
                yield row.pop("_record"), {name: value for name, value in row.items() if value is not None}
    else:
        stream = opened.stream
        if kind in json_signs.NAMES:
            stream = as_lines(stream, path, opened.label, _silent, ignored)
        for number, line in lines(stream, path, opened.label, _silent, ignored):
            yield number, line.rstrip(b"\r\n")


def _silent(diagnostic: Diagnostic) -> None:
    """What was damaged was told when the input was read."""
