"""What tells the lines of one text log from those of another: marks that only its device writes."""

from __future__ import annotations

import re
from collections import Counter

_LINES_LOOKED_AT, _LONGEST = 50, 4_096
# By the name of the kind: what every line with the mark holds, which is soon looked for, and the mark. The first line that
# bears a mark decides; no mark is part of another log's line.
_MARKS: tuple[tuple[str, bytes, re.Pattern[bytes]], ...] = (
    (
        "windows-xml", b"<Event",
        re.compile(rb"<Event(?: xmlns=[\"']http://schemas\.microsoft\.com/win/[^\"'<>]{1,80}[\"']>|>\s*<System>)"),
    ),
    (
        "cef", b"EF:",
        re.compile(rb"(?:^|[\s>:])CEF:\d{1,2}\|[^|]{0,200}\|[^|]{0,200}\||(?:^|[\s>:])LEEF:[12]\.0\|[^|]{0,200}\|"),
    ),
    (
        "panos", b",",
        re.compile(
            rb"(?:^|[\s>])\d{1,10},\d{4}[/-]\d\d[/-]\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?Z?,[^,\s]{0,40},"
            rb"(?:TRAFFIC|THREAT|USERID|HIP-?MATCH|GLOBALPROTECT|CONFIG|SYSTEM|DECRYPTION|AUTHENTICATION|CORRELATION|GTP|"
            rb"IPTAG|SCTP|START|END),"
            rb"|(?:^|>)\w{3} {1,2}\d{1,2} \d\d:\d\d:\d\d \S{1,255} \d{1,20},\d{4}/\d\d/\d\d \d\d:\d\d:\d\d,(?i:audit),"
        ),
    ),
    (
        "auditd", b"msg=audit(",
        re.compile(rb"(?:^|\s)type=(?:[A-Z_]{2,40}|UNKNOWN\[\d+\]) msg=audit\(\d{1,12}\.\d{3}:\d{1,12}\):"),
    ),
    (
        "windows-dns-debug", b" PACKET ",
        re.compile(
            rb"^\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4} \d{1,2}:\d\d:\d\d(?: [AP]M)? +[0-9A-Fa-f]{3,8} +PACKET "
            rb"+[0-9A-Fa-f]{8,16} (?:UDP|TCP) (?:Rcv|Snd) "
        ),
    ),
    (
        "cisco-ftd", b"%",
        re.compile(rb"%(?:FTD|NGIPS)-(?:[A-Za-z]{1,20}-)?[0-7]-(?:\d{6}\b|:)|%ASA-(?:[A-Za-z]{1,20}-)?[0-7]-43000[1-5]\b"),
    ),
    (
        "cisco-ftd", b"@",
        re.compile(
            rb"^(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d{4} \d\d:\d\d:\d\d [\w-]{1,64}(?:\.(?:cgi|pl))?: [\w.-]{1,128}: "
            rb"[^\s@,]{1,64}@[^,]{1,128}, [A-Z][^,]{1,250}, "
        ),
    ),
    ("cisco-asa", b"%ASA-", re.compile(rb"%ASA-(?:[A-Za-z]{1,20}-)?[0-7]-\d{6}\b")),
    (
        "checkpoint", b"[",
        re.compile(
            rb"\[(?:[^\]]{0,4000}; )?(?:loguid|originsicname|sequencenum|ifdir):\"|\[Fields@1\.3\.6\.1\.4\.1\.2620 [a-zA-Z_]+=\""
        ),
    ),
    (
        "fortinet-firewall", b"logid=",
        re.compile(
            rb"(?:^|[\s>])(?:date=\"?\d{4}-\d\d-\d\d\"? time=\"?\d\d:\d\d:\d\d|eventtime=\d{10,19} tz=).{0,2000}? logid="
        ),
    ),
    (
        "juniper-srx", b"RT_",
        re.compile(
            rb"\sRT_[A-Z]{2,20} (?:\d{1,10}|-) [A-Z][A-Z0-9_]{2,63} \[(?:junos@\S{1,64} |[a-z][a-z-]{1,64}=\")"
        ),
    ),
    (
        "sophos-xg", b"log_id=",
        re.compile(rb"(?:^|[\s>])device(?:_name)?=\"?[^\"\s]{0,64}\"? (?:date|timestamp|device_id)=.{0,2000}? log_id=\"?\d"),
    ),
    (
        "pfsense", b"filterlog",
        re.compile(rb"\bfilterlog(?:\[\d{1,10}\])?(?: (?:\d{1,10}|-) - (?:-|\[[^\]]{0,1000}\])|:) "
            rb"\d{1,9},\d{0,9},[^,]{0,64},\w{1,64},"
        ),
    ),
    (
        "proxysg", b"#",
        re.compile(
            rb"^#Software: SGOS |^#Fields: (?=.*\bcs-uri-scheme\b).*\b(?:s-action|sc-filter-result|x-bluecoat-[a-z-]+)\b"
        ),
    ),
    (
        "iptables", b"SRC=",
        re.compile(rb"\bIN=\S* OUT=\S* (?:\S+ )?SRC=[0-9A-Fa-f.:]+ DST=[0-9A-Fa-f.:]+ LEN=\d+ .{0,200}\bPROTO="),
    ),
    (
        "dns-server-log", b": query: ",
        re.compile(rb"\bclient (?:@0x[0-9a-f]{1,16} )?[0-9A-Fa-f.:]{2,45}#\d{1,5}.{0,400}: query: \S+ [A-Z]"),
    ),
    (
        "dns-server-log", b"dnsmasq[",
        re.compile(rb"\bdnsmasq\[\d+\]: (?:\d+ \S+ )?(?:query\[[A-Z0-9=]+\]|reply|cached|forwarded|config) \S+ (?:from|is|to) "),
    ),
    (
        "dns-server-log", b"unbound[",
        re.compile(
            rb"\bunbound\[\d+(?::\d+)?\]:? (?:\[\d+:\d+\] )?(?:info|query|reply): [0-9A-Fa-f.:]{2,45} \S+ "
            rb"[A-Z0-9]+ [A-Z]+\b"
        ),
    ),
    (
        "dns-server-log", b" - ",
        re.compile(
            rb"\[[A-Z]{1,16}\] (?:\[[0-9A-Fa-f:.]{2,45}\]|[\d.]{7,15}):\d{1,5} - \d{1,5} \\?\"[A-Z0-9]{1,20} [A-Z0-9]{1,20} "
            rb"\S{1,1100} [a-z]{2,8} \d{1,9} (?:true|false) \d{1,9}\\?\" "
        ),
    ),
    (
        "aws-vpcflow", b"eni-",
        re.compile(
            rb"^[2-9] (?:\S+ ){0,4}eni-\S+ (?:\S+ ){8,15}(?:OK|NODATA|SKIPDATA)(?: \S+){0,15}$|"
            rb"^(?:i-[0-9a-z]+|-) eni-\S+ [0-9A-Fa-f.:]+ [0-9A-Fa-f.:]+ [0-9A-Fa-f.:]+ [0-9A-Fa-f.:]+$"
        ),
    ),
    (
        "aws-vpcflow", b" ",
        re.compile(rb"^(?=[a-z0-9 -]*\b(?:interface-id|srcaddr)\b)(?=[a-z0-9 -]*\b(?:start|dstaddr)\b)[a-z][a-z0-9 -]+$"),
    ),
    (
        "azure-flows-csv", b"FlowStartTime",
        re.compile(rb"^(?=.*\bFlowStartTime)(?=.*\bFlowDirection)(?=.*\bL4Protocol)[^{}]*$"),
    ),
    (
        "netflow-csv", b",",
        re.compile(rb"^(?:ts,te,td,sa,da,sp,dp,pr,|(?=.*\bfirstSeen,)(?=.*\bsrcAddr,)(?=.*\bdstAddr,)[\w,-]+$)"),
    ),
    ("netflow-csv", b"IP", re.compile(rb"^\s*sIP\s*([|,])\s*dIP\s*\1")),
    (
        "squid", b"/",
        re.compile(rb"^\d{9,11}\.\d{3} +-?\d+ \S+ [A-Z_]{3,60}/\d{3} \d+ [A-Z_]+ \S+ \S+ [A-Z_]{2,60}/\S+ \S+(?: .*)?$"),
    ),
    (
        "squid", b"/",
        re.compile(
            rb'^\S+ (?:\d{1,5}|\S+ \S+) \[\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d{1,2}:\d\d:\d\d [^\]"]{1,64}\] "[A-Z_]{3,20} \S+ [^"]*" '
            rb'(?:\S+ \S+ \S+ "[^"]*" \S+ \S+ \d+ "[^"]*" "[^"]*" \S|\S+ \d+ "[^"]*" "[^"]*" \S+ \S+ \S+ \d+(?:\.\d+)?$|'
            rb'\d{3} (?:\d+|-) (?:"[^"]*" "[^"]*" )?[A-Z_]{3,60}:[A-Z_]{2,60}$)'
        ),
    ),
    (
        "cisco-umbrella", b",",
        re.compile(
            rb'^"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d","[^"]*", ?(?:"[^"]*", ?"[^"]*", ?"[^"]*", ?"(?:Allowed|Blocked|Proxied)", ?"|'
            rb'(?:"[^"]*", ?){4,5}"(?:ALLOWED|BLOCKED)", ?"|'
            rb'"[0-9A-Fa-f.:]{2,45}","\d{0,5}","[0-9A-Fa-f.:]{2,45}","\d{0,5}","[^"]*"\r?$|'
            rb'"[^"]*","(?:LOW|MEDIUM|HIGH|CRITICAL)","|"[^"]*","\d{1,10}","\d{1,10}","[^"]*","\d{0,10}","[A-Z ]{3,12}",")|'
            rb'^"?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"?,"?\[\d+\]"?,"?[^",]*"?, ?"?[^",]*"?,"?(?:IN|OUT)BOUND"?,|'
            rb'^"\d{1,20}","\d{4}-\d\d-\d\d \d\d:\d\d:\d\d","[^"]*","[^"]*", ?"[a-z_]{1,64}", ?"(?:create|update|delete)",'
        ),
    ),
)  # fmt: skip


# Devices whose messages are largely the same: which of them a log is one of, the most of its lines say.
ALIKE = frozenset({"cisco-ftd", "cisco-asa"})


def recognise(head: bytes) -> str | None:
    """The kind of log that begins with these bytes, None if no line bears a mark."""
    found: Counter[str] = Counter()
    for line in head.split(b"\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT]:
        name = of_line(line)
        if name is not None:
            found[name] += 1
            if name not in ALIKE:
                break
    return max(found, key=lambda name: found[name], default=None)


def of_line(line: bytes) -> str | None:
    """The kind of log that a line without its end is of, None if it bears no mark."""
    text = line[:_LONGEST].rstrip(b"\r")
    return next((name for name, held, mark in _MARKS if held in text and mark.search(text)), None)
