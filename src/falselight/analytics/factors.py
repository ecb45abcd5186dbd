"""What is weighed beside and with the timing: each factor an array over the units, 0 where nothing is known, and bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from falselight.analytics.pairs import DAY, Pairs, View
from falselight.analytics.regularity import Timing, filled
from falselight.analytics.series import Floats, Ints

FACTORS = (
    "regular", "jittered", "kept", "prevalence", "alone", "peers", "lone", "fresh", "later", "history", "hours", "sizes",
    "answers", "small", "breadth", "spread", "program", "place", "installed", "tool", "signer", "direct", "open", "lookups",
    "service", "known",
)  # fmt: skip
MOST_HOSTS, MOST_HOURS = 64, 16.0
REGULAR = -3.0  # log10 of the chance from which a unit counts as regular
KEPT = (
    -2.0
)  # log2 of the share of its active time that the beats of a unit fill which counts as a regular caller of a domain


def weigh(found: Pairs, regular: Timing, settings: dict[str, Any]) -> dict[str, Floats]:
    """All factors by name. See ``parameters.toml`` for their units."""
    facts, centres = found.facts, settings["centres"]
    count = len(found.hosts)
    fresh = np.where(facts["first"] >= found.low, 1.0, -1.0) if found.low - found.oldest >= DAY else np.zeros(count)
    digits = np.minimum(-regular.chance, settings["timing"]["most_digits"])
    # One host of two is not rare: in a small network a low count says little, in a network of one nothing.
    usual = min(float(centres["prevalence"]), float(np.log2(max(found.network, 1))))
    everyone = np.clip(facts["domain_hosts"], 1.0, MOST_HOSTS)
    alike = np.minimum(regular_hosts(found, regular), MOST_HOSTS)
    is_regular = regular.chance <= REGULAR
    # While a connection stands open, nothing else need be sent: it fills its time as beats do.
    share = filled(np.minimum(regular.kept + facts["held"], np.maximum(regular.kept, regular.awake)), regular.awake)
    tool = _programs(found.processes, settings["process"]["tools"])
    return {
        "regular": digits,
        "kept": np.where(is_regular, share, 0.0),
        "jittered": np.where(is_regular & (regular.jitter >= 0.08), 1.0, 0.0),
        "prevalence": np.log2(everyone) - usual,
        "alone": np.full(count, allowance(found, settings["allowance"])),
        "peers": np.where(is_regular, np.log2(np.maximum(alike, 1)), 0.0),
        "lone": np.where(is_regular, np.maximum(1 + share / 4, 0) * np.log2(np.maximum(everyone / np.maximum(alike, 1), 1)), 0),
        "fresh": fresh,
        "later": np.minimum(np.log2(1.0 + facts["quiet"] / 3600.0) / np.log2(1.0 + 14 * 24), 1.0),
        "history": np.minimum(facts["past_days"], 14.0) / 14.0,
        "hours": np.log2(np.clip(facts["hours"], 1.0, MOST_HOURS)),
        "sizes": _steady(facts["middle"], facts["spread"], centres["sizes"]),
        "answers": _steady(facts["answer"], facts["answer_spread"], centres["sizes"]),
        "small": np.clip(np.nan_to_num(np.log2(centres["small"] / np.maximum(facts["answer"], 1.0))), -2.0, 2.0) / 2.0,
        "breadth": _known_log(facts["process_servers"], centres["breadth"]),
        "spread": _known_log(facts["process_hosts"], centres["spread"]),
        "program": np.nan_to_num(np.log2(everyone / np.clip(facts["program_hosts"], 1.0, MOST_HOSTS))),
        "place": np.maximum(_paths(found.processes, settings["process"]["writable"]),
                            0.5 * _paths(found.processes, settings["process"]["own"])),
        "installed": _paths(found.processes, settings["process"]["installed"]),
        "tool": tool,
        "signer": found.signers.factor(settings["process"]["common_signer"], tool),
        "direct": np.where(found.views == View.ADDRESS, 0.0, (1.0 - facts["named"]) * facts["naming"]),
        # A connection that stands open is in place of a rhythm, and adds nothing to one.
        "open": np.log2(1.0 + np.clip(facts["open"] / 3600.0, 0.0, 63.0)) * (1 - digits / settings["timing"]["most_digits"]),
        "lookups": facts["queried"],
        "service": _polled(found, settings["service"]),
        "known": _under(found.servers, settings["known"]["suffixes"]),
    }  # fmt: skip


def allowance(found: Pairs, table: dict[str, list[Any]]) -> float:
    """Nats that a network of so many hosts, seen for so long, is judged more cautiously by: between the table's points on
    logarithmic scales, beyond them as at its edge."""
    days = max((found.high - found.oldest) / DAY, 1e-3)
    by_days = [float(np.interp(np.log(days), np.log(table["days"]), row)) for row in table["odds"]]
    return float(np.interp(np.log(found.network), np.log(table["hosts"]), by_days))


def regular_hosts(found: Pairs, regular: Timing) -> Ints:
    """On how many hosts a unit with this registered domain (or address) keeps a rhythm, and calls about as often: sleeps in
    the same or a neighbouring octave. People who read pages look regular for a while, and keep nothing."""
    keys = np.where(found.domains >= 0, found.domains, found.domains.max(initial=0) + 1 + _numbers(found.servers))
    octave = np.rint(np.log2(np.maximum(regular.sleep, 1e-3))).astype(np.int64) + 16
    hosts = _numbers(found.hosts)
    held = np.flatnonzero((regular.chance <= REGULAR) & (filled(regular.kept, regular.awake) >= KEPT))
    total = np.zeros(len(keys), dtype=np.int64)
    if not len(held):
        return total
    span = int(octave.max()) + 4
    own = keys * span + octave
    near = np.concatenate([own[held] - 1, own[held], own[held] + 1])
    seen = np.unique(np.column_stack([near, np.tile(hosts[held], 3)]), axis=0)
    groups, counts = np.unique(seen[:, 0], return_counts=True)
    at = np.minimum(np.searchsorted(groups, own), len(groups) - 1)
    found_hosts: Ints = np.where(groups[at] == own, counts[at], 0)
    return found_hosts


def _numbers(values: NDArray[Any]) -> Ints:
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values.tolist()))}
    return np.array([numbers[value] for value in values.tolist()], dtype=np.int64)


def _steady(middle: Floats, spread: Floats, centre: float) -> Floats:
    """From 1.5 (always the same) over 0 (deviating by the centre, a share of the median) to -0.5; on a logarithmic scale, since
    a few bytes of padding differ less from none than from pages of any size."""
    share = np.minimum(spread / np.maximum(middle, 1.0), 1.0)
    return np.where(np.isnan(share), 0.0, np.clip(np.log2(centre / (share + 0.005)), -1.5, 4.5) / 3.0)


def _known_log(values: Floats, centre: float) -> Floats:
    return np.where(np.isnan(values), 0.0, np.log2(np.maximum(np.nan_to_num(values, nan=1.0), 1.0)) - centre)


def _polled(found: Pairs, service: dict[str, list[Any]]) -> Floats:
    """1 for mailboxes and resolvers, 2 for clocks, by their ports; a server on port 53 is a resolver where it is asked for many
    domains, or by a program that resolves for others."""
    port = found.facts["port"]
    resolves = (port == 53) & ((found.facts["resolver"] > 0) | (_programs(found.processes, service["resolving"]) > 0))
    polled: Floats = np.isin(port, service["ports"]) + 2.0 * np.isin(port, service["clocks"]) + resolves
    return polled


def _paths(processes: NDArray[Any], folders: list[str]) -> Floats:
    """1 where the program lies in one of the folders."""
    judged: dict[Any, float] = {None: 0.0}
    for process in set(processes.tolist()) - {None}:
        path = str(process).lower().replace("\\", "/")
        judged[process] = float(any(folder in path for folder in folders))
    return np.array([judged[process] for process in processes.tolist()])


def _programs(processes: NDArray[Any], names: list[str]) -> Floats:
    judged: dict[Any, float] = {None: 0.0}
    for process in set(processes.tolist()) - {None}:
        file = str(process).lower().replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".exe")
        judged[process] = float(file in names)
    return np.array([judged[process] for process in processes.tolist()])


def _under(names: NDArray[Any], suffixes: list[str]) -> Floats:
    """On label boundaries: evilapple.com is not under apple.com."""
    domains = frozenset(suffixes)
    judged: dict[str, float] = {}
    for name in set(names.tolist()):
        labels = str(name).split(".")
        judged[name] = float(any(".".join(labels[at:]) in domains for at in range(len(labels))))
    return np.array([judged[name] for name in names.tolist()])
