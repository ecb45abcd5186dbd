"""Names in, byte streams out: files, folders, compressed files and archives, recognised by content, never by name.

Nothing is written to disk under a name that an archive gives. Archives are read to a bounded depth, and what they may
expand to is bounded, so that a crafted file cannot fill the disk or run for ever.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal, cast

import zstandard

from falselight.diagnostics import Diagnostic
from falselight.readers import DAMAGED, TOO_LARGE, TRAILING, UNREADABLE, UNSAFE, Report, encrypted, fault, wrapped
from falselight.readers.decompress import Reads, decompressed
from falselight.readers.places import Place, find
from falselight.store import Input

MAX_DEPTH = 4
MAX_MEMBERS = 100_000
MAX_EXPANDED_BYTES = 256 * 2**30
MAX_EXPANSION_RATIO = 2000
RATIO_APPLIES_ABOVE = 256 * 2**20
CHUNK = 1 << 20
HEAD_BYTES = 1 << 16

_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)
UNSAFE_REASON = "is a link, a device or leads out of the archive"
_DAMAGE = (
    OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, tarfile.TarError, zipfile.BadZipFile,
    NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip


class TooLarge(Exception):
    """Content that expands beyond the limits."""


@dataclass
class Opened:
    """One plain input. ``stream`` is at its start and is closed when the next one is taken; ``path`` is a real file with
    the same bytes, if there is one (``local`` makes one); ``once`` tells that the bytes come only once; ``label`` names
    file and member for messages."""

    input: Input
    stream: BinaryIO
    path: Path | None
    outer: BinaryIO
    label: str
    digest: Future[str]
    once: bool = False

    def described(self) -> Input:
        """The input with the SHA-256 of its file, which is computed beside the reading: asking waits for it. Without it
        where the file could not be read to its end, or cannot be read twice and has not been read to its end yet."""
        if self.once and not self.digest.done():
            return self.input
        return self.input if self.digest.exception() is not None else replace(self.input, sha256=self.digest.result())

    def position(self) -> int:
        """How many bytes of the outer file have been read, for progress."""
        return self.outer.tell()

    def head(self) -> bytes:
        """The first bytes (up to ``HEAD_BYTES``) of a stream that is still at its start."""
        return cast(io.BufferedReader, self.stream).peek(HEAD_BYTES)

    @contextmanager
    def local(self) -> Iterator[Path]:
        """A real file with the content, temporary if need be; the stream is consumed by that."""
        if self.path is not None:
            yield self.path
            return
        with tempfile.NamedTemporaryFile(prefix="falselight-") as copy:
            shutil.copyfileobj(self.stream, copy, CHUNK)
            copy.flush()
            yield Path(copy.name)


def open_all(names: Iterable[str | Path | Place], report: Report, passwords: Sequence[str] = ()) -> Iterator[Opened]:
    """Every plain input that the names stand for (see ``places``), in their order. What cannot be read is reported once and
    left out; of a damaged file what comes before the damage is given. ``passwords`` are tried on encrypted archives."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="falselight-sha256") as pool:
        for place in find(names, report):
            try:
                with place.open() as raw:
                    outer = (
                        raw if place.path is not None else cast(BinaryIO, io.BufferedReader(Hashed(raw), HEAD_BYTES))
                    )
                    digest = _digest(place, pool)
                    budget = _Budget(outer.tell if place.size is None else partial(int, place.size), passwords)
                    source = Input(place.label, None, None, place.size)
                    for opened in _open(outer, outer, source, place.path, (), budget, report):
                        opened.digest, opened.once = digest, place.path is None
                        yield opened
                    if place.path is None:
                        _finish(outer, digest)
            except OSError as error:
                report(fault(UNREADABLE, f"{place.label} cannot be read: {error.strerror or error}", place.label))


