"""Which rules the data can feed, by tactic and technique, and as a layer of the ATT&CK Navigator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from falselight.ecs import availability
from falselight.inventory.feeding import Feed, feeds
from falselight.rules import Rule
from falselight.store import EventTable

FED = ("fed", "partly")
_COLOURS = {"all": "#74c476", "some": "#fdd49e", "none": "#fc9272"}
MOST_NAMED = 10
LAYER_VERSION, ATTACK_VERSION = "4.5", "17"


@dataclass(frozen=True)
class Covered:
    """One rule: whether this data can feed it. ``lacking``: fields that no event of their category fills, each entry those of
    which one is wanted; ``supplies``: what would fill each. ``absent``: categories without any event, and what brings some."""

    rule: Rule
    feed: Feed
    lacking: tuple[tuple[str, ...], ...]
    supplies: Mapping[str, tuple[str, ...]]
    absent: Mapping[str, tuple[str, ...]]

    @property
    def is_fed(self) -> bool:
        return self.feed.verdict in FED

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": {"id": self.rule.id, "name": self.rule.name},
            "verdict": self.feed.verdict,
            "lacking": [list(fields) for fields in self.lacking],
            "would_be_filled_by": {name: list(sources) for name, sources in self.supplies.items()},
            "lacking_categories": {name: list(sources) for name, sources in self.absent.items()},
            "techniques": sorted(_techniques(self.rule)),
        }


@dataclass
class Total:
    """Rules of one tactic or technique: all, and those that this data feeds."""

    id: str
    name: str
    rules: int = 0
    fed: int = 0
    names: dict[bool, list[str]] = field(default_factory=lambda: {True: [], False: []})

    def comment(self) -> str:
        """How many of its rules are fed, and which are and are not, the first ten of each."""
        told = [f"{self.fed} of {self.rules} rules are fed"]
        for is_fed, word in ((True, "fed"), (False, "not fed")):
            if names := self.names[is_fed]:
                more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
                told.append(f"{word}: {', '.join(names[:MOST_NAMED])}{more}")
        return "; ".join(told)

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "rules": self.rules, "fed": self.fed}


@dataclass(frozen=True)
class Coverage:
    """All rules, and their totals by tactic and technique (sub-techniques are techniques of their own)."""

    rules: tuple[Covered, ...]
    tactics: tuple[Total, ...]
    techniques: tuple[Total, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "rules": [each.to_dict() for each in self.rules],
            "tactics": [each.to_dict() for each in self.tactics],
            "techniques": [each.to_dict() for each in self.techniques],
        }

    def layer(self, name: str = "Falselight: rules that this data feeds") -> dict[str, Any]:
        """A layer for the ATT&CK Navigator: the share of each technique's rules that is fed is its score (0 to 100)."""
        above = {total.id.partition(".")[0] for total in self.techniques if "." in total.id}
        techniques = [
            {
                "techniqueID": total.id,
                "score": round(100 * total.fed / total.rules),
                "color": _COLOURS["all" if total.fed == total.rules else "some" if total.fed else "none"],
                "comment": total.comment(),
                "enabled": True,
                "showSubtechniques": total.id in above,
            }
            for total in self.techniques
        ]
        return {
            "name": name,
            "versions": {"attack": ATTACK_VERSION, "navigator": "5.1.0", "layer": LAYER_VERSION},
            "domain": "enterprise-attack",
            "description": f"{sum(each.is_fed for each in self.rules)} of {len(self.rules)} rules can match in this data",
            "techniques": techniques,
            "gradient": {
                "colors": [_COLOURS["none"], _COLOURS["some"], _COLOURS["all"]],
                "minValue": 0,
                "maxValue": 100,
            },
            "legendItems": [
                {"label": "all its rules are fed", "color": _COLOURS["all"]},
                {"label": "some are", "color": _COLOURS["some"]},
                {"label": "none is", "color": _COLOURS["none"]},
            ],
        }


def coverage(table: EventTable, rules: Sequence[Rule]) -> Coverage:
    """What these rules find to work on in this data."""
    covered = []
    tactics: dict[str, Total] = {}
    techniques: dict[str, Total] = {}
    for rule, feed in zip(rules, feeds(table, rules), strict=True):
        made = _covered(rule, feed)
        covered.append(made)
        if feed.verdict == "not run":
            continue
        for key, name in _tactics(rule).items():
            _count(tactics, key, name, made)
        for key, name in _techniques(rule).items():
            _count(techniques, key, name, made)
    order = lambda total: total.id  # noqa: E731
    return Coverage(
        tuple(covered), tuple(sorted(tactics.values(), key=order)), tuple(sorted(techniques.values(), key=order))
    )


def _covered(rule: Rule, feed: Feed) -> Covered:
    there = [stage for stage in feed.stages if stage.events or stage.category is None]
    lacking = tuple(dict.fromkeys(group for stage in there for group in stage.needed))
    supplies = {name: found for group in lacking for name in group if (found := _supplies(rule, name))}
    absent = {
        stage.category: tuple(map(availability.label, availability.categories().get(stage.category, ()))) or _own(rule)
        for stage in feed.stages
        if stage.category is not None and not stage.events
    }
    return Covered(rule, feed, lacking, supplies, absent)


def _supplies(rule: Rule, name: str) -> tuple[str, ...]:
    """What fills a field: sources of the table, else data sets of Elastic's integrations, else the rule's own indices."""
    found = tuple(availability.sources(name))
    return found or tuple(f"Elastic's {each} data" for each in availability.datasets(name)) or _own(rule)


def _own(rule: Rule) -> tuple[str, ...]:
    return tuple(f"index {pattern}" for pattern in rule.index)


def _count(totals: dict[str, Total], key: str, name: str, made: Covered) -> None:
    total = totals.setdefault(key, Total(key, name))
    total.rules += 1
    total.fed += made.is_fed
    total.names[made.is_fed].append(made.rule.name)


def _tactics(rule: Rule) -> dict[str, str]:
    return {block.tactic.id: block.tactic.name for block in rule.threat}


def _techniques(rule: Rule) -> dict[str, str]:
    found: dict[str, str] = {}
    for block in rule.threat:
        for technique in block.technique:
            found[technique.id] = technique.name
            found.update({sub.id: sub.name for sub in technique.subtechnique})
    return found
