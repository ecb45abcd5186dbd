"""Registered domains by the public suffix list."""

from __future__ import annotations

from functools import lru_cache

from falselight.mappings.network import domain_parts

# Last labels below which nobody can rent a name: reverse lookups, mDNS, and what networks call their own.
OWN = ("arpa", "local", "localdomain", "lan", "home", "internal", "intranet", "corp", "workgroup", "localhost")


@lru_cache(maxsize=1 << 18)
def public(name: str) -> str | None:
    """The registered domain of a name, in lower case; None where it has none (a suffix, a bare label, an address)."""
    found = domain_parts(name)[0]
    return found.lower() if found is not None else None


def is_own(name: str) -> bool:
    """Whether a name is a network's own, which nobody can rent."""
    return name.rpartition(".")[2].lower() in OWN


def registered(name: str) -> str:
    """The registered domain of a name, or the name itself where it has none."""
    return public(name) or name
