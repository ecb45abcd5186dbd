"""Figures and explanations in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from falselight.diagnostics import plural as plural
from falselight.ecs import availability
from falselight.explaining import Explanation, Funnel, NearMiss

UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
MOST_SOURCES = 3
# Characters of a condition that a sentence has room for.
_LONGEST_CONDITION = 72
_CONDITION = re.compile(r"\[([^\]]*)\]")


def duration(milliseconds: int) -> str:
    """``3900000`` is ``1 h 05 m``: the two largest units that are not zero."""
    rest = milliseconds
    parts: list[str] = []
    for unit, size in UNITS:
        count, rest = divmod(rest, size)
        if count or (parts and len(parts) == 1):
            parts.append(f"{count:02d} {unit}" if parts else f"{count} {unit}")
        if len(parts) == 2 or (parts and rest == 0):
            break
    return " ".join(parts) or "0 s"


def number(count: int) -> str:
    return f"{count:,}"


def why_silent(explanation: Explanation) -> Iterator[str]:
    """Why a query matched nothing, most telling first; empty where it matched."""
    if explanation.matches:
        return
    for funnel in explanation.funnels[: len(explanation.stages) or 1]:
        sentence = _emptied(funnel)
        if sentence:
            yield sentence
            break
    else:
        for miss in explanation.nearest[:1]:
            yield near_miss(miss, explanation.maxspan)
    for field in explanation.unfilled:
        yield unfilled(field)


def shortened(sentence: str) -> str:
    """A sentence whose long conditions are cut, which is said by an ellipsis."""

    def cut(found: re.Match[str]) -> str:
        text = found.group(1)
        return f"[{text[:_LONGEST_CONDITION]}…]" if len(text) > _LONGEST_CONDITION else found.group(0)

    return _CONDITION.sub(cut, sentence)


def _emptied(funnel: Funnel) -> str | None:
    before = funnel.total
    if before == 0:
        return "There are no events."
    for step in funnel.steps:
        if step.left == 0:
            found = ", ".join(f"{shown(each.value)} ({number(each.events)})" for each in step.turned_away[:3])
            instead = f"; found instead: {found}" if found else ""
            return f"None of {plural(before, 'event')} satisfies [{step.condition}]{instead}."
        before = step.left
    return None


def shown(value: object) -> str:
    return "no value" if value is None else str(value)


def near_miss(miss: NearMiss, maxspan: int | None) -> str:
    """How near the nearest key came."""
    keys = ", ".join(f"{name} {shown(value)}" for name, value in miss.keys.items()) or "all events together"
    within = f" within {duration(maxspan)}" if maxspan is not None else ""
    told = f"Nearest: {keys} came to {miss.reached} of {miss.needed}{within}"
    if miss.span is not None and maxspan is not None and miss.span > maxspan:
        told += f", and took {duration(miss.span)} for all {miss.needed}"
    return told + "."


def unfilled(field: str) -> str:
    """A field that this data never fills, and what would fill it."""
    sources = availability.sources(field)
    if not sources or sources == [availability.EVERYWHERE]:
        return f"No event fills {field}."
    return f"No event fills {field}; these would: {', '.join(sources[:MOST_SOURCES])}."
