"""Google Cloud's VPC flow logs as ECS, by ``gcp_vpcflow.toml``; what only these records need is converted here."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import columnar, network, steps
from falselight.mappings.records import Convert, Frame, Step, Table, build

PAYLOAD = "jsonPayload."


@cache
def written() -> dict[str, Any]:
    """The table as written."""
    return tomllib.loads(files("falselight.mappings").joinpath("gcp_vpcflow.toml").read_text("utf-8"))


@cache
def table() -> Table:
    """The mapping of all records: what a record lacks gives no field."""
    return build(written(), CONVERSIONS)


def instance_direction(frame: Frame, step: Step) -> None:
    """internal, outbound or inbound by which sides are instances of Google's, which the first half of the columns and the second
    tell of; else unknown."""
    middle = len(step.sources) // 2
    source, destination = (_any(frame, names) for names in (step.sources[:middle], step.sources[middle:]))
    inside = pc.if_else(destination, "internal", "outbound")
    frame.put(step.targets[0], pc.if_else(source, inside, pc.if_else(destination, "inbound", "unknown")))


def _any(frame: Frame, names: tuple[str, ...]) -> pa.Array:
    found = pa.repeat(pa.scalar(False), frame.rows)
    for name in names:
        column = frame.get(name)
        found = found if column is None else pc.or_(found, pc.is_valid(column))
    return found


def reporter(frame: Frame, step: Step) -> None:
    """Of the side that reports the flow (SRC or DEST), of the other where Google tells only of that."""
    told, *sides = (frame.get(name) for name in step.sources)
    if told is None:
        return
    none = pa.nulls(frame.rows, pa.string())
    source, destination = (none if side is None else columnar.as_text(side) for side in sides)
    words = columnar.as_text(told)
    by_source, by_destination = (pc.fill_null(pc.equal(words, word), False) for word in ("SRC", "DEST"))
    of_destination = pc.if_else(by_destination, pc.coalesce(destination, source), none)
    frame.put(step.targets[0], pc.if_else(by_source, pc.coalesce(source, destination), of_destination))


CONVERSIONS: dict[str, Convert] = {
    **steps.CONVERSIONS,
    **network.CONVERSIONS,
    **{made.__name__: made for made in (instance_direction, reporter)},
}
