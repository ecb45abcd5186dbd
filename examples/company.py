"""The people, machines, servers and habits of Marl & Finch, a chandlery that does not exist.

Every public address is from the documentation ranges (RFC 5737, RFC 3849) and every name is reserved (RFC 2606) or one
that the page's rule excludes, so no line can be mistaken for a real server.
"""

from __future__ import annotations

from dataclasses import dataclass

CHROME = r"C:\Program Files\Google\Chrome\Application\chrome.exe"
EDGE = r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe"
FIREFOX = r"C:\Program Files\Mozilla Firefox\firefox.exe"
SVCHOST = r"C:\Windows\System32\svchost.exe"
SYSTEM, LOCAL, NETWORK = r"NT AUTHORITY\SYSTEM", r"NT AUTHORITY\LOCAL SERVICE", r"NT AUTHORITY\NETWORK SERVICE"


@dataclass(frozen=True)
class Habit:
    """What a process does again and again.

    gap: mean seconds between visits; jitter: a gap is uniform in gap × [1 − jitter, 1 + jitter], or, if ``random``,
    exponential; burst: most connections of one visit; hours: from and to, local time, which is UTC here.
    user: empty for the person at the machine. servers: (address, name) pairs, one drawn for each visit."""

    image: str
    servers: tuple[tuple[str, str], ...]
    gap: float
    jitter: float = 0.1
    burst: int = 1
    hours: tuple[float, float] = (0.0, 24.0)
    port: int = 443
    protocol: str = "tcp"
    user: str = ""
    random: bool = False
    looked_up: bool = False


@dataclass(frozen=True)
class Machine:
    name: str
    user: str
    address: str
    address6: str
    habits: tuple[Habit, ...]
    shape: str


WEB_NAMES = (
    "www.tidewater-news",
    "shop.ropeandtackle",
    "maps.harbourside",
    "www.lamp-oil",
    "mail.freeport",
    "cdn.signalbox",
)
WEB = (
    *((f"198.51.100.{30 + index}", f"{name}.example") for index, name in enumerate(WEB_NAMES)),
    ("2001:db8:51::8a", "video.brinehouse.example"),
    ("2001:db8:51::8b", "www.sextant.example"),
)

UPDATES = (
    ("198.51.100.130", "fe3.delivery.mp.microsoft.com"),
    ("198.51.100.131", "au.download.windowsupdate.com"),
    ("2001:db8:77::20", "slscr.update.microsoft.com"),
)
TELEMETRY = (("198.51.100.134", "v10.events.data.microsoft.com"), ("198.51.100.135", "settings-win.data.microsoft.com"))
STORAGE = (("198.51.100.140", "eu.s3.amazonaws.com"), ("198.51.100.141", "storage.googleapis.com"))
CERTIFICATES = (("198.51.100.145", "ocsp.digicert.com"),)
MAIL = (("192.0.2.25", "imap.mail.example.net"),)
TIME = (("192.0.2.123", ""),)
GROUP = (("224.0.0.252", ""), ("ff02::1:3", ""))
MONITOR = (("10.20.0.9", "monitor.marlfinch.example"),)
FILES = (("10.20.0.10", "fs01.marlfinch.example"),)
BACKUP = (("2001:db8:b::5", "vault.backup.example.org"),)
PATCHES = (("192.0.2.80", "packages.chandler-erp.example.com"),)


def desk(browser: str, pace: float) -> tuple[Habit, ...]:
    """The habits of a Windows desk, browsing every ``pace`` seconds in working hours."""
    work = (8.4, 17.6)
    return (
        Habit(browser, WEB, pace, burst=4, hours=work, random=True, looked_up=True),
        Habit(SVCHOST, UPDATES, 1900, 0.4, burst=2, hours=(7.9, 18), user=SYSTEM),
        Habit(SVCHOST, TELEMETRY, 420, 0.2, hours=(7.9, 18), user=SYSTEM),
        Habit(SVCHOST, TIME, 2048, 0.01, port=123, protocol="udp", user=LOCAL),
        Habit(SVCHOST, GROUP, 1500, port=5355, protocol="udp", hours=(7.9, 18), user=NETWORK, random=True),
        Habit(r"C:\Program Files\Chandler Monitor\cmagent.exe", MONITOR, 300, 0.02, port=5667, user=SYSTEM),
        Habit(r"C:\Windows\explorer.exe", FILES, 700, port=445, hours=work, random=True),
        Habit(r"C:\Windows\System32\lsass.exe", CERTIFICATES, 4000, 0.5, port=80, hours=work, user=SYSTEM),
    )


