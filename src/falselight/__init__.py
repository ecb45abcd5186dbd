"""Falselight finds adversary-run servers in telemetry, and runs Elastic's EQL rules on files with Elasticsearch's results."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from falselight.compiling import compile
    from falselight.diagnostics import Diagnostic, EqlError, FalselightError
    from falselight.explaining import Explanation, explain
    from falselight.hunting import HuntResult, hunt
    from falselight.searching import Result, evaluate, search

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
# Arrow asks for this package whenever it takes a Python value; an absent one it would look for on disk each time.
if find_spec("dateutil") is None:
    sys.modules.setdefault("dateutil", None)  # type: ignore[arg-type]
# The module of each name, loaded when it is asked for. No module has the name of what it gives, since the import of a module
# puts it here under its own name.
_HOMES = {
    "compile": "compiling",
    **dict.fromkeys(("Diagnostic", "EqlError", "FalselightError"), "diagnostics"),
    **dict.fromkeys(("Explanation", "explain"), "explaining"),
    **dict.fromkeys(("HuntResult", "hunt"), "hunting"),
    **dict.fromkeys(("Result", "evaluate", "search"), "searching"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
