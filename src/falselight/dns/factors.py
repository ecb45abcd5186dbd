"""Measures → reasons: each factor with its log-odds and its words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from falselight.dns.hosts import Host
from falselight.dns.measures import DAY, Data, Domain
from falselight.dns.parameters import parameters
from falselight.plan.dates import iso
from falselight.risks import Reason


def of_domain(domain: Domain, data: Data, groups: Mapping[str, float]) -> Iterator[Reason]:
    """A domain's reasons. ``groups`` tells how many times more generated names than chance each host looks up."""
    yield Reason("start", parameters()["start"]["odds"], "what any registered domain has before anything is known")
    yield from _tunnel(domain)
    yield from _commands(domain)
    yield from _generated(domain, groups)
    yield from _flux(domain)
    yield from _age(domain, data)
    if len(domain.hosts) > 1:
        weight = max(
            parameters()["prevalence"]["most"], parameters()["prevalence"]["weight"] * math.log2(len(domain.hosts))
        )
        yield Reason("prevalence", weight, f"{len(domain.hosts)} of {data.hosts} hosts look it up")
    service = known_service(domain.domain)
    if service is not None:
        yield Reason("known service", parameters()["services"]["weight"], f"it is known as {service}")


def known_service(domain: str) -> str | None:
    """What a registered domain is known for, by its labels: ``evilakamai.net`` is not ``akamai.net``."""
    names = parameters()["services"]["names"]
    labels = domain.split(".")
    return next((names[each] for at in range(len(labels)) if (each := ".".join(labels[at:])) in names), None)


def _tunnel(domain: Domain) -> Iterator[Reason]:
    own = parameters()["tunnel"]
    names = domain.names - domain.structured
    if domain.structured >= own["fewest_names"] and domain.structured > own["structured"] * domain.names:
        yield Reason(
            "block list",
            own["structured_weight"],
            f"{domain.structured} of {domain.names} names are addresses in reverse",
        )
    if names < own["fewest_names"]:
        return
    weight = min(own["names_most"], own["names_scale"] * math.log10(names / own["fewest_names"]))
    yield Reason("tunnel: names", weight, f"{names} distinct names below it")
    part = min(1.0, max(0.0, (domain.bits - own["bits_low"]) / (own["bits_high"] - own["bits_low"])))
    yield Reason("tunnel: information", own["bits_weight"] * part, f"{domain.bits:.0f} bits of information a name")
    if names / domain.times >= own["once_share"] and part > 0:
        yield Reason(
            "tunnel: once",
            own["once_weight"] * part,
            f"{names} names in {domain.times} lookups: hardly one is asked twice",
        )
    for factor, share, whole, words in (
        (
            "tunnel: strange types",
            domain.strange / domain.times,
            own["strange_weight"],
            "types that carry any bytes (NULL, PRIVATE, …)",
        ),
        ("tunnel: carrying types", domain.carrying / domain.times, own["carrying_weight"], "TXT, CNAME, MX or SRV"),
    ):
        if share > 0:
            yield Reason(factor, whole * share, f"{100 * share:.0f} % of its lookups ask for {words}")
    yield from _innocent(domain)
    if domain.size >= own["answer_size"]:
        yield Reason("tunnel: answers", own["answer_weight"], f"answers of {domain.size:.0f} characters on the average")


def _commands(domain: Domain) -> Iterator[Reason]:
    """What comes back: hosts rarely ask for texts, and a domain has few long ones of its own."""
    own = parameters()["commands"]
    if domain.texts >= own["fewest"]:
        weight = min(own["most"], own["weight"] + own["scale"] * math.log10(domain.texts / own["fewest"]))
        yield Reason("commands", weight, f"its TXT or NULL records answered {domain.texts} different long texts")


def _innocent(domain: Domain) -> Iterator[Reason]:
    """What content networks show and tunnels hardly ever do."""
    own = parameters()["tunnel"]
    if domain.digests:
        weight = own["digest_weight"] * domain.digests / domain.names
        yield Reason("digests", weight, f"{domain.digests} of {domain.names} names have one label like a file's hash")
    if domain.visited:
        share = min(1.0, domain.visited / domain.names)
        text = f"hosts connected to the addresses of {domain.visited} of its names, as they do to fetch content"
        yield Reason("visited", own["visited_weight"] * share, text)


