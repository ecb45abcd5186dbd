"""Rules together with the exception lists and value lists that they use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from falselight.diagnostics import Diagnostic, Severity
from falselight.rules.exceptions import Entry, ExceptionList, Item
from falselight.rules.model import Rule

Report = Callable[[Diagnostic], None]
ABSENT_LIST, ABSENT_VALUES, TWO_LISTS, CYCLE = "E0607", "E0608", "E0609", "E0610"


@dataclass(frozen=True)
class ValueList:
    """A value list: its id, its type and the file that holds a value a line. It is read when it is used."""

    id: str
    path: Path

    def values(self) -> Iterator[str]:
        """The values, without empty lines. OSError if the file has gone."""
        with self.path.open(encoding="utf-8-sig", errors="replace") as lines:
            for line in lines:
                text = line.strip()
                if text:
                    yield text


@dataclass
class Pack:
    """What was loaded. ``lists`` are known by namespace and ``list_id``; ``others`` are objects of an export that are neither
    rules nor lists (connectors), kept as they are."""

    rules: list[Rule] = field(default_factory=list)
    lists: dict[tuple[str, str], ExceptionList] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    values: dict[str, ValueList] = field(default_factory=dict)
    others: list[dict[str, Any]] = field(default_factory=list)
    _by_list: dict[tuple[str, str], list[Item]] = field(default_factory=dict, repr=False, compare=False)
    _listed: int = field(default=0, repr=False, compare=False)
    _by_id: dict[tuple[str, str], Item] = field(default_factory=dict, repr=False, compare=False)

    def items_of(self, rule: Rule) -> list[Item]:
        """The exceptions of one rule, in the order of its lists."""
        if self._listed != len(self.items):
            self._by_list.clear()
            for item in self.items:
                self._by_list.setdefault((item.namespace_type, item.list_id), []).append(item)
            self._listed = len(self.items)
        named = dict.fromkeys((reference.namespace_type, reference.list_id) for reference in rule.exceptions_list)
        return [item for key in named for item in self._by_list.get(key, ())]

    def add_list(self, made: ExceptionList, path: str, report: Report) -> None:
        """Add a list; another one of its id is told, and the first is kept."""
        known = self.lists.setdefault((made.namespace_type, made.list_id), made)
        if known.raw != made.raw:
            message = (
                f"Exception list [{made.list_id}] of {path} differs from the one that is loaded; the first is used"
            )
            report(Diagnostic(TWO_LISTS, Severity.WARNING, message, path=path))

    def add_item(self, item: Item, path: str, report: Report) -> None:
        """Add an exception; the same once more is left out, another one of its id is told and left out."""
        key = (item.namespace_type, item.item_id)
        known = self._by_id.setdefault(key, item)
        if known is item:
            self.items.append(item)
        elif known.raw != item.raw:
            message = f"Exception [{item.item_id}] of {path} differs from the one that is loaded; the first is used"
            report(Diagnostic(TWO_LISTS, Severity.WARNING, message, path=path))

    def check(self, report: Report) -> None:
        """Tell references that lead nowhere, a rule's to a list or an item's to values, and lists that lead to each other."""
        here = self.lists.keys() | {(item.namespace_type, item.list_id) for item in self.items}
        known = {list_id for _, list_id in here}
        told: set[tuple[str, str]] = set()
        for rule in self.rules:
            for reference in rule.exceptions_list:
                key = (reference.namespace_type, reference.list_id)
                # Each Kibana has a list of Elastic Defend's exceptions, which a pack need not bring.
                if key not in here and key not in told and reference.type != "endpoint":
                    told.add(key)
                    other = f" with namespace_type {key[0]}" if key[1] in known else ""
                    runs = ": it runs without" if rule.is_eql else ""
                    message = f"Rule [{rule.name}] uses exception list [{key[1]}], which is not here{other}{runs}"
                    report(Diagnostic(ABSENT_LIST, Severity.WARNING, message, path=rule.path))
        leads: dict[str, set[str]] = {}
        absent: set[str] = set()
        for item in self.items:
            for values in (entry.value_list.id for entry in _entries(item.entries) if entry.value_list is not None):
                if values in known - self.values.keys():
                    leads.setdefault(item.list_id, set()).add(values)
                if values not in self.values and values not in absent:
                    absent.add(values)
                    report(_absent(item, values, values in known))
        for cycle in _cycles(leads):
            message = f"Exception lists lead in a circle: {' → '.join(f'[{name}]' for name in cycle)}; none of them holds values"
            report(Diagnostic(CYCLE, Severity.ERROR, message, help="name value lists, which are files of values"))


def _absent(item: Item, values: str, is_exceptions: bool) -> Diagnostic:
    what = "which is a list of exceptions and not of values" if is_exceptions else "whose file is not here"
    message = f"Exception [{item.name or item.item_id}] uses value list [{values}], {what}: the exception does not hold"
    return Diagnostic(ABSENT_VALUES, Severity.WARNING, message, help="put a file of that name beside the export")


def _cycles(leads: dict[str, set[str]]) -> Iterator[tuple[str, ...]]:
    """Each circle of names once, from its first name in alphabetical order; one for every list that leads back to itself."""
    told: set[str] = set()
    for start in sorted(leads):
        if start in told:
            continue
        paths: list[tuple[str, ...]] = [(start,)]
        seen = {start}
        while paths:
            path = paths.pop(0)
            following = leads.get(path[-1], set())
            if start in following:
                told.update(path)
                yield (*path, start)
                break
            paths.extend((*path, name) for name in sorted(following - seen))
            seen |= following


def _entries(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        yield from _entries(entry.entries)
