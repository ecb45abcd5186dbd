"""Rows out, in the format that was asked for."""

from falselight.sinks.rows import FORMATS, write

__all__ = ["FORMATS", "write"]
