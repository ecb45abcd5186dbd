"""How much likelier a label is from a generator of names than from people who choose names.

People's names: a trigram model with Witten-Bell interpolation (Witten and Bell, "The zero-frequency problem", IEEE
Transactions on Information Theory 37(4), 1991) over the counts of ``letters.tsv``, which scripts/train_names.py makes.
Generators: letters, letters and digits, or hexadecimal digits drawn evenly, and consonants and vowels drawn in turn
(families such as Simda and Pykspa); each as likely as another. No generated name was used for training."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-"
START = "^"
VOWELS, CONSONANTS = "aeiouy", "bcdfghjklmnpqrstvwxyz"
SHORTEST = 6
_TABLE = "letters.tsv"


class Letters:
    """The model; ``counts`` are of trigrams, of which the first two may be START."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts: tuple[dict[str, Counter[str]], ...] = tuple(defaultdict(Counter) for _ in range(3))
        for trigram, count in counts.items():
            for order in range(3):
                self._counts[order][trigram[2 - order : 2]][trigram[2]] += count
        self._totals = tuple({context: sum(seen.values()) for context, seen in table.items()} for table in self._counts)
        self._known: dict[str, float] = {}

    def log_probability(self, label: str) -> float:
        """Natural logarithm of the label's probability among names of its length."""
        text = START * 2 + label
        return sum(self._next(text[at - 2 : at + 1]) for at in range(2, len(text)))

    def _next(self, trigram: str) -> float:
        found = self._known.get(trigram)
        if found is None:
            probability = 1 / len(ALPHABET)
            for order in range(3):
                context = trigram[2 - order : 2]
                seen = self._counts[order].get(context)
                if seen is not None:
                    kinds, total = len(seen), self._totals[order][context]
                    probability = (seen[trigram[2]] + kinds * probability) / (total + kinds)
            found = self._known[trigram] = math.log(probability)
        return found

    def generated(self, label: str) -> float:
        """Logarithm of the ratio: positive if a generator made the label more likely than a person. 0.0 where a label is
        too short to say, or has other letters (an international name)."""
        plain = label.removeprefix("www.")
        if len(plain) < SHORTEST or len(plain) > 63 or not set(plain) <= set(ALPHABET) or plain.startswith("xn--"):
            return 0.0
        ways = list(_generators(plain))
        most = max(ways)
        mixed = most + math.log(sum(math.exp(way - most) for way in ways) / _GENERATORS) if most > -math.inf else most
        return max(mixed - self.log_probability(plain), -60.0)


_GENERATORS = 4


def _generators(label: str) -> Iterable[float]:
    """Logarithms of the label's probability under each generator."""
    yield len(label) * -math.log(26) if label.isalpha() else -math.inf
    yield len(label) * -math.log(36) if label.isalnum() else -math.inf
    yield len(label) * -math.log(16) if set(label) <= set("0123456789abcdef") else -math.inf
    yield max(_alternating(label, first) for first in (0, 1))


def _alternating(label: str, first: int) -> float:
    sets = (CONSONANTS, VOWELS)
    total = -math.log(2)
    for at, letter in enumerate(label):
        letters = sets[(at + first) % 2]
        if letter not in letters:
            return -math.inf
        total -= math.log(len(letters))
    return total


def count(labels: Iterable[str]) -> Counter[str]:
    """Trigram counts of labels made of the alphabet's letters."""
    counts: Counter[str] = Counter()
    for label in labels:
        text = START * 2 + label
        counts.update(text[at - 2 : at + 1] for at in range(2, len(text)))
    return counts


@cache
def model() -> Letters:
    """The model of the table that is part of the package."""
    counts: dict[str, int] = {}
    for line in files("falselight.dns").joinpath(_TABLE).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        context, _, rest = line.partition("\t")
        for cell in rest.split(" "):
            counts[context + cell[0]] = int(cell[1:])
    return Letters(counts)
