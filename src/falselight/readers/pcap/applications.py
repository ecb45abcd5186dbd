"""Which protocol a connection carries, told by its first bytes, never by its ports alone."""

from __future__ import annotations

from falselight.readers.pcap.connections import Application, Connection


def begin(connection: Connection) -> Application | None:
    return None
