"""A detection rule, as Falselight's own TOML, Elastic's detection-rules and Kibana write it."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from falselight.rules import exceptions
from falselight.rules.cases import Case

Level = Literal["low", "medium", "high", "critical"]
LEVELS: tuple[Level, ...] = ("low", "medium", "high", "critical")


class Reference(BaseModel):
    """A tactic, technique or sub-technique of ATT&CK."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    name: str
    reference: str | None = None


class Technique(Reference):
    subtechnique: list[Reference] = []


class Threat(BaseModel):
    """One block of ``[[rule.threat]]``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    framework: str = "MITRE ATT&CK"
    tactic: Reference
    technique: list[Technique] = []


class Rule(BaseModel):
    """One rule. ``id`` never changes. ``timestamp_field``, ``event_category_override`` and ``tiebreaker_field`` name the
    fields that the query is run with. ``extra`` holds the keys that are not read here.

    ``path`` is the file it came from; ``raw`` the rule's table as it was written there, and ``beside`` the tables beside it,
    so that an export loses nothing. Only rules whose ``language`` is eql are run."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    query: str = ""
    language: str = "eql"
    type: str = "eql"
    description: str = ""
    purpose: str = ""
    severity: Level = "low"
    risk_score: int = Field(default=21, ge=0, le=100)
    severity_reason: str = ""
    building_block_type: str | None = None
    threat: list[Threat] = []
    tags: list[str] = []
    references: list[str] = []
    false_positives: list[str] = []
    blind_spots: list[str] = []
    data_needed: str = ""
    note: str = ""
    index: list[str] = []
    interval: str = "5m"
    from_: str = "now-6m"
    to: str = "now"
    max_signals: int = Field(default=100, ge=1)
    version: int = Field(default=1, ge=1)
    timestamp_field: str = "@timestamp"
    timestamp_override: str | None = None
    timestamp_override_fallback_disabled: bool = False
    event_category_override: str = "event.category"
    tiebreaker_field: str | None = None
    filters: list[dict[str, Any]] = []
    exceptions_list: list[exceptions.Reference] = []
    alert_suppression: exceptions.Suppression | None = None
    severity_mapping: list[exceptions.Mapping] = []
    risk_score_mapping: list[exceptions.Mapping] = []
    rule_name_override: str | None = None
    related_integrations: list[dict[str, Any]] = []
    fires: list[Case] = []
    stays_silent: list[Case] = []
    path: str | None = None
    extra: dict[str, Any] = {}
    raw: dict[str, Any] = Field(default={}, repr=False)
    beside: dict[str, Any] = Field(default={}, repr=False)

    @property
    def is_building_block(self) -> bool:
        """Whether its alerts support others and are hidden by themselves, as Kibana hides them."""
        return self.building_block_type is not None

    @property
    def is_eql(self) -> bool:
        return self.type == "eql" and self.language == "eql"

    @property
    def look_back(self) -> int | None:
        """Nanoseconds between ``from`` and now; None where ``from`` is no such distance."""
        return distance(self.from_)

    @property
    def every(self) -> int | None:
        """Nanoseconds between two runs; None where ``interval`` is no span."""
        return distance(f"now-{self.interval}")


_DISTANCE = re.compile(r"now(?:-(\d+)(s|m|h|d|w))?")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def distance(text: str) -> int | None:
    """Nanoseconds before now of ``now-90m``; None for what is no such text."""
    found = _DISTANCE.fullmatch(text.strip())
    if found is None:
        return None
    return int(found.group(1)) * _UNITS[found.group(2)] * 1_000_000_000 if found.group(1) else 0
