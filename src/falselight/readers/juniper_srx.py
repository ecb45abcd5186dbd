"""Juniper SRX logs as normalised batches; ``mappings.juniper_srx`` says what their fields become."""

from functools import partial

from falselight.mappings.juniper_srx import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
