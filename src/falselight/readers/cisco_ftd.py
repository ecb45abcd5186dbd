"""Cisco Firepower Threat Defense logs as normalised batches; ``mappings.cisco_ftd`` says what their fields become. Lines that
bear ASA's name, as those of old versions do, are that device's too."""

from functools import partial

from falselight.mappings.cisco_ftd import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
