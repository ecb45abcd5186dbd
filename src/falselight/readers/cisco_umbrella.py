"""Cisco Umbrella's DNS logs as normalised batches; ``mappings.cisco_umbrella`` says what its fields become."""

from functools import partial

from falselight.mappings.cisco_umbrella import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
