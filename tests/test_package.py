"""The package's own names: each is what its module gives, and none waits for a module that it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

import falselight


@pytest.mark.parametrize("name", [name for name in falselight.__all__ if name != "__version__"])
def test_a_name_is_what_its_module_gives_whatever_was_loaded_before(name: str) -> None:
    home = falselight._HOMES[name]
    code = f"import falselight.{home}, falselight; assert falselight.{name} is falselight.{home}.{name}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_alone_loads_no_engine() -> None:
    code = "import falselight, sys; print(sorted({'duckdb', 'pyarrow', 'pydantic', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_names_that_are_not_there_are_told() -> None:
    assert set(falselight.__all__) <= set(dir(falselight))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        falselight.nothing  # noqa: B018


def test_an_absent_package_is_looked_for_once() -> None:
    code = """
import falselight, pyarrow, sys
class Asked:
    names = []
    def find_spec(self, name, path=None, target=None):
        self.names.append(name)
sys.meta_path.insert(0, Asked())
for _ in range(3): pyarrow.array([1])
print(Asked.names.count("dateutil"))
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert int(told) <= 1
