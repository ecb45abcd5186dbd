"""PAN-OS logs as normalised batches; ``mappings.panos`` says what their fields become."""

from functools import partial

from falselight.mappings.panos import COPIES, parse
from falselight.readers import syslog

read = partial(syslog.read, parse, copies=COPIES)
