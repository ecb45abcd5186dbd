"""OCSF events as ECS, by ``ocsf.toml``; what only these records need is converted here."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import columnar, network, steps
from falselight.mappings.records import Convert, Frame, Step, Table, build

TIME, TIME_TEXT = "time", "time_dt"
_LISTS = pa.list_(pa.string())
_HASHES = {"md5": "md5", "sha-1": "sha1", "sha-256": "sha256", "sha-512": "sha512", "ctph": "ssdeep", "tlsh": "tlsh"}
# Classes whose events are about a file of their own, not about a process' program.
_FILES = frozenset({"1001", "4006", "4010", "4011"})
# What 64 bits of nanoseconds hold, in milliseconds.
_FARTHEST = 9_223_372_036_854


@cache
def table() -> Table:
    """The mapping of all classes: what a record lacks gives no field."""
    text = files("falselight.mappings").joinpath("ocsf.toml").read_text("utf-8")
    return build(tomllib.loads(text), CONVERSIONS)


def times(frame: Frame) -> tuple[pa.Array | None, pa.Array | None]:
    """Takes the records' time out: as nanoseconds, and as milliseconds where nanoseconds cannot hold some."""
    given, text = frame.columns.pop(TIME, None), frame.columns.pop(TIME_TEXT, None)
    found = None if text is None else steps.nanoseconds(text, frame, TIME_TEXT)
    if given is None:
        return found, None
    millis = columnar.whole(given, frame.malformed, TIME)
    fits = pc.and_(pc.greater(millis, -_FARTHEST), pc.less(millis, _FARTHEST))
    own = pc.multiply(pc.if_else(fits, millis, pa.scalar(None, pa.int64())), 1_000_000)
    far = None if pc.all(pc.fill_null(fits, True)).as_py() else millis
    return own if found is None else pc.coalesce(own, found), far


def dates(frame: Frame, step: Step) -> None:
    """Dates as text, where the target has no value yet."""
    values = frame.get(step.sources[0])
    if values is None:
        return
    found = pc.divide(steps.nanoseconds(values, frame, step.sources[0]), 1_000_000)
    known = frame.get(step.targets[0])
    frame.put(step.targets[0], found if known is None or known.type != pa.int64() else pc.coalesce(known, found))


def milliseconds(frame: Frame, step: Step) -> None:
    """Milliseconds as nanoseconds."""
    values = frame.get(step.sources[0])
    if values is not None:
        millis = columnar.whole(values, frame.malformed, step.sources[0])
        fits = pc.and_(pc.greater_equal(millis, 0), pc.less(millis, _FARTHEST))
        frame.put(step.targets[0], pc.multiply(pc.if_else(fits, millis, pa.scalar(None, pa.int64())), 1_000_000))


def action(frame: Frame, step: Step) -> None:
    """The name in lower case, with dashes for colons and blanks."""
    values = frame.get(step.sources[0])
    if values is not None:
        lowered = pc.utf8_lower(columnar.as_text(values))
        frame.put(step.targets[0], pc.replace_substring_regex(lowered, "[: ]", "-"))


def event_types(frame: Frame, step: Step) -> None:
    """event.type by class and activity: of ``rules`` each that names both (or no activity) gives its type; ``names`` are the
    activities' names where a record has only numbers."""
    rules = [
        (
            frozenset(rule["classes"].split()),
            frozenset(filter(None, rule.get("activities", "").split(","))),
            rule["type"],
        )
        for rule in step.options["rules"]
    ]
    names, without = step.options["names"], step.options["without_info"]

    def each(uid: str | None, activity: str | None, number: str | None) -> list[str] | None:
        if uid is None:
            return None
        activity = activity or names.get(f"{uid}.{number}")
        found = [] if uid in without else ["info"]
        found += [kind for classes, some, kind in rules if uid in classes and (not some or activity in some)]
        return list(dict.fromkeys(found)) or None

    columns = [frame.get(name) for name in step.sources]
    frame.put(step.targets[0], columnar.jointly(columns, frame.rows, each, _LISTS))


def way(frame: Frame, step: Step) -> None:
    """inbound or outbound, else internal or external by the boundary, else unknown where one of them says so."""

    def each(direction: str | None, boundary: str | None) -> str | None:
        if direction in ("Inbound", "Outbound"):
            return direction.lower()
        if boundary in ("Internal", "External"):
            return boundary.lower()
        return "unknown" if "Unknown" in (direction, boundary) else None

    columns = [frame.get(name) for name in step.sources]
    frame.put(step.targets[0], columnar.jointly(columns, frame.rows, each, pa.string()))


def names(frame: Frame, step: Step) -> None:
    """The first source's name, and the second's if it is another; a dash is none. With ``lower`` in lower case."""
    lower = step.options.get("lower", False)

    def each(*cells: str | None) -> list[str] | None:
        found = dict.fromkeys(cell.lower() if lower else cell for cell in cells if cell not in (None, "", "-"))
        return list(found) or None

    columns = [frame.get(name) for name in step.sources]
    made = columnar.jointly(columns, frame.rows, each, _LISTS)
    lengths = pc.list_value_length(made)
    single = (pc.max(lengths).as_py() or 0) <= 1
    frame.put(step.targets[0], columnar.first(made) if single else made)


def hashes(frame: Frame, step: Step) -> None:
    """Below each target the values by the names of their algorithms."""
    kinds, values = (frame.get(name) for name in step.sources)
    if kinds is None or values is None:
        return
    found: dict[str, list[str | None]] = {}
    for row, (names, cells) in enumerate(zip(kinds.to_pylist(), values.to_pylist(), strict=True)):
        pairs = zip(*(each if isinstance(each, list) else [each] for each in (names, cells)), strict=False)
        for name, value in pairs:
            target = _HASHES.get(str(name).lower())
            if target is not None and value is not None:
                found.setdefault(target, [None] * frame.rows)[row] = str(value)
    for base in step.targets:
        for name, column in found.items():
            made, known = pa.array(column, pa.string()), frame.get(f"{base}.{name}")
            frame.put(f"{base}.{name}", made if known is None else pc.coalesce(known, made))


def addresses(frame: Frame, step: Step) -> None:
    """The data of A and AAAA records, once each."""
    kinds, data = (frame.get(name) for name in step.sources)
    if kinds is None or data is None:
        return
    rows = []
    for types, cells in zip(kinds.to_pylist(), data.to_pylist(), strict=True):
        pairs = zip(*(each if isinstance(each, list) else [each] for each in (types, cells)), strict=False)
        found = [str(cell) for kind, cell in pairs if kind in ("A", "AAAA") and network.is_ip(str(cell))]
        rows.append(list(dict.fromkeys(found)) or None)
    frame.put(step.targets[0], pa.array(rows, _LISTS))


def executable(frame: Frame, step: Step) -> None:
    """The file's path, in events of classes that are about a process."""
    uid, path = (frame.get(name) for name in step.sources)
    if uid is not None and path is not None and pa.types.is_string(path.type):
        about_files = pc.is_in(columnar.as_text(uid), value_set=pa.array(sorted(_FILES)))
        frame.put(step.targets[0], pc.if_else(about_files, pa.scalar(None, pa.string()), path))


CONVERSIONS: dict[str, Convert] = {
    **steps.CONVERSIONS,
    **network.CONVERSIONS,
    **{
        made.__name__: made
        for made in (dates, milliseconds, action, event_types, way, names, hashes, addresses, executable)
    },
}
