"""Google Cloud's firewall rules log as ECS, by ``gcp_firewall.toml`` and what its records share with those of flows."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import columnar, gcp_vpcflow
from falselight.mappings.records import Frame, Step, Table, build

DIRECTION = "rule_details.direction"
_ENDS = ("vpc", "instance", "location")


@cache
def table() -> Table:
    """The mapping of all records: what a record lacks gives no field."""
    flows = gcp_vpcflow.written()
    own = tomllib.loads(files("falselight.mappings").joinpath("gcp_firewall.toml").read_text("utf-8"))
    shared = [step for step in flows["steps"] if step["as"] in own["shared"]]
    entry = own | {
        "rename": [*flows["rename"], *own["rename"]],
        "copy": [*flows["copy"], *own["copy"]],
        "steps": [*shared, *own["steps"]],
    }
    return build(entry, {**gcp_vpcflow.CONVERSIONS, rule_direction.__name__: rule_direction})


def rule_direction(frame: Frame, step: Step) -> None:
    """inbound or outbound by the rule, internal where both ends, which the other columns tell of, are instances of Google's."""
    told, *ends = (frame.get(name) for name in step.sources)
    if told is None:
        return
    words = columnar.as_text(told)
    way = pc.if_else(
        pc.equal(words, "INGRESS"), "inbound", pc.if_else(pc.equal(words, "EGRESS"), "outbound", "unknown")
    )
    known = [pc.is_valid(end) for end in ends if end is not None]
    frame.put(step.targets[0], pc.if_else(pc.and_(*known), "internal", way) if len(known) == len(ends) else way)


def needed(names: Iterable[str]) -> frozenset[str]:
    """The record's own columns behind those of source and destination."""
    found = set(names) | {DIRECTION}
    for name in list(found):
        side, _, rest = name.partition("_")
        if side in ("src", "dest", "own") and rest.partition(".")[0] in _ENDS:
            found |= {rest, f"remote_{rest}"}
    return frozenset(found)


def sided(columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """The columns with source and destination for the own end and the remote one: the own is the source of what goes out (EGRESS)
    and the destination of what comes in (INGRESS)."""
    direction = columns.get(DIRECTION)
    if direction is None:
        return columns
    told = columnar.as_text(direction)
    goes_out, comes_in = (pc.fill_null(pc.equal(told, word), False) for word in ("EGRESS", "INGRESS"))
    made = {name: values for name, values in columns.items() if _of_end(name) is None}
    for end in sorted({end for name in columns if (end := _of_end(name)) is not None}):
        own, remote = (_text(columns.get(name), len(told)) for name in (end, f"remote_{end}"))
        nothing = pa.scalar(None, pa.string())
        if end.startswith("instance."):
            made[f"own_{end}"] = own
        made[f"src_{end}"] = pc.if_else(goes_out, own, pc.if_else(comes_in, remote, nothing))
        made[f"dest_{end}"] = pc.if_else(comes_in, own, pc.if_else(goes_out, remote, nothing))
    return made


def _of_end(name: str) -> str | None:
    end = name.removeprefix("remote_")
    return end if end.partition(".")[0] in _ENDS else None


def _text(values: pa.Array | None, rows: int) -> pa.Array:
    return pa.nulls(rows, pa.string()) if values is None else columnar.as_text(values)
