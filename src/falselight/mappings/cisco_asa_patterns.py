"""Cisco ASA's messages that have optional parts, as patterns. ``GROUPS`` or the table's parts say which field a group is."""

from __future__ import annotations

import re

_END = r"(?P<{0}_interface>[^:/()]{{0,80}}?):(?P<{0}>[^\s/()]+)/(?P<{1}port>\d{{1,5}})"
_SOURCE, _DESTINATION = _END.format("source", "s"), _END.format("destination", "d")
_MAPPED = r" \((?P<mapped_{0}>[^\s/()]+)/(?P<mapped_{1}port>\d{{1,5}})\)(?:\((?P<{0}_user>[^()]*)\))?"
_USER = r"(?: ?\(?(?P<{0}_user>(?<=\()[^()]*|[^\s()]+)\)?)?"
PATTERNS: dict[str, tuple[re.Pattern[str], ...]] = {}


def _register(ids: str, *patterns: str) -> None:
    for each in ids.split():
        PATTERNS[each] = tuple(re.compile(pattern) for pattern in patterns)


_register(
    "302013 302015",
    r"Built (?P<direction>\S+) (?:Probe )?(?P<transport>\S+) connection (?P<connection>\d+) for " + _SOURCE
    + _MAPPED.format("source", "s") + " to " + _DESTINATION + _MAPPED.format("destination", "d")
    + r"(?: \((?P<termination_user>[^()]*)\))?",
)  # fmt: skip
_register(
    "302014 302016 302018 302021 302036 302304 302306",
    r"Teardown (?:Probe )?(?P<transport>\S+) (?:state-bypass )?connection (?P<connection>\d+) (?:for|from) " + _SOURCE
    + _USER.format("source") + " to " + _DESTINATION + _USER.format("destination")
    + r" duration (?P<duration>\d+:\d\d:\d\d) bytes (?P<bytes>\d+)(?: (?P<reason>[^:()]*?))??"
    + r"(?: from (?P<initiator>[^:\s()]+))?(?: \((?P<termination_user>[^()]*)\))?$",
    r"Teardown (?P<transport>\S+) connection for faddr (?P<destination>[^\s/()]+)/\d+(?: ?\((?P<destination_user>[^()]*)\))? "
    r"gaddr (?P<mapped_source>[^\s/()]+)/\d+ laddr (?P<source>[^\s/()]+)/\d+(?: ?\((?P<source_user>[^()]*)\))?"
    r"(?: type (?P<icmp_type>\d+) code (?P<icmp_code>\d+))?",
)  # fmt: skip
_register(
    "113029 113030 113031 113032 113033 113034 113035 113036 113038 113039",
    r"Group <?(?P<group>[^\s<>]+)>? User <?(?P<source_user_name>[^\s<>]+)>? IP <?(?P<source>[^\s<>]+)>?",
)
_register(
    "751025",
    r"Local:(?P<source>\S+):(?P<sport>\d{1,5}) Remote:(?P<destination>\S+):(?P<dport>\d{1,5}) Username:(?P<source_user_name>\S+) "
    r"(?:IKEv\d )?Group:(?P<group_policy>\S+) IPv4 Address=(?P<assigned>\S+)",
)
_register(
    "302020",
    r"Built (?P<direction>\S+) (?P<protocol>\S+) connection for faddr (?P<destination>[^\s/()]+)/\d+"
    r"(?: ?\((?P<destination_user>[^()]*)\))? gaddr (?P<mapped_source>[^\s/()]+)/\d+ laddr (?P<source>[^\s/()]+)/\d+"
    r"(?: ?\((?P<source_user>[^()]*)\))?(?: type (?P<icmp_type>\d+) code (?P<icmp_code>\d+))?",
)
_register(
    "106023",
    r"(?P<outcome>\S+) (?:protocol (?P<number>\d+)|(?P<transport>\S+)) src (?P<source_interface>[^:]{1,80}):"
    r"(?P<source>[^\s/()]+)(?:/(?P<sport>\d{1,5}))? ?(?:\((?P<source_user>[^()]*)\) )?dst (?P<destination_interface>[^:]{1,80}):"
    r"(?P<destination>[^\s/()]+)(?:/(?P<dport>\d{1,5}))?.*?by access-group \"(?P<list>[^\"\s]+)\"",
)
_register(
    "304001",
    r"(?:(?P<plain_user>[^\s@]+)@)?(?P<source>[^\s()]+)(?:\([^()]*\))? \S+(?: \S+)? URL "
    r"(?:[^\s@]+@)?(?P<destination>[0-9a-fA-F.]+|[^\s:]+):(?P<url>.*)$",
)
_register(
    "305011",
    r"Built \S+ (?P<transport>\S+) translation from " + _SOURCE + r"(?:\((?P<plain_user>[^()]*)\))? to " + _DESTINATION,
)
_register(
    "305012",
    r"Teardown \S+ (?P<transport>\S+) translation from " + _SOURCE + r"(?: ?\((?P<source_user>[^()]*)\))? to " + _DESTINATION
    + r" duration (?P<duration>\d+:\d\d:\d\d)",
)  # fmt: skip
_register(
    " ".join(f"338{n:03}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 101, 102, 103, 104, 201, 202, 203, 204)),
    r"Dynamic [Ff]ilter (?P<outcome>\S+) \S+(?: ?listed)? (?P<transport>\S+) traffic from " + _SOURCE
    + _MAPPED.format("source", "s") + " to " + _DESTINATION + _MAPPED.format("destination", "d")
    + r"[, ]+(?P<whose>source|destination) [^,:]{1,80}? resolved from (?P<list>\S+) list: (?P<named>[^\s,]+)"
    + r"(?:, threat-level: (?P<level>[^,]+), category: (?P<category>.+))?$",
)  # fmt: skip
_register(
    "113004",
    r"AAA user (?P<aaa_type>\w+) Successful ?: server = +(?P<destination>\S+?) ?[,:] [Uu]ser = (?P<source_user_name>.+)$",
)
_register(
    "113008 113012", r"AAA (?:user|transaction) [\w ]+?(?: ?: local database)? ?: user = (?P<source_user_name>.+)$"
)
_register(
    "113005 113015",
    r"AAA user \w+ Rejected ?: reason = (?P<rejection>[^:]*[^: ]) ?: (?:server = (?P<destination>\S+)|local database) : "
    r"user = ?(?P<source_user_name>.*?)(?: ?: user IP = (?P<source>\S+))?$",
)
_register(
    "113009 113011",
    r"AAA retrieved .*group policy \(?(?P<group_policy>[^()]+?)\)? for user =? ?(?P<source_user_name>.+)$",
)
_register("113022 113023", r"AAA Marking (?P<protocol>\S+) server (?P<destination>\S+) in ")
_register(
    "313005",
    r"No matching connection for (?P<transport>\S+) error message: \S+ src [^:\s]{1,80}:(?P<source>[^\s()]+)"
    r"(?:\((?P<source_user>[^()]*)\))? dst (?P<destination_interface>[^:\s]{1,80}):(?P<destination>[^\s()]+)(?:\([^()]*\))? "
    r"\(type (?P<icmp_type>\d+), code (?P<icmp_code>\d+)\) on (?P<source_interface>\S+) interface",
)
_CLIENT = r"Group <(?P<{0}>[^<>]+)> User <(?P<source_user_name>[^<>]*)> IP <(?P<source>[^<>]+)> "
_BARE_CLIENT = r"Group (?P<{0}>\S+) User (?P<source_user_name>\S+) IP (?P<source>\S+) "
_SVC = r"(?P<reason>(?:(?:First|New) (?P<transport>TCP|UDP) )?.+)$"
_register(
    "722010 722011 722012 722022 722023 722028 722032 722033 722034 722036 722037 722041",
    _CLIENT.format("group") + _SVC, _BARE_CLIENT.format("group") + _SVC,
)  # fmt: skip
_register(
    "716038 716039",
    r"Authentication: \w+, group = (?P<group>.+?) user = (?P<source_user_name>.*?) , Session Type: (?P<session>\S+)",
    _CLIENT.format("group") + r"Authentication: \w+, Session Type: (?P<session>\w+)",
)
_register(
    "716003 716058",
    *(
        head.format("webvpn") + r"(?:WebVPN access GRANTED: \"?(?P<url>[^\"]+)|AnyConnect session )"
        for head in (_CLIENT, _BARE_CLIENT)
    ),
)
_register(
    "716059",
    r"Group <?(?P<webvpn>[^<>]+?)>? User <?(?P<source_user_name>[^<>]+?)>? IP <?(?P<destination>[^<>\s]+)>? "
    r"AnyConnect session resumed\. Connection from <?(?P<source>[^<>\s]+?)>?\.?$",
)
_register(
    "721016 721018",
    r"\((?P<device_type>[^()]+)\) WebVPN session for client user (?P<source_user_name>.+), "
    r"IP(?:v[46])? (?P<destination>\S+) has been ",
)
_register(
    "725001 725002 725007 725016",
    r"(?:Starting SSL handshake|Device completed SSL handshake|SSL session|Device selects trust-point (?P<trustpoint>\S+)) "
    r"(?:with|for) (?P<peer_type>\w+) (?P<source_interface>[^:\s]{1,80}):(?P<source>[^\s/]+)/(?P<sport>\d{1,5})"
    r"(?: to (?P<destination>[^\s/]+)/(?P<dport>\d{1,5}))?(?: for TLSv(?P<tls>\d[.\d]{0,4}) session)?",
)
_IPAA = r"IPAA: (?:Session=(?P<session_id>0x[0-9a-fA-F]{1,32}), )?"
_register("737016", _IPAA + r"Freeing local pool (?P<pool_name>.+) address (?P<pool_address>\S+)$")
_register("737026", _IPAA + r"Client assigned (?P<pool_address>\S+)(?: from local pool(?: (?P<pool_name>\S+))?)?")
_register("737003 737006", _IPAA + r".+ for tunnel-group (?P<tunnel_group>\S+)$")
GROUPS = {
    "source_interface": "cisco.asa.source_interface", "destination_interface": "cisco.asa.destination_interface",
    "initiator": "cisco.asa.termination_initiator", "termination_user": "cisco.asa.termination_user",
    "source_user": "cisco.asa.source_username", "destination_user": "cisco.asa.destination_username",
    "plain_user": "source.user.name", "group_policy": "cisco.asa.group_policy",
    "source_user_name": "source.user.name", "number": "network.iana_number", "tls": "tls.version",
    "rejection": "cisco.asa.rejection_reason",
    **{name: f"cisco.asa.{name}" for name in (
        "aaa_type", "device_type", "peer_type", "pool_address", "pool_name", "session_id", "trustpoint", "tunnel_group",
    )},
}  # fmt: skip
