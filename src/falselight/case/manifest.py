"""What a case holds: its inputs, its files of events and its fields, in ``case.json``."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson

from falselight.diagnostics import FalselightError
from falselight.ecs.schema import Field
from falselight.readers import fault

VERSION = 1
NAME, LOCK, EVENTS, ORIGINALS, LABELS = "case.json", "case.lock", "events", "originals", "labels.ndjson"
ASIDE = ".aside"
BROKEN, NEWER, BUSY, DAMAGED_FILE, NO_CASE = "E0520", "E0521", "E0522", "E0523", "E0524"
WITHIN = "W0525"
_MARK = "falselight_case"


@dataclass
class CaseInput:
    """One input of a case. ``path`` and ``member`` as they were given; ``sha256`` and ``size`` (bytes) are of the file,
    ``content`` is the SHA-256 of the plain bytes that were read. ``place`` is where the file was, absolute, or where the
    case keeps its bytes, relative to the case's folder. ``base`` is the ingest position of its first event, and ``places``
    tells how many from there on are its own. ``events`` are stored, ``untimed`` of them without a time; ``copies`` stand in
    the case from another input; ``skipped`` were left out, by reason. ``lacking`` tells that a file with its events is lost,
    so that it is to be read again."""

    path: str
    member: str | None
    sha256: str
    size: int
    content: str
    kind: str
    place: str
    base: int
    events: int = 0
    untimed: int = 0
    copies: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    lacking: bool = False
    places: int = 0


@dataclass
class CaseFile:
    """One Parquet file: its name under ``events``, rows, bytes, their SHA-256, the first and last time (epoch nanoseconds,
    None where no event has one), the numbers of the inputs it has events of, and its columns with whether each holds lists."""

    name: str
    rows: int
    bytes: int
    sha256: str
    first: int | None
    last: int | None
    inputs: list[int]
    columns: dict[str, bool]


@dataclass
class Manifest:
    """A case as of one commit. ``fields``: every filled field, scalar or list for the whole case. ``whole`` names the
    files that were read to their end, by SHA-256, with their sizes. ``positions`` is the first free ingest position.
    ``internal`` and ``external`` are the networks that the last import named."""

    generation: int = 0
    positions: int = 0
    inputs: list[CaseInput] = field(default_factory=list)
    files: list[CaseFile] = field(default_factory=list)
    fields: dict[str, Field] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    malformed: Counter[str] = field(default_factory=Counter)
    internal: list[str] = field(default_factory=list)
    external: list[str] = field(default_factory=list)

    @property
    def events(self) -> int:
        return sum(each.rows for each in self.files)


def is_case(path: str | Path) -> bool:
    """Whether the path is the folder of a case, whole or damaged; other programs, too, name files ``case.json``."""
    try:
        return os.path.isfile(os.path.join(path, NAME)) and os.path.isdir(os.path.join(path, EVENTS))
    except ValueError:
        return False


def load(folder: Path) -> Manifest:
    """The case's manifest. Raises ``FalselightError``: it cannot be understood (E0520), or a newer version wrote it
    (E0521)."""
    path = folder / NAME
    try:
        document = orjson.loads(path.read_bytes())
        version = document[_MARK]
        if isinstance(version, int) and version > VERSION:
            message = f"{folder} is a case of version {version}; this program knows version {VERSION} and older"
            help = "a newer Falselight reads it; nothing was changed"
            raise FalselightError([fault(NEWER, message, str(folder), help=help)])
        return _parsed(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} is no manifest of a case, or is damaged: {error}"
        help = f"the events are in {folder / EVENTS}, untouched; {NAME}.before is the manifest before the last commit"
        raise FalselightError([fault(BROKEN, message, str(path), help=help)]) from error


def save(folder: Path, manifest: Manifest) -> None:
    """Make this the case's manifest; the one before it is kept beside it."""
    path, aside = folder / NAME, folder / (NAME + ASIDE)
    write_whole(aside, orjson.dumps(_document(manifest)))
    before = folder / (NAME + ".before")
    if path.exists():
        copied = folder / (NAME + ".before" + ASIDE)
        shutil.copyfile(path, copied)
        os.replace(copied, before)
    os.replace(aside, path)
    flush_folder(folder)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that its bytes are on the disk."""
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def flush(path: Path) -> None:
    """Have a file's bytes on the disk."""
    _sync(path, os.O_RDONLY)


def flush_folder(path: Path) -> None:
    """Have a folder's names on the disk."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _document(manifest: Manifest) -> dict[str, Any]:
    names = sorted({name for each in manifest.files for name in each.columns})
    number = {name: place for place, name in enumerate(names)}
    files = [
        {
            **{key: value for key, value in vars(each).items() if key != "columns"},
            "columns": [number[name] for name in each.columns],
            "lists": [number[name] for name, many in each.columns.items() if many],
        }
        for each in manifest.files
    ]
    return {
        _MARK: VERSION,
        "generation": manifest.generation,
        "positions": manifest.positions,
        "inputs": [vars(each) for each in manifest.inputs],
        "columns": names,
        "files": files,
        "fields": [_field(each) for each in manifest.fields.values()],
        "whole": manifest.whole,
        "malformed": dict(manifest.malformed),
        "internal": manifest.internal,
        "external": manifest.external,
    }


def _field(entry: Field) -> dict[str, Any]:
    """A field without what is as usual."""
    usual = Field(entry.name, entry.type)
    return {
        each.name: getattr(entry, each.name)
        for each in dataclasses.fields(Field)
        if each.name in {"name", "type"} or getattr(entry, each.name) != getattr(usual, each.name)
    }


def _parsed(document: dict[str, Any]) -> Manifest:
    names: list[str] = document["columns"]
    files = []
    for entry in document["files"]:
        lists = {names[number] for number in entry.pop("lists")}
        columns = {names[number]: names[number] in lists for number in entry.pop("columns")}
        files.append(CaseFile(**entry, columns=columns))
    fields = [Field(**{**each, "conflict": tuple(each.get("conflict", ()))}) for each in document["fields"]]
    return Manifest(
        document["generation"],
        document["positions"],
        [CaseInput(**each) for each in document["inputs"]],
        files,
        {each.name: each for each in fields},
        dict(document["whole"]),
        Counter(document["malformed"]),
        _networks(document.get("internal", [])),
        _networks(document.get("external", [])),
    )


def _networks(texts: list[Any]) -> list[str]:
    """Texts of networks; ``ValueError`` if one is none."""
    return [str(ip_network(text)) for text in texts]
