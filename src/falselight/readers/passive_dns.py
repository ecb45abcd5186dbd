"""Passive DNS as normalised batches; ``mappings.passive_dns`` says what its fields become."""

from functools import partial

from falselight.mappings.passive_dns import make
from falselight.readers import json_logs

read = partial(json_logs.read, make)
