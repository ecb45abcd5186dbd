"""Remarks on a rule's cases, suppression and exceptions."""

from __future__ import annotations

from collections.abc import Iterator

from falselight import testing
from falselight.diagnostics import Severity
from falselight.eql import syntax, walk
from falselight.lint.remark import Remark
from falselight.rules import Pack, Rule
from falselight.rules.exceptions import Item


def remarks(rule: Rule, tree: syntax.Query, pack: Pack) -> Iterator[Remark]:
    """What fails or proves nothing."""
    for result in testing.run([rule]):
        if not result.passed:
            what = result.error or "; ".join(result.differences)
            kind = "cannot fire" if result.fires and not result.matches else "fails"
            reason = f"its case [{result.case.name}] {kind}: {what}"
            yield Remark("L50", Severity.ERROR, reason, "mend the case or the query: falselight test shows both", rule)
    if not rule.fires and "metadata" not in rule.beside:
        reason = "no [[fires]] shows an event that fires it"
        yield Remark("L51", Severity.NOTE, reason, "add [[fires]] and [[stays_silent]] with their events", rule)
    yield from _suppression(rule, tree)
    for item in pack.items_of(rule):
        if _is_everything(item, tree):
            reason = (
                f"exception [{item.name or item.item_id}] holds for every event of this rule: it leaves out everything"
            )
            yield Remark("L61", Severity.ERROR, reason, "name a value, or take the exception away", rule)


def _suppression(rule: Rule, tree: syntax.Query) -> Iterator[Remark]:
    if rule.alert_suppression is None or not isinstance(tree, syntax.SequenceQuery):
        return
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


def _is_everything(item: Item, tree: syntax.Query) -> bool:
    """Whether every event that the rule looks at satisfies the exception: each entry asks for a field that all have, or for
    any value of one."""
    always = {"@timestamp", "event.category"}
    if not isinstance(tree, syntax.EventQuery):
        always |= {key.name for key in tree.keys}
    if item.os_types:
        return False
    for entry in item.entries:
        anything = entry.type == "exists" or (entry.type == "wildcard" and set(str(entry.value)) == {"*"})
        if entry.operator != "included" or not anything or entry.field not in always:
            return False
    return True
