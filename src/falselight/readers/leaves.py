"""The leaves of JSON lines as JSON texts, each as it was written: DuckDB parses a block of lines in compiled code.

Its parser fails on what is no JSON, on a duplicate key among those it looks for, and on a value where an object should be; it
takes more than JSON in three ways, which are looked for before: NaN and infinities, a comma before a closing bracket, and
other white space behind an object.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from falselight.readers import scanning
from falselight.store import connect, quoted

# A line beyond this is left to the exact path.
_LONGEST_LINE = 2 << 20
# Where the parser refuses a line, up to so many rows before it are lost with it.
_ROWS_AT_ONCE = 2_048
_OVERLAP = 16
_LOWER, _SPACE = np.uint8(0x20), ord(" ")
_BEFORE_NUMBERS = np.frombuffer(b":,[- \t\r\n", np.uint8)
# In lower case; "i" goes on to "infinity".
_AFTER_NUMBERS = np.frombuffer(b",} \t\r\ni" + bytes(b | 0x20 for b in b",\t\r\n"), np.uint8)
# How a fault begins that lies in the lines: a stream tells it as an error of the operating system.
_FAULTS = ("Invalid Input Error", "Conversion Error")
_LINE, _TWICE = re.compile(r"in line (\d{1,9})"), "has duplicate key"
_QUERY = (
    "SELECT * FROM read_json($path, columns = $columns, format = 'newline_delimited', records = true, "
    f"compression = 'none', maximum_object_size = {_LONGEST_LINE})"
)
Bytes = npt.NDArray[np.uint8]


class Refused(Exception):
    """A block that only the exact path may read."""


@dataclass(frozen=True)
class Fault:
    """About where a line is that the parser refuses, and whether it says that a key stands twice."""

    line: int
    twice: bool


@dataclass(frozen=True)
class Texts:
    """For each leaf that stands in some line, its JSON text in each, by path, and the numbers of these lines, which are not
    blank. ``lines`` counts all lines up to where the parser stopped, ``fault`` says why it did."""

    leaves: dict[tuple[str, ...], pa.ChunkedArray]
    numbers: pa.Array
    lines: int
    fault: Fault | None = None


class Leaves:
    """Parses blocks for the leaves of one tree: names to subtrees, or to None for a leaf. Several threads may, at once."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.tree = tree
        self._columns = {name: _type(below) for name, below in tree.items()}
        self._idle: list[_Parser] = []

    def texts(self, block: bytes | memoryview, path: str | None = None, checked: bool = False) -> Texts:
        """The leaves of the first lines of a block, of all of them where none is refused. Raises ``Refused`` where a line is
        not one JSON object, or is one that the parser refuses without telling where. ``path`` leads to a file of the same
        bytes; ``checked``: that nothing of the block is beyond JSON is known."""
        characters = np.frombuffer(block, np.uint8)
        ends = scanning.places(characters, ord("\n"))
        numbers = _object_lines(characters, ends)
        if numbers is None or (not checked and _beyond_json(characters)):
            raise Refused
        batches, fault = self._rows(block, path)
        taken = sum(batch.num_rows for batch in batches)
        if taken > len(numbers) or (taken < len(numbers)) != (fault is not None):
            raise Refused
        return Texts(
            dict(_texts(self.tree, pa.Table.from_batches(batches).columns, ())) if batches else {},
            pa.array(numbers[:taken], pa.int64()),
            len(ends) if fault is None else int(numbers[taken]),
            fault,
        )

    def _rows(self, block: bytes | memoryview, path: str | None) -> tuple[list[pa.RecordBatch], Fault | None]:
        try:
            parser = self._idle.pop()
        except IndexError:
            parser = _Parser(self._columns)
        try:
            return parser.rows(block, path)
        finally:
            self._idle.append(parser)


class _Parser:
    """A connection of one thread, which looks for columns of these types, and a file for blocks that stand in none."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        # The blocks are what is done at once, and a single thread gives rows as it comes to them.
        self._connection = connect(threads=1)
        self._connection.execute("SET enable_external_file_cache = false")
        self._connection.execute("SET streaming_buffer_size = '64KB'")
        self._file, self._path = _file_for_blocks()
        self._columns = columns
        # What is asked of a file, by its path: blocks stand in few files by turns, and to ask anew takes as long as a megabyte.
        self._found: dict[str, duckdb.DuckDBPyRelation] = {}

    def rows(self, block: bytes | memoryview, path: str | None) -> tuple[list[pa.RecordBatch], Fault | None]:
        """The rows of a block, or those before a line that the parser refuses, and what it says of that."""
        path = self._copied(block) if path is None else path
        batches: list[pa.RecordBatch] = []
        try:
            if path not in self._found:
                self._found[path] = self._connection.sql(_QUERY, params={"path": path, "columns": self._columns})
            for batch in self._found[path].to_arrow_reader(_ROWS_AT_ONCE):
                batches.append(batch)
        except (duckdb.Error, OSError) as fault:
            text = str(fault)
            if not text.startswith(_FAULTS):
                raise
            told = _LINE.search(text)
            if told is None:
                raise Refused from fault
            return batches, Fault(int(told[1]) - 1, _TWICE in text)
        return batches, None

    def _copied(self, block: bytes | memoryview) -> str:
        self._file.seek(0)
        self._file.write(block)
        self._file.truncate()
        return self._path


def _texts(
    tree: Mapping[str, Any], columns: Sequence[pa.ChunkedArray], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], pa.ChunkedArray]]:
    """The leaves of a tree that have texts in its columns."""
    for (name, below), column in zip(tree.items(), columns, strict=True):
        if column.null_count == len(column):
            continue
        if below is None:
            yield (*above, name), column
        else:
            yield from _texts(below, [pc.struct_field(column, [at]) for at in range(len(below))], (*above, name))


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


def _in_cache(characters: Bytes, overlap: int) -> Iterator[tuple[int, Bytes]]:
    """Pieces that fit the processor's cache, with the place of each; they begin so much before it."""
    for at in range(0, len(characters), scanning.AT_ONCE):
        yield at, characters[max(0, at - overlap) : at + scanning.AT_ONCE]


def _object_lines(characters: Bytes, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
    """The numbers of the lines that are not blank; None if one of them does not begin as an object."""
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    first = characters[starts]
    blank = (first == ord("\n")) | ((first == ord("\r")) & (ends - starts == 1))
    # Behind an object the parser takes more for white space than JSON does.
    open_ended = not (blank | (characters[ends - 1] == ord("}"))).all()
    if open_ended and ((characters == ord("\v")) | (characters == ord("\f"))).any():
        return None
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
