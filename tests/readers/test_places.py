"""How inputs are named: patterns, stdin, s3 and http, and what cannot be had from there."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pyarrow import fs

from falselight.diagnostics import Diagnostic
from falselight.readers import containers, places, remote

DATA = b'{"a": 1}\n' * 1000


def read(*names: str | Path) -> tuple[list[tuple[str, bytes]], list[Diagnostic]]:
    diagnostics: list[Diagnostic] = []
    found = [(opened.input.path, opened.stream.read()) for opened in containers.open_all([*names], diagnostics.append)]
    return found, diagnostics


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.log", "a.log", "c.txt", "sub/d.log", "sub/deep/e.log", "[x].log", ".hidden.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.log", ["[x].log", "a.log", "b.log"]),
        ("?.log", ["a.log", "b.log"]),
        ("[!b].log", ["a.log"]),
        ("[x].log", ["[x].log"]),
        ("**/d.log", ["sub/d.log"]),
        ("./**/*.log", [".hidden.log", "[x].log", "a.log", "b.log", "sub/d.log", "sub/deep/e.log"]),
        ("s*", ["sub/d.log", "sub/deep/e.log"]),
        ("sub/**", ["sub/d.log", "sub/deep/e.log"]),
    ],
)
def test_patterns(tree: Path, pattern: str, names: list[str]) -> None:
    found, diagnostics = read(pattern)
    assert [name.removeprefix("./") for name, _ in found] == names and not diagnostics
    assert places.any_there([pattern])


def test_patterns_are_text_and_never_paths(tree: Path) -> None:
    for name in ("*.nothing", Path("*.log")):
        found, (told,) = read(name)
        assert not found and told.code == "E0501"
        assert not places.any_there([name])


def test_links_in_circles_are_not_followed(tree: Path) -> None:
    (tree / "sub" / "back").symlink_to(tree)
    found, diagnostics = read("**/*.log")
    assert len(found) == 6
    assert [told.code for told in diagnostics] == ["W0505"]


def test_stdin_is_read_once_and_hashed(tmp_path: Path) -> None:
    code = (
        "from falselight.readers import containers\n"
        "seen = [(o, o.input.path, o.described().sha256, len(o.stream.read()))"
        " for o in containers.open_all(['-'], print)]\n"
        "print([(o.described().sha256, *more) for o, *more in seen])"
    )
    packed = gzip.compress(DATA)
    environment = {**os.environ, "PYTHONPATH": str(Path(places.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], input=packed, capture_output=True, env=environment, check=True)
    assert done.stdout.decode().strip() == str([(hashlib.sha256(packed).hexdigest(), "stdin", None, len(DATA))])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/file.gz")
            self.end_headers()
        elif self.path.startswith("/file.gz"):
            packed = gzip.compress(DATA)
            self.send_response(200)
            self.send_header("Content-Length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed)
        elif self.path == "/login" and self.headers["Authorization"] == "Basic bWU6czNjcmV0":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"in")
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(DATA[:900])
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    serving = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=partial(serving.serve_forever, 0.02), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()


@pytest.mark.parametrize("path", ["file.gz", "moved", "file.gz?signature=s3cret#x"])
def test_http(server: str, path: str) -> None:
    found, diagnostics = read(f"{server}/{path}")
    assert found == [(f"{server}/{path.partition('?')[0]}", DATA)] and not diagnostics


def test_http_logs_in_and_shows_no_password(server: str) -> None:
    address = server.replace("//", "//me:s3cret@")
    assert read(f"{address}/login") == ([(f"{server}/login", b"in")], [])
    for name in (f"{address}/absent", address.replace("127.0.0.1", "no.invalid") + "/x?token=s3cret"):
        found, (told,) = read(name)
        assert not found and told.code == "E0502" and "s3cret" not in str(told)


def test_http_that_breaks_off_gives_what_came(server: str) -> None:
    ((_, data),), (told,) = read(f"{server}/cut")
    assert data == DATA[:900] and told.code == "E0504" and "broke off" in told.message


@pytest.fixture
def bucket(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder as a bucket: the same calls of pyarrow, without a server."""
    system = fs.SubTreeFileSystem(str(tree), fs.LocalFileSystem())
    monkeypatch.setattr(remote, "filesystem", lambda address: (system, address.removeprefix("s3://").partition("?")[0]))


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("s3://sub/d.log", ["sub/d.log"]),
        ("s3://sub", ["sub/d.log", "sub/deep/e.log"]),
        ("s3://sub/*.log", ["sub/d.log"]),
        ("s3://sub/**/*.log", ["sub/d.log", "sub/deep/e.log"]),
        ("s3://sub/**/e*?region=eu-north-1", ["sub/deep/e.log"]),
    ],
)
def test_s3(bucket: None, address: str, names: list[str]) -> None:
    assert read(address) == ([(f"s3://{name}", name.encode()) for name in names], [])


def test_s3_that_is_not_there(bucket: None) -> None:
    for address in ("s3://absent/x", "s3://sub/*.gz"):
        found, (told,) = read(address)
        assert not found and told.code == "E0501"
