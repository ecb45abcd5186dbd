"""Staging servers and uploads on the ranked list, which need no rhythm."""

from __future__ import annotations

from falselight.fusion.rows import Pairs, ServerRisk, changed, earliest, same
from falselight.infrastructure import parameters, signs, staging, uploads
from falselight.infrastructure.staging import Staged
from falselight.infrastructure.uploads import Upload
from falselight.risks import Alarm, Reason, per_host_day
from falselight.store import EventTable


def add(found: Pairs, table: EventTable) -> None:
    """Adds what both say. A pair that has a rank already keeps the greater odds, with all reasons; the second server of a likely
    staging server gains by it. Needs the relation ``connections``."""
    signs.build(table)
    staged = staging.score(table.connection)
    for one in staged:
        _add(found, one, staging.KIND, one.detected)
    for sent in uploads.score(table.connection):
        _add(found, sent, uploads.KIND, sent.last)
    for one in staged:
        if one.second is not None and one.odds > 0 and (one.host, one.second) in found:
            _follow(found, one)


def _add(found: Pairs, one: Staged | Upload, kind: str, detected: int) -> None:
    rate = per_host_day(one.odds, parameters.parameters()[kind]["false_alarm"])
    alarm = Alarm(
        rate, f"by what looks like {'an upload' if kind == uploads.KIND else 'staging'} in the lab and is none"
    )
    keys = same(found, one.host, one.address, (one.server,))
    for key in keys:
        row = found[key]
        found[key] = changed(
            row, odds=max(row.odds, one.odds), evidence=(*one.reasons, *row.evidence), 
            detected_at=earliest(row.detected_at, detected), found_by=(*row.found_by, kind), alarms=(*row.alarms, alarm),
        )  # fmt: skip
    if not keys:
        found[one.host, one.server] = ServerRisk(
            one.host, one.server, one.address, (one.server,) if one.named else (), (one.port,) if one.port is not None else (),
            one.process, one.odds, 0.0, one.first, one.last, detected, None, one.reasons, found_by=(kind,), alarms=(alarm,),
        )  # fmt: skip


def _follow(found: Pairs, one: Staged) -> None:
    own = parameters.parameters()["staging"]
    weight = min(own["follower_share"] * one.odds, own["follower_most"])
    reason = Reason(
        f"{staging.KIND}: second", weight, f"first contact soon after {one.server}, a likely staging server"
    )
    row = found[one.host, str(one.second)]
    found[row.host, row.server] = changed(
        row, odds=row.odds + weight, evidence=(reason, *row.evidence), found_by=(*row.found_by, staging.KIND)
    )