THUNDERBIRD = Habit(
    r"C:\Program Files\Mozilla Thunderbird\thunderbird.exe", MAIL, 600, 0.02, hours=(8.2, 17.8), port=993
)
TEAMS = Habit(
    r"C:\Users\i.marl\AppData\Local\Microsoft\Teams\current\teams.exe",
    (("198.51.100.150", "chat.meeting.example"),),
    90,
    0.3,
    hours=(8.5, 12.1),
)
ERP = Habit(r"C:\Program Files\Chandler ERP\erpupdate.exe", PATCHES, 3600, 0.02, hours=(8, 18))
SYNC = Habit(r"C:\Program Files\Ledger Sync\ledgersync.exe", STORAGE, 150, 0.3, hours=(9, 17), looked_up=True)

SERVER_HABITS = (
    Habit(r"C:\Program Files\Chandler Monitor\cmagent.exe", MONITOR, 240, 0.02, port=5667, user=SYSTEM),
    Habit(SVCHOST, UPDATES, 2400, 0.4, user=SYSTEM),
    Habit(SVCHOST, TIME, 1024, 0.01, port=123, protocol="udp", user=LOCAL),
    Habit(r"C:\Program Files\Vault\vaultagent.exe", BACKUP, 480, 0.05, hours=(1, 5), user=SYSTEM),
    Habit(r"C:\Program Files\Chandler ERP\erpupdate.exe", PATCHES, 3600, 0.02, user=SYSTEM),
)
LAPTOP_HABITS = (
    Habit(EDGE, WEB, 330, burst=4, hours=(9, 18), random=True),
    Habit(SVCHOST, TIME, 2048, 0.01, port=123, protocol="udp", user=LOCAL),
    Habit(r"C:\Program Files\Chandler Monitor\cmagent.exe", MONITOR, 300, 0.02, hours=(9, 18), port=5667, user=SYSTEM),
    Habit(r"C:\Program Files\Git\mingw64\bin\git-remote-https.exe", (("192.0.2.90", ""),), 1300, 0.3, hours=(10, 17)),
)
MAC_HABITS = (
    Habit("/usr/libexec/nsurlsessiond", (("192.0.2.200", ""), ("2001:db8:17::200", "")), 1200, 0.3, hours=(9, 18)),
    Habit("/usr/sbin/timed", TIME, 1800, port=123, protocol="udp", hours=(8, 19), user="_timed"),
    Habit("/usr/bin/ssh", (("192.0.2.91", ""),), 3000, 0.3, hours=(10, 17), port=22),
    Habit("/opt/chandler/cmagent", MONITOR, 300, 0.02, hours=(9, 18), port=5667, user="root"),
)

MACHINES = (
    Machine(
        "ws01.marlfinch.example",
        "i.marl",
        "10.20.1.11",
        "2001:db8:20:1::11",
        (*desk(EDGE, 210), TEAMS),
        "winlogbeat",
    ),
    Machine(
        "ws02.marlfinch.example",
        "b.finch",
        "10.20.1.12",
        "2001:db8:20:1::12",
        (*desk(CHROME, 160), THUNDERBIRD),
        "winlogbeat",
    ),
    Machine(
        "ws03.marlfinch.example",
        "t.wrack",
        "10.20.1.13",
        "2001:db8:20:1::13",
        (*desk(CHROME, 240), THUNDERBIRD, ERP),
        "winlogbeat",
    ),
    Machine(
        "ws04.marlfinch.example",
        "o.kelp",
        "10.20.1.14",
        "2001:db8:20:1::14",
        (*desk(FIREFOX, 260), SYNC),
        "winlogbeat",
    ),
    Machine("fs01.marlfinch.example", "svc-files", "10.20.0.10", "2001:db8:20::10", SERVER_HABITS, "nxlog"),
    Machine("lt05.marlfinch.example", "j.skerry", "10.20.2.15", "2001:db8:20:2::15", LAPTOP_HABITS, "defend"),
    Machine("lt06.marlfinch.example", "s.tarn", "10.20.2.16", "2001:db8:20:2::16", MAC_HABITS, "defend"),
)


@dataclass(frozen=True)
class Implant:
    """The one intruder: Cobalt Strike's law of sleep, a gap uniform in interval × [1 − jitter, 1]."""

    host: str = "ws03.marlfinch.example"
    image: str = r"C:\Users\t.wrack\AppData\Local\Programs\wuhelper\wuhelper.exe"
    server: str = "203.0.113.77"
    domain: str = "cdn.wu-helper.example"
    interval: float = 60.0
    jitter: float = 0.3
    hours: tuple[float, float] = (13.2, 16.6)
    named: float = 0.06


IMPLANT = Implant()
