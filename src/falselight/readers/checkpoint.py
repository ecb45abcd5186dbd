"""Check Point's exported logs as normalised batches; ``mappings.checkpoint`` says what their fields become."""

from functools import partial

from falselight.mappings.checkpoint import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
