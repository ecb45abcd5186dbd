"""Whether an exception leaves a rule without any event: all that the exception asks is asked by the rule as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from falselight.ecs import release
from falselight.ecs.schema import paths_above
from falselight.eql import syntax
from falselight.eql.patterns import escape
from falselight.lint import leaves
from falselight.lint.leaves import Leaf, Pattern
from falselight.rules.exceptions import Entry, Item
from falselight.source import Span

_NOWHERE = Span(0, 0)
# Data sets of Elastic Defend that are no events of the host.
_STATES = frozenset({"alerts", "metadata", "metrics", "policy"})


def needed(tree: syntax.Query, category_field: str) -> Iterator[list[Leaf]]:
    """What every event of the query must satisfy: for each stage that a match needs, since without it there is no match."""
    if isinstance(tree, syntax.EventQuery):
        yield list(_leaves(tree.filter, (), category_field))
        return
    for stage in tree.stages:
        if not stage.missing:
            yield list(_leaves(stage.filter, (*tree.keys, *stage.keys), category_field))


def _leaves(event: syntax.EventFilter, keys: Sequence[syntax.FieldName], category_field: str) -> Iterator[Leaf]:
    yield Leaf("@timestamp", _NOWHERE, False)
    if event.category is not None:
        yield Leaf(category_field, _NOWHERE, False, patterns=(Pattern(escape(event.category), False, _NOWHERE),))
    yield from (Leaf(key.name, key.span, False) for key in keys if not key.optional)
    pending = [event.condition]
    while pending:
        part = pending.pop()
        if isinstance(part, syntax.And):
            pending.extend(part.operands)
        elif (found := leaves.leaf(part)) is not None:
            yield found


def is_everything(item: Item, asked: list[Leaf]) -> bool:
    """Whether each entry holds for all events that satisfy what is asked. True is certain, but for the time when it expires."""
    return all(_holds(entry, asked) for entry in item.entries) and (not item.os_types or _is_of(item.os_types, asked))


def _is_of(systems: Sequence[str], asked: list[Leaf]) -> bool:
    entry = Entry(type="match_any", field="host.os.type", operator="included", value=list(systems))
    return _holds(entry, asked)


def _holds(entry: Entry, asked: list[Leaf]) -> bool:
    own = [each for each in asked if each.field == entry.field]
    if entry.type == "exists":
        wanted = entry.operator == "excluded"
        return any(each.negated == wanted and (each.is_existence or not wanted) for each in own)
    patterns = _patterns(entry)
    if not patterns:
        return False
    if entry.operator == "included":
        return any(not each.negated and _is_within(each.patterns, patterns) for each in own) or (
            any(pattern.text.strip("*") == "" for pattern in patterns) and any(not each.negated for each in own)
        )
    refused = (each for each in own if each.negated)
    return any(each.is_existence or _is_within(patterns, each.patterns) for each in refused)


def with_objects(field: str) -> list[str]:
    """The indices in which the field is of type nested, as patterns; ``*`` where ECS has it so."""
    entry = release.schema().find(field)
    if entry is None or entry.type != "nested":
        return []
    return [_index(source) for source in release.sources()[field]]


def without_objects(field: str, patterns: Sequence[str]) -> list[str] | None:
    """Of index patterns those that hold no index in which the field is of type nested, all of them where no index has it so;
    None where each holds one."""
    known = with_objects(field)
    if not known:
        return list(patterns)
    without = [each for each in patterns if not any(_meet(each, index) for index in known)]
    return without or None


def within_objects(field: str) -> str | None:
    """The field of type nested in whose objects this one stands, or that it is itself."""
    schema = release.schema()
    found = ((above, schema.find(above)) for above in (*paths_above(field), field))
    return next((above for above, entry in found if entry is not None and entry.type == "nested"), None)


def _index(source: str) -> str:
    """The indices of a source that defines fields (``endpoint.process``)."""
    package, _, dataset = source.partition(".")
    if source in ("ecs", "implied"):
        return "*"
    if package == "endpoint" and dataset not in _STATES:
        dataset = f"events.{dataset}"
    return (
        f"{source.removeprefix('detection-rules:').rstrip('*-')}-*" if ":" in source else f"logs-{package}.{dataset}-*"
    )


def _meet(one: str, other: str) -> bool:
    """Whether some index can have both patterns, whose wildcards stand at their ends."""
    a, b = one.split(":")[-1].rstrip("*"), other.rstrip("*")
    return "*" in a or a.startswith(b) or b.startswith(a)


def _patterns(entry: Entry) -> tuple[Pattern, ...]:
    """The texts of an entry, compared by case as Kibana's filters do; none of a list or of nested entries."""
    if entry.type == "wildcard":
        return (Pattern(str(entry.value), False, _NOWHERE),)
    if entry.type not in ("match", "match_any"):
        return ()
    values = entry.value if isinstance(entry.value, list) else [str(entry.value)]
    return tuple(Pattern(escape(value), False, _NOWHERE) for value in values)


def _is_within(inner: Sequence[Pattern], outer: Sequence[Pattern]) -> bool:
    return bool(inner) and all(any(leaves.covers(each, one) for each in outer) for one in inner)