def _generated(domain: Domain, groups: Mapping[str, float]) -> Iterator[Reason]:
    own = parameters()["generated"]
    if domain.ratio <= own["ratio"]:
        return
    excess = max((groups.get(host, 0.0) for host in domain.hosts), default=0.0)
    weight = min(own["weight_most"], own["weight_scale"] * domain.ratio)
    yield Reason(
        "generated: name",
        weight if excess > own["excess"] else own["alone_share"] * weight,
        f"a generator makes its label 10^{domain.ratio / math.log(10):.1f} times as likely as people do",
    )
    if excess > own["excess"]:
        weight = min(own["group_most"], own["group_scale"] * math.log2(excess / own["excess"]))
        yield Reason(
            "generated: group",
            weight,
            f"a host that looks it up looks up {excess:.1f} times as many such names as chance gives",
        )
    if domain.answers and domain.failures == domain.answers:
        yield Reason("generated: failed", own["failed_weight"], "it does not exist")


def _flux(domain: Domain) -> Iterator[Reason]:
    own = parameters()["flux"]
    if domain.addresses < own["fewest_addresses"] or domain.ttl is None or domain.ttl > own["ttl"]:
        return
    places, fewest, share = domain.apart, own["fewest_networks"], own["networks_share"]
    told = f"{domain.networks} networks" + ("" if places == domain.networks else f", {places} without other domains")
    if domain.systems is not None:
        places, fewest, share = domain.systems, own["fewest_systems"], 1.0
        told = f"{domain.networks} networks of {places} autonomous systems"
    if places < fewest:
        return
    weight = share * min(own["most"], own["scale"] * (1 + math.log2(places / fewest)))
    yield Reason("fast flux", weight, f"{domain.addresses} addresses in {told}, kept for {domain.ttl} s at most")
    if len(domain.hosts) >= own["popular_hosts"]:
        yield Reason(
            "content network",
            own["popular_weight"],
            f"{len(domain.hosts)} hosts look it up, as they do a content network",
        )


def _age(domain: Domain, data: Data) -> Iterator[Reason]:
    own = parameters()["age"]
    if data.hosts >= own["rare_network"] and len(domain.hosts) == 1:
        yield Reason("rare", own["rare_weight"], f"one of {data.hosts} hosts looks it up")
    if domain.first is None or data.last - data.first < own["span_days"] * DAY:
        return
    after = (domain.first - data.first) / DAY
    if after >= own["new_days"]:
        yield Reason("first seen", own["new_weight"], f"first looked up {after:.1f} days after the data begin")
    if domain.silent >= own["dormant_days"] and domain.awoke >= own["dormant_names"]:
        text = f"silent for {domain.silent} days, then {domain.awoke} lookups in a day"
        yield Reason("dormant", own["dormant_weight"], text)


def excess(host: Host) -> float:
    """How many times as many generated names as chance gives a host looks up, or fails to: the greater."""
    own = parameters()["generated"]
    ways = ((host.generated, host.domains), (host.failed_generated, host.failed))
    return max((found / (own["share"] * of) for found, of in ways if found >= own["fewest"]), default=0.0)


def of_host(host: Host) -> Iterator[Reason]:
    """A host's reasons."""
    yield Reason("start", parameters()["start"]["host"], "what any host has before anything is known")
    own = parameters()["generated"]
    times = excess(host)
    if times > own["excess"]:
        weight = min(own["host_most"], own["host_scale"] * math.log2(times / own["excess"]))
        text = f"{host.generated} of {host.domains} registered domains look generated"
        text += f", {host.failed_generated} of the {host.failed} that do not exist"
        yield Reason("generated: group", weight, f"{text}: {times:.1f} times as many as chance gives")
    yield from _failures(host)
    if host.resolvers:
        text = "it reaches resolvers over HTTPS, whose answers are not in the data: " + ", ".join(host.resolvers)
        yield Reason("encrypted lookups", parameters()["resolver"]["weight"], text)
    direct = parameters()["direct"]
    if (
        host.resolved >= direct["fewest_answers"]
        and direct["fewest"] <= host.direct <= direct["share_most"] * host.public
    ):
        text = f"{host.direct} of {host.public} public addresses were in no answer to it: {', '.join(host.shown)}"
        yield Reason("direct", direct["weight"], text + ("" if host.direct <= len(host.shown) else ", …"))


def _failures(host: Host) -> Iterator[Reason]:
    own = parameters()["failures"]
    if host.burst < own["fewest"] or host.burst_failures < own["share"] * host.burst_answers:
        return
    weight = min(own["most"], own["scale"] * (1 + math.log2(host.burst / own["fewest"])))
    when = "" if host.burst_hour is None else f" from {iso(host.burst_hour)}"
    text = (
        f"{host.burst} domains did not exist in the hour{when}, {host.burst_failures} of {host.burst_answers} answers"
    )
    yield Reason("failed lookups", weight, text)
