"""The lab's files are read by the ordinary readers, and its labels name what is in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from falselight import ingest
from falselight.cli.main import cli
from falselight.ecs import release


@pytest.mark.parametrize(
    ("kind", "background"),
    [
        ("frameworks", "first"),
        ("frameworks", "second"),
        ("apart", "third"),
        ("page", "first"),
        ("staging", "first"),
        ("staging", "second"),
    ],
)
def test_a_lab_is_written_and_read(tmp_path: Path, kind: str, background: str) -> None:
    given = ["lab", "-o", str(tmp_path / "lab"), "--hosts", "16", "--days", "1", "--implants", kind,
             "--background", background]  # fmt: skip
    assert CliRunner().invoke(cli, given, standalone_mode=False).return_value == 0
    labels = json.loads((tmp_path / "lab" / "labels.json").read_text())
    assert labels and all(
        label["kind"] in ("staging", "upload") if kind == "staging" else label["sleep_s"] > 0 for label in labels
    )
    paths = [path for path in (tmp_path / "lab").iterdir() if path.name != "labels.json"]
    wanted = frozenset({"destination.domain", "tls.client.server_name", "destination.ip"})
    told: list[object] = []
    table = ingest.read_events(paths, release.schema(), wanted=wanted, report=told.append)
    found = {
        row[0] for row in table.connection.execute(f'SELECT DISTINCT "destination.ip" FROM {table.name}').fetchall()
    }
    assert told == [] and {label["address"] for label in labels} <= found


def test_networks_go_with_implants(tmp_path: Path) -> None:
    given = ["lab", "-o", str(tmp_path / "lab"), "--hosts", "8", "--days", "2", "--kind", "zeek", "--network"]
    assert CliRunner().invoke(cli, [*given, "nat", "--implants", "page"]).exit_code == 2
    assert CliRunner().invoke(cli, [*given, "dhcp"], standalone_mode=False).return_value == 0
    labels = json.loads((tmp_path / "lab" / "labels.json").read_text())
    assert all(len(label["sources"]) == 2 for label in labels)
