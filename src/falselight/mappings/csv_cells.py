"""One line as the cells of a table."""

from __future__ import annotations

import csv


def cells(line: str, delimiter: str = ",", *, strict: bool = False, blanks: bool = True) -> list[str] | None:
    """The cells of one line, None for what is no row: a carriage return in a cell, and if ``strict`` an odd quote.

    Without ``blanks``, spaces after a delimiter do not count."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=strict, skipinitialspace=not blanks), [])
    except csv.Error:
        return None
