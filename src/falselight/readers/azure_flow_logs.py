"""Azure's flow logs as JSON as normalised batches; ``mappings.azure_flow_logs`` says what their fields become."""

from functools import partial

from falselight.mappings.azure_flow_logs import make
from falselight.readers import json_logs

read = partial(json_logs.read, make)
