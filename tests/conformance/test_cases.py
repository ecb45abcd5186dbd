"""Every case of Elasticsearch's EQL suite gives Elasticsearch's answer."""

from __future__ import annotations

from pathlib import Path

import pytest

import falselight

from . import suite


@pytest.mark.parametrize("group", suite.GROUPS, ids=lambda group: f"{group.cases}@{group.indices[0]}")
def test_cases(group: suite.Group, shared: Path) -> None:
    source = {index: suite.documents(shared, index) for index in group.indices}
    mapping = {index: suite.mapping(shared, index) for index in group.indices}
    wrong = []
    for case in suite.cases(shared, group):
        try:
            answer = falselight.search(
                case["query"].strip(),
                source,
                mapping=mapping,
                tiebreaker_field=group.tiebreaker,
                size=case.get("size", suite.DEFAULT_SIZE),
                max_samples_per_key=case.get("max_samples_per_key", 1),
            ).to_dict()
        except falselight.EqlError as fault:
            wrong.append(f"{case['name']}: refused: {fault}")
            continue
        found = suite.ids(answer, group.id)
        if found not in suite.right(case):
            wrong.append(f"{case['name']}: {found}, not {case['expected_event_ids']}")
        elif "join_keys" in case and suite.join_keys(answer) != case["join_keys"]:
            wrong.append(f"{case['name']}: keys {suite.join_keys(answer)}, not {case['join_keys']}")
    assert not wrong, "\n".join(wrong)
