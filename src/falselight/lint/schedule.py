"""Remarks on a rule's schedule, and on what its windows do with it."""

from __future__ import annotations

from collections.abc import Iterator

from falselight.diagnostics import Severity
from falselight.eql import syntax
from falselight.eql.lexer import one_line
from falselight.lint.remark import Remark
from falselight.report import words
from falselight.rules import Rule
from falselight.rules.model import distance

_MILLISECOND = 1_000_000
_MINUTE = 60_000_000_000
_SPARE = 10 * _MINUTE
KIBANA_MOST = 1000


def remarks(rule: Rule, tree: syntax.Query) -> Iterator[Remark]:
    """Everything about interval, look-back, cap and runs."""
    span = tree.maxspan * _MILLISECOND if isinstance(tree, syntax.SequenceQuery) and tree.maxspan is not None else None
    yield from _range(rule, span)
    if rule.max_signals > KIBANA_MOST:
        reason = f"Kibana writes at most {KIBANA_MOST} alerts a run (xpack.alerting.rules.run.alerts.max)"
        yield Remark("L05", Severity.WARNING, reason, f"max_signals = {KIBANA_MOST}", rule)
    if isinstance(tree, syntax.SequenceQuery):
        yield from _joined(rule, tree)
        yield from _windows(rule, tree, span)


def _range(rule: Rule, span: int | None) -> Iterator[Remark]:
    """Whether what lies between two runs is searched, and whether a whole sequence fits into what one run sees."""
    every, look_back, until = rule.every, rule.look_back, distance(rule.to)
    if not every or look_back is None or until is None:
        reason = f"interval {rule.interval}, from {rule.from_}, to {rule.to} are no schedule of spans before now"
        yield Remark("L03", Severity.ERROR, reason, 'interval = "5m", from = "now-6m", to = "now"', rule)
        return
    width = look_back - until
    sees = f"{rule.from_}" if not until else f"{rule.from_} to {rule.to}"
    if width < every:
        reason = f"it runs every {rule.interval} and looks back {sees}: events between are never searched"
        minutes = (until + every + _MINUTE) // _MINUTE
        yield Remark("L03", Severity.ERROR, reason, f'from = "now-{minutes}m"', rule)
    elif span is not None and width < span + every:
        minutes = -(-(until + span + every + _SPARE) // _MINUTE)
        sure = f"one that takes more than {_told(width - every)}" if width > every else "many a one"
        seen = f"a run every {rule.interval} sees {sees}"
        reason = f"a sequence may take {_told(span)}, and {seen}: {sure} may lie whole in no run"
        fix = f'from = "now-{minutes}m" (maxspan, interval and ten minutes to spare)'
        yield Remark("L02", Severity.WARNING, reason, fix, rule)


def _joined(rule: Rule, tree: syntax.SequenceQuery) -> Iterator[Remark]:
    """What bounds a sequence: keys, and a maxspan."""
    if not tree.keys and not any(stage.keys for stage in tree.stages):
        reason = "nothing joins the events of this sequence: those of any two hosts make a match"
        yield Remark("L07", Severity.WARNING, reason, "sequence by host.id", rule, tree.stages[0].span)
    if tree.maxspan is None:
        reason = f"without maxspan the events may lie as far apart as a run sees ({rule.from_}), and no further"
        yield Remark("L08", Severity.NOTE, reason, "say how long it may take, and let `from` cover it", rule)


def _runs(rule: Rule, tree: syntax.SequenceQuery) -> int:
    """How many times one filter must be met if the sequence asks for nothing else, so that its windows overlap; else 1."""
    asked = {one_line(rule.query[stage.filter.span.start : stage.filter.span.end]) for stage in tree.stages}
    if len(asked) > 1 or any(stage.missing for stage in tree.stages):
        return 1
    return sum(stage.runs for stage in tree.stages)


def _windows(rule: Rule, tree: syntax.SequenceQuery, span: int | None) -> Iterator[Remark]:
    runs = _runs(rule, tree)
    if runs < 2:
        return
    place = tree.stages[0].span
    if rule.alert_suppression is None:
        reason = (
            f"each event beyond {runs} is a window of its own, and each window is {runs + 1} documents: "
            f"{rule.max_signals + runs - 1} events of one key in a run reach max_signals {rule.max_signals}, "
            "and hide other keys"
        )
        keys = ", ".join(key.name for key in tree.keys) or "a key"
        fix = f"suppress by {keys} for a duration, or raise max_signals"
        yield Remark("L04", Severity.WARNING, reason, fix, rule, place)
    if span is not None and runs > 2:
        pauses = f"pauses of at most {words.duration(span // _MILLISECOND // (runs - 1))}"
        reason = f"{runs} events within {_told(span)} need {pauses}: a slower beacon never matches"
        fix = "lengthen maxspan, or watch rhythm instead of number (falselight beacons)"
        yield Remark("L06", Severity.NOTE, reason, fix, rule, place)


def _told(nanoseconds: int) -> str:
    return words.duration(nanoseconds // _MILLISECOND)
