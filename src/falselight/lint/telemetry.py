"""Remarks on fields: which telemetry the rule's indices bring, and which fields that fills."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from falselight.diagnostics import Severity
from falselight.ecs import availability
from falselight.eql import syntax, walk
from falselight.lint import leaves, systems
from falselight.lint.remark import Remark
from falselight.rules import Rule

# Index patterns → sources of ecs/availability.toml that they hold. A pattern that is not here may hold anything.
INDICES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("logs-endpoint.events.process*", ("defend_process", "defend_linux", "defend_windows", "defend_signed")),
    (
        "logs-endpoint.events.network*",
        ("defend_network", "defend_network_mac", "defend_dns", "defend_dns_unix", "defend_signed"),
    ),
    ("logs-endpoint.events.file*", ("defend_file", "defend_signed")),
    ("logs-endpoint.events.library*", ("defend_library", "defend_signed")),
    ("logs-endpoint.events.registry*", ("defend_registry", "defend_signed")),
    ("logs-windows.sysmon_operational*", ("sysmon",)),
    ("logs-system.security*", ("security",)),
    ("logs-zeek.*", ("zeek",)),
    ("logs-suricata.*", ("suricata",)),
    ("logs-network_traffic.*", ("packetbeat",)),
    ("packetbeat-*", ("packetbeat",)),
    ("auditbeat-*", ("auditd",)),
    ("logs-auditd_manager.*", ("auditd",)),
    ("winlogbeat-*", ("sysmon", "security")),
    ("logs-windows.forwarded*", ("sysmon", "security")),
)
# Sources whose events are a part of another's: of which, and of which systems.
_PARTS = {
    "defend_linux": ("defend_process", {systems.LINUX}),
    "defend_windows": ("defend_process", {systems.WINDOWS}),
    "defend_network_mac": ("defend_network", {systems.MACOS}),
    "defend_dns_unix": ("defend_dns", {systems.LINUX, systems.MACOS}),
    "defend_signed": ("defend_", {systems.WINDOWS, systems.MACOS}),
}
# Fields of every event of a host, which the table of availability tells only in part.
_COMMON = (
    "event.", "host.", "user.", "agent.", "data_stream.", "@timestamp", "process.pid", "process.name", "process.executable",
    "process.entity_id",
)  # fmt: skip


def remarks(rule: Rule, tree: syntax.Query) -> Iterator[Remark]:
    """Fields and categories that no named index has, and ``not`` on fields that some events of the indices lack."""
    held = held_sources(rule.index)
    if held is None:
        return
    shared = () if isinstance(tree, syntax.EventQuery) else tree.keys
    stages = walk.stages(tree)
    for number, event in enumerate(walk.filters(tree)):
        own = _sources_of(event, held)
        if own == [] and all(pattern.startswith("logs-") for pattern in rule.index):
            reason = f"no index of this rule has events of category {event.category}"
            fix = "name an index that has, or another category"
            yield Remark("L12", Severity.WARNING, reason, fix, rule, event.span)
        if not own:
            continue
        keys = [key for key in (*shared, *(stages[number].keys if stages else ())) if not key.optional]
        told: set[str] = set()
        for name in (*walk.fields(event.condition), *keys):
            if name.name not in told and not name.optional and not name.name.startswith(_COMMON):
                told.add(name.name)
                yield from _unfilled(rule, name, held)
        yield from _negated(rule, event, own, {key.name for key in keys})


def held_sources(patterns: list[str]) -> tuple[str, ...] | None:
    """The sources that index patterns hold, by the beginnings of their keys in ecs/availability.toml; None where some
    pattern may hold anything."""
    found: list[str] = []
    for pattern in patterns:
        known = next(
            (sources for mine, sources in INDICES if fnmatchcase(pattern.rstrip("*-"), mine.rstrip("*-") + "*")), None
        )
        if known is None:
            return None
        found.extend(known)
    return tuple(dict.fromkeys(found)) or None


def _sources_of(event: syntax.EventFilter, held: tuple[str, ...]) -> list[str] | None:
    """Keys of the sources that give this filter its events; None where its category may have any."""
    brought = availability.categories()
    keys = brought.get(event.category or "")
    if event.category == "network":
        asked = {name.name for part in _parts(event.condition) if _refused(part) is None for name in walk.fields(part)}
        named = {name.name for name in walk.fields(event.condition)}
        if any(name.startswith("dns.") for name in asked):
            keys = brought["dns"]
        else:
            keys = (*brought["network"], *(brought["dns"] if any(name.startswith("dns.") for name in named) else ()))
    return None if keys is None else [key for key in keys if any(key.startswith(mine) for mine in held)]


def _unfilled(rule: Rule, name: syntax.FieldName, held: tuple[str, ...]) -> Iterator[Remark]:
    keys = availability.source_keys(name.name)
    if keys and "*" not in keys and not any(key.startswith(mine) for key in keys for mine in held):
        others = ", ".join(availability.sources(name.name)[:3])
        reason = f"no index of this rule fills {name.name}"
        yield Remark("L10", Severity.WARNING, reason, f"these would: {others}", rule, name.span)


def _parts(condition: syntax.Expression) -> list[syntax.Expression]:
    """What must all hold; ``not (a or b)`` is two of them."""
    found: list[syntax.Expression] = []
    for part in condition.operands if isinstance(condition, syntax.And) else (condition,):
        if isinstance(part, syntax.Not) and isinstance(part.operand, syntax.Or):
            found.extend(syntax.Not(each, each.span) for each in part.operand.operands)
        else:
            found.append(part)
    return found


def _refused(part: syntax.Expression) -> list[syntax.FieldName] | None:
    """The fields of what a ``not``, ``!=`` or ``not in`` leaves out; None for what is asked."""
    match part:
        case syntax.Not(operand=syntax.Not(operand=inner)):
            return _refused(inner)
        case syntax.Not(operand=inner):
            return list(walk.fields(inner))
        case syntax.Comparison(operator="!=", right=syntax.Literal(value=value)) if value is not None:
            return list(walk.fields(part))
        case syntax.Membership(negated=True):
            return list(walk.fields(part))
    return None


def _negated(rule: Rule, event: syntax.EventFilter, own: list[str], keys: set[str]) -> Iterator[Remark]:
    """``not field : …``, ``!=`` and ``not in`` where events of the rule's indices lack the field: they pass."""
    parts = _parts(event.condition)
    needed = keys | {name.name for part in parts if _refused(part) is None for name in walk.fields(part)}
    able = systems.of(rule, event)
    for part in parts:
        refused = _refused(part)
        leaf = leaves.leaf(part)
        names = {name.name for name in refused or () if not name.optional}
        if refused is None or len(names) != 1 or len(names) < len({each.name for each in refused}):
            continue
        if leaf is not None and leaf.is_existence:
            continue
        (name,) = names
        keys_of = availability.source_keys(name)
        lacking = [key for key in own if not _fills(keys_of, key, able)]
        if keys_of and "*" not in keys_of and lacking and name not in needed and not name.startswith(_COMMON):
            labels = ", ".join(availability.label(key) for key in lacking[:2])
            reason = f"an event without {name} passes this exclusion, and {labels} often have none"
            fix = f"add `{name} != null` if such events must not count"
            yield Remark("L11", Severity.NOTE, reason, fix, rule, part.span)


def _fills(keys: Sequence[str], source: str, able: frozenset[str]) -> bool:
    """Whether a field with these sources is there in all events of a source of such systems."""
    return source in keys or any(
        key in _PARTS and source.startswith(_PARTS[key][0]) and able <= _PARTS[key][1] for key in keys
    )