class Hashed(io.RawIOBase):
    """A stream that can be read only once, and what its bytes come to."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = cast(io.BufferedReader, inner)
        self.sha256 = hashlib.sha256()
        self.count = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.count

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._inner.read1(len(buffer))
        self.sha256.update(data)
        self.count += len(data)
        buffer[: len(data)] = data
        return len(data)


def _finish(outer: BinaryIO, digest: Future[str]) -> None:
    """Read what no reader asked for, so that the digest is that of the whole."""
    while outer.read(CHUNK):
        pass
    digest.set_result(cast(Hashed, cast(io.BufferedReader, outer).raw).sha256.hexdigest())


def _digest(place: Place, pool: ThreadPoolExecutor) -> Future[str]:
    """The SHA-256 of a file, of a large one computed beside its reading; of what comes only once, when it has come."""
    if place.path is None:
        return Future()
    if place.size is None or place.size > CHUNK:
        return pool.submit(_sha256, place.path)
    # Of a small file it is had sooner than a thread can be asked for it.
    digest: Future[str] = Future()
    try:
        digest.set_result(_sha256(place.path))
    except OSError as error:
        digest.set_exception(error)
    return digest


def _sha256(path: Path) -> str:
    with open(path, "rb", HEAD_BYTES) as raw:
        return hashlib.file_digest(cast(io.BufferedReader, raw), "sha256").hexdigest()


@dataclass
class _Budget:
    """What one outer file may still expand to, over all its members together. ``size`` in bytes, as far as it is known."""

    size: Callable[[], int]
    passwords: Sequence[str] = ()
    expanded: int = 0
    members: int = 0

    def spend(self, count: int) -> None:
        self.expanded += count
        beyond_ratio = self.expanded > RATIO_APPLIES_ABOVE and self.expanded > self.size() * MAX_EXPANSION_RATIO
        if self.expanded > MAX_EXPANDED_BYTES or beyond_ratio:
            raise TooLarge

    def member(self) -> None:
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise TooLarge


class _Tolerant(io.RawIOBase):
    """A decompressed stream that ends where the damage begins, and says so once."""

    def __init__(self, inner: Reads, label: str, path: str, budget: _Budget, report: Report) -> None:
        self._inner, self._label, self._path, self._budget, self._report = inner, label, path, budget, report
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        filled = 0
        while filled < len(buffer) and not self._ended:
            try:
                data = self._inner.read1(len(buffer) - filled)
                self._budget.spend(len(data))
            except TooLarge:
                self._end(_too_large(self._label, self._path))
            except _DAMAGE as error:
                self._end(_damaged(self._label, self._path, error))
            else:
                self._ended = not data
                buffer[filled : filled + len(data)] = data
                filled += len(data)
        return filled

    def _end(self, diagnostic: Diagnostic) -> None:
        self._ended = True
        self._report(diagnostic)


def _damaged(label: str, path: str, error: BaseException) -> Diagnostic:
    reason = str(error) or type(error).__name__
    return fault(DAMAGED, f"{label} is damaged ({reason}); what could be read before the damage is used", path)


def _stray(label: str, path: str) -> Diagnostic:
    return fault(TRAILING, f"{label} has white space after its compressed data; nothing is lost by it", path)


def _too_large(label: str, path: str) -> Diagnostic:
    return fault(
        TOO_LARGE, f"{label} expands beyond the limits; the rest of it is left out", path,
        help=f"at most {MAX_EXPANDED_BYTES >> 30} GiB, {MAX_EXPANSION_RATIO} times the file and {MAX_MEMBERS} members; "
        "unpack a trusted archive yourself and give its folder",
    )  # fmt: skip


def _open(
    stream: BinaryIO, outer: BinaryIO, source: Input, path: Path | None, members: tuple[str, ...], budget: _Budget,
    report: Report, depth: int = 0,
) -> Iterator[Opened]:  # fmt: skip
    """The plain inputs in a buffered stream; recursion follows the nesting."""
    label = source.path if not members else f"{source.path}!{'!'.join(members)}"
    kind = container(cast(io.BufferedReader, stream).peek(HEAD_BYTES))
    if kind is None:
        member = "!".join(members) or None
        yield Opened(Input(source.path, member, None, source.size), stream, path, outer, label, Future())
        return
    if depth >= MAX_DEPTH:
        report(
            fault(TOO_LARGE, f"{label} is nested more than {MAX_DEPTH} containers deep; it is left out", source.path)
        )
        return
    try:
        if kind in {"zip", "tar"}:
            inside = _zip(stream, budget) if kind == "zip" else _tar(stream, budget)
        elif kind in wrapped.KINDS:
            inside = iter([("", wrapped.unwrapped(kind, stream), None)])
        else:
            inside = iter([("", decompressed(kind, stream, lambda: report(_stray(label, source.path))), None)])
        for name, reads, problem in inside:
            full = f"{label}!{name}" if name else label
            if problem is not None or reads is None:
                report(fault(UNSAFE, f"{full} {problem}; it is left out", source.path))
                continue
            tolerant = io.BufferedReader(_Tolerant(reads, full, source.path, budget, report), HEAD_BYTES)
            chain = (*members, name) if name else members
            yield from _open(cast(BinaryIO, tolerant), outer, source, None, chain, budget, report, depth + 1)
    except TooLarge:
        report(_too_large(label, source.path))
    except _DAMAGE as error:
        report(_damaged(label, source.path, error))


def container(head: bytes) -> str | None:
    """What kind of container begins with these bytes, or None for plain content."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return "tar" if head[257:262] == b"ustar" else wrapped.wrapping(head)


Member = tuple[str, Reads | None, str | None]


def _zip(stream: BinaryIO, budget: _Budget) -> Iterator[Member]:
    with ExitStack() as stack:
        whole = stream
        if not stream.seekable():
            whole = stack.enter_context(tempfile.TemporaryFile(prefix="falselight-"))
            shutil.copyfileobj(stream, whole, CHUNK)
        archive = stack.enter_context(zipfile.ZipFile(whole))
        locks = encrypted.Locks(archive, budget.passwords)
        for info in sorted(archive.infolist(), key=lambda entry: entry.filename.encode("utf-8", "surrogateescape")):
            budget.member()
            if info.is_dir():
                continue
            if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG} or _escapes(info.filename):
                yield info.filename, None, UNSAFE_REASON
                continue
            try:
                inner = locks.open(info) if info.flag_bits & 1 else archive.open(info)
            except encrypted.Locked as error:
                yield info.filename, None, str(error)
            except _DAMAGE as error:
                yield info.filename, None, f"is damaged ({error})"
            else:
                with inner:
                    yield info.filename, cast(Reads, inner), None


def _tar(stream: BinaryIO, budget: _Budget) -> Iterator[Member]:
    mode: Literal["r:", "r|"] = "r:" if stream.seekable() else "r|"
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for info in archive:
            budget.member()
            if info.isdir():
                continue
            inner = archive.extractfile(info) if info.isreg() and not _escapes(info.name) else None
            if inner is None:
                yield info.name, None, UNSAFE_REASON
            else:
                yield info.name, cast(Reads, inner), None


def _escapes(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or "\0" in name or parts[0].endswith(":")
