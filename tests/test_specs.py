"""Everything that the manual in ``specs/`` shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.specifications import SPECS, Block, answer, blocks

BLOCKS = [block for path in sorted(SPECS.glob("*.md")) for block in blocks(path)]
# The engine's own failures, as a full disk, and its setting: no query brings them about.
WITHOUT_QUERY = {"E0401", "E0403"}
SOURCE = Path(__file__).parents[1] / "src/falselight"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_example(block: Block) -> None:
    assert answer(block) == block.expected


def test_there_are_examples_of_every_kind() -> None:
    assert {block.kind for block in BLOCKS} == {"syntax", "format", "error", "match", "value"}


def test_every_code_of_a_query_has_its_section_and_example() -> None:
    """E01 text, E02 meaning, E03 plan, E04 engine."""
    modules = (path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    raised = {code for text in modules for code in re.findall(r'"(E0[1-4]\d\d)"', text)}
    sections = re.findall(r"^### (E\d{4})\b", (SPECS / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == sorted(raised)
    shown = {block.heading[:5]: block.expected for block in BLOCKS if block.path.name == "errors.md"}
    assert {code for code in raised if f"error[{code}]" not in shown.get(code, "")} == WITHOUT_QUERY
