"""Exception lists, their items, and value lists, as Kibana exports them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Operator = Literal["included", "excluded"]


class ListName(BaseModel):
    """Which value list an entry compares with."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    type: str = "keyword"


class Entry(BaseModel):
    """One comparison of an exception item. ``value`` is text for match and wildcard, a list for match_any; ``value_list`` names a
    value list; ``entries`` are those of a nested entry, whose fields stand below this one's."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Literal["match", "match_any", "wildcard", "exists", "list", "nested"]
    field: str
    operator: Operator = "included"
    value: str | list[str] | None = None
    value_list: ListName | None = Field(default=None, alias="list")
    entries: tuple[Entry, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Entry:
        wanted = {"match": str, "wildcard": str, "match_any": list}.get(self.type)
        if wanted is not None and not isinstance(self.value, wanted):
            raise ValueError(
                f"an entry of type {self.type} needs a value that is a {'list' if wanted is list else 'text'}"
            )
        if self.type == "list" and self.value_list is None:
            raise ValueError("an entry of type list names its list")
        if self.type == "nested" and (
            not self.entries or any(each.type in ("nested", "list", "wildcard") for each in self.entries)
        ):
            raise ValueError("a nested entry has entries of types match, match_any and exists")
        return self


class Item(BaseModel):
    """One exception: all its entries must hold. ``raw`` is the item as it was written."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    item_id: str
    list_id: str
    name: str = ""
    namespace_type: str = "single"
    entries: tuple[Entry, ...] = Field(min_length=1)
    os_types: tuple[Literal["linux", "macos", "windows"], ...] = ()
    expire_time: datetime | None = None
    raw: dict[str, Any] = Field(default={}, repr=False)


class ExceptionList(BaseModel):
    """A list of exceptions by its ``list_id``; ``raw`` is the list as it was written."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    list_id: str
    name: str = ""
    type: str = "detection"
    namespace_type: str = "single"
    raw: dict[str, Any] = Field(default={}, repr=False)


class Reference(BaseModel):
    """What a rule says of a list that it uses."""

    model_config = ConfigDict(frozen=True, extra="allow")

    list_id: str
    id: str = ""
    type: str = "detection"
    namespace_type: str = "single"


class Suppression(BaseModel):
    """Alert suppression: alerts with the same values of ``group_by`` become one, for a ``duration`` or within one run."""

    model_config = ConfigDict(frozen=True, extra="allow")

    class Duration(BaseModel):
        """A span of time."""

        model_config = ConfigDict(frozen=True)

        value: int = Field(ge=1)
        unit: Literal["s", "m", "h"]

        @property
        def nanoseconds(self) -> int:
            return self.value * {"s": 1, "m": 60, "h": 3600}[self.unit] * 1_000_000_000

    group_by: tuple[str, ...] = Field(min_length=1, max_length=3)
    duration: Duration | None = None
    missing_fields_strategy: Literal["suppress", "doNotSuppress"] = "suppress"


class Mapping(BaseModel):
    """One entry of ``severity_mapping`` or ``risk_score_mapping``."""

    model_config = ConfigDict(frozen=True, extra="allow")

    field: str
    operator: str = "equals"
    value: str = ""
    severity: str | None = None
    risk_score: int | None = None
