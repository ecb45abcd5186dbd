"""pfSense and OPNsense firewall logs as normalised batches; ``mappings.pfsense`` says what their fields become."""

from functools import partial

from falselight.mappings.pfsense import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
