"""A case's events into an event table: only the columns that are wanted, each field scalar or list for the whole case."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from falselight.case.manifest import DAMAGED_FILE, EVENTS, CaseFile, Manifest
from falselight.columns import duckdb_type, physical_type
from falselight.derive import DERIVED, DIRECTION
from falselight.diagnostics import Diagnostic, plural
from falselight.documents import METADATA, TIMESTAMP, subfields
from falselight.ecs.schema import Field, Schema, column, ip_column, order_column
from falselight.readers import Report, fault
from falselight.store import OUTSIDE, UNTIMED, Builder, Counts, Input, quoted, wrapped

ROWS_AT_ONCE = 65_536
READ_AGAIN = "import the same inputs into the case again: what is lost is read again, and nothing twice"
# What is filled in on the way: physical columns and their types.
ADDED = {DIRECTION: "VARCHAR", DERIVED: "VARCHAR[]"}
# What reading a damaged file may raise: Arrow has errors of the engine as its own, or as ``OSError``.
DAMAGE = (duckdb.Error, pa.ArrowException, OSError)
Fill = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True)
class Columns:
    """Physical columns of some fields: their DuckDB types in this case, and which of them hold lists."""

    types: Mapping[str, str]
    filled: Mapping[str, bool]


def schema_of(manifest: Manifest, schema: Schema) -> Schema:
    """The schema with the case's own fields: what is stored has the types of the time of its import."""
    return schema.with_fields({name: replace(each, filled=False, many=False) for name, each in manifest.fields.items()})


def chosen(manifest: Manifest, wanted: frozenset[str] | None) -> Columns:
    """The columns of the wanted fields, of all without ``wanted``; the time stands beside them always."""
    types: dict[str, str] = {}
    filled: dict[str, bool] = {}
    known = Schema(manifest.fields)
    exact = {each.name: parent.name for parent in known for each in subfields(known, parent.name)}
    for entry in known:
        name = exact.get(entry.name, entry.name)
        if wanted is None or name in wanted or name == TIMESTAMP:
            filled[entry.name] = entry.many
            types.update(_types(entry))
    stored = {name for each in manifest.files for name in each.columns}
    types.update({name: "VARCHAR" for name in METADATA if name in stored})
    return Columns(types, filled)


def _types(entry: Field) -> dict[str, str]:
    kind = physical_type(entry.type)
    if kind is None:
        return {}
    beside = {"ip": ip_column, "version": order_column}.get(entry.type)
    plain = {column(entry.name): duckdb_type(kind), **({beside(entry.name): "BLOB"} if beside else {})}
    return {name: each + "[]" if entry.many else each for name, each in plain.items()}


def digest(path: Path) -> str:
    """The SHA-256 of a file. Raises ``OSError``."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def whole_files(folder: Path, manifest: Manifest, report: Report, *, verify: bool = True) -> list[CaseFile]:
    """The files that are there as they were written, without ``verify`` in the same length; the others are told.

    The engine does not check the checksums of pages, so that a changed value would be taken for true."""
    kept = []
    for each in manifest.files:
        path = folder / EVENTS / each.name
        try:
            size = path.stat().st_size
            changed = verify and size == each.bytes and digest(path) != each.sha256
        except OSError as error:
            tell(path, each, f"cannot be read: {error.strerror}", report)
            continue
        if size != each.bytes:
            tell(path, each, f"has {size:,} bytes, not the {each.bytes:,} that were written", report)
            continue
        if changed:
            tell(path, each, "is damaged: its bytes are not those that were written", report)
            continue
        kept.append(each)
    return kept


def tell(path: Path, lost: CaseFile, reason: str, report: Report) -> None:
    """Report a file whose events are left out."""
    are = "is" if lost.rows == 1 else "are"
    message = f"{path} {reason}; its {plural(lost.rows, 'event')} {are} left out, all others are used"
    report(fault(DAMAGED_FILE, message, str(path), help=f"remove the file if it is there; then {READ_AGAIN}"))


def lost(folder: Path, manifest: Manifest) -> Iterator[Diagnostic]:
    """Tells of the inputs that lack events."""
    lacking = [each for each in manifest.inputs if each.lacking]
    if lacking:
        message = (
            f"{folder} lost a file of events; {len(lacking):,} of its inputs may lack some, first {lacking[0].path}"
        )
        yield fault(DAMAGED_FILE, message, str(folder), help=READ_AGAIN)


def located(folder: Path, file: CaseFile) -> str:
    """A file's path as DuckDB takes it: a wild card stands for itself."""
    path = str((folder / EVENTS / file.name).absolute())
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def read(
    folder: Path,
    manifest: Manifest,
    builder: Builder,
    wanted: frozenset[str] | None,
    report: Report,
    *,
    first_input: int,
    since_ns: int | None,
    until_ns: int | None,
    fill: Fill | None = None,
) -> None:
    """Put the case's events into the builder. ``first_input`` is added to the numbers of inputs. ``fill`` derives
    directions in tables of physical columns on their way."""
    columns = chosen(manifest, wanted)
    types = builder.prepare({**columns.types, **(ADDED if fill else {})}, columns.filled)
    into = {name: types[name] for name in columns.types}
    for told in lost(folder, manifest):
        report(told)
    files = whole_files(folder, manifest, report)
    asked = Asked(folder, columns, into, builder.position, first_input, _span(since_ns, until_ns), fill)
    # Rows that come through Arrow are held until their transaction ends: then it is a file's.
    for group in [[each] for each in files] if fill else _groups(files, columns):
        if _taken(asked, group, builder, None if len(group) > 1 else report):
            continue
        for each in group if len(group) > 1 else []:
            _taken(asked, [each], builder, report)
    builder.passed(manifest.positions)


