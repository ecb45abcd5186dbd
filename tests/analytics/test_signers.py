"""Signatures of programs: as Elastic Defend and Sysmon tell them, what they add to a beacon's score, and in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest
from falselight.analytics import connections, signers
from falselight.ecs import release
from falselight.fusion import ranking
from falselight.readers.settings import Settings
from falselight.store import EventTable

AGENT, TOOL = "C:\\Program Files\\Agent\\agent.exe", "C:\\Windows\\System32\\rundll32.exe"


def call(minute: int, program: str = AGENT, **signature: Any) -> dict[str, Any]:
    process = {"executable": program, **({"code_signature": signature} if signature else {})}
    return {
        "@timestamp": f"2026-03-11T{8 + minute // 60:02d}:{minute % 60:02d}:00Z", "host": {"name": "ws1"}, "process": process,
        "event": {"category": ["network"], "type": ["start"]}, "source": {"ip": "10.4.0.1"},
        "destination": {"ip": "203.0.113.77", "port": 443, "domain": "c.example"},
    }  # fmt: skip


def signed(number: int, signer: str = "Common Ltd") -> dict[str, Any]:
    """The start of another program of the signer."""
    known = {"exists": True, "trusted": True, "status": "trusted", "subject_name": signer}
    process = {"executable": f"C:\\Program Files\\p{number}.exe", "code_signature": known}
    return {"@timestamp": "2026-03-11T08:00:00Z", "host": {"name": f"ws{number}"}, "process": process,
            "event": {"category": ["process"], "type": ["start"]}}  # fmt: skip


def loaded(program: str, image: str, **signature: Any) -> dict[str, Any]:
    """What a program loads, as Sysmon's event 7 is mapped."""
    return {"@timestamp": "2026-03-11T08:00:00Z", "host": {"name": "ws1"}, "process": {"executable": program},
            "event": {"category": ["process"]}, "file": {"path": image, "code_signature": signature}}  # fmt: skip


def read(folder: Path, events: list[dict[str, Any]]) -> EventTable:
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in events))
    return ingest.read_events([path], release.schema(), wanted=ranking.WANTED, report=pytest.fail)


def weighed(folder: Path, events: list[dict[str, Any]]) -> tuple[float, str]:
    """The odds of the only pair, and what its signature adds, in words."""
    (row,) = ranking.rank(read(folder, events), Settings())
    told = [f"{reason.weight:+.1f} {reason.text}" for reason in row.reasons if reason.factor == "signer"]
    return row.odds, "".join(told)


BEATS = range(0, 300, 5)
TRUSTED = {"exists": True, "trusted": True, "status": "trusted", "subject_name": "Common Ltd"}


def test_an_unsigned_program_raises_and_a_common_signer_lowers(tmp_path: Path) -> None:
    plain, none = weighed(tmp_path, [call(minute) for minute in BEATS])
    unsigned, words = weighed(tmp_path, [call(minute, exists=False) for minute in BEATS])
    assert none == "" and words == "+0.8 its program is not signed" and unsigned == pytest.approx(plain + 0.8)
    broken = {"exists": True, "trusted": False, "status": "errorExpired", "subject_name": "Gone Ltd"}
    _, words = weighed(tmp_path, [call(minute, **broken) for minute in BEATS])
    assert words == "+0.8 its program is signed by Gone Ltd, and that is not trusted"
    rare, words = weighed(tmp_path, [call(minute, **TRUSTED) for minute in BEATS])
    assert (rare, words) == (plain, "")
    common, words = weighed(tmp_path, [*map(signed, range(4)), *(call(minute, **TRUSTED) for minute in BEATS)])
    assert words == "-0.8 its program is signed by Common Ltd, whose signature is trusted and on 5 programs here"
    assert common == pytest.approx(plain - 0.8)


def test_a_signature_says_nothing_of_who_uses_a_tool(tmp_path: Path) -> None:
    _, words = weighed(tmp_path, [*map(signed, range(9)), *(call(minute, TOOL, **TRUSTED) for minute in BEATS)])
    assert words == ""


def test_sysmon_tells_where_a_program_loads_its_own_image(tmp_path: Path) -> None:
    own = loaded(AGENT, AGENT.upper(), signed=False, status="Unavailable", valid=False)
    other = loaded(
        AGENT, "C:\\Windows\\System32\\ntdll.dll", signed=True, status="Valid", valid=True, subject_name="Microsoft"
    )
    calls = [call(minute) for minute in BEATS]
    assert weighed(tmp_path, [own, other, *calls])[1] == "+0.8 its program is not signed"
    assert weighed(tmp_path, [other, *calls])[1] == ""


def test_of_several_signatures_the_worst_counts_and_none_is_no_claim(tmp_path: Path) -> None:
    table = read(
        tmp_path, [call(0, **TRUSTED), call(5, exists=False), call(9, "C:\\x.exe", subject_name="says nothing")]
    )
    connections.build(table)
    assert table.connection.execute(f"SELECT program, state, common FROM {signers.NAME}").fetchall() == [
        (AGENT.lower(), signers.UNSIGNED, 0)
    ]
