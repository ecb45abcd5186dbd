"""What the documents show is what happens: README's examples run, and the command-line reference is fresh."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.command_line import reference

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(command: str) -> str:
    known = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    words = command.replace("falselight ", f"{sys.executable} -m falselight ", 1)
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