@dataclass(frozen=True)
class Asked:
    """What is read of every file: ``into`` has the types of the table's columns, ``base`` the first ingest position."""

    folder: Path
    columns: Columns
    into: Mapping[str, str]
    base: int
    first_input: int
    span: str
    fill: Fill | None


def _taken(asked: Asked, group: Sequence[CaseFile], builder: Builder, report: Report | None) -> bool:
    """Whether all rows of these files are in the table; else none are, and ``report`` is told why."""
    rows = builder.rows
    builder.connection.execute("BEGIN")
    try:
        _take(asked, group, builder)
    except DAMAGE as error:
        builder.connection.execute("ROLLBACK")
        builder.forget(builder.rows - rows)
        if report is not None:
            tell(asked.folder / EVENTS / group[0].name, group[0], f"is damaged ({_first_line(error)})", report)
        return False
    builder.connection.execute("COMMIT")
    return True


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _groups(files: Sequence[CaseFile], columns: Columns) -> Iterator[list[CaseFile]]:
    """Files that can be read together: they hold lists in the same columns."""
    groups: dict[frozenset[str], list[CaseFile]] = {}
    for each in files:
        lists = frozenset(name for name, many in each.columns.items() if many and name in columns.types)
        groups.setdefault(lists, []).append(each)
    yield from groups.values()


def _span(since_ns: int | None, until_ns: int | None) -> str:
    conditions = []
    if since_ns is not None:
        conditions.append(f"_time >= {since_ns:d}")
    if until_ns is not None:
        conditions.append(f"_time < {until_ns:d}")
    return " AND ".join(conditions) or "TRUE"


def union(asked: Asked, files: Sequence[CaseFile]) -> tuple[str, dict[str, list[str]]]:
    """One SELECT over files that differ in which columns hold lists, and its parameters."""
    texts, parameters = [], {}
    for number, group in enumerate(_groups(files, asked.columns)):
        text, parameters[f"files{number}"] = select(asked, group)
        texts.append(text.replace("$files", f"$files{number}"))
    return " UNION ALL BY NAME ".join(texts), parameters


def select(asked: Asked, group: Sequence[CaseFile]) -> tuple[str, list[str]]:
    """A SELECT of the columns from files that can be read together, in the table's types; and its parameter."""
    stored: dict[str, bool] = {}
    for each in group:
        stored.update({name: many for name, many in each.columns.items() if name in asked.into})
    parts = [f"_seq + {asked.base:d} AS _seq", f"_input + {asked.first_input:d} AS _input", "_record", "_time"]
    for name, many in stored.items():
        kind, own = asked.into[name], asked.columns.types[name]
        value = wrapped(name) if kind.endswith("[]") and not many else quoted(name)
        if kind.removesuffix("[]") != own.removesuffix("[]"):
            value = f"TRY_CAST({value} AS {kind})"
        parts.append(f"{value} AS {quoted(name)}")
    text = f"SELECT {', '.join(parts)} FROM read_parquet($files, union_by_name = true) WHERE {asked.span}"
    return text, [located(asked.folder, each) for each in group]


def _take(asked: Asked, group: Sequence[CaseFile], builder: Builder) -> None:
    text, files = select(asked, group)
    if asked.fill is None:
        builder.take(text, {"files": files})
        return
    cursor = builder.connection.cursor()
    try:
        for batch in cursor.sql(text, params={"files": files}).to_arrow_reader(ROWS_AT_ONCE):
            table = asked.fill(pa.Table.from_batches([batch]))
            builder.put(table, {name: name == DERIVED for name in ADDED if name in table.schema.names})
    finally:
        cursor.close()


def inputs(folder: Path, manifest: Manifest) -> list[Input]:
    """The case's inputs, as an event table names them."""
    return [
        Input(each.path, each.member, each.sha256, each.size, each.kind, kept=str(folder / each.place))
        for each in manifest.inputs
    ]


def counts(manifest: Manifest, builder: Builder, first_input: int, everything: bool) -> list[Counts]:
    """What became of each input's records, by what the builder has of them: events that lie outside the time range, or
    have no time, are left out. ``everything``: no time range was given."""
    found = dict(builder.connection.execute(
        f"SELECT _input - {first_input:d}, count(*) FROM {quoted(builder.name)} WHERE _input >= {first_input:d} GROUP BY 1"
    ).fetchall())  # fmt: skip
    result = []
    for number, each in enumerate(manifest.inputs):
        made = Counts(found.get(number, 0), Counter(each.skipped))
        if not everything:
            outside = each.events - each.untimed - made.events
            left = {OUTSIDE: outside, UNTIMED: each.untimed}
            made.skipped.update({reason: count for reason, count in left.items() if count > 0})
        result.append(made)
    return result
