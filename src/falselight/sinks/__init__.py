"""Rows out, in the format that was asked for."""

from falselight.sinks.flat import json_text
from falselight.sinks.rows import FORMATS, passing, write

__all__ = ["FORMATS", "json_text", "passing", "write"]
