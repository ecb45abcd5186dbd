"""Options that commands share, and what they mean."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, timedelta, timezone, tzinfo
from functools import wraps
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from falselight.case import networks
from falselight.plan import dates
from falselight.readers.settings import Settings
from falselight.sinks import FORMATS

if TYPE_CHECKING:
    from falselight.readers.csv_mapping import CsvMapping

Command = TypeVar("Command", bound=Callable[..., Any])
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


def output(*more: str) -> Callable[[Command], Command]:
    """``--format`` with the usual formats, and those of one command."""
    return click.option(
        "--format",
        "format",
        type=click.Choice([*FORMATS, *more]),
        help="How results are written to stdout.  [default: table on a terminal, ndjson in a pipe]",
    )


def asn(command: Command) -> Command:
    """``--asn``: which autonomous system an address belongs to."""
    return click.option(
        "--asn", type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="MaxMind database of autonomous systems (GeoLite2-ASN.mmdb, say).",
    )(command)  # fmt: skip


def diagnostics(command: Command) -> Command:
    """``--diagnostics json`` for editors."""
    return click.option(
        "--diagnostics",
        type=click.Choice(["text", "json"]),
        default="text",
        help="How messages are written to stderr: drawn, or one JSON object a line.",
    )(command)


def chosen(format: str | None) -> str:
    """The format asked for, else what suits stdout."""
    return format or ("table" if sys.stdout.isatty() else "ndjson")


class Instant(click.ParamType[int]):
    """A point in time: ISO 8601, epoch milliseconds or date math. Epoch nanoseconds; ``last`` takes the end of the span
    that a text names (a whole day, where a day is written)."""

    name = "time"

    def __init__(self, *, last: bool = False) -> None:
        self.last = last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Epoch nanoseconds of what was written."""
        try:
            low, high = dates.span(str(value), nanoseconds=True)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-24, 2026-11-24T08:00:00Z or now-7d", param, ctx)
        return high if self.last else low


class Zone(click.ParamType[tzinfo]):
    """A time zone: a name of the IANA database, or an offset from UTC."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tzinfo:
        """The zone that was written."""
        if isinstance(value, tzinfo):
            return value
        text = str(value)
        if text.upper() in {"UTC", "Z"}:
            return UTC
        offset = _OFFSET.fullmatch(text)
        if offset is not None:
            sign, hours, minutes = offset.groups()
            span = timedelta(hours=int(hours), minutes=int(minutes))
            if int(minutes) < 60 and span < timedelta(hours=24):
                return timezone(-span if sign == "-" else span)
        else:
            try:
                return ZoneInfo(text)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                pass
        self.fail(f"{value!r} is no time zone; write Europe/Berlin, UTC or -02:00", param, ctx)


class Network(click.ParamType[IPv4Network | IPv6Network]):
    """A network in CIDR notation, or one address."""

    name = "cidr"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> IPv4Network | IPv6Network:
        """The network that was written; bits below its prefix do not matter."""
        try:
            return ip_network(str(value), strict=False)
        except ValueError:
            self.fail(f"{value!r} is no network; write 10.0.0.0/8, 2001:db8::/32 or one address", param, ctx)


def reading(command: Command) -> Command:
    """What the user says of inputs that do not say it themselves. The command gets ``settings``."""

    @wraps(command)
    def with_settings(
        *arguments: Any,
        timezone: tzinfo | None,
        year: int | None,
        password: tuple[str, ...],
        internal: tuple[IPv4Network | IPv6Network, ...],
        external: tuple[IPv4Network | IPv6Network, ...],
        mapping: tuple[str, ...],
        **more: Any,
    ) -> Any:
        csv = tuple(map(_mapping, mapping))
        settings = Settings(timezone or UTC, year, password, internal, external, csv=csv)
        settings = networks.of_cases(more.get("paths", ()), settings)
        return command(*arguments, settings=settings, **more)

    decorated: Any = with_settings
    for option in reversed(_READING):
        decorated = option(decorated)
    made: Command = decorated
    return made


def _mapping(path: str) -> CsvMapping:
    from falselight.readers import csv_mapping

    return csv_mapping.load(Path(path))


_READING = (
    click.option("--timezone", type=Zone(), metavar="ZONE",
                 help="Zone of records that name none: Europe/Berlin, -02:00.  [default: UTC]"),
    click.option("--year", type=click.IntRange(1, 9999), metavar="YEAR",
                 help="Year of records that name none.  [default: the latest that is not in the future]"),
    click.option("--password", multiple=True, metavar="TEXT",
                 help="Password of encrypted zip archives; may be repeated, each is tried."),
    click.option("--internal", multiple=True, type=Network(), metavar="CIDR",
                 help="A network of your own; may be repeated.  [default: those of a case's import, else the private and local "
                      "ranges]"),
    click.option("--external", multiple=True, type=Network(), metavar="CIDR",
                 help="A network that is not yours, even inside --internal; may be repeated."),
    click.option("--mapping", multiple=True, metavar="FILE",
                 help="How to read CSV files of your own (TOML, see specs/read.md); may be repeated."),
)  # fmt: skip
