"""A detection rule, as Falselight's own TOML and Elastic's detection-rules write it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

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
    """One rule. ``id`` never changes. Schedule and limits are kept as written; ``extra`` holds what is not read here.
    ``timestamp_field``, ``event_category_override`` and ``tiebreaker_field`` name the fields that the query is run with.

    ``path`` is the file it came from. Only rules whose ``language`` is eql are run."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    query: str = ""
    language: str = "eql"
    type: str = "eql"
    description: str = ""
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
    max_signals: int = Field(default=100, ge=1)
    timestamp_field: str = "@timestamp"
    event_category_override: str = "event.category"
    tiebreaker_field: str | None = None
    fires: list[Case] = []
    stays_silent: list[Case] = []
    path: str | None = None
    extra: dict[str, Any] = {}

    @property
    def is_building_block(self) -> bool:
        """Whether its alerts support others and are hidden by themselves, as Kibana hides them."""
        return self.building_block_type is not None

    @property
    def is_eql(self) -> bool:
        return self.type == "eql" and self.language == "eql"
