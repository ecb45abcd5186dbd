"""The package's tests, from their Atomic Red Team file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from falselight.rules.loading import content

WINDOWS, LINUX = "windows", "linux"
_PLACE = re.compile(r"#\{(\w+)\}")


@dataclass(frozen=True)
class Atomic:
    """One test: its number in the file (from 1, as Invoke-AtomicTest counts), and what it runs. ``inputs`` are the
    defaults, ``executor`` names the shell."""

    number: int
    name: str
    guid: str
    platforms: tuple[str, ...]
    inputs: dict[str, str]
    executor: str
    command: str
    cleanup: str

    def filled(self, **inputs: object) -> tuple[str, str]:
        """Command and clean-up with the inputs in their places; ``inputs`` go before the defaults. The values are the
        user's own, as they are in Invoke-AtomicTest, and become part of a shell's text: KeyError for an unknown one."""
        given = {name: str(value) for name, value in inputs.items()}
        unknown = given.keys() - self.inputs.keys()
        if unknown:
            raise KeyError(f"test {self.number} takes no {', '.join(sorted(unknown))}")
        values = {**self.inputs, **given}
        return _fill(self.command, values), _fill(self.cleanup, values)


def _fill(text: str, values: dict[str, str]) -> str:
    return _PLACE.sub(lambda found: values[found.group(1)], text)


@cache
def tests() -> tuple[Atomic, ...]:
    """All tests of T1583.004 in the order of the file."""
    text = content("atomics", "T1583.004", "T1583.004.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return tuple(
        Atomic(
            number,
            test["name"],
            test["auto_generated_guid"],
            tuple(test["supported_platforms"]),
            {name: str(given["default"]) for name, given in test.get("input_arguments", {}).items()},
            test["executor"]["name"],
            test["executor"]["command"],
            test["executor"].get("cleanup_command", ""),
        )
        for number, test in enumerate(document["atomic_tests"], start=1)
    )


def test(number: int) -> Atomic:
    """One test by its number; LookupError if there is none."""
    found = next((each for each in tests() if each.number == number), None)
    if found is None:
        raise LookupError(f"there is no test {number}; there are 1 to {len(tests())}")
    return found
