"""What the user says about inputs that do not say it themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True)
class Settings:
    """``timezone`` and ``year`` serve records that have neither (without a year: the latest that is not in the
    future). ``passwords`` are tried on encrypted archives. ``internal`` networks are the user's own, ``external`` ones
    are not even where they lie inside; without ``internal`` the private and local ranges are.
    ``derive`` fills in what a source does not give (``falselight.derive``)."""

    timezone: tzinfo = UTC
    year: int | None = None
    passwords: tuple[str, ...] = ()
    internal: tuple[IPv4Network | IPv6Network, ...] = ()
    external: tuple[IPv4Network | IPv6Network, ...] = ()
    derive: bool = True


DEFAULTS = Settings()
