"""Findings of rules on the ranked list."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from falselight.diagnostics import plural
from falselight.findings import Finding
from falselight.fusion.rows import Key, Pairs, ServerRisk, changed, same
from falselight.risks import Reason


def add(found: Pairs, finding: Finding, settings: Mapping[str, Any]) -> None:
    """Adds to the odds of each host and server that the finding names, once for each rule. What a rule of a high severity finds
    is suspicious by itself, however little is seen of the network: ``alone`` is then the least that the odds are."""
    weight = float(settings["rules"][finding.severity])
    if finding.rule.is_building_block:
        weight *= float(settings["building_block"])
    least = float(settings["rules"]["alone"].get(finding.severity, -math.inf))
    reason = Reason(
        "rule", weight, f"rule {finding.rule.name} ({finding.severity}) matched {plural(finding.windows, 'time')}"
    )
    for host in finding.hosts or finding.details.get("source.ip", []):
        for address in finding.details.get("destination.ip", []) or [None]:
            for key in _keys(found, finding, host, address):
                row = found[key]
                if finding.rule.id not in row.rules:
                    found[key] = changed(
                        row, odds=max(row.odds + weight, least), evidence=(reason, *row.evidence),
                        rules=(*row.rules, finding.rule.id),
                    )  # fmt: skip


def _keys(found: Pairs, finding: Finding, host: str, address: str | None) -> list[Key]:
    """The rows of this host and server; a new one where there is none, and the server is known."""
    names = tuple(finding.domains)
    keys = same(found, host, address, names)
    server = address or next(iter(names), None)
    if keys or server is None:
        return keys
    start = Reason("start", found.start, "what any pair of host and server has that is too seldom seen to be scored")
    found[host, server] = ServerRisk(
        host, server, address, names, tuple(finding.ports), next(iter(finding.processes), None), found.start, 0.0,
        finding.first_seen, finding.last_seen, None, None, (start,),
    )  # fmt: skip
    return [(host, server)]
