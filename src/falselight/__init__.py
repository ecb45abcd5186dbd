"""Falselight finds adversary-run servers in telemetry, and runs Elastic's EQL rules on files with Elasticsearch's results."""

from falselight.diagnostics import Diagnostic, EqlError, FalselightError
from falselight.search import Result, evaluate, search

__version__ = "0.1.0"
__all__ = ["Diagnostic", "EqlError", "FalselightError", "Result", "__version__", "evaluate", "search"]
