"""Where the project differs from Elastic's pipelines on purpose: by dataset and field, and why. Pairs of raw input and expected
output are held against it in ``test_golden``, ``test_golden_text`` and ``test_pairs``."""

from __future__ import annotations

_OPENED = "the module calls what builds a connection or a host's entry its end, or only a rule; here it begins"
_VPN = "the module has no action for VPN clients and logons; here are those of the integration that followed it"
_NOBODY = "a user who is none (No Authentication Required); the integration that followed leaves it out too"
_OWN_ZONE = "the record names its own zone, which the module passes over"
_HOSTS = "names of hosts that the module's settings give for serial numbers"
_ENDED = "written at its end, so that it began earlier by its length; the module lets it begin then"
_PADDED = "the module keeps blanks around values"
_WAF = "what stands for no reason (-) is gone before the pipeline looks whether there is a reason"
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
    "cisco.umbrella": {"network.transport": _PROTOCOL},
    "cisco.ftd": {
        "user.id": _NOBODY,
        "user.name": _NOBODY,
        "related.user": _NOBODY,
        "event.action": f"{_VPN}; the kind of a message without number is told by its keys",
        "event.category": f"{_VPN}; a file that is no malware is «file»",
        "event.type": _VPN,
        "event.kind": "only what was found to be malware is an alert",
        "event.outcome": _VPN,
        "event.code": "the kind of a message without number is told by its keys",
        "cisco.ftd.message_id": "the kind of a message without number is told by its keys",
        "cisco.ftd.security.message": "of a key that stands twice the first counts: what a user sends stands last",
        "process.name": "the header's second word is a process only with its number",
    },
    "checkpoint.firewall": {
        "network.direction": "«inbound» is how a packet passed the interface; here it is by the ends' addresses, and marked",
        "event.start": "epoch seconds left as text",
        "related.ip": "the same address twice",
        "event.category": "a logon with a verdict is no connection",
        "event.type": "a logon with a verdict is no connection",
        "client.user.group.name": "of several groups the pipeline cuts all but the first",
        "source.user.group.name": "of several groups the pipeline cuts all but the first",
    },
    "juniper.srx": {
        "event.start": _ENDED,
        "event.end": _ENDED,
        "juniper.srx.epoch_time": "seconds as text, which Elasticsearch takes for milliseconds",
        "source.nat.ip": "0.0.0.0 is no address",
        "related.ip": "0.0.0.0 is no address",
    },
    "sophos.xg": {
        "@timestamp": _OWN_ZONE,
        "event.timezone": _OWN_ZONE,
        "event.start": f"{_OWN_ZONE}; {_ENDED}",
        "event.end": f"{_OWN_ZONE}; {_ENDED}",
        "related.hosts": _HOSTS,
        **dict.fromkeys(
            (
                "destination.user.email",
                "source.domain",
                "file.name",
                "user_agent.original",
                "sophos.xg.activityname",
                "sophos.xg.appresolvedby",
                "sophos.xg.backup_mode",
                "sophos.xg.context_prefix",
                "sophos.xg.context_suffix",
                "sophos.xg.newversion",
            ),
            _PADDED,
        ),
        **dict.fromkeys(("event.action", "event.category", "event.kind", "event.type"), _WAF),
        "destination.bytes": "the pipeline takes the status for the bytes sent",
        **dict.fromkeys(
            (
                "sophos.xg.cookie",
                "sophos.xg.phpsessid",
                "sophos.xg.extra",
                "sophos.xg.sqli",
                "sophos.xg.xss",
                "sophos.xg.hb_health",
            ),
            "the pipeline takes what stands within a value for a key",
        ),
        **dict.fromkeys(
            ("sophos.xg.status_code", "sophos.xg.app_is_cloud", "sophos.xg.user_name", "sophos.xg.dst_domainname"),
            "stands in its ECS field, or is nought of a switch",
        ),
    },
    "panw.panos": {
        "network.direction": "«unknown» where the zones are not the module's own two; here derived from addresses, and marked",
        "event.outcome": "a command that was only submitted has none yet, as the integration has it",
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
# Inputs that are no log of their source, so that nothing tells what they are: they are listed, not guessed. What an old FTD
# writes under ASA's name is an ASA's by all that it says.
NOT_RECOGNISED = {
    "aws/vpcflow/test/bad.log", "cisco/ftd/test/asa.log", "cisco/ftd/test/asa-fix.log", "cisco/ftd/test/not-ip.log",
}  # fmt: skip
