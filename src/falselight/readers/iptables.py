"""Netfilter's log as normalised batches; ``mappings.iptables`` says what its fields become."""

from functools import partial

from falselight.mappings.iptables import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
