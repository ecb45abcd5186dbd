"""An exception with a value list of a million values, of each type, beside the same rule without one."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

from bench.generators import ndjson
from bench.harness import Case, Ratio, Timing, measure

VALUES, PROMISED = 1_000_000, 2.0
_FIELDS = {"keyword": "host.name", "text": "host.name", "ip": "destination.ip", "ip_range": "destination.ip"}


def _address(draw: random.Random) -> str:
    return ".".join(str(draw.randrange(1, 255)) for _ in range(4))


def _network(draw: random.Random) -> str:
    return f"{_address(draw)}/{draw.randrange(24, 32)}"


def _name(draw: random.Random) -> str:
    return f"host-{draw.getrandbits(40):010x}.example"


_DRAWN: dict[str, Callable[[random.Random], str]] = {
    "keyword": _name,
    "text": _name,
    "ip": _address,
    "ip_range": _network,
}


def _pack(folder: Path, kind: str | None, seed: int) -> Path:
    """An export of the page's rule, with an exception by a list of this type."""
    folder.mkdir()
    query = 'sequence by host.name, destination.ip with maxspan=1h [network where event.type == "start"] with runs=10'
    rule = {"rule_id": "a", "name": "A", "type": "eql", "query": query, "exceptions_list": [{"list_id": "known"}]}
    lines: list[dict[str, object]] = [rule, {"list_id": "known", "name": "Known", "type": "detection"}]
    if kind is not None:
        entry = {
            "field": _FIELDS[kind],
            "type": "list",
            "operator": "included",
            "list": {"id": "values.txt", "type": kind},
        }
        lines.append({"item_id": "one", "list_id": "known", "name": "One", "type": "simple", "entries": [entry]})
        draw = random.Random(seed)
        (folder / "values.txt").write_text("".join(f"{_DRAWN[kind](draw)}\n" for _ in range(VALUES)), encoding="utf-8")
    (folder / "rules.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def run(events: int, seed: int, rounds: int, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    """Whole processes: reading the events and the list, and hunting."""
    path = folder / "events.ndjson"
    ndjson(path, events, max(events // 50, 1), seed)
    cases = []
    for kind in (None, *_FIELDS):
        pack = _pack(folder / (kind or "none"), kind, seed)
        command = [sys.executable, "-m", "falselight", "hunt", str(path), "--rules", str(pack), "--format", "ndjson"]
        cases.append(Case(kind or "no list", "process", "whole", {"command": command}))
    timings = measure(cases, rounds)
    none = timings["no list"].median
    return timings, [Ratio(f"{kind} / no list", timings[kind].median / none, PROMISED) for kind in _FIELDS]
