"""Google Cloud's firewall rules log as normalised batches; ``mappings.gcp_firewall`` says what its fields become."""

from functools import partial

from falselight.mappings import gcp_firewall
from falselight.readers import gcp_vpcflow

read = partial(gcp_vpcflow.read_by, gcp_firewall.table, gcp_firewall.needed, gcp_firewall.sided)
