"""Rules: what they are, and how they are loaded."""

from falselight.rules.cases import Case
from falselight.rules.loading import PAGE, bundled, load
from falselight.rules.model import LEVELS, Rule, Threat

__all__ = ["LEVELS", "PAGE", "Case", "Rule", "Threat", "bundled", "load"]
