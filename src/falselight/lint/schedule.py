"""Remarks on a rule's schedule, and on what its windows do with it."""

from __future__ import annotations

from collections.abc import Iterator

from falselight.diagnostics import Severity
from falselight.eql import syntax
from falselight.lint.remark import Remark
from falselight.report import words
from falselight.rules import Rule

_MILLISECOND = 1_000_000
_MINUTE = 60_000_000_000
_SPARE = 10 * _MINUTE
KIBANA_MOST = 1000


def remarks(rule: Rule, tree: syntax.Query) -> Iterator[Remark]:
    """Everything about interval, look-back, cap and runs."""
    every, look_back = rule.every, rule.look_back
    span = tree.maxspan * _MILLISECOND if isinstance(tree, syntax.SequenceQuery) and tree.maxspan is not None else None
    if every and look_back is not None:
        if look_back < every:
            reason = f"it runs every {rule.interval} and looks back {rule.from_}: events between are never searched"
            yield Remark("L03", Severity.ERROR, reason, f'from = "now-{(every + _MINUTE) // _MINUTE}m"', rule)
        elif span is not None and look_back < span + every:
            minutes = -(-(span + every + _SPARE) // _MINUTE)
            told = _told(span)
            sure = f"one that takes more than {_told(look_back - every)}" if look_back > every else "many a one"
            seen = f"a run every {rule.interval} sees {rule.from_}"
            reason = f"a sequence may take {told}, and {seen}: {sure} may lie whole in no run"
            yield Remark(
                "L02",
                Severity.WARNING,
                reason,
                f'from = "now-{minutes}m" (maxspan, interval and ten minutes to spare)',
                rule,
            )
    if rule.max_signals > KIBANA_MOST:
        reason = f"Kibana writes at most {KIBANA_MOST} alerts a run (xpack.alerting.rules.run.alerts.max)"
        yield Remark("L05", Severity.WARNING, reason, f"max_signals = {KIBANA_MOST}", rule)
    if isinstance(tree, syntax.SequenceQuery):
        yield from _windows(rule, tree, span)


def _windows(rule: Rule, tree: syntax.SequenceQuery, span: int | None) -> Iterator[Remark]:
    for stage in tree.stages:
        if stage.runs < 3 or len(tree.stages) > 1:
            continue
        if rule.alert_suppression is None:
            reason = (
                f"each event beyond {stage.runs} is a window of its own, and each window is {stage.runs + 1} documents: "
                f"{rule.max_signals + stage.runs - 1} events of one key in a run reach max_signals {rule.max_signals}, "
                "and hide other keys"
            )
            keys = ", ".join(key.name for key in tree.keys) or "a key"
            yield Remark(
                "L04",
                Severity.WARNING,
                reason,
                f"suppress by {keys} for a duration, or raise max_signals",
                rule,
                stage.span,
            )
        if span is not None:
            most = span // _MILLISECOND // (stage.runs - 1)
            pauses = f"pauses of at most {words.duration(most)}"
            reason = f"{stage.runs} events within {_told(span)} need {pauses}: a slower beacon never matches"
            yield Remark(
                "L06",
                Severity.NOTE,
                reason,
                "lengthen maxspan, or watch rhythm instead of number (falselight beacons)",
                rule,
                stage.span,
            )


def _told(nanoseconds: int) -> str:
    return words.duration(nanoseconds // _MILLISECOND)
