"""Falselight finds adversary-run servers in telemetry, and runs Elastic's EQL rules on files with Elasticsearch's results."""

from falselight.compiling import compile
from falselight.diagnostics import Diagnostic, EqlError, FalselightError
from falselight.explain import Explanation, explain
from falselight.hunting import HuntResult, hunt
from falselight.search import Result, evaluate, search

__version__ = "0.1.0"
__all__ = [
    "Diagnostic",
    "EqlError",
    "Explanation",
    "FalselightError",
    "HuntResult",
    "Result",
    "__version__",
    "compile",
    "evaluate",
    "explain",
    "hunt",
    "search",
]
