"""Wildcards and regular expressions over one text value, in DuckDB's functions; long alternations are split."""

from __future__ import annotations

from falselight.eql import patterns, regular
from falselight.sql.spelling import conjunction, disjunction, text

# RE2 compiles a bounded program: long alternations are split.
PATTERNS_PER_REGEX = 200
PATTERN_CHARACTERS = 20_000
# DuckDB's lower() maps these two letters to ASCII; the byte length tells them from what ASCII folding matches.
FOLDED_FROM_OUTSIDE = frozenset("ik")


def matches(value: str, translation: regular.Translation) -> str:
    """A value matches a translated regular expression as a whole."""
    match translation:
        case regular.Re2(pattern):
            return f"regexp_full_match({value}, {text(pattern)})"
        case regular.AllOf(parts):
            return conjunction([matches(value, part) for part in parts])
        case regular.AnyOf(parts):
            return disjunction([matches(value, part) for part in parts])
        case regular.Not(part):
            return f"(NOT {matches(value, part)})"


def like(value: str, texts: tuple[str, ...], insensitive: bool, *, in_list: bool = False) -> str:
    """A value matches one of the wildcard patterns. ``in_list``: each value of a list is asked every alternative, whatever the
    others give: all are one search."""
    if in_list and len(texts) > 1:
        return _search(value, list(dict.fromkeys(texts)), insensitive)
    exact, parts, general = [], [], []
    for pattern in dict.fromkeys(texts):
        shaped = patterns.wildcard(pattern, insensitive)
        if shaped.shape == "any":
            return f"({value} IS NOT NULL)"
        if shaped.shape == "exact" and (not insensitive or shaped.text.isascii()):
            exact.append(shaped.text)
        elif insensitive or shaped.shape == "general":
            general.append(pattern)
        else:
            function = {"prefix": "starts_with", "suffix": "suffix", "contains": "contains"}[shaped.shape]
            parts.append(f"{function}({value}, {text(shaped.text)})")
    if exact:
        parts.extend(_folded(value, exact) if insensitive else [_one_of(value, exact)])
    if general:
        parts.append(_search(value, general, insensitive))
    return disjunction(parts)


def _search(value: str, texts: list[str], insensitive: bool) -> str:
    return disjunction(
        [f"regexp_matches({value}, {text(patterns.to_re2(some, insensitive))})" for some in _batches(texts)]
    )


def _folded(value: str, texts: list[str]) -> list[str]:
    """Equality under ASCII folding, for texts that are ASCII and lower case."""
    guarded = [some for some in texts if FOLDED_FROM_OUTSIDE.intersection(some)]
    free = [some for some in texts if not FOLDED_FROM_OUTSIDE.intersection(some)]
    parts = [_one_of(f"lower({value})", free)] if free else []
    by_length: dict[int, list[str]] = {}
    for some in guarded:
        by_length.setdefault(len(some), []).append(some)
    parts.extend(
        f"(strlen({value}) = {length} AND {_one_of(f'lower({value})', some)})" for length, some in by_length.items()
    )
    return parts


def _one_of(value: str, texts: list[str]) -> str:
    if len(texts) == 1:
        return f"({value} = {text(texts[0])})"
    return f"({value} IN ({', '.join(map(text, texts))}))"


def _batches(texts: list[str]) -> list[list[str]]:
    batches: list[list[str]] = []
    size = 0
    for pattern in texts:
        if not batches or len(batches[-1]) == PATTERNS_PER_REGEX or size + len(pattern) > PATTERN_CHARACTERS:
            batches.append([])
            size = 0
        batches[-1].append(pattern)
        size += len(pattern)
    return batches
