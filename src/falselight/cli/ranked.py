"""The ranking of ``hunt``: its options, its rows, and what the panel says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from falselight.cli import errors
from falselight.cli.options import asn as asn_option
from falselight.hunting import HuntResult
from falselight.report import words

if TYPE_CHECKING:
    from falselight.fusion.rows import ServerRisk

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Ranked:
    """Whether servers are ranked, from what beside the events, and which are shown."""

    wanted: bool
    indicators: tuple[str, ...]
    allow: Path | None
    min_risk: float
    asn: Path | None = None

    @property
    def fields(self) -> Iterable[str]:
        """The fields that ranking reads. What only ranked hunts need is loaded by these alone: to load it takes as long as to
        read 100,000 events."""
        if not self.wanted:
            return ()
        from falselight.fusion import ranking

        return ranking.WANTED


@dataclass(frozen=True)
class Ranking:
    """All rows, highest risk first, and the least risk of those that are shown."""

    rows: list[ServerRisk] = field(default_factory=list)
    least: float = 0.0

    @property
    def shown(self) -> list[ServerRisk]:
        return [row for row in self.rows if row.risk >= self.least]

    def panel(self) -> Iterator[tuple[str, str]]:
        """What there is to say of them in a panel: a label and its text."""
        if self.rows:
            every = words.plural(len(self.rows), "pair")
            yield (
                "ranking",
                f"{words.number(len(self.shown))} of {every} of host and server at risk {self.least:g} or above",
            )


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The ranking's options; the command gets ``ranked``. Servers are ranked beside the bundled pack, and beside rules of
    the user's own or a replay only if that is asked for."""

    @wraps(command)
    def with_ranked(
        *arguments: Any,
        rank: bool | None,
        indicators: tuple[str, ...],
        allow: Path | None,
        min_risk: float,
        asn: Path | None,
        **more: Any,
    ) -> Any:
        asked = bool(indicators or allow is not None or asn is not None)
        if rank is False and asked:
            raise click.UsageError("--indicators, --allow and --asn are for the ranking, which --no-rank leaves out")
        rules_alone = bool(more["rules"] or more["as_scheduled"] or more["alerts"])
        wanted = rank if rank is not None else asked or not rules_alone
        return command(*arguments, ranked=Ranked(wanted, indicators, allow, min_risk, asn), **more)

    decorated: Callable[..., Any] = asn_option(with_ranked)
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_OPTIONS = (
    click.option("--rank/--no-rank", default=None,
                 help="Rank servers by rules, rhythm, lookups and indicators together, below the findings.  "
                 "[default: without --rules, --as-scheduled and --alerts]"),
    click.option("--indicators", "-i", multiple=True, metavar="PATH",
                 help="Known-bad indicators for the ranking (see intel)."),
    click.option("--allow", type=_FILE, help="Servers whose risk the ranking lowers."),
    click.option("--min-risk", type=click.FloatRange(0, 100), default=20.0, show_default=True,
                 help="Least risk of the ranking; 0 shows all."),
)  # fmt: skip


def rank(result: HuntResult, ranked: Ranked, talk: errors.Talk) -> Ranking:
    """The ranking of what a hunt has read and found; without rows where none is wanted."""
    if not ranked.wanted:
        return Ranking()
    from falselight.fusion import ranking
    from falselight.intel import store

    store.load(result.table.connection, ranked.indicators, talk.report)
    allowed = ranked.allow.read_text("utf-8", "replace").splitlines() if ranked.allow is not None else []
    every = [finding for run in result.rules for finding in run.findings]
    rows = ranking.rank(
        result.table, result.settings, findings=every, indicators=True, allowed=allowed, once=True, asn=ranked.asn
    )
    return Ranking(rows, ranked.min_risk)
