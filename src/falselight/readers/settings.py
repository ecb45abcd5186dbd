"""What the user says about inputs that do not say it themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from falselight.readers.csv_mapping import CsvMapping

TIMEZONE, YEAR = "timezone", "year"
Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True)
class Settings:
    """``timezone`` and ``year`` serve records that have neither (without a year: the latest that is not in the
    future). ``passwords`` are tried on encrypted archives. ``internal`` networks are the user's own, ``external`` ones
    are not even where they lie inside; without ``internal`` the private and local ranges are. ``remembered`` are those of
    both kinds that the cases among the inputs were imported with.
    ``assumed`` counts, under ``TIMEZONE`` and ``YEAR``, the records that needed these: readers add to it.
    ``derive`` fills in what a source does not give (``falselight.derive``). ``csv`` are mappings of CSV files."""

    timezone: tzinfo = UTC
    year: int | None = None
    passwords: tuple[str, ...] = ()
    internal: Networks = ()
    external: Networks = ()
    remembered: tuple[Networks, Networks] | None = None
    derive: bool = True
    csv: tuple[CsvMapping, ...] = ()
    assumed: Counter[str] = field(default_factory=Counter, compare=False, repr=False)


DEFAULTS = Settings()
