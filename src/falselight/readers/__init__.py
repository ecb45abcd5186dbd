"""Files in, records or normalised batches out. Each reader is a module; ``detect`` names the one that fits.

A reader tells what it could not use by calling its ``report`` with a diagnostic, and goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Callable

from falselight.diagnostics import Diagnostic, Severity

Report = Callable[[Diagnostic], None]

ABSENT, UNREADABLE, EMPTY = "E0501", "E0502", "W0503"
DAMAGED, UNSAFE, TOO_LARGE = "E0504", "W0505", "E0506"
UNKNOWN, NOT_JSON, CHANGED, NO_RECORD = "W0507", "E0508", "E0509", "E0510"
TRAILING = "W0513"


def fault(
    code: str, message: str, path: str | None = None, *, record: int | None = None, help: str | None = None
) -> Diagnostic:
    """A diagnostic about an input file: codes that begin with W are warnings."""
    severity = Severity.WARNING if code.startswith("W") else Severity.ERROR
    return Diagnostic(code, severity, message, path=path, record=record, help=help)
