"""Which steps of a plan are needed for the fields that are wanted, and which of an event's data they read."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from falselight.documents import METADATA
from falselight.mappings.plans import DATA, FIELD, Plan, Step, plan

DATA_PREFIX = "winlog.event_data."
_PARTS: dict[str, tuple[str, ...]] = {
    "path": (".path", ".name", ".directory", ".extension"),
    "unix_path": (".name", ".directory", ".extension"),
    "arguments": (".command_line", ".args", ".args_count"),
    "plain_arguments": (".command_line", ".args"),
    "account": (".domain", ".name"),
    "hashes": (".hash", ".pe.imphash"),
    "access_list": ("", "Description"),
    "access_mask": ("", "Description"),
    "sid_list": ("", "Desc"),
    # Entries of lists are numbered.
    "security_descriptor": ("Owner", "Group", "Dacl*", "Sacl*"),
    "binary_name": (".x509.subject.*", ".pe.*"),
    "domain_below": (".registered_domain", ".subdomain", ".top_level_domain"),
}
_FIXED: dict[str, tuple[str, ...]] = {
    "hashes": ("related.hash",),
    "registry": ("registry.path", "registry.hive", "registry.key", "registry.value"),
    "registry_data": ("registry.data.type", "registry.data.strings"),
    "dns_results": ("dns.answers", "dns.resolved_ip", "related.hosts", "related.ip"),
    "member_name": ("related.user", "user.target.domain"),
    "audit_category": ("winlog.event_data.Category", "winlog.event_data.SubCategory"),
    "security_descriptor": ("related.user",),
}
# What a conversion reads of the document beside its own value.
READ_BESIDE: dict[str, tuple[str, ...]] = {
    "with_member": ("user.target.name",),
    "community_id": ("network.transport", "source.ip", "source.port", "destination.ip", "destination.port"),
    "below_directory": ("file.directory",),
    "below_share": ("winlog.event_data.ShareName",),
}
# The parts of an event's System that only these fields tell; of the others more depends.
_SYSTEM = {
    "EventRecordID": ("winlog.record_id",),
    "ActivityID": ("winlog.activity_id",),
    "RelatedActivityID": ("winlog.related_activity_id",),
    "ProcessID": ("winlog.process.pid",),
    "ThreadID": ("winlog.process.thread.id",),
    "Computer": ("host.name", "winlog.computer_name"),
}
# What is read once the steps are done; a connected user takes the place of PowerShell's.
_READ_LAST = {
    "user.name": ("source.user.name",),
    "user.domain": ("source.user.name",),
    "destination.user.name": ("user.name", "source.user.name"),
    "destination.user.domain": ("user.name", "source.user.name"),
    "related.user": ("user.name", "source.user.name"),
    "related.ip": ("source.ip", "destination.ip"),
}


class Needs:
    """``wanted`` None: everything is needed. ``steps`` has those of the plan that are, ``names`` the data that is read,
    ``system`` the parts of System."""

    def __init__(self, plan: Plan | None, wanted: frozenset[str] | None) -> None:
        self._wanted = wanted
        self._inner = set(wanted or ())
        self.steps: tuple[Step, ...] = () if plan is None else plan.steps
        self.names: frozenset[str] | None = None
        if wanted is not None:
            self._close(plan, wanted)
        self.system = frozenset({"UserID", *(part for part, names in _SYSTEM.items() if any(map(self.inner, names)))})

    def _close(self, plan: Plan | None, wanted: frozenset[str]) -> None:
        needed: set[int] = set()
        names = {name.removeprefix(DATA_PREFIX) for name in wanted if name.startswith(DATA_PREFIX)}
        self._inner.update(beside for name in wanted for beside in _READ_LAST.get(name, ()))
        # A step may read what an earlier one made, so the last is looked at first.
        for step in reversed(plan.steps if plan is not None else ()):
            if any(self._covers(made) for made in outputs(step)):
                needed.add(id(step))
                self._inner.update(READ_BESIDE.get(step.convert.__name__, ()))
                if step.source == FIELD:
                    self._inner.add(step.name)
        if plan is not None:
            # What a field takes is gone from the data: the takers of wanted data are needed as well.
            needed.update(id(step) for step in plan.steps if step.source == DATA and step.name in names)
            names.update(step.name for step in plan.steps if step.source == DATA and id(step) in needed)
            names.update([plan.data_time] if plan.data_time is not None else [])
        self.steps = tuple(step for step in self.steps if id(step) in needed)
        self.names = frozenset(names)

    def _covers(self, made: str) -> bool:
        if made.endswith("*"):
            return any(name.startswith(made[:-1]) for name in self._inner)
        return made in self._inner or any(name.startswith(made + ".") for name in self._inner)

    def inner(self, name: str) -> bool:
        """Whether a field is wanted, or read on the way to one."""
        return self._wanted is None or name in self._inner or name in METADATA

    def output(self, name: str) -> bool:
        return self._wanted is None or name in self._wanted or name in METADATA

    def data(self, name: str) -> bool:
        return self._wanted is None or DATA_PREFIX + name in self._wanted


@lru_cache(maxsize=4_096)
def needs(provider: str, channel: str, event_id: int, wanted: frozenset[str] | None) -> Needs:
    """What the plan of an event needs."""
    return Needs(plan(provider, channel, event_id), wanted)


@lru_cache(maxsize=4_096)
def _outputs(conversion: str, target: str) -> frozenset[str]:
    parts: Iterable[str] = _PARTS.get(conversion, ("",))
    made = {target + part for part in parts} if target else set()
    return frozenset({*made, *_FIXED.get(conversion, ())})


def outputs(step: Step) -> frozenset[str]:
    """The fields that a step may make, or what they stand below."""
    return _outputs(step.convert.__name__, step.target)
