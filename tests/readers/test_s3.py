"""Objects of a server that speaks S3: what is named is read, with credentials, region and endpoint of the environment.

Runs where moto is installed (``pip install 'moto[server]'``), which is none of this project's needs."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyarrow import fs

from falselight.cli.main import cli
from falselight.diagnostics import Diagnostic
from falselight.readers import containers
from falselight.readers.places import find

server = pytest.importorskip("moto.server", reason="moto is not installed")
NAMES = ("day/a.log", "day/deep/b.log", "day/c d+e&f=g%20h.log", "day/räuber.log", "other.log", "big.log", "z.log.gz")
BIG = b"0123456789abcdef" * (1 << 19)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    running = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-north-1",
        "AWS_ENDPOINT_URL": f"http://{endpoint}", "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1,localhost",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    system = stored(endpoint)
    system.create_dir("evidence")
    for name in NAMES:
        data = BIG if name == "big.log" else name.encode()
        with system.open_output_stream(f"evidence/{name}", compression=None) as stream:
            stream.write(gzip.compress(data) if name.endswith(".gz") else data)
    return "s3://evidence"


def stored(endpoint: str) -> fs.S3FileSystem:
    return fs.S3FileSystem(region="eu-north-1", endpoint_override=endpoint, scheme="http", allow_bucket_creation=True)


def read(address: str) -> tuple[dict[str, bytes], list[Diagnostic]]:
    told: list[Diagnostic] = []
    return {opened.label: opened.stream.read() for opened in containers.open_all([address], told.append)}, told


@pytest.mark.parametrize(
    ("below", "names"),
    [
        ("/day/a.log", ["day/a.log"]),
        ("/day", ["day/a.log", "day/c d+e&f=g%20h.log", "day/deep/b.log", "day/räuber.log"]),
        ("/day/*.log", ["day/a.log", "day/c d+e&f=g%20h.log", "day/räuber.log"]),
        ("/**/b.log", ["day/deep/b.log"]),
        ("/day/r%C3%A4uber.log", ["day/räuber.log"]),
        ("/day/räuber.log", ["day/räuber.log"]),
        ("/day/c d+e&f=g%2520h.log", ["day/c d+e&f=g%20h.log"]),
        ("/day/c d*.log", ["day/c d+e&f=g%20h.log"]),
    ],
)
def test_an_object_all_below_a_prefix_and_a_pattern(bucket: str, below: str, names: list[str]) -> None:
    assert read(bucket + below) == ({f"{bucket}/{name}": name.encode() for name in names}, [])


def test_a_whole_bucket_and_what_is_compressed_in_it(bucket: str) -> None:
    found, told = read(bucket)
    assert not told
    assert list(found) == [f"{bucket}/{name}" for name in sorted(NAMES, key=str.encode)]
    assert found[f"{bucket}/big.log"] == BIG and found[f"{bucket}/z.log.gz"] == b"z.log.gz"


@pytest.mark.parametrize("below", ["/absent.log", "/absent/*.log", "-absent/x.log"])
def test_what_is_not_there_is_told(bucket: str, below: str) -> None:
    found, (told,) = read(bucket + below)
    assert not found and told.code in ("E0501", "E0502")


def test_an_object_that_is_gone_when_it_is_opened(endpoint: str, bucket: str) -> None:
    told: list[Diagnostic] = []
    places = find([f"{bucket}/day/a.log"], told.append)
    stored(endpoint).delete_file("evidence/day/a.log")
    assert list(containers.open_all(places, told.append)) == [] and [each.code for each in told] == ["E0502"]


def test_a_case_of_objects(endpoint: str, bucket: str, tmp_path: Path) -> None:
    line = b'{"@timestamp":"2026-03-11T09:00:00Z","event":{"category":["network"]},"source":{"ip":"10.4.0.13"}}\n'
    with stored(endpoint).open_output_stream("evidence/events.ndjson", compression=None) as stream:
        stream.write(line * 3)
    case = tmp_path / "case"
    result = CliRunner().invoke(cli, ["import", f"{bucket}/events.ndjson", "--case", str(case)], standalone_mode=False)
    assert (result.exception, result.return_value) == (None, 0)
    result = CliRunner().invoke(
        cli, ["search", "network where true", str(case), "--format", "ndjson"], standalone_mode=False
    )
    assert len(result.stdout.splitlines()) == 3
