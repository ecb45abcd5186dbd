"""Any CSV with a header, by a mapping file: recognised by its columns, typed by ECS, damage counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from falselight.cli.main import cli
from falselight.diagnostics import FalselightError
from falselight.readers.csv_mapping import load

MAPPING = """
[csv]
columns = ["when", "client", "server"]
delimiter = ";"
time = "when"
format = "%d.%m.%Y %H:%M:%S"
[fields]
client = "source.ip"
server = "destination.domain"
port = "destination.port"
[constants]
"event.category" = ["network"]
"""


def read(folder: Path, text: str, *more: str) -> tuple[list[dict[str, object]], str, int]:
    (folder / "map.toml").write_text(MAPPING)
    (folder / "data.csv").write_text(text, encoding="utf-8-sig")
    given = ["read", str(folder / "data.csv"), "--events", "--mapping", str(folder / "map.toml"), *more]
    result = CliRunner().invoke(cli, given, standalone_mode=False)
    return [json.loads(line) for line in result.stdout.splitlines()], result.stderr, result.return_value


def test_a_csv_of_ones_own(tmp_path: Path) -> None:
    text = (
        'when;client;server;port;note\n11.03.2026 09:00:00;10.4.0.13;"cdn.example";443;a \n;;;\nbad;10.4.0.13;x;1;y\n'
    )
    events, told, code = read(tmp_path, text, "--timezone", "+01:00")
    assert code == 4 and "2 lines are none of this log" in told
    (event,) = events
    assert event["@timestamp"] == "2026-03-11T08:00:00.000Z" and event["source"] == {"ip": "10.4.0.13"}
    assert event["destination"] == {"domain": "cdn.example", "port": 443} and event["labels"] == {"note": "a"}
    assert event["event"]["category"] in ("network", ["network"])  # type: ignore[index]


def test_a_file_of_other_columns_is_not_guessed(tmp_path: Path) -> None:
    events, told, code = read(tmp_path, "a;b;c\n1;2;3\n")
    assert events == [] and code == 4 and "no format that is known" in told


@pytest.mark.parametrize(
    "text", ["[csv]\n", "nonsense", '[csv]\ncolumns = ["a"]\ndelimiter = ";;"\n', '[csv]\ncolumns = ["a"]\nx = 1\n']
)
def test_a_broken_mapping_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(FalselightError, match="no mapping of a CSV file"):
        load(tmp_path / "map.toml")
