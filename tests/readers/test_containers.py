"""Files, folders and archives become plain streams; hostile and damaged ones are bounded and reported."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import pyzipper
import zstandard

from falselight.diagnostics import Diagnostic
from falselight.readers import containers

DATA = b'{"a": 1}\n' * 1000


def read(*paths: Path) -> tuple[list[tuple[str, str | None, bytes]], list[Diagnostic]]:
    diagnostics: list[Diagnostic] = []
    found = [
        (Path(opened.input.path).name, opened.input.member, opened.stream.read())
        for opened in containers.open_all(paths, diagnostics.append)
    ]
    return found, diagnostics


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [lambda x: x, gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_content_decides_not_the_name(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "misleading.txt"
    path.write_bytes(pack(DATA))
    assert read(path) == ([("misleading.txt", None, DATA)], [])


def test_input_carries_hash_and_size_of_the_outer_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(DATA))
    (opened,) = containers.open_all([path], pytest.fail)
    assert opened.described().sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert opened.input.size == path.stat().st_size


def test_folder_is_walked_in_the_order_of_path_bytes(tmp_path: Path) -> None:
    for name in ("b", "a/z", "a-", "B"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found, diagnostics = read(tmp_path)
    assert [data for _, _, data in found] == [b"B", b"a-", b"a/z", b"b"] and not diagnostics


def test_nested_archives(tmp_path: Path) -> None:
    path = tmp_path / "x"
    inner = zipped(one=DATA, two=gzip.compress(b"two"))
    path.write_bytes(gzip.compress(tarred([(tarfile.TarInfo("d/in.zip"), inner), (tarfile.TarInfo("plain"), b"p")])))
    assert read(path) == ([("x", "d/in.zip!one", DATA), ("x", "d/in.zip!two", b"two"), ("x", "plain", b"p")], [])


def test_depth_is_bounded(tmp_path: Path) -> None:
    data = b"x"
    for _ in range(containers.MAX_DEPTH + 1):
        data = zipped(m=data)
    (tmp_path / "deep").write_bytes(data)
    found, diagnostics = read(tmp_path / "deep")
    assert not found and "nested more than" in diagnostics[0].message


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstandard.compress])
def test_truncated_file_gives_what_is_readable_and_one_diagnostic(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    noise = os.urandom(3_000_000)
    path = tmp_path / "cut"
    packed = pack(noise)
    path.write_bytes(packed[: len(packed) * 2 // 3])
    ((_, _, data),), diagnostics = read(path)
    assert len(data) > 900_000 and noise.startswith(data)
    assert len(diagnostics) == 1 and diagnostics[0].code == "E0504" and "cut is damaged" in diagnostics[0].message


@pytest.mark.parametrize("after", [b"\n", b"\r\n", b"\n" + gzip.compress(b"more"), bytes(600) + b" "])
def test_white_space_after_gzip_is_told_and_is_no_damage(tmp_path: Path, after: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(DATA) + after)
    ((_, _, data),), diagnostics = read(tmp_path / "a.gz")
    assert data == DATA + (b"more" if b"\x1f" in after else b"")
    assert [diagnostic.code for diagnostic in diagnostics] == ["W0513"]


@pytest.mark.parametrize(
    ("after", "codes"),
    [(bytes(512), []), (gzip.compress(b""), []), (b"\njunk", ["W0513", "E0504"]), (b"junk", ["E0504"])],
)
def test_what_follows_a_gzip_member(tmp_path: Path, after: bytes, codes: list[str]) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(DATA) + after)
    ((_, _, data),), diagnostics = read(tmp_path / "a.gz")
    assert data == DATA and [diagnostic.code for diagnostic in diagnostics] == codes


def test_damage_inside_gzip_is_found_by_its_checksum(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(DATA * 100))
    packed[-6] ^= 0xFF
    (tmp_path / "a.gz").write_bytes(bytes(packed))
    assert [diagnostic.code for diagnostic in read(tmp_path / "a.gz")[1]] == ["E0504"]


def test_damaged_member_names_file_and_member_and_others_are_read(tmp_path: Path) -> None:
    data = bytearray(zipped(bad=os.urandom(5000), good=b"fine"))
    data[200] ^= 0xFF
    (tmp_path / "z").write_bytes(bytes(data))
    found, diagnostics = read(tmp_path / "z")
    assert ("z", "good", b"fine") in found
    assert [diagnostic.code for diagnostic in diagnostics] == ["E0504"] and "z!bad" in diagnostics[0].message


def test_links_devices_and_traversal_in_archives_are_passed_over(tmp_path: Path) -> None:
    link, device = tarfile.TarInfo("link"), tarfile.TarInfo("device")
    link.type, link.linkname, device.type = tarfile.SYMTYPE, "/etc/passwd", tarfile.CHRTYPE
    names = ["../up", "/root", "C:/x", "ok"]
    (tmp_path / "t").write_bytes(tarred([(link, b""), (device, b""), *((tarfile.TarInfo(n), b"x") for n in names)]))
    found, diagnostics = read(tmp_path / "t")
    assert found == [("t", "ok", b"x")]
    assert [diagnostic.code for diagnostic in diagnostics] == ["W0505"] * 5


def test_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "RATIO_APPLIES_ABOVE", 1 << 20)
    monkeypatch.setattr(containers, "MAX_EXPANSION_RATIO", 50)
    (tmp_path / "bomb").write_bytes(gzip.compress(bytes(30_000_000)))
    ((_, _, data),), diagnostics = read(tmp_path / "bomb")
    assert len(data) <= 4 << 20 and [diagnostic.code for diagnostic in diagnostics] == ["E0506"]


def test_absent_empty_and_special_paths_are_reported(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found, diagnostics = read(tmp_path / "no", tmp_path / "empty", tmp_path / "pipe")
    assert not found and [diagnostic.code for diagnostic in diagnostics] == ["E0501", "W0503", "E0502"]


def test_local_gives_a_real_file(tmp_path: Path) -> None:
    (tmp_path / "z").write_bytes(zipped(m=DATA))
    for opened in containers.open_all([tmp_path / "z"], pytest.fail):
        with opened.local() as path:
            assert path.read_bytes() == DATA
        assert not path.exists()


# An archive of Info-ZIP (``zip -P lamp``): the member ``m`` is encrypted, ``plain`` is not.
ZIP_CRYPTO = (
    "UEsDBBQACQAIAAAAIVz5MmVrPAAAACgjAAABAAAAbf9VTFOaAVKPgQEWCa7DAzGQYCsYYs952n+9zTxZ7/i81R2ljT9d/tXfagyT"
    "eShQariCcd/P/Ji99ZTlGVBLBwj5MmVrPAAAACgjAABQSwMECgAAAAAAAAAhXLGeB4IBAAAAAQAAAAUAAABwbGFpbnBQSwECHgMU"
    "AAkACAAAACFc+TJlazwAAAAoIwAAAQAAAAAAAAABAAAApIEAAAAAbVBLAQIeAwoAAAAAAAAAIVyxngeCAQAAAAEAAAAFAAAAAAAA"
    "AAEAAACkgWsAAABwbGFpblBLBQYAAAAAAgACAGIAAACPAAAAAAA="
)


def encrypted(aes: bool, password: bytes = b"lamp") -> bytes:
    """A zip archive with an encrypted member and a plain one."""
    if not aes:
        return base64.b64decode(ZIP_CRYPTO)
    buffer = io.BytesIO()
    with pyzipper.AESZipFile(buffer, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password)
        archive.writestr("m", DATA)
        archive.setencryption(None)
        archive.pwd = None
        archive.writestr("plain", b"p")
    return buffer.getvalue()


@pytest.mark.parametrize("aes", [False, True])
def test_encrypted_members_open_with_one_of_the_passwords(tmp_path: Path, aes: bool) -> None:
    (tmp_path / "z").write_bytes(encrypted(aes))
    for passwords, members in (((), ["plain"]), (("wrong", "other"), ["plain"]), (("wrong", "lamp"), ["m", "plain"])):
        told: list[Diagnostic] = []
        found = {o.input.member: o.stream.read() for o in containers.open_all([tmp_path / "z"], told.append, passwords)}
        assert list(found) == members and found.get("m", DATA) == DATA
        assert [each.code for each in told] == ([] if "m" in members else ["W0505"])
        assert all("encrypted" in each.message for each in told)


def test_an_encrypted_archive_within_a_stream(tmp_path: Path) -> None:
    (tmp_path / "z.gz").write_bytes(gzip.compress(encrypted(True)))
    ((member, data),) = [
        (o.input.member, o.stream.read())
        for o in containers.open_all([tmp_path / "z.gz"], pytest.fail, ["lamp"])
        if o.input.member == "m"
    ]
    assert (member, data) == ("m", DATA)
