"""Proposals tried: what they remove from this data, and what they would hide of implants that are put into it.

The implants are copies of the data's own events that reach the rule, on its own hosts, with a program and a server of their own,
at chosen sleeps; and two that imitate: one uses a cause's program, one its server. Exceptions must hide none of them. Who has
both is hidden by intent, and the proposal says so in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from falselight import findings
from falselight.diagnostics import Diagnostic
from falselight.ecs.schema import column, ip_column
from falselight.eql import walk
from falselight.eql.parser import parse
from falselight.findings import Finding
from falselight.hunting import HuntResult, RuleRun
from falselight.plan import nodes
from falselight.plan.filters import restrict
from falselight.replay.restricting import of_item
from falselight.rules import Pack, Rule
from falselight.source import Source
from falselight.store import EventTable, quoted
from falselight.tuning.causes import QUESTION, Cause
from falselight.tuning.proposals import Proposal
from falselight.values import ip

Kind = Literal["own", "program", "server"]
KINDS: tuple[Kind, ...] = ("own", "program", "server")
_SERVER, _NAME, _PROGRAM = "198.18.{}.{}", "c{}.implants.invalid", "C:\\Windows\\Temp\\implant{}.exe"
HOURS = 3


@dataclass(frozen=True)
class Implant:
    """One implant of a trial: what it imitates, its sleep in seconds, its server's address, and whether the rule finds it
    without and with the exceptions."""

    kind: Kind
    sleep: int
    server: str
    found: bool
    left: bool

    @property
    def lost(self) -> bool:
        return self.found and not self.left


@dataclass(frozen=True)
class Trial:
    """What exceptions do to one rule's findings. ``removed`` are gone whole, ``thinned`` keep fewer windows."""

    rule: Rule
    before: int
    after: int
    removed: tuple[Finding, ...]
    left: tuple[Finding, ...]
    implants: tuple[Implant, ...]

    @property
    def lost(self) -> tuple[Implant, ...]:
        """Implants that are hidden: a cost in true positives."""
        return tuple(each for each in self.implants if each.lost)


def attempt(run: RuleRun, proposals: Sequence[Proposal], result: HuntResult, sleeps: Iterable[int]) -> Trial:
    """Try proposals of one rule together on the events that were read, and on them with implants."""
    rule, table, plan = run.rule, result.table, run.plan
    assert plan is not None
    alerts = sum(finding.windows for finding in run.findings)
    left = _findings(rule, _without(plan, proposals, table), table)
    mixed, only, drawn = _implanted(run, proposals, table, sleeps)
    seen = _servers(_findings(rule, plan, only))
    still = _servers(_findings(rule, _without(plan, proposals, mixed), mixed))
    implants = tuple(Implant(kind, sleep, server, server in seen, server in still) for kind, sleep, server in drawn)
    keys = {_identity(finding) for finding in left}
    removed = tuple(finding for finding in run.findings if _identity(finding) not in keys)
    return Trial(rule, alerts, sum(finding.windows for finding in left), removed, tuple(left), implants)


@dataclass(frozen=True)
class Cost:
    """What one exception does alone: the alerts that go, and of so many trial implants that the rule finds, those hidden."""

    removes: int
    found: int
    hidden: tuple[Implant, ...]


def costs(run: RuleRun, proposals: Sequence[Proposal], result: HuntResult, sleeps: Iterable[int]) -> dict[int, Cost]:
    """Each proposal of one rule tried without the others, by its number: on the events that were read, and on the implants."""
    rule, table, plan = run.rule, result.table, run.plan
    assert plan is not None
    alerts = sum(finding.windows for finding in run.findings)
    _, only, drawn = _implanted(run, proposals, table, sleeps)
    seen = _servers(_findings(rule, plan, only))
    found = {}
    for proposal in proposals:
        left = _findings(rule, _without(plan, [proposal], table), table)
        still = _servers(_findings(rule, _without(plan, [proposal], only), only))
        tried = [Implant(kind, sleep, server, server in seen, server in still) for kind, sleep, server in drawn]
        hidden = tuple(implant for implant in tried if implant.lost)
        count = sum(implant.found for implant in tried)
        found[proposal.number] = Cost(alerts - sum(finding.windows for finding in left), count, hidden)
    return found


def _findings(rule: Rule, plan: nodes.Plan, table: EventTable) -> list[Finding]:
    return list(findings.build(rule, plan, walk.key_names(parse(Source(rule.query))), table))


def _without(plan: nodes.Plan, proposals: Sequence[Proposal], table: EventTable) -> nodes.Plan:
    parts = [of_item(proposal.item, Pack(), table, _never) for proposal in proposals]
    return restrict(plan, nodes.Not(nodes.Or(tuple(part for part in parts if part is not None)))) if parts else plan


