"""What listens on the test network: a web server that answers anything, ports that accept and close, and a resolver with a
zone of its own. Run as ``python -m falselight.validation.servers``; it serves until it is ended."""

from __future__ import annotations

import argparse
import asyncio
import struct
from typing import cast

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
_NO_SUCH_NAME, _A, _IN, _SECONDS = 3, 1, 1, 30
_LONGEST_REQUEST = 65_536


async def _web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(_LONGEST_REQUEST)
    writer.write(_ANSWER)
    await writer.drain()
    writer.close()


async def _close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


class Resolver(asyncio.DatagramProtocol):
    """Answers A queries below ``zone`` with ``address``; every other name does not exist."""

    def __init__(self, zone: str, address: str) -> None:
        self._zone = zone.lower()
        self._address = address
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer with."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """Answer one query; what is none is dropped, as a resolver does."""
        response = answer(data, self._zone, self._address)
        if response is not None and self._transport is not None:
            self._transport.sendto(response, addr)


def answer(query: bytes, zone: str, address: str) -> bytes | None:
    """The response to one query of one question (RFC 1035), None for what is no such query."""
    if len(query) < 12 or query[2] & 0x80 or query[4:6] != b"\x00\x01":
        return None
    labels, at = [], 12
    while at < len(query) and query[at]:
        length = query[at]
        if length > 63 or at + 1 + length > len(query):
            return None
        labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    if at + 5 > len(query):
        return None
    question = query[12 : at + 5]
    kind, group = struct.unpack("!HH", query[at + 1 : at + 5])
    known = (".".join(labels) + ".").endswith(f".{zone}.")
    found = known and kind == _A and group == _IN and address != ""
    code = 0 if known and address else _NO_SUCH_NAME
    header = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, int(found), 0, 0)
    if not found:
        return header + question
    packed = bytes(int(part) for part in address.split("."))
    return header + question + struct.pack("!HHHIH", 0xC00C, _A, _IN, _SECONDS, len(packed)) + packed


async def _serve(web: list[int], listen: list[int], zone: str, address: str, resolver: str) -> None:
    for port in web:
        await asyncio.start_server(_web, "0.0.0.0", port)
    for port in listen:
        await asyncio.start_server(_close, "0.0.0.0", port)
    if resolver:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: Resolver(zone, address), local_addr=(resolver, 53))
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--web", type=int, nargs="*", default=[])
    parser.add_argument("--listen", type=int, nargs="*", default=[])
    parser.add_argument("--resolver", default="", help="address to answer DNS at")
    parser.add_argument("--zone", default="")
    parser.add_argument("--address", default="", help="what names of the zone resolve to; none: they do not exist")
    given = parser.parse_args()
    asyncio.run(_serve(given.web, given.listen, given.zone, given.address, given.resolver))


if __name__ == "__main__":
    main()
