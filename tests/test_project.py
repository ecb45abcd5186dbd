"""What holds for the whole project: the architecture's table and direction, and sizes that fit the head."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "falselight"
# A module may import modules of its own layer and of the layers before it.
LAYERS = (
    ("source", "diagnostics", "drawing", "collector", "spilling"),
    ("timestamps", "ecs"),
    ("cells", "columns", "eql", "quads", "values"),
    ("batches", "documents", "mappings", "readers", "slots", "store"),
    ("derive", "expressions", "plan"),
    ("case", "ingest", "reading"),
    ("nesting", "rebuild", "sql"),
    ("engines", "risks", "sources", "systems"),
    ("searching", "explaining", "compiling", "rules", "testing", "analytics", "dns", "intel", "lab", "replay"),
    ("findings", "infrastructure", "inventory"),
    ("fusion", "hunting"),
    ("comparing", "coverage", "tuning"),
    ("report",),
    ("guidance", "lint", "validation"),
    ("sinks",),
    ("cli", "web"),
)
IGNORANT_OF_EQL = (
    "values", "quads", "cells", "columns", "documents", "slots", "mappings", "readers", "store", "ingest", "reading",
    "timestamps",
)  # fmt: skip
LONGEST_FILE, LONGEST_FUNCTION = 400, 50


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    for path in sorted(SOURCES.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCES).with_suffix("").parts)
        yield name, path, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """Parts of falselight that a module imports, by their first name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "falselight":
            parts = node.module.split(".")[1:]
            yield from [parts[0]] if parts else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("falselight."))


def layer(name: str) -> int | None:
    return next((number for number, names in enumerate(LAYERS) if name.split(".")[0] in names), None)


def test_imports_point_one_way() -> None:
    wrong = []
    for name, _, tree in modules():
        own = layer(name)
        if own is None:
            assert name in ("__init__", "__main__"), f"{name} is in no layer"
            continue
        for other in imported(tree):
            below = layer(other)
            if below is not None and below > own:
                wrong.append(f"{name} imports {other}")
    assert not wrong, "\n".join(wrong)


def test_readers_and_the_store_know_nothing_of_eql() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, _, tree in modules()
        if name.split(".")[0] in IGNORANT_OF_EQL
        for other in imported(tree)
        if other in ("eql", "plan", "sql", "engines", "searching")
    ]
    assert not wrong, "\n".join(wrong)


def test_files_fit_the_head_and_functions_the_screen() -> None:
    long = []
    for name, path, tree in modules():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_FILE:
            long.append(f"{name}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION:
                long.append(f"{name}.{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines")
    assert not long, "\n".join(long)


def test_the_architecture_table_is_true() -> None:
    rows = re.findall(r"^\| ([^|]+) \| `([\w.]+)` \| `([\w.]+)` \| ([^|]+(?:\\\|[^|]+)*) \| ([^|]+) \|$",
                      (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.MULTILINE)  # fmt: skip
    assert len(rows) >= 12
    wrong = []
    for stage, module, function, taken, given in rows:
        target: object = importlib.import_module(f"falselight.{module}")
        for part in function.split("."):
            target = getattr(target, part)
        signature = inspect.signature(target)  # type: ignore[arg-type]
        written = {str(parameter.annotation) for parameter in signature.parameters.values()}
        for cell, known in ((taken, written), (given, {str(signature.return_annotation)})):
            for kind in re.findall(r"`([^`]+)`", cell):
                if not any(kind.replace("\\|", "|") in each for each in known):
                    wrong.append(f"{stage}: {module}.{function} has {known}, not {kind}")
    assert not wrong, "\n".join(wrong)


def test_no_exception_is_swallowed() -> None:
    caught = [
        f"{name}:{node.lineno}"
        for name, _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
        and name != "cli.errors"
    ]
    assert not caught, "\n".join(caught)
