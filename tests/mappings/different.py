"""Where the project differs from Elastic's pipelines on purpose: by dataset and field, and why. Pairs of raw input and expected
output are held against it in ``test_golden``, ``test_golden_text`` and ``test_pairs``."""

from __future__ import annotations

_OPENED = "the module calls what builds a connection or a host's entry its end, or only a rule; here it begins"
_ESCAPED = "the pipeline escapes the line's quotes by writing it through a template; here it is the line itself"
_VPN = "the module has no action for VPN clients; here are those of the integration that followed it"
_PROTOCOL = "a number where ECS has names"
_DECODED = "the number of a call that is known has the name's action, as interpreted records have it"

DIFFERENT: dict[str, dict[str, str]] = {
    "cisco.asa": {
        "event.action": f"{_OPENED}; {_VPN}",
        "event.type": f"{_OPENED}; {_VPN}",
        "event.category": _VPN,
        "event.outcome": "failed and succeeded, where ECS has failure and success",
        "related.hosts": "a user's domain is missing where a pattern gives it twice",
    },
    "cisco.umbrella": {"event.original": _ESCAPED, "network.transport": _PROTOCOL},
    "panw.panos": {
        "network.direction": "«unknown» where the zones are not the module's own two; here derived from addresses, and marked",
        "event.type": "«drop ICMP» is compared before it is put into small letters, so that the drop is not denied",
        "source.user.name": "of a domain and a name with two backslashes between them the pattern takes the domain",
        "user.name": "as source.user.name",
        "related.user": "as source.user.name",
    },
    "auditd.log": {
        "event.action": _DECODED,
        "event.category": _DECODED,
        "event.type": f"{_DECODED}; a service that stops is «end» in ECS, not «stop»",
        "event.outcome": "1 and 0, where ECS has success and failure",
        "process.args": "arguments of one call that are parted over records stand together in the first; parts of one are one",
        "auditd.log.uid": "a key that a record has twice keeps the message's value",
    },
    "windows": {
        "message": "rendered by the publisher's message table, which an EVTX file does not hold",
        "ecs.version": "the pipeline's version, not the event's",
        "event.ingested": "the moment of indexing",
        "winlog.event_data.NewUACList": "pairs before October 2023 name the bits of another table (elastic/beats 37009)",
    },
    "zeek.dhcp": {"event.id": "several sessions; the pipeline writes the list's text, here it is a list"},
    "zeek.smb_files": {"file.path": "the pipeline doubles the path's backslashes by writing it through a template"},
}
# The same of pairs that are older than a table which has changed since.
OF_OLD_PAIRS = {
    "dns.question.registered_domain": "akamaized.net has become a public suffix",
    "dns.question.subdomain": "akamaized.net has become a public suffix",
    "dns.question.top_level_domain": "akamaized.net has become a public suffix",
    "winlog.event_data.AccessMask": "4674 names its rights as the other events do",
}
# Inputs that are no log of their source, so that nothing tells what they are: they are listed, not guessed.
NOT_RECOGNISED = {"aws/vpcflow/test/bad.log"}
