"""Files on servers: ``s3://`` through pyarrow, ``http(s)://`` through urllib3 (2.8.0, 2026; the client that pip itself uses).

Credentials for s3 are those of the environment, as every AWS tool takes them; those in an address of http are sent and
never shown. Content is read as it comes, never kept: it cannot be read again as evidence.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache, partial
from typing import Any, BinaryIO, cast
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import pyarrow as pa

import falselight
from falselight.readers import ABSENT, DAMAGED, EMPTY, UNREADABLE, Report, fault
from falselight.readers.places import Place, fixed, matcher

_BUFFER = 1 << 16
_CONNECT_SECONDS, _READ_SECONDS, _REDIRECTS, _TRIES = 10.0, 60.0, 5, 3
_FAULTS = (OSError, ValueError, pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError)


def find(address: str, report: Report) -> list[Place]:
    """The files at an address: one of http, one or all below a prefix or a pattern of s3."""
    shown = label(address)
    try:
        if address.lower().startswith("s3:"):
            return _stored(address, shown, report)
        return [Place(shown, None, partial(_get, address, shown, report))]
    except _FAULTS as error:
        report(fault(UNREADABLE, f"{shown} cannot be read: {error}", shown))
        return []


def label(address: str) -> str:
    """An address without what may be secret: user, password, query and fragment."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Streamed(io.RawIOBase):
    """Content as it comes: a stream that breaks ends there, and says so once."""

    def __init__(self, read: Callable[[int], bytes], close: Callable[[], Any], shown: str, report: Report) -> None:
        self._read, self._close, self._shown, self._report = read, close, shown, report
        self._count = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._count

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._ended:
            return 0
        try:
            data = self._read(len(buffer))
        except _FAULTS as error:
            message = f"{self._shown} broke off ({error}); what came before is used"
            self._report(fault(DAMAGED, message, self._shown))
            data = b""
        self._ended = not data
        self._count += len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()


def _buffered(read: Callable[[int], bytes], close: Callable[[], Any], shown: str, report: Report) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(Streamed(read, close, shown, report), _BUFFER))


def filesystem(address: str) -> tuple[Any, str]:
    """pyarrow's file system for an address, and the path in it."""
    from pyarrow import fs

    # Names of objects hold what no address may; what is written as %20 stays.
    found: tuple[Any, str] = fs.FileSystem.from_uri(quote(address, safe="%/:@?=&;+,!$'()*~#[]"))
    return found


def _stored(address: str, shown: str, report: Report) -> list[Place]:
    from pyarrow import fs

    # A wild card is no part of an address; what stands before it is.
    parts = urlsplit(address)
    whole = unquote(parts.netloc.rpartition("@")[2] + parts.path)
    wild = any(sign in whole for sign in "*?[") or "?*" in address
    below = fixed(whole) if wild else whole
    system, path = filesystem(urlunsplit((parts.scheme, "", "", parts.query, "")).replace(":", "://" + below, 1)
                              if wild else address)  # fmt: skip
    info = system.get_file_info(path)
    if info.type == fs.FileType.File:
        files = [info]
    else:
        listed = system.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
        fitting = matcher(whole) if wild else None
        files = [
            each
            for each in listed
            if each.type == fs.FileType.File and (fitting is None or fitting.fullmatch(each.path))
        ]
    if not files:
        gone = info.type == fs.FileType.NotFound or wild
        report(fault(ABSENT if gone else EMPTY, f"{shown} {'does not exist' if gone else 'holds no files'}", shown))

    def opened(file: Any, name: str) -> BinaryIO:
        stream = system.open_input_stream(file.path, compression=None)
        return _buffered(stream.read, stream.close, name, report)

    made = []
    for file in sorted(files, key=lambda each: each.path.encode("utf-8", "surrogatepass")):
        name = f"s3://{file.path}"
        made.append(Place(name, file.size, partial(opened, file, name)))
    return made


@cache
def _pool(proxy: str | None) -> Any:
    import urllib3

    retries = urllib3.Retry(
        total=_TRIES + _REDIRECTS, connect=_TRIES, read=_TRIES, redirect=_REDIRECTS, backoff_factor=0.3
    )
    timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
    if proxy is not None:
        return urllib3.ProxyManager(proxy, retries=retries, timeout=timeout)
    return urllib3.PoolManager(retries=retries, timeout=timeout)


def _get(address: str, shown: str, report: Report) -> BinaryIO:
    """The body as the server stores it. Raises ``OSError`` where it does not come."""
    import urllib3

    parts = urlsplit(address)
    host = parts.hostname or ""
    proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme.lower())
    headers = {"User-Agent": f"falselight/{falselight.__version__}", "Accept-Encoding": "identity"}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers.update(urllib3.make_headers(basic_auth=login))
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
    try:
        response = _pool(proxy).request("GET", bare, headers=headers, preload_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise OSError(f"the server does not answer ({_reason(error)})") from error
    if response.status != 200:
        response.close()
        raise OSError(f"the server answered {response.status} {response.reason or ''}".rstrip())

    def read(size: int) -> bytes:
        try:
            data: bytes = response.read(size, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise OSError(_reason(error)) from error
        return data

    return _buffered(read, response.close, shown, report)


def _reason(error: BaseException) -> str:
    """What went wrong, without the address, which may hold secrets."""
    cause = getattr(error, "reason", None) or error
    return type(cause).__name__
