"""Train the model of names that people choose: python scripts/train_names.py LIST > src/falselight/dns/letters.tsv

LIST holds one name a line, or rank and name with a comma between, as lists of popular sites do. Counted are the trigrams
of the first label of each registered domain, once for each label; labels whose SHA-256 begins with 0, 1 or 2 (hexadecimal)
are held back for measuring. Trigrams seen fewer than three times are left out, so that no name can be read from the table."""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from falselight.dns.letters import ALPHABET, count
from falselight.mappings.network import domain_parts

FEWEST = 3


def labels(path: Path) -> Iterator[str]:
    """The first labels of the registered domains, in order, each once."""
    seen: set[str] = set()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        registered = domain_parts(line.rpartition(",")[2].strip().lower())[0]
        label = (registered or "").partition(".")[0]
        if label and label not in seen and set(label) <= set(ALPHABET) and not label.startswith("xn--"):
            seen.add(label)
            yield label


def is_held_back(label: str) -> bool:
    """Whether the label is kept for measuring: three in sixteen are."""
    return hashlib.sha256(label.encode()).hexdigest()[0] in "012"


def main(path: Path) -> None:
    """Write the table to stdout."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = list(labels(path))
    trained = [label for label in known if not is_held_back(label)]
    print("# Trigram counts of the labels of popular registered domains; ^ stands before the first letter.")
    print(
        "# Made by scripts/train_names.py from Alexa's 100,000 most popular sites as published by SuperCowPowers/data_hacking"
    )
    print(f"# (dga_detection/data/alexa_100k.csv, commit cc828b50, MIT), SHA-256 {digest}.")
    print(
        f"# {len(trained)} labels counted, {len(known) - len(trained)} held back; counts below {FEWEST} are left out."
    )
    rows: dict[str, list[str]] = defaultdict(list)
    for trigram, times in sorted(count(trained).items()):
        if times >= FEWEST:
            rows[trigram[:2]].append(f"{trigram[2]}{times}")
    for context, cells in rows.items():
        print(context + "\t" + " ".join(cells))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
