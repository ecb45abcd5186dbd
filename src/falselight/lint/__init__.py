"""What the engine will do to a rule that its author may not expect. Each remark has a code, a place, a reason and a fix."""

from falselight.lint.remark import CODES, Remark
from falselight.lint.run import lint

__all__ = ["CODES", "Remark", "lint"]
