"""FortiGate logs as normalised batches; ``mappings.fortinet`` says what its fields become."""

from functools import partial

from falselight.mappings.fortinet import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
