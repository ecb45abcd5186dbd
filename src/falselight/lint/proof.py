"""Remarks on a rule's cases, suppression and exceptions."""

from __future__ import annotations

from collections.abc import Iterator

from falselight import testing
from falselight.diagnostics import Severity
from falselight.eql import syntax, walk
from falselight.lint import excepting
from falselight.lint.remark import Remark
from falselight.replay.suppression import MOST_ALERTS
from falselight.report import words
from falselight.rules import Pack, Rule
from falselight.rules.exceptions import Item

# Fewer whole sequences than this in one run are told.
FEW_SEQUENCES = 25


def remarks(rule: Rule, tree: syntax.Query, pack: Pack) -> Iterator[Remark]:
    """What fails or proves nothing."""
    for result in testing.run([rule]):
        if not result.passed:
            what = result.error or "; ".join(result.differences)
            kind = "cannot fire" if result.fires and not result.matches else "fails"
            reason = f"its case [{result.case.name}] {kind}: {what}"
            yield Remark("L50", Severity.ERROR, reason, "mend the case or the query: falselight test shows both", rule)
    if not rule.fires and _has_place_for_cases(rule):
        reason = "no [[fires]] shows an event that fires it"
        yield Remark("L51", Severity.NOTE, reason, "add [[fires]] and [[stays_silent]] with their events", rule)
    yield from _suppression(rule, tree)
    yield from _exceptions(rule, tree, pack)


def _has_place_for_cases(rule: Rule) -> bool:
    """Whether a rule's form is Falselight's own; detection-rules' and Kibana's have no cases."""
    return "metadata" not in rule.beside and not (rule.path or "").endswith(".ndjson")


def _suppression(rule: Rule, tree: syntax.Query) -> Iterator[Remark]:
    if rule.alert_suppression is None:
        return
    duration, look_back = rule.alert_suppression.duration, rule.look_back
    if duration is not None and look_back is not None and duration.nanoseconds < look_back:
        told = words.duration(duration.nanoseconds // 1_000_000)
        reason = f"suppression ends after {told}, and a run sees {rule.from_}: what was suppressed is an alert again"
        yield Remark("L62", Severity.WARNING, reason, "a duration not below the look-back", rule)
    if not isinstance(tree, syntax.SequenceQuery):
        return
    yield from _sequences(rule, tree)
    keys = set(walk.key_names(tree))
    for name in rule.alert_suppression.group_by:
        if name not in keys and rule.alert_suppression.missing_fields_strategy == "suppress":
            reason = (
                f"suppression by {name}, which is no join key: where a sequence's events differ in it the alert has none, and "
                "all such alerts are suppressed together"
            )
            yield Remark(
                "L60", Severity.WARNING, reason, f'join by {name}, or missing_fields_strategy = "doNotSuppress"', rule
            )


def _sequences(rule: Rule, tree: syntax.SequenceQuery) -> Iterator[Remark]:
    """What suppression does to sequences and not to events."""
    plan = rule.alert_suppression
    if plan is not None and plan.duration is None:
        reason = f"each run that finds the same sequences makes an alert of the next one, as long as it sees them ({rule.from_})"
        yield Remark("L63", Severity.WARNING, reason, "a duration not below the look-back", rule)
    places = sum(stage.runs for stage in tree.stages if not stage.missing)
    whole = min(rule.max_signals, MOST_ALERTS) // (places + 1)
    if whole < FEW_SEQUENCES:
        reason = (
            f"with suppression max_signals counts blocks: of {rule.max_signals} documents {whole} sequences of {places} events "
            "are whole"
        )
        yield Remark("L64", Severity.NOTE, reason, f"max_signals = {FEW_SEQUENCES * (places + 1)}, or more", rule)


def _nested(rule: Rule, item: Item) -> Iterator[Remark]:
    """Entries that look for objects in fields that hold none in the indices of the rule."""
    for entry in item.entries:
        if entry.type != "nested":
            above = excepting.within_objects(entry.field)
            if above is not None and entry.operator == "included":
                reason = (
                    f"exception [{item.name or item.item_id}] never holds: {entry.field} stands in the objects of {above}, which "
                    "only an entry of type nested sees"
                )
                yield Remark("L66", Severity.WARNING, reason, f"an entry of type nested for {above}", rule)
            continue
        without = excepting.without_objects(entry.field, rule.index)
        if without is not None:
            where = f"in {', '.join(without)}" if without else "anywhere"
            reason = (
                f"exception [{item.name or item.item_id}] looks for objects in {entry.field}, which is of type nested in "
                f"{', '.join(excepting.with_objects(entry.field)) or 'no index'}: the search fails {where}"
            )
            yield Remark("L65", Severity.WARNING, reason, "name the fields below it in entries of their own", rule)


def _exceptions(rule: Rule, tree: syntax.Query, pack: Pack) -> Iterator[Remark]:
    asked = [conditions for conditions in excepting.needed(tree, rule.event_category_override)]
    named = {leaf.field for conditions in asked for leaf in conditions}
    for item in pack.items_of(rule):
        yield from _nested(rule, item)
        if all(entry.field in named for entry in item.entries) and any(
            excepting.is_everything(item, conditions) for conditions in asked
        ):
            what = (
                "every event of a stage"
                if isinstance(tree, syntax.SequenceQuery | syntax.SampleQuery)
                else "every event"
            )
            reason = f"exception [{item.name or item.item_id}] holds for {what} of this rule: it leaves out everything"
            fix = "name a value, or take the exception away"
            yield Remark("L61", Severity.ERROR, reason, fix, rule)
