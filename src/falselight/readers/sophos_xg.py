"""Sophos XG and SFOS logs as normalised batches; ``mappings.sophos_xg`` says what their fields become."""

from functools import partial

from falselight.mappings.sophos_xg import parse
from falselight.readers import syslog

read = partial(syslog.read, parse)
