"""Remarks on fields: which telemetry the rule's indices bring, and which fields that fills."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from falselight.diagnostics import Severity
from falselight.ecs import availability
from falselight.eql import syntax, walk
from falselight.lint import leaves
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


# What events of a category a source has; connections, or queries where a condition speaks of DNS.
_PROCESS = ("sysmon1", "defend_process", "security4688", "auditd")
_CONNECTIONS = (
    "sysmon3",
    "defend_network",
    "security5156",
    "auditd_connect",
    "zeek_conn",
    "suricata_flow",
    "packetbeat_flow",
)
_QUERIES = ("sysmon22", "defend_dns", "zeek_dns", "suricata_dns", "packetbeat_dns")
_BY_CATEGORY = {
    "process": _PROCESS,
    "file": ("sysmon11", "defend_file"),
    "library": ("sysmon7", "defend_library"),
    "registry": ("sysmon13", "defend_registry"),
}
# Fields of every event of a host, which the table of availability tells only in part.
_COMMON = (
    "event.", "host.", "user.", "agent.", "data_stream.", "@timestamp", "process.pid", "process.name", "process.executable",
    "process.entity_id",
)  # fmt: skip


def remarks(rule: Rule, tree: syntax.Query) -> Iterator[Remark]:
    """Fields that no named index fills, and ``not`` on fields that some events of the indices lack."""
    held = held_sources(rule.index)
    if held is None:
        return
    for event in walk.filters(tree):
        own = _sources_of(event, held)
        if not own:
            continue
        told: set[str] = set()
        for name in walk.fields(event.condition):
            if name.name not in told and not name.optional and not name.name.startswith(_COMMON):
                told.add(name.name)
                yield from _unfilled(rule, name, held)
        yield from _negated(rule, event.condition, own)


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


def _sources_of(event: syntax.EventFilter, held: tuple[str, ...]) -> list[str]:
    """Keys of the sources that give this filter its events."""
    if event.category == "network":
        asks = any(name.name.startswith("dns.") for name in walk.fields(event.condition))
        keys: tuple[str, ...] = _QUERIES if asks else _CONNECTIONS
    else:
        keys = _BY_CATEGORY.get(event.category or "", ())
    return [key for key in keys if any(key.startswith(mine) for mine in held)]


def _unfilled(rule: Rule, name: syntax.FieldName, held: tuple[str, ...]) -> Iterator[Remark]:
    keys = availability.source_keys(name.name)
    if keys and "*" not in keys and not any(key.startswith(mine) for key in keys for mine in held):
        others = ", ".join(availability.sources(name.name)[:3])
        reason = f"no index of this rule fills {name.name}"
        yield Remark("L10", Severity.WARNING, reason, f"these would: {others}", rule, name.span)


def _negated(rule: Rule, condition: syntax.Expression, own: list[str]) -> Iterator[Remark]:
    """``not field : …``, ``!=`` and ``not in`` where events of the rule's indices lack the field: they pass."""
    parts = condition.operands if isinstance(condition, syntax.And) else (condition,)
    needed = {
        name.name
        for part in parts
        if not isinstance(part, syntax.Not) and not ((found := leaves.leaf(part)) and found.negated)
        for name in walk.fields(part)
    }
    for part in parts:
        refused = leaves.leaf(part)
        if refused is None or not refused.negated or refused.is_existence:
            continue
        name = refused.field
        keys = availability.source_keys(name)
        lacking = [key for key in own if key not in keys]
        if keys and "*" not in keys and lacking and name not in needed and not name.startswith(_COMMON):
            labels = ", ".join(availability.label(key) for key in lacking[:2])
            reason = f"an event without {name} passes this exclusion, and {labels} often have none"
            fix = f"add `{name} != null` if such events must not count"
            yield Remark("L11", Severity.NOTE, reason, fix, rule, part.span)
