"""What is known of one server → reasons: log-odds from hosting, certificate and age, and probabilities from indicators,
signatures, and links to servers that have them, each weakened by how strong the link is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from falselight.infrastructure import signatures
from falselight.infrastructure.facts import Trait
from falselight.infrastructure.hosting import UNKNOWN, Hosting
from falselight.infrastructure.parameters import parameters
from falselight.infrastructure.pivots import STRONG, Link
from falselight.infrastructure.reading import PASSIVE_DNS
from falselight.intel.scoring import Hit
from falselight.plan.dates import iso
from falselight.risks import Reason

# By trait: value, port, first, last, source.
Known = Mapping[str, Sequence[tuple[Any, ...]]]
Hits = Mapping[str, Sequence[Hit]]
DAY = 86_400_000_000_000
_LEAST = 0.01


def odds(
    known: Known, place: Hosting, certificates: Sequence[Mapping[str, Any]], first: int | None
) -> Iterator[Reason]:
    """What speaks for or against a server, in natural log-odds. ``first``: its first contact, epoch nanoseconds."""
    own = parameters()["server"]
    if place.kind != UNKNOWN:
        yield Reason("infrastructure: hosting", place.weight, f"hosting: {place.kind}, by {place.because}")
    if Trait.SELF_SIGNED in known:
        text = f"its certificate signs itself: {known[Trait.SELF_SIGNED][0][0]}"
        yield Reason("infrastructure: certificate", float(own["self_signed"]), text)
    if first is None:
        return
    fresh = float(own["fresh_days"]) * DAY
    begun = max((one["not_before"] for one in certificates if "not_before" in one), default=None)
    if begun is not None and iso(first - int(fresh)) <= begun <= iso(first):
        text = f"its certificate is of {begun[:10]}, its first contact here of {iso(first)[:10]}"
        yield Reason("infrastructure: age", float(own["fresh_certificate"]), text)
    seen = [row[2] for row in known.get(Trait.NAME, ()) if row[4] == PASSIVE_DNS and row[2] is not None]
    if seen and 0 <= first - min(seen) <= fresh:
        text = f"passive DNS saw it first on {iso(min(seen))[:10]}, its first contact here is of {iso(first)[:10]}"
        yield Reason("infrastructure: age", float(own["fresh_name"]), text)


def known_bad(server: str, known: Known, hits: Hits) -> Iterator[Reason]:
    """Indicators and signatures of a server itself, as probabilities: of each source of indicators its strongest hit, and the
    strongest signature."""
    strongest: dict[str, Hit] = {}
    for hit in hits.get(server, ()):
        strongest.setdefault(hit.source, hit)
    for hit in strongest.values():
        yield Reason(f"intel: {hit.kind}", round(hit.probability, 3), hit.text)
    found = [(signatures.known()[name].probability, f"{name} (port {port}, {source})")
             for name, port, _, _, source in known.get(Trait.SIGNATURE, ())]  # fmt: skip
    if found:
        yield Reason("infrastructure: signature", *max(found))


def linked(links: Sequence[Link], known: Mapping[str, Known], hits: Hits) -> Iterator[Reason]:
    """The most that a linked server's known-bad operator says of this one: links are no independent evidence."""
    share = parameters()["server"]["link"]
    found = [
        (round(reason.weight * float(share[link.strength]), 3), link, reason)
        for link in links
        for reason in known_bad(link.other, known.get(link.other, {}), hits)
    ]
    probability, link, reason = max(
        found, key=lambda one: (one[0], one[1].weight, one[1].other), default=(0.0, None, None)
    )
    if link is not None and reason is not None and probability >= _LEAST:
        text = f"{link.other} has {link.shared[0].text}: a {link.strength} link to what is known as bad ({reason.text})"
        yield Reason("infrastructure: link", probability, text)


def contacted(links: Sequence[Link]) -> Iterator[Reason]:
    """Log-odds for a strong link to another server that was contacted as well."""
    link = next((one for one in links if one.hosts and one.strength == STRONG), None)
    if link is not None:
        text = f"{link.other}, which was contacted here as well, has {link.shared[0].text}"
        yield Reason("infrastructure: both contacted", float(parameters()["server"]["both_contacted"]), text)


def start() -> Reason:
    """What any server has before anything is known."""
    return Reason("start", float(parameters()["server"]["start"]), "what any server has before anything is known")
