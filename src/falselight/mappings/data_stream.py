"""``data_stream.dataset`` of what is read from raw records: Elastic's integrations index each under its dataset's name, which
rules ask for. Documents that an index held already keep what they have."""

from __future__ import annotations

from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings.columnar import distinct, flat

Batch: TypeAlias = pa.RecordBatch | pa.Table
SOURCE, TARGET = "event.dataset", "data_stream.dataset"
# Integrations whose dataset has another name than that of Filebeat's module (elastic/integrations, packages/*/data_stream).
_RENAMED = {
    "cisco.asa": "cisco_asa.log",
    "cisco.ftd": "cisco_ftd.log",
    "cisco.umbrella": "cisco_umbrella.log",
    "fortinet.firewall": "fortinet_fortigate.log",
    "juniper.srx": "juniper_srx.log",
}


def fill(batch: Batch) -> Batch:
    """The batch with a dataset of the data stream for rows that have one of the event and none of their own."""
    if SOURCE not in batch.schema.names or pa.types.is_list(batch.schema.field(SOURCE).type):
        return batch
    found = distinct(flat(batch.column(SOURCE)), lambda name: _RENAMED.get(name, name), pa.string())
    if TARGET not in batch.schema.names:
        return batch.append_column(TARGET, found)
    position = batch.schema.get_field_index(TARGET)
    return batch.set_column(position, TARGET, pc.coalesce(flat(batch.column(TARGET)), found))
