"""Known-bad indicators on the ranked list: evidence that is independent of all else, and that nothing lowers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from falselight.fusion.rows import KIND_INTEL, Key, Pairs, ServerRisk, changed, earliest, latest, same
from falselight.intel import matching, observed, scoring
from falselight.intel.scoring import Hit, Server
from falselight.readers.settings import Settings
from falselight.risks import Reason
from falselight.store import EventTable

# The server of a row whose events tell neither address nor name, as certificates that were logged without a connection.
NOWHERE = "(server not recorded)"


def add(found: Pairs, table: EventTable, settings: Settings, asn: Path | None, usual: float) -> None:
    """Adds the hits of each host's servers to their rows. What several addresses of one name met is one row's, and counts as
    one server's: a name with many addresses is no likelier an adversary's. ``asn``: a MaxMind database; ``usual``: the
    log-odds of any server."""
    observed.build(table)
    matching.build(table, asn)
    met: dict[Key, list[Server]] = {}
    for server in scoring.servers(table, settings.internal):
        for key in same(found, server.host, server.address, server.names) or [_new(found, server)]:
            met.setdefault(key, []).append(server)
    for key, servers in met.items():
        hits = [hit for server in servers for hit in server.hits]
        strong, weak = [hit for hit in hits if not scoring.is_weak(hit)], [hit for hit in hits if scoring.is_weak(hit)]
        row, beside = found[key], tuple(_beside(weak, usual))
        alarms = [server.alarm for server in servers if server.alarm is not None]
        first = earliest(*(hit.first for hit in strong))
        found[key] = changed(
            row, odds=row.odds + math.fsum(reason.weight for reason in beside), evidence=(*beside, *row.evidence),
            known_bad=scoring.joint(strong), indicators=_told(strong), found_by=(*row.found_by, *([KIND_INTEL] if weak else [])),
            names=tuple(dict.fromkeys((*row.names, *(name for server in servers for name in server.names)))),
            first_seen=earliest(row.first_seen, *(hit.first for hit in hits)),
            last_seen=latest(row.last_seen, *(hit.last for hit in hits)), detected_at=earliest(row.detected_at, first),
            alarms=(*row.alarms, *sorted(alarms, key=lambda alarm: alarm.per_host_day)[:1]),
        )  # fmt: skip


def _beside(weak: Iterable[Hit], usual: float) -> Iterator[Reason]:
    """What weak hits add to the log-odds, of each source its strongest: by how much they are likelier than any server's are."""
    strongest: dict[str, Hit] = {}
    for hit in sorted(weak, key=lambda hit: (-hit.probability, hit.text)):
        strongest.setdefault(hit.source, hit)
    for hit in strongest.values():
        probability = max(hit.probability, 1e-6)
        weight = max(math.log(probability / (1 - probability)) - usual, 0.0)
        yield Reason(f"intel: {hit.kind}", round(weight, 3), hit.text)


def _new(found: Pairs, server: Server) -> Key:
    """A row for a server that no other evidence is of."""
    name = server.address or next(iter(server.names), NOWHERE)
    found[server.host, name] = ServerRisk(
        server.host, name, server.address, server.names, server.ports, None, found.start, 0.0, None, None, None, None, ()
    )  # fmt: skip
    return server.host, name


def _told(hits: Iterable[Hit]) -> tuple[Reason, ...]:
    """Each indicator of a source once, by its strongest hit; ``weight`` is a probability."""
    strongest: dict[tuple[str, str, str], Hit] = {}
    for hit in sorted(hits, key=lambda hit: (-hit.probability, hit.text)):
        strongest.setdefault((hit.kind, hit.indicator, hit.source), hit)
    return tuple(Reason(f"intel: {hit.kind}", hit.probability, hit.text) for hit in strongest.values())
