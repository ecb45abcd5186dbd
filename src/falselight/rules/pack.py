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
    """What was loaded. ``others`` are objects of an export that are neither rules nor lists (connectors), kept as they are."""

    rules: list[Rule] = field(default_factory=list)
    lists: dict[str, ExceptionList] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    values: dict[str, ValueList] = field(default_factory=dict)
    others: list[dict[str, Any]] = field(default_factory=list)

    def items_of(self, rule: Rule) -> list[Item]:
        """The exceptions of one rule, in the order of its lists."""
        named = {reference.list_id for reference in rule.exceptions_list}
        return [item for item in self.items if item.list_id in named]

    def check(self, report: Report) -> None:
        """Tell references that lead nowhere: a rule's to a list, an item's to a list or to values."""
        told: set[str] = set()
        for rule in self.rules:
            for reference in rule.exceptions_list:
                known = reference.list_id in self.lists or any(item.list_id == reference.list_id for item in self.items)
                if not known and reference.list_id not in told:
                    told.add(reference.list_id)
                    message = f"Rule [{rule.name}] uses exception list [{reference.list_id}], which is not here: it runs without"
                    report(Diagnostic(ABSENT_LIST, Severity.WARNING, message, path=rule.path))
        for item in self.items:
            for entry in _entries(item.entries):
                if (
                    entry.value_list is not None
                    and entry.value_list.id not in self.values
                    and entry.value_list.id not in told
                ):
                    told.add(entry.value_list.id)
                    message = (
                        f"Exception [{item.name or item.item_id}] uses value list [{entry.value_list.id}], whose file is not "
                        "here: the exception does not hold"
                    )
                    report(
                        Diagnostic(
                            ABSENT_VALUES, Severity.WARNING, message, help="put a file of that name beside the export"
                        )
                    )


def _entries(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        yield from _entries(entry.entries)
