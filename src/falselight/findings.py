"""Findings: what a rule's matches say about one host and one server, as an ECS document.

Overlapping windows of a sequence are one finding per join key. An event query gives a finding for every event.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import pyarrow as pa

from falselight.ecs.schema import DATE_TYPES, Field, Schema, column
from falselight.engines import duckdb as engine
from falselight.plan import nodes
from falselight.plan.dates import iso
from falselight.plan.limits import combine
from falselight.rebuild import place
from falselight.rules import Rule
from falselight.sql import emit
from falselight.sql.predicates import condition
from falselight.sql.spelling import name
from falselight.sql.stages import key_names
from falselight.store import EventTable

DETAILS = (
    "host.name",
    "source.ip",
    "destination.ip",
    "destination.domain",
    "destination.port",
    "process.name",
    "user.name",
    "dns.question.name",
)
MOST_EVIDENCE = 1000
MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an event came from: index of its input, and the number of its record there (from 0)."""

    input: int
    record: int


class Evidence(Sequence[Reference]):
    """References to events, held as numbers: a finding may have a thousand, and a hunt a hundred thousand findings."""

    __slots__ = ("inputs", "records")

    def __init__(self, inputs: Iterable[int], records: Iterable[int]) -> None:
        self.inputs, self.records = array("i", inputs), array("q", records)

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, at: int) -> Reference: ...
    @overload
    def __getitem__(self, at: slice) -> Evidence: ...
    def __getitem__(self, at: int | slice) -> Reference | Evidence:
        if isinstance(at, slice):
            return Evidence(self.inputs[at], self.records[at])
        return Reference(self.inputs[at], self.records[at])

    def by_input(self) -> dict[int, list[int]]:
        """The records of each input, in the order of time."""
        found: dict[int, list[int]] = {}
        for number, record in zip(self.inputs, self.records, strict=True):
            found.setdefault(number, []).append(record)
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evidence) and (self.inputs, self.records) == (other.inputs, other.records)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. Times are epoch nanoseconds. ``events`` counts all matching events of the key, in a window or not;
    ``evidence`` refers to the first of them (at most ``MOST_EVIDENCE``) in order of time. ``details`` holds all values
    seen, by ECS field. ``raw_keys`` are the keys in the form of their columns."""

    rule: Rule
    kind: str
    keys: dict[str, Any]
    windows: int
    events: int
    first_seen: int
    last_seen: int
    details: dict[str, list[Any]]
    evidence: Evidence
    inputs: tuple[dict[str, Any], ...] = field(repr=False)
    raw_keys: tuple[Any, ...] = ()

    @property
    def severity(self) -> str:
        return self.rule.severity

    @property
    def risk(self) -> int:
        return self.rule.risk_score

    @property
    def hosts(self) -> list[str]:
        return self.details.get("host.name", [])

    @property
    def servers(self) -> list[str]:
        """Addresses, or names where no address is known."""
        return self.details.get("destination.ip", []) or self.domains

    @property
    def domains(self) -> list[str]:
        return self.details.get("destination.domain", []) or self.details.get("dns.question.name", [])

    @property
    def processes(self) -> list[str]:
        return self.details.get("process.name", [])

    @property
    def ports(self) -> list[int]:
        return self.details.get("destination.port", [])

    def to_document(self) -> dict[str, Any]:
        """The finding as a nested ECS document (specs/findings.md)."""
        document: dict[str, Any] = {
            "@timestamp": iso(self.last_seen),
            "event": {"kind": "alert"},
            "rule": {"id": self.rule.id, "name": self.rule.name},
        }
        threat = threat_fields(self.rule.threat)
        if threat:
            document["threat"] = threat
        for ecs_field, values in self.details.items():
            if values:
                place(document, ecs_field, values[0] if len(values) == 1 and ecs_field not in ALWAYS_LISTS else values)
        document["falselight"] = {
            "kind": self.kind,
            "severity": self.severity,
            "risk": self.risk,
            "keys": self.keys,
            "windows": self.windows,
            "events": self.events,
            "first_seen": iso(self.first_seen),
            "last_seen": iso(self.last_seen),
            "evidence": [
                {**self.inputs[number], "records": records} for number, records in self.evidence.by_input().items()
            ],
            "evidence_omitted": self.events - len(self.evidence),
        }
        return document


ALWAYS_LISTS = frozenset({"process.name", "destination.domain", "destination.port"})


def threat_fields(blocks: Sequence[Any]) -> dict[str, Any]:
    """ATT&CK blocks of a rule as ECS ``threat.*``: lists of ids and names."""
    tactics: list[dict[str, Any]] = []
    techniques: list[dict[str, Any]] = []
    subtechniques: list[dict[str, Any]] = []
    for block in blocks:
        block = block.model_dump() if hasattr(block, "model_dump") else block
        tactics.append(block["tactic"])
        for technique in block.get("technique") or []:
            techniques.append(technique)
            subtechniques.extend(technique.get("subtechnique") or [])
    if not tactics:
        return {}
    threat: dict[str, Any] = {"framework": "MITRE ATT&CK", "tactic": _names(tactics)}
    if techniques:
        threat["technique"] = _names(techniques)
        if subtechniques:
            threat["technique"]["subtechnique"] = _names(subtechniques)
    return threat


def _names(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    unique = list({entry["id"]: entry for entry in entries}.values())
    return {"id": [entry["id"] for entry in unique], "name": [entry["name"] for entry in unique]}


def build(rule: Rule, plan: nodes.Plan, names: list[str], table: EventTable) -> Iterator[Finding]:
    """The findings of one rule. names: the join keys as the query names them.

    Sequences are grouped by key inside the engine; only what a finding shows leaves it. ``head`` and ``tail`` take their part of
    all matches."""
    if isinstance(plan, nodes.EventPlan):
        columns, keys = [], []
        rows = _events(plan, table)
    else:
        columns = key_names(plan.stages[0])
        if isinstance(plan, nodes.SequencePlan):
            found = _by_key(plan, table)
            members = emit.stage_events(plan, table.name, "found")
        else:
            found, members = _singly(plan, table)
        if found.num_rows == 0:
            return
        found = found.append_column("id", pa.array(range(found.num_rows), pa.int64()))
        rows = _rows(table, _details_sql(plan, table, members, columns), "found", found)
        keys = list(zip(*(found.column(each).to_pylist() for each in columns), strict=True))
    inputs = tuple(_input(entry) for entry in table.inputs)
    fields = _detail_fields(table.schema)
    for number, windows, events, first, last, sources, records, *values in rows:
        own = keys[number] if keys else ()
        yield Finding(
            rule,
            "alert",
            {key: _shown(plan, at, value) for at, (key, value) in enumerate(zip(names, own, strict=True))},
            windows,
            events,
            first,
            last,
            {entry.name: value for entry, value in zip(fields, values, strict=True) if value},
            Evidence(sources, records),
            inputs,
            own,
        )


def _rows(table: EventTable, sql: str, name: str, relation: pa.Table) -> Iterator[Any]:
    """The rows of a statement over a relation of this name."""
    with engine.registered(table, name, relation):
        yield from engine.rows(table, sql)


def _events(plan: nodes.EventPlan, table: EventTable) -> Iterator[Any]:
    """The rows of an event query's findings."""
    if not plan.limits:
        return engine.rows(table, _events_sql(plan, table))
    positions = [each.positions[0] for each in engine.run(plan, table).sequences]
    kept = pa.table({"_seq": pa.array(positions, pa.int64())})
    return _rows(table, _events_sql(replace(plan, predicate=nodes.Rows("kept")), table), "kept", kept)


