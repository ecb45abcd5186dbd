"""CEF and LEEF events as normalised batches; ``mappings.cef`` says what their fields become."""

from functools import partial

from falselight.mappings.cef import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
