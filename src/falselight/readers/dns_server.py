"""Query logs of BIND, dnsmasq and CoreDNS as normalised batches; ``mappings.dns_server`` says what its fields become."""

from functools import partial

from falselight.mappings.dns_server import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
