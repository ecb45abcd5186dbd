"""Query logs of Amazon's and Google's resolvers as normalised batches; ``mappings.cloud_dns`` says what their fields become."""

from functools import partial

from falselight.mappings.cloud_dns import make
from falselight.readers import json_logs

read = partial(json_logs.read, make)
