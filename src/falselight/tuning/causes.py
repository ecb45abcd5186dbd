"""Findings grouped into causes: which process, signed by whom, calls which server at which port, on how many hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from falselight.ecs.schema import column
from falselight.engines import duckdb as engine
from falselight.findings import Finding
from falselight.hunting import HuntResult
from falselight.mappings.network import domain_parts
from falselight.rules import Rule
from falselight.store import EventTable, quoted
from falselight.tuning.labels import Verdict, identity

# What exceptions are made of; a hunt that is to be tuned must read these.
FIELDS = (
    "host.name", "process.executable", "process.name", "process.code_signature.subject_name", "destination.ip",
    "destination.domain", "dns.question.name", "destination.port",
)  # fmt: skip
NAME, QUESTION = "destination.domain", "dns.question.name"


@dataclass
class Cause:
    """One cause. ``server`` is a registered domain, or the first address where no name is known;
    ``named_in`` is the field that holds its names. ``findings`` are those that it
    alone or with others brought about; ``verdicts`` what people said of them."""

    rule: Rule
    executable: str | None
    process: str | None
    signer: str | None
    server: str
    named_in: str | None
    names: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    events: int = 0
    verdicts: set[Verdict] = field(default_factory=set)

    @property
    def by_name(self) -> bool:
        return self.named_in is not None

    @property
    def alerts(self) -> int:
        """Windows or events that the findings stand for."""
        return sum(finding.windows for finding in self.findings)


def causes(result: HuntResult, verdicts: Mapping[str, Verdict]) -> list[Cause]:
    """The causes of all findings, most alerts first."""
    found: dict[tuple[Any, ...], Cause] = {}
    for run in result.rules:
        for finding in run.findings:
            judged = verdicts.get(identity(finding.to_document()))
            for row in _events(result.table, finding):
                _add(found, run.rule, finding, row, judged)
    return sorted(
        found.values(), key=lambda cause: (-cause.alerts, cause.rule.id, cause.executable or "", cause.server)
    )


def _add(
    found: dict[tuple[Any, ...], Cause], rule: Rule, finding: Finding, row: tuple[Any, ...], judged: Verdict | None
) -> None:
    host, executable, process, signer, address, name, asked, port, count = row
    named_in = NAME if name else QUESTION if asked else None
    name = name or asked
    registered = domain_parts(name)[0] if name else None
    server = registered or name or address or "?"
    # A program that calls bare addresses is one cause, however many they are.
    key = (rule.id, executable, process if executable is None else None, signer, server if name else None, named_in)
    cause = found.setdefault(key, Cause(rule, executable, process, signer, server, named_in))
    cause.events += count
    if not any(finding is known for known in cause.findings):
        cause.findings.append(finding)
        if judged is not None:
            cause.verdicts.add(judged)
    for values, value in ((cause.names, name), (cause.addresses, address), (cause.ports, port), (cause.hosts, host)):
        if value is not None:
            values.add(value)


def _events(table: EventTable, finding: Finding) -> list[tuple[Any, ...]]:
    """The distinct values of a finding's events, with how often they come."""
    wanted = pa.table(
        {
            "i": pa.array([each.input for each in finding.evidence], pa.int32()),
            "r": pa.array([each.record for each in finding.evidence], pa.int64()),
        }
    )
    values = ", ".join(f"{_first(table, name)} AS v{number}" for number, name in enumerate(FIELDS))
    with engine.registered(table, "evidence", wanted):
        return table.connection.execute(
            f"SELECT {values}, count(*) FROM {quoted(table.name)} e JOIN evidence w ON e._input = w.i AND e._record = w.r "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()


def _first(table: EventTable, name: str) -> str:
    entry = table.schema.find(name)
    if entry is None or not entry.filled:
        return "NULL"
    value = "e." + quoted(column(entry.name))
    return f"{value}[1]" if entry.many else value
