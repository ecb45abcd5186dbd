"""The bytes of inputs, kept in the case: of what comes only once, and of everything where the user asks for it."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO

from falselight.case.manifest import ASIDE, ORIGINALS, Manifest, flush_folder
from falselight.readers.places import Place

_CHUNK = 1 << 20
_NAME = re.compile(r"[0-9a-f]{64}")


class Unreadable(Exception):
    """The input's bytes cannot be read."""


def keep(folder: Path, place: Place) -> tuple[str, Path]:
    """Copy a file's bytes into the case; gives their SHA-256 and where they are, named after it. They are on the disk when
    this returns. Raises ``Unreadable``, and ``OSError`` where the copy cannot be written."""
    originals = folder / ORIGINALS
    aside = originals / f"incoming{ASIDE}"
    try:
        stream = place.open()
    except OSError as error:
        raise Unreadable(str(error.strerror or error)) from error
    with stream, aside.open("wb") as out:
        sha256 = _copied(stream, out)
    path = originals / sha256
    os.replace(aside, path)
    flush_folder(originals)
    return sha256, path


def _copied(stream: BinaryIO, out: BinaryIO) -> str:
    digest = hashlib.sha256()
    while data := _some(stream):
        digest.update(data)
        out.write(data)
    out.flush()
    os.fsync(out.fileno())
    return digest.hexdigest()


def kept_place(path: Path, given: Place) -> Place:
    """A kept file, named as its input was given."""
    return Place(given.label, path.stat().st_size, lambda: open(path, "rb", 1 << 16), path)


def clean(folder: Path, manifest: Manifest) -> None:
    """Removes the bytes of what did not become an input of the case."""
    named = {each.place for each in manifest.inputs}
    for path in (folder / ORIGINALS).iterdir():
        if f"{ORIGINALS}/{path.name}" not in named and _NAME.fullmatch(path.name):
            path.unlink()


def _some(stream: BinaryIO) -> bytes:
    try:
        return stream.read(_CHUNK)
    except OSError as error:
        raise Unreadable(str(error.strerror or error)) from error
