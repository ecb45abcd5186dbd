"""Writes to a case: one writer at a time, and only whole inputs become part of it."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from falselight.case import copies, reader
from falselight.case.manifest import (
    ASIDE,
    BUSY,
    EVENTS,
    LABELS,
    LOCK,
    NAME,
    NO_CASE,
    ORIGINALS,
    CaseFile,
    CaseInput,
    Manifest,
    flush,
    flush_folder,
    load,
    save,
)
from falselight.diagnostics import FalselightError
from falselight.readers import Report, fault
from falselight.store import connect

ROW_GROUP = 122_880
DAMAGED = ".damaged"
# For finding copies; beyond it the engine spills.
_KEYS_MEMORY = "768MB"
_OURS = frozenset({NAME, NAME + ".before", LOCK, EVENTS, ORIGINALS, LABELS})
_FILE = re.compile(r"(\d{8})\.parquet")
# Numbers that mostly grow by one: as differences they take next to nothing.
_GROWING = ("_seq", "_record", "_time")


@dataclass
class Part:
    """Some events that were written aside, not yet part of the case: of one input, or of several whole ones."""

    path: Path
    columns: dict[str, bool]
    rows: int


class Writer:
    """Holds a case for writing. Raises ``FalselightError`` on entry: another writer has it (E0522), the folder is none of a
    case (E0524), or its manifest cannot be used (E0520, E0521)."""

    def __init__(self, folder: Path, report: Report) -> None:
        self.folder = folder
        self.report = report
        self.manifest = Manifest()
        self._held = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._number = 0

    def __enter__(self) -> Writer:
        self._check_folder()
        for each in (self.folder, self.folder / EVENTS, self.folder / ORIGINALS):
            each.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
            # The lock ends with the process too, however it ends.
            stack.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                message = f"another program is writing to the case {self.folder}"
                help = "wait until it has ended; hunting in the case is possible meanwhile"
                raise FalselightError([fault(BUSY, message, str(self.folder), help=help)]) from error
            if (self.folder / NAME).exists():
                self.manifest = load(self.folder)
            else:
                save(self.folder, self.manifest)
            self._clean()
            self._set_aside()
            self._held = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def _check_folder(self) -> None:
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            message = f"{self.folder} is a file; a case is a folder"
            raise FalselightError([fault(NO_CASE, message, str(self.folder))])
        strange = sorted(name for name in os.listdir(self.folder) if name not in _OURS and not name.endswith(ASIDE))
        if strange and not (self.folder / NAME).exists():
            message = f"{self.folder} is no case and holds other files ({strange[0]}); nothing was written"
            help = "give a folder that does not exist yet, or is empty"
            raise FalselightError([fault(NO_CASE, message, str(self.folder), help=help)])

    def _clean(self) -> None:
        """Removes what a writer left that was stopped: files that the manifest does not name."""
        named = {each.name for each in self.manifest.files}
        for path in [*(self.folder / EVENTS).iterdir(), *self.folder.iterdir(), *(self.folder / ORIGINALS).iterdir()]:
            if path.name.endswith(ASIDE) or (_FILE.fullmatch(path.name) and path.name not in named):
                path.unlink()
        self._number = max((int(_FILE.sub(r"\1", name)) for name in named), default=0)

    def _set_aside(self) -> None:
        """Files that are lost or damaged are no part of the case any more, and the inputs that had events there are to be
        read again; so are inputs with copies, since what they were copies of may be lost."""
        manifest = self.manifest
        kept = reader.whole_files(self.folder, manifest, lambda told: None)
        lost = [each for each in manifest.files if each not in kept]
        if not lost:
            return
        for each in lost:
            path = self.folder / EVENTS / each.name
            if path.exists():
                os.replace(path, path.with_name(each.name + DAMAGED))
        manifest.files = kept
        numbers = {number for each in lost for number in each.inputs}
        numbers |= {number for number, each in enumerate(manifest.inputs) if each.copies}
        for number in numbers:
            entry = manifest.inputs[number]
            entry.lacking = True
            entry.events, entry.untimed = self._left(number)
            manifest.whole.pop(entry.sha256, None)
        manifest.generation += 1
        save(self.folder, manifest)

    def _left(self, number: int) -> tuple[int, int]:
        """How many events of an input are stored, and how many of them have no time."""
        times = self._stored(number, "_time")
        return len(times), times.null_count

    def stored(self, number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The numbers of an input's records that are stored, and the ingest positions of their events."""
        return self._stored(number, "_record").to_numpy(), self._stored(number, "_seq").to_numpy()

    def _stored(self, number: int, name: str) -> pa.ChunkedArray:
        found = [
            pq.read_table(self.folder / EVENTS / each.name, columns=[name], filters=[("_input", "=", number)]).column(
                name
            )
            for each in self.manifest.files
            if number in each.inputs
        ]
        return pa.chunked_array([chunk for each in found for chunk in each.chunks], pa.int64())

    def write_part(self, table: pa.Table) -> Part:
        """Writes rows aside."""
        self._number += 1
        path = self.folder / EVENTS / f"{self._number:08}.parquet{ASIDE}"
        _write(table, path)
        columns = {entry.name: pa.types.is_list(entry.type) for entry in table.schema}
        return Part(path, columns, table.num_rows)

    def commit(self, parts: Sequence[Part], inputs: Sequence[CaseInput], manifest: Manifest) -> None:
        """Makes the parts, which hold the events of these new inputs, and what else the manifest says, part of the case."""
        manifest.inputs.extend(inputs)
        found = self._without_copies(parts, manifest)
        for part, copied in zip(parts, found, strict=True):
            for number, count in copied.items():
                manifest.inputs[number].copies += count
                manifest.inputs[number].events -= count
            if part.rows:
                manifest.files.append(self._adopted(part))
            else:
                part.path.unlink()
        if parts:
            flush_folder(self.folder / EVENTS)
        manifest.generation += 1
        save(self.folder, manifest)
        self.manifest = manifest

    def _adopted(self, part: Part) -> CaseFile:
        flush(part.path)
        path = part.path.with_suffix("")
        os.replace(part.path, path)
        table = pq.read_table(path, columns=["_time", "_input"])
        ends = pc.min_max(table.column("_time")).as_py()
        numbers = sorted(pc.unique(table.column("_input")).to_pylist())
        size = path.stat().st_size
        return CaseFile(
            path.name, part.rows, size, reader.digest(path), ends["min"], ends["max"], numbers, part.columns
        )

    def _without_copies(self, parts: Sequence[Part], manifest: Manifest) -> list[dict[int, int]]:
        """Takes the copies out of the parts; gives for each part how many of which input."""
        if self._connection is None:
            self._connection = connect(memory_limit=_KEYS_MEMORY)
        incoming = [_relation([str(part.path)], part.columns, f"new{number}") for number, part in enumerate(parts)]
        files = reader.whole_files(self.folder, manifest, lambda told: None, verify=False)
        stored = [
            _relation([reader.located(self.folder, each)], each.columns, f"old{number}")
            for number, each in enumerate(files)
        ]
        result = []
        for part, rows in zip(parts, copies.find(self._connection, incoming, stored), strict=True):
            result.append(_rewritten(part, rows) if rows else {})
        return result


def _relation(paths: list[str], columns: dict[str, bool], name: str) -> copies.Relation:
    return copies.Relation(f"read_parquet(${name}, file_row_number = true)", {name: paths}, columns)


def _rewritten(part: Part, rows: list[int]) -> dict[int, int]:
    """Writes a part again without these rows; gives of which inputs they were."""
    table = pq.read_table(part.path)
    dropped = pc.is_in(pa.array(range(table.num_rows), pa.int64()), value_set=pa.array(rows, pa.int64()))
    gone = pc.value_counts(table.column("_input").filter(dropped))
    kept = table.filter(pc.invert(dropped))
    part.rows = kept.num_rows
    if kept.num_rows:
        _write(kept, part.path)
    return {entry["values"]: entry["counts"] for entry in gone.to_pylist()}


def _write(table: pa.Table, path: Path) -> None:
    encoded = [name for name in table.column_names if name not in _GROWING]
    pq.write_table(
        table,
        path,
        row_group_size=ROW_GROUP,
        compression="zstd",
        use_dictionary=encoded,
        column_encoding={name: "DELTA_BINARY_PACKED" for name in _GROWING},
        write_page_checksum=True,
    )
