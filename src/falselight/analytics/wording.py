"""The factors of the beacon score in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from falselight.analytics.signers import UNSIGNED
from falselight.diagnostics import plural

if TYPE_CHECKING:
    from falselight.analytics.beacons import Scores


def _regular(scores: Scores, k: int) -> str:
    timing = scores.timing
    if timing.chance[k] > -1:
        return f"its connections come hardly more regularly than chance allows (10^{timing.chance[k]:.1f})"
    every = f"every {duration(float(timing.sleep[k]))} ± {100 * timing.jitter[k]:.0f} %"
    return f"it calls {every}; visits at random are so regular with a probability of 10^{timing.chance[k]:.1f}"


def _kept(scores: Scores, k: int) -> str:
    held, kept, awake = (
        float(values[k]) for values in (scores.pairs.facts["held"], scores.timing.kept, scores.timing.awake)
    )
    share = 100 * min((kept + held) / max(awake, 1e-6), 1.0)
    what = "its beats and long connections" if held else "its beats"
    return f"{what} fill {share:.0f} % of the time in which it was active, {duration(kept + held)} in all"


def _prevalence(scores: Scores, k: int) -> str:
    return contacts(
        int(scores.pairs.domain_hosts[k]), scores.pairs.network, "the server's registered domain or address"
    )


def _fresh(scores: Scores, k: int) -> str:
    new = scores.factors["fresh"][k] > 0
    return "first contacted within the scored days" if new else "contacted before the scored days"


def _history(scores: Scores, k: int) -> str:
    return f"this host contacted it on {plural(int(scores.pairs.facts['past_days'][k]), 'earlier day')}"


def _hours(scores: Scores, k: int) -> str:
    return f"active in {plural(int(scores.pairs.facts['hours'][k]), 'different hour')}"


def _sizes(scores: Scores, k: int) -> str:
    facts = scores.pairs.facts
    return f"it sends {facts['middle'][k]:.0f} bytes, with a median deviation of {facts['spread'][k]:.0f}"


def _breadth(scores: Scores, k: int) -> str:
    return f"its process contacts {plural(int(scores.pairs.facts['process_servers'][k]), 'server')} on all hosts"


def _spread(scores: Scores, k: int) -> str:
    return f"its process runs on {plural(int(scores.pairs.facts['process_hosts'][k]), 'host')}"


def _signer(scores: Scores, k: int) -> str:
    known = scores.pairs.signers
    by = f" by {known.names[k]}" if known.names[k] is not None else ""
    if scores.factors["signer"][k] < 0:
        return f"its program is signed{by}, whose signature is trusted and on {known.common[k]} programs here"
    return (
        "its program is not signed"
        if known.states[k] == UNSIGNED
        else f"its program is signed{by}, and that is not trusted"
    )


def _alike(scores: Scores, k: int) -> int:
    return max(round(2 ** float(scores.factors["peers"][k])), 1)


BEACON_TEXTS: Mapping[str, Callable[[Scores, int], str]] = {
    "regular": _regular,
    "jittered": lambda scores, k: (
        f"the gaps fill a band of ± {100 * scores.timing.jitter[k]:.0f} %, as drawn jitter does"
    ),
    "prevalence": _prevalence,
    "kept": _kept,
    "alone": lambda scores, k: (
        f"{_seen(scores.pairs.network)} seen for {duration((scores.pairs.high - scores.pairs.oldest) / 1e9)}, so that little is "
        "known of who else calls it, and since when"
    ),
    "later": lambda scores, k: (
        f"first contacted {duration(float(scores.pairs.facts['quiet'][k]))} after this host's first connection"
    ),
    "small": lambda scores, k: f"an answer has {scores.pairs.facts['answer'][k]:.0f} bytes",
    "installed": lambda scores, k: "its program lies where only administrators install",
    "fresh": _fresh,
    "history": _history,
    "hours": _hours,
    "sizes": _sizes,
    "peers": lambda scores, k: f"{_alike(scores, k)} hosts call its registered domain about as often and as regularly",
    "lone": lambda scores, k: (
        f"of {plural(int(scores.pairs.domain_hosts[k]), 'host')} that contact the domain, {_alike(scores, k)} "
        f"{'calls' if _alike(scores, k) == 1 else 'call'} it so regularly"
    ),
    "answers": lambda scores, k: (
        f"the answers have {scores.pairs.facts['answer'][k]:.0f} bytes, with a median deviation of "
        f"{scores.pairs.facts['answer_spread'][k]:.0f}"
    ),
    "program": lambda scores, k: (
        f"its program calls the domain on {int(scores.pairs.facts['program_hosts'][k])} of the "
        f"{int(scores.pairs.domain_hosts[k])} hosts that contact it"
    ),
    "place": lambda scores, k: "its program lies in a folder that every user may write to",
    "signer": _signer,
    "tool": lambda scores, k: "its program is one that intruders live off",
    "open": lambda scores, k: f"its connections stood open for {duration(float(scores.pairs.facts['open'][k]))} in all",
    "lookups": lambda scores, k: "it was looked up, and no connection to it was seen by name",
    "breadth": _breadth,
    "spread": _spread,
    "direct": lambda scores, k: "called by address, without a name",
    "service": lambda scores, k: (
        f"port {scores.pairs.facts['port'][k]:.0f} is that of a service which is polled by its nature"
        + ("; it is asked for names of many domains" if scores.pairs.facts["resolver"][k] else "")
    ),
    "known": lambda scores, k: "its name lies under a provider that the published rule leaves out",
}


def contacts(hosts: int, network: int, whom: str) -> str:
    """How many hosts contact something; those that call nothing else are no part of ``network``."""
    return f"{hosts} of {plural(max(network, hosts), 'host')} {'contacts' if hosts == 1 else 'contact'} {whom}"


def _seen(hosts: int) -> str:
    """How many hosts there are, as a clause begins."""
    return "only one host is" if hosts == 1 else f"only {hosts} hosts are"


def duration(seconds: float) -> str:
    """Seconds as a person would say them."""
    for unit, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
