"""Squid's access log as normalised batches; ``mappings.squid`` says what its fields become."""

from functools import partial

from falselight.mappings.squid import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
