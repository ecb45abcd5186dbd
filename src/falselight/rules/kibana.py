"""Kibana's NDJSON exports of rules: a rule, an exception list, an exception or a connector a line, and a summary at the end."""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from falselight.diagnostics import Diagnostic, Severity
from falselight.rules import completing, own
from falselight.rules.exceptions import ExceptionList, Item
from falselight.rules.model import Rule
from falselight.rules.pack import Pack, Report, ValueList

BROKEN, ORPHAN = "E0602", "W0619"
_MARK = b"\xef\xbb\xbf"
_SIGNS = frozenset({"rule_id", "list_id", "exported_count", "exported_rules_count"})
_LOOKED_AT = 100
# What Kibana adds to a rule when it stores it: it makes these anew, so an import needs none of them.
RESPONSE_ONLY = frozenset(
    {
        "id",
        "immutable",
        "rule_source",
        "created_at",
        "created_by",
        "updated_at",
        "updated_by",
        "revision",
        "execution_summary",
    }
)


def read(data: bytes, path: str, pack: Pack, build: Any, report: Report) -> None:
    """Add what one export holds to the pack. A line that is broken is one diagnostic; the rest loads. ``build`` makes a
    ``Rule`` of a table and the tables beside it."""
    for number, line in enumerate(data.removeprefix(_MARK).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as fault:
            report(
                Diagnostic(
                    BROKEN, Severity.ERROR, f"{path}, line {number}: not JSON ({fault})", path=path, record=number - 1
                )
            )
            continue
        try:
            _take(document, path, pack, build, report)
        except ValidationError as fault:
            first = fault.errors()[0]
            place = ".".join(map(str, first["loc"]))
            message = f"{path}, line {number}: {place}: {first['msg']}"
            report(Diagnostic(BROKEN, Severity.ERROR, message, path=path, record=number - 1))
    _find_values(Path(path).parent, pack)


def is_export(data: bytes) -> bool:
    """Whether a file is such an export and not TOML or a log: one of its first lines is a rule, a list or a summary. Broken
    lines among them do not hide the rest."""
    lines = (line for line in data.removeprefix(_MARK).splitlines() if line.strip())
    return any(_is_part(line) for line in islice(lines, _LOOKED_AT))


def _is_part(line: bytes) -> bool:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and not _SIGNS.isdisjoint(document)


def _take(document: Any, path: str, pack: Pack, build: Any, report: Report) -> None:
    if not isinstance(document, dict):
        Rule.model_validate(document)
    elif "exported_count" in document or "exported_rules_count" in document:
        return
    elif "item_id" in document:
        pack.add_item(Item.model_validate({**document, "raw": document}), path, report)
    elif "list_id" in document:
        pack.add_list(ExceptionList.model_validate({**document, "raw": document}), path, report)
    elif "rule_id" in document or "query" in document or "risk_score" in document:
        table, beside = own.taken(document)
        pack.rules.append(build(table, beside or {}, path))
    else:
        pack.others.append(document)


def _find_values(folder: Path, pack: Pack) -> None:
    """Files beside an export that bear the id of a value list; an id that is a path, or no name of a file, is none."""
    for item in pack.items:
        for entry in item.entries:
            if entry.value_list is None or entry.value_list.id in pack.values:
                continue
            name = PurePath(entry.value_list.id)
            if len(name.parts) == 1 and name.parts[0] not in ("..", ".") and os.path.isfile(folder / name):
                pack.values[entry.value_list.id] = ValueList(entry.value_list.id, folder / name)


def after_rules(pack: Pack, rules: int) -> Iterator[dict[str, Any]]:
    """The lines of an export that follow its so many rules: lists, exceptions, connectors, and the summary."""
    yield from (completing.exception_list(each.raw or _plain(each)) for each in pack.lists.values())
    yield from (completing.exception(item.raw or _plain(item)) for item in pack.items)
    yield from pack.others
    yield summary(pack, rules)


def orphans(pack: Pack) -> Iterator[Diagnostic]:
    """What an import refuses, or leaves without effect: exceptions without their list, and lists that no rule uses."""
    lost = Counter((item.namespace_type, item.list_id) for item in pack.items)
    for (_, list_id), items in sorted((key, count) for key, count in lost.items() if key not in pack.lists):
        what = f"its {items} exceptions" if items > 1 else "its exception"
        message = f"Exception list [{list_id}] is not here: Kibana's import refuses {what}"
        yield Diagnostic(ORPHAN, Severity.WARNING, message, help="export the list with its exceptions from Kibana")
    used = {(each.namespace_type, each.list_id) for rule in pack.rules for each in rule.exceptions_list}
    for _, list_id in sorted(pack.lists.keys() - used):
        yield Diagnostic(ORPHAN, Severity.WARNING, f"Exception list [{list_id}] is used by no rule of this export")


def summary(pack: Pack, rules: int) -> dict[str, Any]:
    """The last line of an export."""
    lists, items = len(pack.lists), len(pack.items)
    named = {(each.namespace_type, each.list_id) for rule in pack.rules for each in rule.exceptions_list}
    missing = [{"list_id": list_id} for _, list_id in sorted(named - pack.lists.keys())]
    return {
        "exported_count": rules + lists + items + len(pack.others),
        "exported_rules_count": rules,
        "missing_rules": [],
        "missing_rules_count": 0,
        "exported_exception_list_count": lists,
        "exported_exception_list_item_count": items,
        "missing_exception_list_item_count": 0,
        "missing_exception_list_items": [],
        "missing_exception_lists": missing,
        "missing_exception_lists_count": len(missing),
        "exported_action_connector_count": len(pack.others),
        "missing_action_connection_count": 0,
        "missing_action_connections": [],
        "excluded_action_connection_count": 0,
        "excluded_action_connections": [],
    }


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude={"raw"}, exclude_none=True, exclude_defaults=False)
