"""Other methods on the same lab: the page's rule, RITA's score, Elastic's beaconing features, Sentinel's query."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from bench import peer_sentinel
from bench.beacon_sets import Extent, Set
from falselight.analytics import elastic_beaconing, rita_pairs

Line = Callable[[str, NDArray[np.float64], NDArray[np.bool_], int], None]
# What Elastic's transform leaves out by name, as far as the lab has it: browsers, mail, chat, sync, svchost and explorer.
_LEFT_OUT = ("browser.exe", "msedge.exe", "outlook.exe", "chat.exe", "sync.exe", "svchost.exe", "explorer.exe")


def compare(made: Set, extent: Extent, line: Line) -> None:
    """Hands each peer's values and truth to ``line``; sets without a rank are values of 1."""
    labels = {(label.host, label.server) for label in made.lab.labels}
    _rita(made, extent, labels, line)
    low, high = made.scores.pairs.low, made.scores.pairs.high
    for name, (floor, least) in peer_sentinel.VERSIONS.items():
        shares = peer_sentinel.shares(made.connection, low, floor, least)
        _pairs(f"Sentinel, Palo Alto query {name}: share of the modal gap", shares, labels, line)
        fired = {pair: 1.0 for pair, share in shares.items() if share > 0.8}
        _pairs(f"Sentinel, Palo Alto query {name}: its alerts", fired, labels, line)
    _pairs("page's rule, lab's browser and mail left out", _page(made, low), labels, line)
    _elastic(made, low, high, labels, line)


def _pairs(name: str, values: Mapping[tuple[str, str], float], labels: set[tuple[str, str]], line: Line) -> None:
    bad = np.array([pair in labels for pair in values], dtype=np.bool_)
    line(name, np.array(list(values.values()), dtype=np.float64), bad, len(labels))


def _rita(made: Set, extent: Extent, labels: set[tuple[str, str]], line: Line) -> None:
    """RITA looks at a day at a time: the best of the daily runs counts, the budget is that of all days."""
    hosts = {f"10.1.{k // 250}.{k % 250 + 1}": f"ws{k:04d}" for k in range(made.lab.hosts)}
    best: dict[tuple[str, str], tuple[float, float]] = {}
    high = made.scores.pairs.high // 10**9
    for day in range(extent.scored):
        for pair in rita_pairs.score(made.connection, until=high - day * 86_400).pairs:
            key = hosts[pair.source], pair.server
            known = best.get(key, (0.0, 0.0))
            best[key] = max(known[0], pair.final), max(known[1], pair.beacon)
    for place, name in enumerate(("final", "beacon")):
        values = {key: value[place] for key, value in best.items()}
        _pairs(f"RITA v5 {name} score, best of {extent.scored} daily runs", values, labels, line)


def _page(made: Set, low: int) -> dict[tuple[str, str], float]:
    rows = made.connection.execute(f"""
      SELECT DISTINCT host, coalesce(domain, address) AS server FROM (SELECT host, domain, address, time, lag(time, 9) OVER
        (PARTITION BY host, address ORDER BY time) AS tenth FROM connections WHERE outward AND time >= {low}
        AND NOT regexp_matches(coalesce(process, ''), '(browser|msedge|outlook)[.]exe$'))
      WHERE time - tenth <= 3600 * 1000000000::BIGINT ORDER BY ALL""").fetchall()
    return {(str(host), str(server)): 1.0 for host, server in rows}


def _elastic(made: Set, low: int, high: int, labels: set[tuple[str, str]], line: Line) -> None:
    """Its unit is host and process: a group is an implant's when the process called an implant's server on that host."""
    rows = made.connection.execute(f"""SELECT DISTINCT host, process, coalesce(domain, address) AS server FROM connections
      WHERE outward AND time >= {low} AND process IS NOT NULL ORDER BY ALL""").fetchall()
    groups: dict[tuple[str, str], bool] = {}
    for host, process, server in rows:
        groups[host, process] = groups.get((host, process), False) or (host, server) in labels
    if not groups:
        return
    best = elastic_beaconing.best_scores(made.connection, low, high, every_hours=6)
    implants = sum(groups.values())
    for name, left_out in (("", _LEFT_OUT), (", no process left out", ())):
        chosen = {key: value for key, value in best.items() if not key[1].lower().endswith(left_out or ("\0",))}
        bad = np.array([groups[key] for key in chosen], dtype=np.bool_)
        values = np.array([score + correlation / 10 for score, correlation in chosen.values()])
        line(f"Elastic beaconing 1.3.3 score{name}: host and process, a run every 6 h", values, bad, implants)
        flags = np.ones(len(chosen))
        line(f"Elastic beaconing 1.3.3 is_beaconing{name}", flags, bad, implants)
