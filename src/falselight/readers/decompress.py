"""Compressed streams as plain ones: gzip, bzip2, xz and Zstandard, each of several members or frames in a row.

Output comes by bounded pieces, whatever the input expands to. A stream that ends too early raises ``EOFError``."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

import zstandard

CHUNK = 1 << 20
PIECE = 1 << 16


class Reads(Protocol):
    def read1(self, size: int = -1, /) -> bytes: ...


class _Gzip:
    """gzip members, one after another. White space after a member holds no data: it is told, and is no damage."""

    PADDING = b"\0\t\n\r "

    def __init__(self, stream: BinaryIO, stray: Callable[[], None]) -> None:
        self._stream, self._stray = stream, stray
        self._member: Any = None
        self._pending = b""

    def read1(self, size: int = -1) -> bytes:
        limit = size if size > 0 else CHUNK
        while self._member is not None or self._next():
            piece = self._pending or self._stream.read(PIECE)
            data: bytes = self._member.decompress(piece, limit)
            self._pending = self._member.unconsumed_tail
            if self._member.eof:
                self._pending, self._member = self._member.unused_data, None
            elif not piece and not data:
                raise EOFError("it ends inside the compressed data")
            if data:
                return data
        return b""

    def _next(self) -> bool:
        """Begin the next member, if there is one."""
        padding = b""
        while True:
            rest = self._pending or self._stream.read(PIECE)
            self._pending = rest.lstrip(self.PADDING)
            padding = (padding + rest[: len(rest) - len(self._pending)]).lstrip(b"\0")[:1]
            if self._pending or not rest:
                break
        if padding:
            self._stray()
        self._member = zlib.decompressobj(31) if self._pending else None
        return self._member is not None


class _Zstd:
    """Zstandard frames, one after another. A stream that ends inside a frame is an error, as it is for gzip. Input goes in
    by small pieces, because one block of 4 bytes may give 128 KiB."""

    SMALL = 2048

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._pending = b""
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._frame: Any = None
        self._output = b""

    def read1(self, size: int = -1) -> bytes:
        while not self._output:
            if self._frame is not None and self._frame.eof:
                self._pending, self._frame = self._frame.unused_data, None
            piece = self._pending or self._stream.read(self.SMALL)
            self._pending = b""
            if not piece:
                if self._frame is not None:
                    raise EOFError("it ends inside a frame")
                return b""
            if self._frame is None:
                self._frame = self._decompressor.decompressobj()
            self._output = self._frame.decompress(piece)
        size = len(self._output) if size < 0 else size
        data, self._output = self._output[:size], self._output[size:]
        return data


def decompressed(kind: str, stream: BinaryIO, stray: Callable[[], None]) -> Reads:
    """The content of a stream of this kind; ``stray`` is called where white space follows it."""
    if kind == "gzip":
        return _Gzip(stream, stray)
    if kind == "bzip2":
        return bz2.BZ2File(stream)
    if kind == "xz":
        return lzma.LZMAFile(stream)
    return _Zstd(stream)
