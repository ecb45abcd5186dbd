"""The debug log of Windows' DNS server as normalised batches; ``mappings.windows_dns`` says what its fields become."""

from functools import partial

from falselight.mappings.windows_dns import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
