"""The leaves of JSON lines as JSON texts, each as it was written: DuckDB parses a block of lines in compiled code.

Its parser fails on what is no JSON, on a duplicate key among those it looks for, and on a value where an object should be; it
takes more than JSON in two ways, which are looked for before: NaN and infinities, and a comma before a closing bracket.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import IO, Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from falselight.store import connect, quoted

# A line beyond this is left to the exact path. So long a block is parsed in several threads.
_LONGEST_LINE = 2 << 20
_SCANNED_AT_ONCE = 1 << 17
_OVERLAP = 16
_LOWER, _SPACE = np.uint8(0x20), ord(" ")
_BEFORE_NUMBERS = np.frombuffer(b":,[- \t\r\n", np.uint8)
# In lower case; "i" goes on to "infinity".
_AFTER_NUMBERS = np.frombuffer(b",} \t\r\ni" + bytes(b | 0x20 for b in b",\t\r\n"), np.uint8)
_FAULTS = (duckdb.InvalidInputException, duckdb.ConversionException)
_LINE = re.compile(r"in line (\d{1,9})")
Bytes = npt.NDArray[np.uint8]


class Refused(Exception):
    """A block that only the exact path may read. ``line`` is about where the parser met what it refuses, as far as it tells."""

    def __init__(self, line: int | None = None) -> None:
        super().__init__(line)
        self.line = line


class Leaves:
    """Parses blocks for the leaves of one tree: names to subtrees, or to None for a leaf."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.tree = tree
        self.paths = list(_paths(tree, ()))
        self._columns = {name: _type(below) for name, below in tree.items()}
        chosen = ", ".join(
            f"CAST({'.'.join(map(quoted, path))} AS VARCHAR) AS {quoted(str(number))}"
            for number, path in enumerate(self.paths)
        )
        self._query = (
            f"SELECT {chosen} FROM read_json($path, columns = $columns, format = 'newline_delimited', records = true, "
            f"compression = 'none', maximum_object_size = {_LONGEST_LINE})"
        )
        self._connection = connect()
        self._connection.execute("SET enable_external_file_cache = false")
        self._file, self._path = _file_for_blocks()
        self._lock = threading.Lock()

    def texts(self, block: bytes | memoryview) -> tuple[dict[tuple[str, ...], pa.ChunkedArray], pa.Array]:
        """For each leaf that stands in the block, its JSON text in each line, by path; and the numbers of the lines that are
        not blank. Raises ``Refused`` where a line is not one JSON object, or is one that the parser refuses."""
        characters = np.frombuffer(block, np.uint8)
        numbers = _object_lines(characters)
        if numbers is None or _beyond_json(characters):
            raise Refused
        with self._lock:
            self._file.seek(0)
            self._file.write(block)
            self._file.truncate()
            try:
                table = self._connection.sql(
                    self._query, params={"path": self._path, "columns": self._columns}
                ).to_arrow_table()
            except _FAULTS as fault:
                told = _LINE.search(str(fault))
                raise Refused(None if told is None else int(told[1]) - 1) from fault
        if table.num_rows != len(numbers):
            raise Refused
        columns = zip(self.paths, table.columns, strict=True)
        return {path: texts for path, texts in columns if texts.null_count < len(texts)}, pa.array(numbers, pa.int64())


def _paths(tree: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, below in tree.items():
        if below is None:
            yield (*above, name)
        else:
            yield from _paths(below, (*above, name))


def _type(below: Mapping[str, Any] | None) -> str:
    if below is None:
        return "JSON"
    return "STRUCT(" + ", ".join(f"{quoted(name)} {_type(inner)}" for name, inner in below.items()) + ")"


def _file_for_blocks() -> tuple[IO[bytes], str]:
    """A file that is overwritten by every block, in memory where the system can, and a path that leads to it."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("falselight")
        path = f"/proc/self/fd/{handle}"
        if os.path.exists(path):
            return open(handle, "r+b", 0), path
        os.close(handle)
    named = tempfile.NamedTemporaryFile(prefix="falselight-", buffering=0)  # noqa: SIM115
    return named, named.name


def lines(block: bytes | memoryview) -> int:
    """How many lines end in it."""
    return sum(int(np.count_nonzero(piece == ord("\n"))) for _, piece in _in_cache(np.frombuffer(block, np.uint8)))


def line_ends(characters: Bytes) -> npt.NDArray[np.int64]:
    """The places of the ends of lines."""
    return np.concatenate([at + np.flatnonzero(piece == ord("\n")) for at, piece in _in_cache(characters)])


def _in_cache(characters: Bytes, overlap: int = 0) -> Iterator[tuple[int, Bytes]]:
    """Pieces that fit the processor's cache, with the place of each; they begin so much before it."""
    for at in range(0, len(characters), _SCANNED_AT_ONCE):
        yield at, characters[max(0, at - overlap) : at + _SCANNED_AT_ONCE]


def _object_lines(characters: Bytes) -> npt.NDArray[np.int64] | None:
    """The numbers of the lines that are not blank; None if one of them does not begin as an object."""
    ends = line_ends(characters)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    first = characters[starts]
    blank = (first == ord("\n")) | ((first == ord("\r")) & (ends - starts == 1))
    return np.flatnonzero(~blank) if (blank | (first == ord("{"))).all() else None


def _beyond_json(characters: Bytes) -> bool:
    """Whether NaN, an infinity or a comma before a closing bracket may stand in it. In pieces that fit the processor's cache,
    which overlap by what must be seen together."""
    for at, piece in _in_cache(characters, _OVERLAP):
        seen = min(at, _OVERLAP)
        lower = np.bitwise_or(piece, _LOWER)
        if _trailing_comma(piece, lower, seen) or _no_number(piece, lower):
            return True
    return False


def _trailing_comma(piece: Bytes, lower: Bytes, seen: int) -> bool:
    # Of "}" and "]" the former is what both are in lower case.
    before = np.flatnonzero(lower[1:] == ord("}"))
    characters = piece[before]
    if (characters == ord(",")).any():
        return True
    before = before[(characters <= _SPACE) & (before >= seen - 1)]
    while len(before):
        if (before == 0).any() or (piece[before] == ord(",")).any():
            return True
        before = before[piece[before] <= _SPACE] - 1
    return False


def _no_number(piece: Bytes, lower: Bytes) -> bool:
    n = lower == ord("n")
    nan = np.flatnonzero(n[:-2] & n[2:])
    inf = np.flatnonzero((lower[:-2] == ord("i")) & (lower[2:] == ord("f")))
    found = np.concatenate([nan[lower[nan + 1] == ord("a")], inf[lower[inf + 1] == ord("n")]])
    if not len(found):
        return False
    before, after = piece[np.maximum(found - 1, 0)], lower[np.minimum(found + 3, len(piece) - 1)]
    begins = (found == 0) | np.isin(before, _BEFORE_NUMBERS)
    ends = (found + 3 >= len(piece)) | np.isin(after, _AFTER_NUMBERS)
    return bool((begins & ends).any())
