"""Labelled telemetry by seed: hosts with working days, benign pollers, browsing, and implants over a grid of profiles."""

from falselight.lab.generate import Lab, generate
from falselight.lab.profiles import FRAMEWORKS, Implant, grid

__all__ = ["FRAMEWORKS", "Implant", "Lab", "generate", "grid"]
