"""Names in, files out: a path, a folder, a quoted pattern, ``-`` for stdin, ``s3://…`` or ``http(s)://…``.

A ``Path`` always is a local file or folder of that name; only text may be a pattern or an address. A folder's and a
pattern's files come in the order of their paths' bytes. Links to files are read, links to folders are passed over and told.
"""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from falselight.readers import ABSENT, EMPTY, UNREADABLE, UNSAFE, Report, fault

STDIN = "-"
_ADDRESS = re.compile(r"(s3|https?)://", re.IGNORECASE)
_WILD = re.compile(r"[*?\[]")
_BUFFER = 1 << 16


@dataclass(frozen=True)
class Place:
    """One file, wherever it is. ``label`` is how messages and results name it, without secrets of an address; ``size`` in
    bytes where it is known beforehand; ``path`` of a local file, which alone can be read again."""

    label: str
    size: int | None
    open: Callable[[], BinaryIO]
    path: Path | None = None


def find(names: Iterable[str | Path | Place], report: Report) -> list[Place]:
    """The files that the names stand for. What is not there or cannot be listed is reported."""
    found: list[Place] = []
    for name in names:
        if isinstance(name, Place):
            found.append(name)
        elif name == STDIN:
            found.append(Place("stdin", None, _stdin))
        elif isinstance(name, str) and _ADDRESS.match(name):
            # Loaded only for addresses: both clients take their time to load.
            from falselight.readers import remote

            found.extend(remote.find(name, report))
        elif isinstance(name, str) and _WILD.search(name) and not os.path.lexists(name):
            found.extend(_matching(name, report))
        else:
            found.extend(_local(Path(name), report))
    return found


def any_there(names: Iterable[str | Path]) -> bool:
    """Whether some name can stand for a file; addresses and stdin are taken to."""
    return any(
        name == STDIN
        or (isinstance(name, str) and bool(_ADDRESS.match(name)))
        or os.path.exists(name)
        or (isinstance(name, str) and bool(_WILD.search(name)) and bool(_matching(name, lambda told: None)))
        for name in names
    )


def comes_once(label: str) -> bool:
    """Whether what an input is named after cannot be read again: it was stdin, or came from a server."""
    return not os.path.exists(label) and (label == "stdin" or bool(_ADDRESS.match(label)))


def _stdin() -> BinaryIO:
    return open(os.dup(sys.stdin.fileno()), "rb", _BUFFER)


def _file(path: Path, size: int) -> Place:
    return Place(str(path), size, lambda: open(path, "rb", _BUFFER), path)


def _local(path: Path, report: Report) -> list[Place]:
    try:
        status = path.stat()
    except FileNotFoundError:
        report(fault(ABSENT, f"{path} does not exist", str(path)))
        return []
    except (OSError, ValueError) as error:
        report(fault(UNREADABLE, f"{path} cannot be read: {error}", str(path)))
        return []
    if stat.S_ISREG(status.st_mode):
        return [_file(path, status.st_size)]
    if not stat.S_ISDIR(status.st_mode):
        report(fault(UNREADABLE, f"{path} is neither a file nor a folder", str(path)))
        return []
    inside = _folder(path, report)
    if not inside:
        report(fault(EMPTY, f"{path} holds no files", str(path)))
    return inside


def _folder(folder: Path, report: Report) -> list[Place]:
    found: list[tuple[bytes, Place]] = []

    def failed(error: OSError) -> None:
        report(fault(UNREADABLE, f"{error.filename} cannot be read: {error.strerror}", str(error.filename)))

    for root, folders, names in os.walk(folder, onerror=failed):
        for name in [*names, *(name for name in folders if os.path.islink(os.path.join(root, name)))]:
            path = Path(root, name)
            try:
                status = path.stat()
            except OSError as error:
                report(fault(UNREADABLE, f"{path} cannot be read: {error.strerror}", str(path)))
                continue
            if stat.S_ISREG(status.st_mode):
                found.append((os.fsencode(path), _file(path, status.st_size)))
            else:
                report(fault(UNSAFE, f"{path} is a link to a folder or a device and was passed over", str(path)))
    return [place for _, place in sorted(found, key=lambda entry: entry[0])]


def _matching(pattern: str, report: Report) -> list[Place]:
    """The files that a pattern names, and those in the folders that it names, each once."""
    if "**" in pattern:
        # Not glob's own: it follows links to folders, in circles if need be.
        fitting = matcher(pattern)
        base = Path(fixed(pattern) or ".")
        found = [place for place in _folder(base, report) if fitting.fullmatch(_plain(place.label, pattern))]
    else:
        found = []
        for name in sorted(glob.glob(pattern), key=os.fsencode):
            found.extend(_local(Path(name), report))
    if not found:
        report(fault(ABSENT, f"nothing fits the pattern {pattern}", pattern))
    return list({place.label: place for place in found}.values())


def _plain(label: str, pattern: str) -> str:
    """A path as the pattern would write it."""
    return f"./{label}" if pattern.startswith("./") and not label.startswith("./") else label


def fixed(pattern: str) -> str:
    """The folder that all matches of a pattern lie in: its parts before the first wild card."""
    parts: list[str] = []
    for part in pattern.split("/")[:-1]:
        if _WILD.search(part):
            break
        parts.append(part)
    joined = "/".join(parts)
    return joined or ("/" if pattern.startswith("/") else "")


def matcher(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression over whole paths: ``*`` and ``?`` stay within a part, ``**`` crosses parts."""
    return re.compile("".join(_pieces(pattern)), re.DOTALL)


def _pieces(pattern: str) -> Iterator[str]:
    position = 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            yield "(?:[^/]+/)*"
            position += 3
        elif pattern.startswith("**", position):
            yield ".*"
            position += 2
        elif pattern[position] == "*":
            yield "[^/]*"
            position += 1
        elif pattern[position] == "?":
            yield "[^/]"
            position += 1
        elif pattern[position] == "[" and (end := pattern.find("]", position + 2)) > 0:
            inside = pattern[position + 1 : end]
            negated = inside.startswith("!")
            yield f"[{'^' if negated else ''}{re.escape(inside.removeprefix('!')).replace(chr(92) + '-', '-')}]"
            position = end + 1
        else:
            yield re.escape(pattern[position])
            position += 1
