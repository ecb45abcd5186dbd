"""Encrypted members of zip archives, opened by the first password that fits.

The standard library reads the old encryption (ZipCrypto). WinZip's AES is read by pyzipper (0.4.0, 2026-05)."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO, Any

# The old encryption checks a password by one byte: so much of the member is read to see whether it makes sense.
_PROBED = 1 << 20
_AES = 99
_WRONG = (RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError)


class Locked(Exception):
    """No password was given, or none fits."""


class Locks:
    """The encrypted members of one archive; a password that fitted is tried first on the next."""

    def __init__(self, archive: zipfile.ZipFile, passwords: Sequence[str]) -> None:
        self._archive = archive
        self._keys = [password.encode() for password in passwords]
        self._aes: tuple[Any, dict[int, Any]] | None = None

    def open(self, info: zipfile.ZipInfo) -> IO[bytes]:
        """The content of a member. Raises ``Locked``."""
        if not self._keys:
            raise Locked("is encrypted (--password)")
        source, member = self._member(info)
        for key in self._keys:
            try:
                with source.open(member, pwd=key) as probe:
                    probe.read(_PROBED)
            except _WRONG:
                continue
            self._keys.remove(key)
            self._keys.insert(0, key)
            opened: IO[bytes] = source.open(member, pwd=key)
            return opened
        raise Locked("is encrypted, and no password that was given opens it")

    def _member(self, info: zipfile.ZipInfo) -> tuple[Any, Any]:
        if info.compress_type != _AES:
            return self._archive, info
        if self._aes is None:
            # Loaded only for such archives, as it brings a library of ciphers with it.
            import pyzipper

            archive = pyzipper.AESZipFile(self._archive.fp)
            self._aes = archive, {each.header_offset: each for each in archive.infolist()}
        archive, members = self._aes
        return archive, members[info.header_offset]
