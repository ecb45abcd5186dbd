"""Rules: what they are, and how they are loaded."""

from falselight.rules.cases import Case
from falselight.rules.loading import PAGE, bundled, bundled_pack, load, load_pack
from falselight.rules.model import LEVELS, Rule, Threat
from falselight.rules.pack import Pack

__all__ = ["LEVELS", "PAGE", "Case", "Pack", "Rule", "Threat", "bundled", "bundled_pack", "load", "load_pack"]
