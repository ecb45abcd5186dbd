"""Autonomous systems of addresses, from a MaxMind database that the user has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from falselight.diagnostics import Diagnostic, FalselightError, Severity

DAMAGED = "E0545"


@dataclass(frozen=True)
class System:
    """An autonomous system: its number and its holder, as far as the database has them."""

    number: int | None
    holder: str | None

    @property
    def text(self) -> str:
        """How people write it."""
        number = f"AS{self.number}" if self.number is not None else ""
        return f"{number} ({self.holder})" if number and self.holder else number or self.holder or ""


def systems(path: Path, addresses: Iterable[str]) -> dict[str, System]:
    """The system of each address that the database knows. Raises ``FalselightError`` (E0545) where the file is none, or
    damaged."""
    import maxminddb

    found: dict[str, System] = {}
    try:
        with maxminddb.open_database(path) as database:
            old = database.metadata().ip_version == 4
            for address in addresses:
                if old and ":" in address:
                    continue
                record = database.get(address)
                if isinstance(record, dict):
                    number, holder = (record.get(f"autonomous_system_{part}") for part in ("number", "organization"))
                    known = System(
                        number if isinstance(number, int) else None, holder if isinstance(holder, str) else None
                    )
                    if known.text:
                        found[address] = known
    except (maxminddb.InvalidDatabaseError, UnicodeDecodeError) as fault:
        told = f"{path} is no MaxMind database, or a damaged one: {fault}"
        help = "--asn takes a database of autonomous systems in MaxMind's format, as GeoLite2-ASN.mmdb"
        raise FalselightError([Diagnostic(DAMAGED, Severity.ERROR, told, help=help)]) from fault
    return found
