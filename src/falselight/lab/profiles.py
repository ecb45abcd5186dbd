"""Who calls out and how: implants by framework or grid, and benign pollers. Seconds, shares of 1, bytes.

Framework defaults: Cobalt Strike reference.profile, Sliver, Mythic http and poseidon, Havoc, Empire, Metasploit, PoshC2,
Covenant, Merlin sources; public malleable profiles for the jittered Cobalt Strike ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

Law = Literal["one_sided", "symmetric", "additive", "whole", "backoff", "gaussian", "exponential"]
Duty = Literal["always", "work", "laptop", "night"]
Channel = Literal["tcp", "keepalive", "rotation", "fronted", "websocket", "dns", "names", "shared"]

SLEEPS = (2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0)
JITTERS = (0.0, 0.1, 0.2, 0.37, 0.5, 0.65, 0.9)


@dataclass(frozen=True)
class Implant:
    """``jitter`` is a share of the sleep; for ``additive`` the gap is sleep + U[0, jitter · sleep), for ``gaussian`` the standard
    deviation is half of it, and ``exponential`` gaps have the sleep as their mean. ``drop`` is the share of polls that fail
    unseen, ``tasking`` bursts a day in which it does not sleep, ``change`` a factor by which the sleep changes half-way (1:
    never). ``fronted`` servers have a name below a content network's domain and its addresses, ``shared`` ones a name of their
    own at such an address; ``rotation`` takes three addresses of one name in turn, ``names`` three names of one address;
    ``keepalive`` sends twenty polls over one connection, ``websocket`` all until the connection breaks after some hours; ``dns``
    looks up names below its domain and connects nowhere. ``hosts`` is how many call the same server."""

    framework: str
    sleep: float
    jitter: float = 0.0
    law: Law = "one_sided"
    duty: Duty = "always"
    channel: Channel = "tcp"
    data_jitter: int = 0
    drop: float = 0.0
    tasking: float = 0.0
    change: float = 1.0
    hosts: int = 1


FRAMEWORKS: tuple[Implant, ...] = (
    Implant("cobalt-strike", 60),
    Implant("cobalt-strike", 30, 0.20),
    Implant("cobalt-strike", 45, 0.37, data_jitter=100),
    Implant("cobalt-strike", 60, 0.37),
    Implant("cobalt-strike", 48, 0.65),
    Implant("cobalt-strike", 180, 0.33),
    Implant("cobalt-strike", 5, 0),
    Implant("sliver", 60, 0.5, "additive"),
    Implant("mythic", 10, 0.23, "whole"),
    Implant("havoc", 2, 0.15, "symmetric"),
    Implant("empire", 5, 0.0, "whole"),
    Implant("meterpreter", 10, 0.0, "backoff"),
    Implant("poshc2", 5, 0.20, "symmetric"),
    Implant("covenant", 5, 0.10, "symmetric"),
    Implant("merlin", 30, 0.10, "additive"),
)


def grid(
    sleeps: tuple[float, ...] = SLEEPS[3:9], jitters: tuple[float, ...] = JITTERS[:6],
    laws: tuple[Law, ...] = ("one_sided", "symmetric", "additive"), duties: tuple[Duty, ...] = ("always", "work", "laptop"),
    drops: tuple[float, ...] = (0.0, 0.05, 0.2),
    channels: tuple[Channel, ...] = ("tcp", "tcp", "rotation", "tcp", "fronted"),
) -> list[Implant]:  # fmt: skip
    """Every combination of sleep and jitter; law, duty, loss, channel, data jitter, tasking and hosts go round
    beside them."""
    found: list[Implant] = []
    for number, (sleep, jitter, duty) in enumerate(product(sleeps, jitters, duties)):
        found.append(
            Implant(
                "grid", sleep, jitter, laws[number % len(laws)], duty, channels[number % len(channels)],
                (0, 100, 4096)[number // 2 % 3], drops[number // 3 % len(drops)], (0.0, 1.0, 5.0)[number // 5 % 3],
                hosts=(1, 1, 1, 1, 1, 1, 3)[number % 7],
            )
        )  # fmt: skip
    return found


def margins() -> list[Implant]:
    """What ``grid`` leaves out: the shortest sleeps, a day's sleep, jitter of 90 per cent, and channels that show few
    connections or none."""
    found = grid(SLEEPS[:3], (0.0, 0.2, 0.5, 0.65), duties=("always", "work"))
    found += grid((86_400.0,), (0.0, 0.2, 0.5), duties=("always", "laptop"))
    found += grid((30.0, 300.0, 3_600.0), (0.9,), duties=("always", "work"))
    channels: tuple[Channel, ...] = ("keepalive", "websocket", "dns")
    for channel in channels:
        found += grid((10.0, 60.0, 600.0), (0.0, 0.3), duties=("always", "work"), channels=(channel,))
    return found


def apart() -> list[Implant]:
    """What neither ``grid`` nor ``margins`` has: gaussian and exponential gaps, sleeps between the usual ones and up to a day,
    changes of sleep half-way, nights only, three names in turn, and names at a content network's address."""
    laws: tuple[Law, ...] = ("gaussian", "one_sided", "gaussian", "exponential", "symmetric", "gaussian")
    duties: tuple[Duty, ...] = ("always", "work", "laptop", "night")
    channels: tuple[Channel, ...] = ("tcp", "names", "shared", "tcp", "websocket", "fronted", "keepalive")
    found: list[Implant] = []
    sleeps = (7.0, 20.0, 90.0, 240.0, 1_200.0, 2_700.0, 7_200.0, 12_000.0, 28_800.0)
    for number, (sleep, jitter, turn) in enumerate(product(sleeps, (0.05, 0.15, 0.3, 0.45), range(4))):
        channel = channels[number % len(channels)]
        found.append(
            Implant(
                "apart", sleep, jitter, laws[number // 4 % len(laws)], duties[turn],
                "tcp" if sleep > 1_200 and channel in ("websocket", "keepalive") else channel, (0, 50, 1000)[number % 3],
                (0.0, 0.1, 0.3)[number // 2 % 3], (0.0, 0.5, 3.0)[number // 5 % 3], (1.0, 1.0, 0.25, 1.0, 4.0)[number % 5],
                (1, 1, 2, 1, 1, 5, 1, 1)[number % 8],
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True)
class Poller:
    """A benign caller. ``share`` of hosts have it; ``spread`` names or addresses are used in turn; ``duty`` work means
    only while its user works (an open page)."""

    name: str
    domain: str
    period: float
    jitter: float
    share: float
    port: int = 443
    transport: str = "tcp"
    process: str = "C:\\Windows\\System32\\svchost.exe"
    sent: int = 900
    received: int = 2_500
    variation: float = 0.1
    duty: Duty = "laptop"
    internal: bool = False

    def named(self, domain: str) -> Poller:
        """The same caller with a server name of its own."""
        return replace(self, domain=domain)


_WINDOWS = "C:\\Windows\\System32\\"
_PROGRAMS = "C:\\Program Files\\"
_EDGE = _PROGRAMS + "(x86)\\Microsoft\\Edge\\Application\\msedge.exe"

POLLERS: tuple[Poller, ...] = (
    Poller("ntp", "time.windows.example-os.net", 1024, 0.0, 1.0, 123, "udp", sent=76, received=76, variation=0.0),
    Poller("push", "client.push.example-os.net", 1500, 0.3, 0.9),
    Poller("telemetry", "events.telemetry.example-os.net", 900, 0.4, 0.9, variation=0.8),
    Poller("weather-tile", "tile.weather.example-os.net", 1800, 0.01, 0.8),
    Poller("updates", "update.example-os.net", 79_200, 0.2, 1.0, variation=1.0),
    Poller("edr", "sensor.edr-vendor.example", 60, 0.05, 0.95, process=_PROGRAMS + "EDR\\sensor.exe", variation=0.3),
    Poller("remote-management", "agent.rmm-vendor.example", 120, 0.0, 0.6, process=_PROGRAMS + "RMM\\agent.exe"),
    Poller("sccm", "sccm.corp.example", 3600, 0.1, 0.9, 443, process="C:\\Windows\\CCM\\CcmExec.exe", internal=True),
    Poller("nrpe", "nagios.corp.example", 300, 0.0, 0.2, 5666, process=_PROGRAMS + "NSClient++\\nscp.exe", internal=True),
    Poller("solarwinds", "orion.corp.example", 600, 0.0, 0.3, 17_778, process=_PROGRAMS + "SolarWinds\\agent.exe",
           internal=True),
    Poller("vpn", "vpn.corp-gateway.example", 30, 0.0, 0.15, 443, "udp", _PROGRAMS + "VPN\\client.exe", 120, 120, 0.0),
    Poller("ocsp", "ocsp.certificates.example", 14_400, 0.5, 0.8, 80, process=_WINDOWS + "lsass.exe"),
    Poller("browser-update", "update.browser.example", 18_000, 0.1, 0.9, process=_PROGRAMS + "Browser\\update.exe"),
    Poller("chat", "edge.chat.example", 45, 0.1, 0.7, process=_PROGRAMS + "Chat\\chat.exe", duty="work", variation=0.5),
    Poller("mail", "outlook.mail.example", 300, 0.15, 0.8, process=_PROGRAMS + "Office\\outlook.exe", variation=0.6),
    Poller("drive", "sync.drive.example", 600, 0.2, 0.5, process=_PROGRAMS + "Drive\\sync.exe", variation=0.6),
    Poller("ad-refresh", "refresh.ads.example", 30, 0.02, 0.5, process=_EDGE, duty="work", variation=0.4),
    Poller("analytics", "ping.analytics.example", 15, 0.05, 0.4, process=_EDGE, duty="work"),
    Poller("printer-cloud", "cloud.printer.example", 3600, 0.0, 0.05, process=_PROGRAMS + "Printer\\status.exe"),
    Poller("music", "spclient.music.example", 240, 0.2, 0.15, process=_PROGRAMS + "Music\\music.exe", duty="work"),
    Poller("developer-tool", "api.devtool.example", 600, 0.1, 0.06, process=_PROGRAMS + "Dev\\tool.exe", duty="work"),
)  # fmt: skip

# Services that give each host its own name below theirs.
TENANTS: tuple[Poller, ...] = (
    Poller("tenant-agent", "agents.tenant-vendor.example", 300, 0.1, 0.4, process=_PROGRAMS + "Tenant\\agent.exe"),
    Poller("device-hub", "devices.hub-vendor.example", 60, 0.02, 0.1, 8883, process=_PROGRAMS + "Hub\\device.exe"),
    Poller("meeting-room", "rooms.meeting-vendor.example", 900, 0.0, 0.05, process=_PROGRAMS + "Rooms\\room.exe"),
)  # fmt: skip