def _by_key(plan: nodes.SequencePlan, table: EventTable) -> pa.Table:
    """The sequences of each key, as ``emit.by_key`` has them."""
    if not plan.limits:
        return engine.arrow(table, emit.per_key(plan, table.name, sparse=engine.is_sparse(plan, table)))
    kept = engine.matched(plan, table, combine(plan.limits))
    with engine.registered(table, "kept", kept):
        return engine.arrow(table, emit.by_key(plan, "kept"))


def _singly(plan: nodes.SamplePlan, table: EventTable) -> tuple[pa.Table, str]:
    """Every sample with its documents."""
    matches = engine.run(plan, table).sequences
    columns: dict[str, Any] = {"sequences": pa.array([1] * len(matches), pa.int64())}
    for at, key in enumerate(key_names(plan.stages[0])):
        columns[key] = pa.array([match.keys[at] for match in matches])
    columns["members"] = pa.array([list(match.positions) for match in matches], pa.list_(pa.int64()))
    return pa.table(columns), "SELECT unnest(members) AS s, id AS owner FROM found"


def _events_sql(plan: nodes.EventPlan, table: EventTable) -> str:
    """``_details_sql`` for an event query, each of whose events is a finding."""
    details = []
    for entry in _detail_fields(table.schema):
        value = name(column(entry.name))
        listed = f"list_sort(list_distinct({value}))" if entry.many else f"[{value}]"
        details.append(f"CASE WHEN {value} IS NOT NULL THEN {listed} END")
    time = "coalesce(_time, 0)"
    columns = ", ".join(["0", "1", "1", time, time, "[_input]", "[_record]", *details])
    return f"SELECT {columns} FROM {plan.source or table.name} WHERE {condition(plan.predicate)} ORDER BY _seq"


def _detail_fields(schema: Schema) -> list[Field]:
    return [entry for detail in DETAILS if (entry := schema.find(detail)) is not None and entry.filled]


def _details_sql(
    plan: nodes.SequencePlan | nodes.SamplePlan, table: EventTable, members: str, columns: list[str]
) -> str:
    """One row for every finding: its number, windows, events, times, evidence, and the values of each detail."""
    details = []
    for entry in _detail_fields(table.schema):
        values = f"list(v.{name(column(entry.name))}) FILTER (v.{name(column(entry.name))} IS NOT NULL)"
        details.append(f"list_sort(list_distinct({f'flatten({values})' if entry.many else values}))")
    own = isinstance(plan, nodes.SequencePlan)
    joined = emit.same_keys("f", "e", columns) if own else "f.id = e.owner"
    time = "coalesce(v._time, 0)"
    first = f"[1:{MOST_EVIDENCE}]"
    listed = ", ".join(
        [
            "f.id",
            "any_value(f.sequences)",
            "count(*)",
            f"min({time})",
            f"max({time})",
            f"(list(v._input ORDER BY v._time, v._seq)){first}",
            f"(list(v._record ORDER BY v._time, v._seq)){first}",
            *details,
        ]
    )
    return (
        f"SELECT {listed} FROM found f JOIN (SELECT * FROM ({members})) e ON {joined} "
        f"JOIN {table.name} v ON v._seq = e.s GROUP BY f.id ORDER BY f.id"
    )


def _input(entry: Any) -> dict[str, Any]:
    known = {"input": entry.path, "member": entry.member, "sha256": entry.sha256}
    return {key: value for key, value in known.items() if value is not None}


def _shown(plan: nodes.Plan, position: int, value: Any) -> Any:
    """A join key as people read it: dates as ISO 8601."""
    if isinstance(plan, nodes.EventPlan) or value is None:
        return value
    entry = next((stage.keys[position].field for stage in plan.stages if stage.keys[position].field), None)
    if entry is None or entry.type not in DATE_TYPES:
        return value
    return iso(value if entry.type == "date_nanos" else value * MILLISECOND)
