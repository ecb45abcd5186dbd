"""The cases that a rule carries: events that must fire it, and events that must leave it silent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MOST_EVENTS = 100_000


class Case(BaseModel):
    """One case. ``common`` are fields of every event; an event may ``repeat`` so many times, ``every`` span (``5m``) later.
    ``matches`` and ``keys`` say what is expected, where the author does: how many matches there are, and the join keys
    of one of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    events: list[dict[str, Any]] = Field(min_length=1)
    common: dict[str, Any] = {}
    matches: int | None = Field(default=None, ge=0)
    keys: dict[str, Any] | None = None

    def documents(self) -> list[dict[str, Any]]:
        """The events as flat or nested ECS documents in the order of their times. ValueError for a repetition without a
        time, or one that is no span or too long."""
        found = [document for event in self.events for document in self._repeated(event)]
        return sorted(found, key=lambda document: str(document.get("@timestamp", "")))

    def _repeated(self, event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        fields = {**self.common, **event}
        count, every = fields.pop("repeat", 1), fields.pop("every", None)
        if not isinstance(count, int) or not 1 <= count <= MOST_EVENTS:
            raise ValueError(f"an event repeats {count!r} times; 1 to {MOST_EVENTS} are possible")
        if isinstance(fields.get("@timestamp"), datetime):
            fields["@timestamp"] = _iso(fields["@timestamp"])
        if count == 1:
            yield fields
            return
        start, step = datetime.fromisoformat(str(fields.get("@timestamp"))), _span(str(every))
        try:
            times = [_iso(start + number * step) for number in range(count)]
        except OverflowError as fault:
            raise ValueError(f"an event that repeats {count} times every {every} ends beyond all dates") from fault
        yield from ({**fields, "@timestamp": time} for time in times)


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no span such as 5m")
    try:
        return timedelta(seconds=float(found.group(1)) * _SECONDS[found.group(2)])
    except OverflowError as fault:
        raise ValueError(f"{text!r} is no span that ends") from fault


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
