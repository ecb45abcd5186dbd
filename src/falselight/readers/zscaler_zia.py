"""Zscaler's web, firewall and DNS feeds as normalised batches; ``mappings.zscaler_zia`` says what their fields become."""

from functools import partial

from falselight.mappings.zscaler_zia import make
from falselight.readers import json_logs

read = partial(json_logs.read, make)
