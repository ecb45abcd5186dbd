"""Accepted exceptions as files: for Kibana's import, and for ``hunt --exceptions``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from falselight.rules import Pack, Rule, exporting
from falselight.rules.exceptions import ExceptionList, Reference
from falselight.tuning.proposals import LIST_ID, Proposal

EXCEPTIONS, RULES = "exceptions.ndjson", "rules.ndjson"


def pack_of(accepted: Sequence[Proposal], rules: Sequence[Rule]) -> Pack:
    """The rules with their new lists beside the ones they had."""
    lists: dict[tuple[str, str], ExceptionList] = {}
    made: list[Rule] = []
    named = {proposal.cause.rule.id for proposal in accepted}
    for rule in rules:
        if rule.id not in named:
            continue
        list_id = f"{LIST_ID}-{rule.id}"
        raw: dict[str, Any] = {
            "list_id": list_id,
            "type": "detection",
            "namespace_type": "single",
            "name": f"Tuning of {rule.name}",
            "description": "Exceptions proposed by falselight tune",
            "tags": ["falselight"],
            "os_types": [],
        }
        lists[("single", list_id)] = ExceptionList.model_validate({**raw, "raw": raw})
        reference = {"id": list_id, "list_id": list_id, "type": "detection", "namespace_type": "single"}
        references = [*rule.raw.get("exceptions_list", []), reference]
        made.append(
            rule.model_copy(
                update={
                    "exceptions_list": [*rule.exceptions_list, Reference.model_validate(reference)],
                    "raw": {**rule.raw, "exceptions_list": references},
                }
            )
        )
    return Pack(made, lists, [proposal.item for proposal in accepted])


def write(folder: Path, pack: Pack) -> list[Path]:
    """``rules.ndjson`` for Kibana's import of rules with their lists, and ``exceptions.ndjson``, the lists alone. OSError
    where the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file in exporting.to_kibana(pack, lambda _: None):
        path = folder / (RULES if file.name == "rules.ndjson" else file.name)
        path.write_text(file.text, encoding="utf-8")
        written.append(path)
    path = folder / EXCEPTIONS
    lines = [each.raw for each in pack.lists.values()] + [item.raw for item in pack.items]
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return [*written, path]


def apply(pack: Pack, exceptions: Pack) -> Pack:
    """The pack with exceptions of a file: each list counts for the rule that its id names, or for rules that refer to it."""
    rules = []
    for rule in pack.rules:
        own = f"{LIST_ID}-{rule.id}"
        if any(list_id == own for _, list_id in exceptions.lists) or any(
            item.list_id == own for item in exceptions.items
        ):
            known = [reference.list_id for reference in rule.exceptions_list]
            if own not in known:
                references = [*rule.exceptions_list, Reference(list_id=own, id=own)]
                rule = rule.model_copy(update={"exceptions_list": references})
        rules.append(rule)
    return Pack(
        rules,
        {**pack.lists, **exceptions.lists},
        [*pack.items, *exceptions.items],
        {**pack.values, **exceptions.values},
        pack.others,
    )
