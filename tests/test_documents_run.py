"""What the documents show is what happens: README's examples run, and the command-line reference is fresh."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from falselight.hunting import hunt
from falselight.rules import load
from scripts.command_line import reference

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(command: str) -> str:
    known = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    words = re.sub(r"(^|\| |; |&& )falselight ", rf"\1{sys.executable} -m falselight ", command)
    done = subprocess.run(
        words, shell=True, capture_output=True, text=True, cwd=ROOT, env=known, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_hunt_shows_what_the_readme_shows() -> None:
    shown = re.search(r"\$ make hunt\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert "falselight hunt examples/day" in (ROOT / "Makefile").read_text()
    assert run("falselight hunt examples/day --format table").rstrip() == shown[1].rstrip()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_python_examples(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})


COMMANDS = [line for line in re.findall(r"^\$ (falselight (?:search|explain|compile) .*)$", README, re.MULTILINE)]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command: str) -> None:
    assert run(command).strip()


def test_the_command_line_reference_is_fresh() -> None:
    written = (ROOT / "specs" / "command-line.md").read_text(encoding="utf-8")
    assert written == reference(), "run scripts/command_line.py"


HUNT = (ROOT / "specs" / "hunt.md").read_text(encoding="utf-8")
MANUALS = {
    path.name: [
        (command, shown.rstrip("\n"))
        for block in re.findall(r"```console\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
        for command, shown in re.findall(r"^\$ ([^\n]*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]
    for path in sorted((ROOT / "specs").glob("*.md"))
    if path.name != "command-line.md"
}
SHOWN = [(name, command, shown) for name, examples in MANUALS.items() for command, shown in examples]


def test_the_manuals_have_examples() -> None:
    assert len(MANUALS["hunt.md"]) >= 7 and len(MANUALS["read.md"]) >= 5


@pytest.mark.parametrize(("command", "shown"), [pair[1:] for pair in SHOWN], ids=[f"{n}: {c}" for n, c, _ in SHOWN])
def test_the_manuals_show_what_happens(
    command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUT", str(tmp_path / "out"))
    assert run(command).rstrip("\n") == shown


def test_the_rule_that_the_manual_shows_loads(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", HUNT, re.DOTALL)
    (tmp_path / "rule.toml").write_text(text, encoding="utf-8")
    (rule,) = load([str(tmp_path)], pytest.fail)
    result = hunt([ROOT / "examples" / "day"], [rule], report=pytest.fail)
    assert rule.severity == "high" and result.rules[0].plan is not None


def test_the_summary_has_the_fields_that_the_manual_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUT", str(tmp_path / "out"))
    run('falselight hunt examples/day -o "$OUT"')
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    section = HUNT[HUNT.index("`summary.json` is one object") : HUNT.index("## Rules")]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(summary)
    for part in (summary["inputs"][0], summary["rules"][0]):
        assert not [name for name in part if f"`{name}`" not in section]
