"""The command line as a user meets it: what is on stdout and stderr, and the exit code."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BEAT = [
    {
        "@timestamp": f"2026-01-01T00:{minute:02d}:00.000Z",
        "event": {"category": ["network"], "type": ["start"]},
        "network": {"direction": "egress"},
        "host": {"name": "h1"},
        "process": {"name": "evil.exe"},
        "destination": {"ip": "203.0.113.9", "port": 443},
    }
    for minute in range(12)
]


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "falselight", *map(str, words)]
    known = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100", **environment}
    return subprocess.run(command, capture_output=True, text=True, env=known, cwd=ROOT, timeout=60, check=False)


def lines(path: Path, documents: list[Any]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in documents), encoding="utf-8")
    return path


@pytest.fixture
def beat(tmp_path: Path) -> Path:
    return lines(tmp_path / "beat.ndjson", BEAT)


def test_hunt_writes_findings_to_stdout_and_talk_to_stderr(beat: Path) -> None:
    done = run("hunt", beat)
    (finding,) = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0
    assert finding["falselight"]["windows"] == 3 and finding["falselight"]["events"] == 12
    assert finding["destination"]["ip"] == "203.0.113.9" and finding["event"]["kind"] == "alert"
    assert finding["threat"]["technique"]["subtechnique"]["id"] == ["T1583.004"]
    assert "12 in" in done.stderr and "1 medium" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(("level", "code"), [("low", 1), ("medium", 1), ("high", 0)])
def test_fail_on(beat: Path, level: str, code: int) -> None:
    assert run("hunt", beat, "--fail-on", level).returncode == code


def test_formats_agree(beat: Path) -> None:
    listed = json.loads(run("hunt", beat, "--format", "json").stdout)
    rows = list(csv.DictReader(io.StringIO(run("hunt", beat, "--format", "csv").stdout)))
    table = run("hunt", beat, "--format", "table").stdout
    assert listed[0]["falselight"]["windows"] == int(rows[0]["falselight.windows"]) == 3
    assert "203.0.113.9" in table and "evil.exe" in table


@pytest.mark.parametrize("words", [["lint", "@page"], ["test", "@page"], ["diff", "@page", "@page"]], ids=" ".join)
def test_json_is_one_array_of_what_ndjson_has_line_by_line(beat: Path, words: list[str]) -> None:
    paths = [beat] if words[0] == "diff" else []
    listed = json.loads(run(*words, *paths, "--format", "json").stdout)
    assert listed and listed == [
        json.loads(line) for line in run(*words, *paths, "--format", "ndjson").stdout.splitlines()
    ]


def test_time_range(beat: Path) -> None:
    done = run("hunt", beat, "--rules", "@page", "--from", "2026-01-01T00:05", "--to", "2026-01-01")
    assert done.stdout == "" and "No findings." in done.stderr and "7 of 10" in done.stderr


def test_sequences_and_evidence(beat: Path) -> None:
    done = run("hunt", beat, "--sequences", "--evidence", "--format", "table")
    assert "## window 3 of 3" in done.stdout
    assert "verified" in done.stdout and json.dumps(BEAT[0]) in done.stdout


def test_output_folder(beat: Path, tmp_path: Path) -> None:
    run("hunt", beat, "-o", tmp_path / "out", "--sequences")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    windows = (tmp_path / "out" / "sequences.ndjson").read_text().splitlines()
    assert summary["events"] == 12 and len(summary["inputs"][0]["sha256"]) == 64
    assert len(windows) == 3 and len(json.loads(windows[0])["events"]) == 10


def damaged(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"damaged-{kind}"
    if kind == "gzip":
        path.write_bytes(gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in BEAT))[:-40])
    elif kind == "line":
        path.write_text(json.dumps(BEAT[0]) + "\n{broken\n" + json.dumps(BEAT[1]) + "\n")
    elif kind == "evtx":
        path.write_bytes(b"ElfFile\0" + bytes(100))
    elif kind == "unknown":
        path.write_text("hello, world\n")
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize("kind", ["gzip", "line", "evtx", "unknown", "folder", "absent"])
def test_damage_is_named_counted_and_the_rest_is_hunted(beat: Path, tmp_path: Path, kind: str) -> None:
    path = damaged(tmp_path, kind)
    done = run("hunt", path, beat)
    assert done.returncode == 4
    assert len(done.stdout.splitlines()) == 1, done.stderr
    assert path.name in done.stderr and "Traceback" not in done.stderr
    if kind == "line":
        assert "line 2" in done.stderr and "1 not JSON" in done.stderr


def test_misuse(beat: Path, tmp_path: Path) -> None:
    assert run("hunt", tmp_path / "absent").returncode == 2
    assert run("hunt", beat, "--formt", "json").returncode == 2
    assert run("hunt", beat, "--rules", tmp_path / "absent.toml").returncode == 2
    assert run("hunt", beat, "--rules", "@page", "--from", "tomorrow").returncode == 2
    assert run("search", "process wher true", beat).returncode == 2


def test_a_broken_rule_among_good_ones(beat: Path, tmp_path: Path) -> None:
    good = (ROOT / "content/rules/resource_development_server_ten_connections_in_an_hour.toml").read_text()
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.toml").write_text(good)
    (rules / "b.toml").write_text('[rule]\nid = "b"\nname = "b"\nquery = "process where"\n')
    (rules / "c.toml").write_text("not toml")
    (rules / "d.toml").write_text('[rule]\nname = "d"\n')
    done = run("hunt", beat, "--rules", rules)
    assert done.returncode == 4 and len(done.stdout.splitlines()) == 1
    for name in ("c.toml", "d.toml", "b:1:"):
        assert name in done.stderr
    assert "1 rule run, 1 rule not run" in done.stderr


def test_values_of_logs_are_harmless(tmp_path: Path) -> None:
    nasty = "\x1b[31mred\x1b[0m\u202e\nline"
    formula = "=cmd|' /C calc'!A0"
    documents = [{**each, "host": {"name": nasty}, "process": {"name": formula}} for each in BEAT]
    path = lines(tmp_path / "nasty.ndjson", documents)
    for format in ("table", "csv", "ndjson", "json"):
        more = ["--sequences", "--evidence"] if format in ("table", "ndjson") else []
        done = run("hunt", path, "--format", format, *more)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr and "\u202e" not in done.stdout + done.stderr
    rows = list(csv.DictReader(io.StringIO(run("hunt", path, "--format", "csv").stdout)))
    assert rows[0]["process.name"].startswith("'=")
    assert "\x1b" not in run("hunt", path, "--format", "table").stdout


def test_diagnostics_as_json(beat: Path) -> None:
    done = run("search", 'any where nmae == "x"', beat, "--diagnostics", "json")
    told = json.loads(done.stderr.splitlines()[0])
    assert told["code"] == "E0201" and told["labels"][0]["start"] == {"line": 1, "column": 11, "offset": 10}


def test_search_in_elasticsearchs_shape(beat: Path) -> None:
    answer = json.loads(run("search", "network where true", beat, "--format", "es", "--size", "2").stdout)
    assert [event["_source"]["@timestamp"] for event in answer["hits"]["events"]] == [
        "2026-01-01T00:10:00.000Z",
        "2026-01-01T00:11:00.000Z",
    ]


def test_explain_tells_the_nearest_miss(beat: Path) -> None:
    query = "sequence by host.name with maxspan=5m [network where true] with runs=10"
    done = run("explain", query, beat)
    assert "0 matches." in done.stdout and "came to 6 of 10 within 5 m, and took 9 m for all 10" in done.stdout


def test_compile_and_version() -> None:
    assert "lead(t, 2)" in run("compile", "sequence with maxspan=1m [any where true] with runs=3").stdout
    assert run("--version").stdout.startswith("falselight, version")


def test_an_interrupted_pipe_is_no_fault(beat: Path) -> None:
    command = f"{sys.executable} -m falselight search 'any where true' {beat} --format ndjson | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "src")})  # fmt: skip
    assert len(done.stdout.splitlines()) == 1 and "Traceback" not in done.stderr


def test_no_colour() -> None:
    assert "\x1b[" not in run("hunt", "examples/day", "--format", "table", NO_COLOR="1").stdout


def test_ndjson_stays_ndjson_with_windows_and_evidence(beat: Path) -> None:
    done = run("hunt", beat, "--sequences", "--evidence", "--format", "ndjson")
    finding, *more = map(json.loads, done.stdout.splitlines())
    assert len(more) == 3 + 12
    assert [each["window"] for each in more[:3]] == [0, 1, 2]
    assert [json.loads(each["original"]) for each in more[3:]] == BEAT
    assert {each["sha256"] for each in more[3:]} == {finding["falselight"]["evidence"][0]["sha256"]}


@pytest.mark.parametrize("format", ["json", "csv"])
def test_windows_do_not_fit_into_json_and_csv_but_into_a_folder(beat: Path, tmp_path: Path, format: str) -> None:
    refused = run("hunt", beat, "--evidence", "--format", format)
    assert refused.returncode == 2 and "-o FOLDER" in refused.stderr and refused.stdout == ""
    done = run("hunt", beat, "--evidence", "--format", format, "-o", tmp_path / "out")
    assert done.returncode == 0 and "verified" not in done.stdout
    assert len((tmp_path / "out" / "evidence.ndjson").read_text().splitlines()) == 12