def _never(diagnostic: Diagnostic) -> None:
    raise AssertionError(diagnostic.message)


def _identity(finding: Finding) -> tuple[object, ...]:
    return (tuple(sorted((name, str(value)) for name, value in finding.keys.items())),
            () if finding.keys else finding.evidence)  # fmt: skip


def _servers(found: list[Finding]) -> set[str]:
    """Addresses that were called, and names that were asked."""
    return {
        str(value)
        for finding in found
        for name in ("destination.ip", QUESTION)
        for value in finding.details.get(name, [])
    }


def _implanted(
    run: RuleRun, proposals: Sequence[Proposal], table: EventTable, sleeps: Iterable[int]
) -> tuple[EventTable, EventTable, list[tuple[Kind, int, str]]]:
    """The table with implants, the implants without it, so that one counts as found by its own events only, and who they are."""
    drawn: list[tuple[Kind, int, str]] = []
    parts = [f"SELECT * FROM {quoted(table.name)} WHERE FALSE"]
    base = table.rows
    for number, (proposal, kind, sleep) in enumerate((p, k, s) for p in proposals for k in KINDS for s in sleeps):
        template = next((f for f in proposal.cause.findings if f.evidence), None)
        if template is None:
            continue
        server = _server(proposal.cause, kind, number)
        if server in {each for *_, each in drawn}:
            continue
        count = HOURS * 3600 // sleep
        parts.append(_copies(table, template, proposal.cause, kind, number, server, sleep, count, base))
        base += count
        drawn.append((kind, sleep, server))
    only, mixed = "trial_implants", "trial_of_exceptions"
    table.connection.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(only)} AS {' UNION ALL BY NAME '.join(parts)}")
    table.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {quoted(mixed)} AS "
        f"SELECT * FROM {quoted(table.name)} UNION ALL BY NAME SELECT * FROM {quoted(only)}"
    )
    return replace(table, name=mixed, rows=base), replace(table, name=only, rows=base), drawn


def _server(cause: Cause, kind: Kind, number: int) -> str:
    """An implant's server: its address, or its name where the rule reads questions of DNS."""
    asked = cause.named_in == QUESTION
    if kind == "server":
        known = sorted(cause.names if asked else cause.addresses)
        return known[0] if known else _SERVER.format(20, number % 250 + 1)
    return _NAME.format(number) if asked else _SERVER.format(number // 250 % 2 + 18, number % 250 + 1)


def _copies(
    table: EventTable,
    template: Finding,
    cause: Cause,
    kind: Kind,
    number: int,
    server: str,
    sleep: int,
    count: int,
    base: int,
) -> str:
    """SQL of an implant's events: the template's first event, at its own times, with its own program and server."""
    first = template.evidence[0]
    asked = cause.named_in == QUESTION
    own = {QUESTION if asked else "destination.ip": server, "process.entity_id": f"{{implant {number}}}"}
    if kind in ("own", "server"):
        program = _PROGRAM.format(number)
        own |= {
            "process.executable": program,
            "process.name": program.rsplit("\\", 1)[-1],
            "process.code_signature.subject_name": "",
        }
    if kind in ("own", "program") and not asked:
        own |= {"destination.domain": _NAME.format(number)}
    replaced = [
        f"{base} + n AS _seq", f"{template.first_seen} + n * {sleep * 1_000_000_000} AS _time", "-1 - n AS _record",
    ]  # fmt: skip
    timestamp = table.schema.find("@timestamp")
    if timestamp is not None and timestamp.filled:
        unit = 1 if timestamp.type == "date_nanos" else 1_000_000
        replaced.append(
            f"({template.first_seen} + n * {sleep * 1_000_000_000}) // {unit} AS {quoted(column('@timestamp'))}"
        )
    for name, value in own.items():
        entry = table.schema.find(name)
        if entry is None or not entry.filled:
            continue
        text = "'" + value.replace("'", "''") + "'" if value else "NULL"
        replaced.append(f"{'[' + text + ']' if entry.many and value else text} AS {quoted(column(name))}")
        if entry.type == "ip":
            packed = f"from_hex('{ip(value)[1].hex()}')"
            replaced.append(f"{'[' + packed + ']' if entry.many else packed} AS {quoted(ip_column(name))}")
    return (
        f"SELECT e.* REPLACE ({', '.join(replaced)}) FROM {quoted(table.name)} e, range({count}) AS t(n) "
        f"WHERE e._input = {first.input} AND e._record = {first.record}"
    )
