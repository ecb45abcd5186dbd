"""The networks that an import names serve whoever reads the case, unless he names others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from falselight.case import manifest
from falselight.cli.main import cli
from falselight.diagnostics import FalselightError

LINE = (
    b'{"@timestamp":"2026-03-11T09:00:00Z","event":{"category":["network"],"module":"zeek"},'
    b'"source":{"ip":"203.0.113.7"},"destination":{"ip":"198.51.100.9"}}\n'
)


def run(*given: object) -> tuple[str, str]:
    result = CliRunner().invoke(cli, [str(each) for each in given], standalone_mode=False)
    assert result.exception is None and result.return_value == 0, result.output
    return result.stdout, result.stderr


def directions(*given: object) -> tuple[list[str], str]:
    out, told = run("read", *given, "--events")
    return [json.loads(line)["network"]["direction"] for line in out.splitlines()], told


@pytest.fixture
def case(tmp_path: Path) -> Path:
    (tmp_path / "a.ndjson").write_bytes(LINE)
    run("import", tmp_path / "a.ndjson", "--case", tmp_path / "case", "--internal", "203.0.113.0/24")
    return tmp_path / "case"


def test_a_case_remembers_the_networks_of_its_import(case: Path) -> None:
    assert directions(case) == (["outbound"], "networks: internal 203.0.113.0/24, as at import\n")
    query = 'network where network.direction == "outbound"'
    assert "203.0.113.7" in run("search", query, case)[0]
    assert "internal 203.0.113.0/24, as at import" in run("hunt", case)[1]


def test_who_names_others_has_them_and_is_told(case: Path) -> None:
    found, told = directions(case, "--internal", "198.51.100.0/24")
    assert found == ["inbound"]
    assert told == "networks: internal 198.51.100.0/24; at import internal 203.0.113.0/24\n"
    found, told = directions(case, "--external", "203.0.113.0/24")
    assert found == ["external"]
    assert told == "networks: external 203.0.113.0/24; at import internal 203.0.113.0/24\n"


def test_the_last_import_that_names_networks_counts(case: Path, tmp_path: Path) -> None:
    (tmp_path / "b.ndjson").write_bytes(LINE + LINE)
    run("import", tmp_path / "b.ndjson", "--case", case)
    assert directions(case)[0] == ["outbound"] * 3
    more = "--external", "203.0.113.7"
    run("import", tmp_path / "b.ndjson", "--case", case, "--internal", "203.0.113.0/24", *more)
    assert directions(case)[0] == ["external"] * 3


def test_a_case_of_before_remembers_none(case: Path) -> None:
    path = case / manifest.NAME
    document = json.loads(path.read_bytes())
    del document["internal"], document["external"]
    path.write_text(json.dumps(document))
    assert directions(case) == (["external"], "")


def test_networks_that_are_none_are_a_damaged_manifest(case: Path) -> None:
    path = case / manifest.NAME
    path.write_text(path.read_text().replace("203.0.113.0/24", "203.0.113.0/99"))
    with pytest.raises(FalselightError) as caught:
        manifest.load(case)
    assert caught.value.diagnostics[0].code == manifest.BROKEN
