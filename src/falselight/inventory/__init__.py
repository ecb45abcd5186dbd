"""What the input holds, and what it can show: sources, times, hosts, clocks, fields, and the detections it can feed."""

from falselight.inventory.clocks import Clocks, HostClock, Jump
from falselight.inventory.feeding import Feed, StageFeed, feeds
from falselight.inventory.survey import Dataset, FieldRate, Gap, Host, Inventory, Kinds, survey

__all__ = [
    "Clocks", "Dataset", "Feed", "FieldRate", "Gap", "Host", "HostClock", "Inventory", "Jump", "Kinds", "StageFeed",
    "feeds", "survey",
]  # fmt: skip
