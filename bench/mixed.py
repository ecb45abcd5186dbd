"""Mixed telemetry of a company's hosts in the event table's physical form: process, file, registry, network, DNS, library and
logon events of Windows and Linux, shaped as Elastic Defend and Sysmon ship them. Every value is drawn from a hash of the
event's number and the seed, so one seed gives one table.

Names are skewed as in real telemetry (a few programs make most events); paths, command lines and ids are nearly all
distinct. Tools that rules look for occur, mostly with harmless arguments.
"""

from __future__ import annotations

import duckdb

from bench.generators import DAY, DAY_START
from falselight.ecs import release
from falselight.ecs.schema import Field, Schema, column, ip_column
from falselight.store import quoted

HOSTS, WINDOWS_SHARE = 500, 80
SYSTEM32, PROGRAMS = "C:\\Windows\\System32\\", "C:\\Program Files\\"
# In order of frequency: name, folder, original file name where it differs.
WINDOWS = (
    *((name, SYSTEM32) for name in (
        "svchost.exe", "RuntimeBroker.exe", "conhost.exe", "backgroundTaskHost.exe", "SearchProtocolHost.exe", "dllhost.exe",
        "taskhostw.exe", "lsass.exe", "services.exe", "WmiPrvSE.exe", "spoolsv.exe", "cmd.exe", "rundll32.exe", "sihost.exe",
        "ctfmon.exe", "dwm.exe", "smartscreen.exe", "wermgr.exe", "schtasks.exe", "sc.exe", "reg.exe", "net.exe", "net1.exe",
        "whoami.exe", "ipconfig.exe", "tasklist.exe", "msiexec.exe", "regsvr32.exe", "mshta.exe", "wscript.exe", "cscript.exe",
        "certutil.exe", "bitsadmin.exe", "netsh.exe", "nltest.exe", "wevtutil.exe", "vssadmin.exe", "bcdedit.exe", "wmic.exe",
        "nslookup.exe", "ping.exe", "tracert.exe", "arp.exe", "findstr.exe", "attrib.exe", "icacls.exe", "fsutil.exe",
        "esentutl.exe", "mstsc.exe", "userinit.exe", "winlogon.exe", "lsm.exe", "csrss.exe", "smss.exe", "control.exe",
    )),
    ("chrome.exe", PROGRAMS + "Google\\Chrome\\Application\\"),
    ("msedge.exe", "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\"),
    ("Teams.exe", "C:\\Users\\alba\\AppData\\Local\\Microsoft\\Teams\\current\\"),
    ("OUTLOOK.EXE", PROGRAMS + "Microsoft Office\\root\\Office16\\"),
    ("WINWORD.EXE", PROGRAMS + "Microsoft Office\\root\\Office16\\"),
    ("EXCEL.EXE", PROGRAMS + "Microsoft Office\\root\\Office16\\"),
    ("explorer.exe", "C:\\Windows\\"),
    ("powershell.exe", SYSTEM32 + "WindowsPowerShell\\v1.0\\"),
    ("MsMpEng.exe", "C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18.24090.11-0\\"),
    ("w3wp.exe", SYSTEM32 + "inetsrv\\"),
    ("python.exe", "C:\\Python312\\"),
    ("7z.exe", PROGRAMS + "7-Zip\\"),
)  # fmt: skip
LINUX = (
    *((name, "/usr/bin/") for name in (
        "bash", "sh", "dash", "grep", "sed", "awk", "cat", "ls", "find", "date", "sleep", "python3.11", "perl", "ps", "id",
        "curl", "wget", "ssh", "scp", "sudo", "systemctl", "crontab", "chmod", "chown", "tar", "gzip", "base64", "openssl",
        "docker", "kubectl", "git", "make", "gcc", "whoami", "uname", "hostname", "ip", "netstat", "nc", "tail", "head", "tee",
    )),
    *((name, "/usr/sbin/") for name in ("sshd", "cron", "nginx", "dockerd", "rsyslogd", "modprobe", "insmod", "useradd")),
    ("systemd", "/usr/lib/systemd/"),
    ("node", "/opt/app/bin/"),
    ("java", "/opt/jdk-21/bin/"),
)  # fmt: skip
GENERATED = 240
# Parts of a hundred.
KINDS = (("process", 30), ("file", 25), ("registry", 12), ("network", 15), ("dns", 4), ("library", 11), ("logon", 3))
WINDOWS_WORDS = (
    "-k netsvcs -p -s Schedule", "-Embedding", "--type=renderer --lang=en-US --enable-features=Audio", "/c exit 0",
    "-NoProfile -NonInteractive -File C:\\Scripts\\inventory.ps1", "/query /fo csv /v", "-ServerName:App.AppX",
    "0xffffffff -ForceV1",
    "--utility-sub-type=network.mojom.NetworkService", "query \"BITS\"", "/S /quiet /norestart", "-m pip list --format json",
)  # fmt: skip
LINUX_WORDS = (
    "-c /usr/local/bin/collect", "--color=auto -n error", "-p 22 -o BatchMode=yes backup@store01", "is-active nginx",
    "-s -o /dev/null http://127.0.0.1:9100/metrics", "-e s/a/b/ /etc/motd", "/var/log/syslog", "-xzf /var/backups/etc.tar.gz",
    "-r /opt/app/main.js", "--version", "-la /var/lib/app", "run --rm worker:latest",
)  # fmt: skip
WINDOWS_FOLDERS = (
    "C:\\Users\\{user}\\AppData\\Local\\Temp\\", "C:\\Users\\{user}\\AppData\\Roaming\\Microsoft\\Office\\Recent\\",
    "C:\\Users\\{user}\\Documents\\", "C:\\Windows\\Temp\\", "C:\\Windows\\Prefetch\\", "C:\\ProgramData\\Package Cache\\",
    "C:\\Users\\{user}\\AppData\\Local\\Google\\Chrome\\User Data\\Default\\Cache\\", "C:\\Windows\\System32\\LogFiles\\",
    "C:\\Windows\\SoftwareDistribution\\Download\\", "C:\\inetpub\\logs\\", "C:\\Users\\{user}\\Downloads\\",
)  # fmt: skip
LINUX_FOLDERS = (
    "/tmp/",
    "/var/log/",
    "/var/lib/docker/overlay2/",
    "/home/{user}/",
    "/opt/app/cache/",
    "/run/",
    "/etc/",
    "/usr/lib/",
)
EXTENSIONS = ("tmp", "log", "pf", "json", "dll", "exe", "lnk", "docx", "txt", "dat", "xml", "ps1", "zip", "db")
KEYS = (
    "HKLM\\SYSTEM\\ControlSet001\\Services\\bam\\State\\UserSettings",
    "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule",
    "HKEY_USERS\\S-1-5-21-1004336348-1177238915-682003330-{n}\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\SessionInfo",
    "HKLM\\SYSTEM\\ControlSet001\\Control\\DeviceClasses",
    "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\App {n}",
    "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\UserData",
    "HKLM\\SYSTEM\\ControlSet001\\Services\\W32Time\\Config",
    "HKEY_USERS\\S-1-5-18\\Software\\Microsoft\\SystemCertificates\\My", "HKLM\\SOFTWARE\\Vendor {n}\\Agent",
)  # fmt: skip
VALUES = (
    "ImagePath",
    "Start",
    "Path",
    "DisplayName",
    "SequenceNumber",
    "LastUsed",
    "Index",
    "Data",
    "Version",
    "(Default)",
)
DLLS = ("kernel32.dll", "ntdll.dll", "user32.dll", "advapi32.dll", "ws2_32.dll", "amsi.dll", "clr.dll", "taskschd.dll",
        "wininet.dll", "vaultcli.dll", "dbghelp.dll", "bcrypt.dll", "crypt32.dll",
        "combase.dll", "mscoree.dll", "samlib.dll")  # fmt: skip
DOMAINS = (
    "settings-win.data.example.com",
    "cdn.office.example",
    "update.vendor.example",
    "api.tidewater.example",
    "ntp.org.example",
)
SIGNERS = ("Microsoft Windows", "Microsoft Corporation", "Google LLC", "Tidewater Software GmbH")


def schema(connection: duckdb.DuckDBPyConnection, name: str = "events") -> Schema:
    """ECS with the fields of the table filled."""
    known = release.schema()
    kinds = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {quoted(name)}").fetchall()}
    made: dict[str, Field] = {}
    for field in _fields():
        if "#" in field:
            continue
        kind, entry = kinds[column(field)], known.find(field)
        own = entry.type if entry is not None else {"BIGINT": "long", "BOOLEAN": "boolean"}.get(kind, "keyword")
        limit = entry.ignore_above if entry is not None else 1024
        made[field] = Field(field, own, many=kind.endswith("[]"), filled=True, ignore_above=limit)
    return known.with_fields(made)


def event_table(connection: duckdb.DuckDBPyConnection, events: int, seed: int, name: str = "events") -> None:
    """CREATE TABLE of so many events, in order of time."""
    _programs(connection)
    connection.execute(f"CREATE OR REPLACE TABLE {quoted(name)} AS {_columns(_drawn(events, seed))} ORDER BY s")


def _draw(salt: int, seed: int, below: int | str) -> str:
    """SQL: a number in [0, below) of the event's number, the salt and the seed."""
    return f"(hash(s + {salt}::BIGINT * 1000003 + {seed}::BIGINT * 7919) % {below})::BIGINT"


def _choice(values: tuple[str, ...], index: str) -> str:
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"([{listed}])[{index} % {len(values)} + 1]"


def _programs(connection: duckdb.DuckDBPyConnection) -> None:
    """``programs``: the programs of each system by rank, those with names of their own and vendors' own."""
    vendors = [(f"Agent{number:03d}.exe", f"{PROGRAMS}Vendor {number % 40}\\") for number in range(GENERATED)]
    daemons = [(f"svc-{number:03d}", f"/opt/svc-{number % 40}/bin/") for number in range(GENERATED // 2)]
    rows = [
        (system, rank, *program)
        for system, programs in (("windows", [*WINDOWS, *vendors]), ("linux", [*LINUX, *daemons]))
        for rank, program in enumerate(programs)
    ]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE programs (system VARCHAR, rank BIGINT, name VARCHAR, folder VARCHAR)"
    )
    connection.executemany("INSERT INTO programs VALUES (?, ?, ?, ?)", rows)


def _drawn(events: int, seed: int) -> str:
    """SELECT of what every event is drawn: kind, host, programs of process and parent, and some numbers."""
    bounds, kinds = 0, []
    for kind, share in KINDS:
        bounds += share
        kinds.append(f"WHEN draw < {bounds} THEN '{kind}'")
    counts = {"windows": len(WINDOWS) + GENERATED, "linux": len(LINUX) + GENERATED // 2}
    programs = f"CASE WHEN system = 'windows' THEN {counts['windows']} ELSE {counts['linux']} END"

    def rank(salt: int) -> str:
        return f"floor(pow({_draw(salt, seed, 100_000)} / 100000.0, 3) * {programs})::BIGINT"

    return f"""
        SELECT d.*, p.name AS name, p.folder || p.name AS path, q.name AS parent, q.folder || q.name AS parent_path FROM (
            SELECT *, {rank(3)} AS own_rank, {rank(4)} AS parent_rank,
                   CASE WHEN kind_drawn IN ('registry', 'library') AND system = 'linux' THEN 'process' ELSE kind_drawn END AS kind
            FROM (
                SELECT s, {DAY_START} + (s * {DAY}) // {events} AS ms, host,
                       CASE WHEN host % 100 < {WINDOWS_SHARE} THEN 'windows' ELSE 'linux' END AS system,
                       CASE {" ".join(kinds)} END AS kind_drawn, {_draw(5, seed, 1_000_000)} AS n, {_draw(6, seed, 40)} AS person,
                       {_draw(7, seed, 1000)} AS word, {_draw(8, seed, 100)} AS percent, {_draw(9, seed, 1 << 30)} AS big
                FROM (SELECT range AS s, {_draw(1, seed, 100).replace("(s ", "(range ").replace("hash(s", "hash(range")} AS draw,
                             {_draw(2, seed, HOSTS).replace("hash(s", "hash(range")} AS host FROM range({events}))))
            d JOIN programs p ON p.system = d.system AND p.rank = d.own_rank
            JOIN programs q ON q.system = d.system AND q.rank = d.parent_rank
    """


def _of(kinds: str, value: str) -> str:
    listed = ", ".join(f"'{kind}'" for kind in kinds.split())
    return f"CASE WHEN kind IN ({listed}) THEN {value} END"


def _per_system(windows: str, linux: str) -> str:
    return f"CASE WHEN system = 'windows' THEN {windows} ELSE {linux} END"


def _columns(drawn: str) -> str:
    """SELECT of all columns, in three steps: each uses the names of those before."""
    user = "'user' || person"
    words = _per_system(_choice(WINDOWS_WORDS, "word"), _choice(LINUX_WORDS, "word"))
    parent_words = _per_system(_choice(WINDOWS_WORDS, "big"), _choice(LINUX_WORDS, "big"))
    folder = _per_system(_choice(WINDOWS_FOLDERS, "word"), _choice(LINUX_FOLDERS, "word"))
    extension = _choice(EXTENSIONS, "big")
    first = f"""
        SELECT *, {user} AS person_name, {words} || CASE WHEN percent < 60 THEN ' --id ' || n ELSE '' END AS given,
               {parent_words} AS parent_given, replace({folder}, '{{user}}', {user}) AS folder, {extension} AS extension,
               CASE WHEN percent < 40 THEN lower(hex(big)) ELSE 'report' || word END AS stem,
               replace({_choice(KEYS, "big")}, '{{n}}', (word + 1000)::VARCHAR) AS registry_key,
               {_choice(VALUES, "word")} AS registry_value,
               CASE WHEN percent < 70 THEN {_choice(DLLS, "big")} ELSE 'module' || word || '.dll' END AS dll
        FROM ({drawn})
    """
    listed = ", ".join(f"{sql} AS {quoted(_physical(name))}" for name, sql in _fields().items())
    return f"SELECT s AS _seq, 0::INTEGER AS _input, s AS _record, ms * 1000000 AS _time, {listed} FROM ({first})"


def _physical(name: str) -> str:
    field, _, beside = name.partition("#")
    return ip_column(field) if beside else column(field)


def _address(octets: str) -> dict[str, str]:
    return {"text": f"concat_ws('.', {octets})",
            "bytes": "unhex('00000000000000000000FFFF' || printf('%02X%02X%02X%02X', " + octets + "))"}  # fmt: skip


def _fields() -> dict[str, str]:
    return {**_common(), **_process(), **_file(), **_registry(), **_network(), **_library()}


def _common() -> dict[str, str]:
    category = "CASE kind WHEN 'dns' THEN ['network'] WHEN 'logon' THEN ['authentication', 'session'] ELSE [kind] END"
    kind_type = """CASE kind WHEN 'process' THEN CASE WHEN percent < 55 THEN ['start'] ELSE ['end'] END
        WHEN 'file' THEN [(['creation', 'change', 'deletion', 'access'])[percent % 4 + 1]] WHEN 'registry' THEN ['change']
        WHEN 'network' THEN CASE WHEN percent < 50 THEN ['start', 'connection', 'protocol'] ELSE ['end'] END
        WHEN 'dns' THEN ['protocol', 'info'] WHEN 'library' THEN ['start'] ELSE ['start'] END"""
    action = """CASE kind WHEN 'process' THEN CASE WHEN percent < 55 THEN
        CASE WHEN system = 'windows' THEN 'start' ELSE 'exec' END
        ELSE 'end' END WHEN 'file' THEN (['creation', 'modification', 'deletion', 'open', 'rename', 'overwrite'])[word % 6 + 1]
        WHEN 'registry' THEN 'modification' WHEN 'network' THEN (['connection_attempted', 'disconnect_received',
        'connection_accepted'])[word % 3 + 1] WHEN 'dns' THEN 'lookup_requested' WHEN 'library' THEN 'load' ELSE 'log_on' END"""
    dataset = "'endpoint.events.' || CASE kind WHEN 'dns' THEN 'network' WHEN 'logon' THEN 'security' ELSE kind END"
    return {
        "@timestamp": "ms", "event.category": category, "event.type": kind_type, "event.action": action, "event.kind": "'event'",
        "event.module": "'endpoint'", "event.dataset": dataset, "data_stream.dataset": dataset, "event.outcome":
        "CASE WHEN percent = 0 THEN 'failure' ELSE 'success' END", "event.id": "md5(s::VARCHAR)", "event.sequence": "s",
        "event.code": _of("logon", "CASE WHEN percent < 90 THEN '4624' ELSE '4625' END"),
        "event.provider": _of("logon", "'Microsoft-Windows-Security-Auditing'"), "agent.id": "md5(host::VARCHAR)",
        "agent.type": "'endpoint'", "agent.version": "'9.1.4'", "ecs.version": "'8.17.0'",
        "host.name": "'host' || lpad(host::VARCHAR, 4, '0')", "host.id": "md5('h' || host)", "host.os.type": "system",
        "host.os.family": "CASE WHEN system = 'windows' THEN 'windows' ELSE 'debian' END", "host.architecture": "'x86_64'",
        "user.name":
        "CASE WHEN percent < 50 THEN CASE WHEN system = 'windows' THEN 'SYSTEM' ELSE 'root' END ELSE person_name END",
        "user.id": _per_system("CASE WHEN percent < 50 THEN 'S-1-5-18' ELSE 'S-1-5-21-1004336348-1177238915-' || person END",
                               "CASE WHEN percent < 50 THEN '0' ELSE (1000 + person)::VARCHAR END"),
        "user.domain": "CASE WHEN system = 'windows' THEN CASE WHEN percent < 50 THEN 'NT AUTHORITY' ELSE 'EXAMPLE' END END",
        "source.ip": _of("network logon", _address("10, host % 256, person, 7")["text"]),
        "source.ip#ip": _of("network logon", _address("10, host % 256, person, 7")["bytes"]),
        "winlog.logon.type": _of("logon", "(['Network', 'Interactive', 'Service', 'RemoteInteractive'])[word % 4 + 1]"),
    }  # fmt: skip


def _process() -> dict[str, str]:
    own = "process"
    entity = "md5(concat(host, '-', name, '-', n % 4000))"
    return {
        "process.name": "name", "process.executable": "path", "process.pid": "n % 65536 + 4", "process.entity_id": entity,
        "process.args": _of(own, "list_prepend(path, string_split(given, ' '))"),
        "process.args_count": _of(own, "len(string_split(given, ' ')) + 1"),
        "process.command_line": _of(own, "path || ' ' || given"),
        "process.working_directory": _of(own, _per_system("'C:\\Windows\\System32\\'", "'/'")),
        "process.parent.name": _of(own, "parent"), "process.parent.executable": _of(own, "parent_path"),
        "process.parent.args": _of(own, "list_prepend(parent_path, string_split(parent_given, ' '))"),
        "process.parent.args_count": _of(own, "len(string_split(parent_given, ' ')) + 1"),
        "process.parent.command_line": _of(own, "parent_path || ' ' || parent_given"),
        "process.parent.entity_id": _of(own, "md5(concat(host, '-', parent, '-', big % 4000))"),
        "process.parent.pid": _of(own, "big % 65536 + 4"),
        "process.pe.original_file_name": "CASE WHEN system = 'windows' AND kind = 'process' THEN name END",
        "process.code_signature.exists": "CASE WHEN system = 'windows' THEN percent < 97 END",
        "process.code_signature.trusted": "CASE WHEN system = 'windows' AND percent < 97 THEN TRUE END",
        "process.code_signature.status": "CASE WHEN system = 'windows' AND percent < 97 THEN 'trusted' END",
        "process.code_signature.subject_name":
        f"CASE WHEN system = 'windows' AND percent < 97 THEN {_choice(SIGNERS, 'own_rank')} END",
        "process.Ext.token.integrity_level_name": "CASE WHEN system = 'windows' AND kind = 'process' THEN "
        "CASE WHEN percent < 50 THEN 'system' ELSE 'medium' END END",
        "process.hash.sha256": _of(own, "sha256(path)"),
        "process.entry_leader.entry_meta.type": "CASE WHEN system = 'linux' AND kind = 'process' THEN 'init' END",
        "process.interactive": "CASE WHEN system = 'linux' AND kind = 'process' THEN percent < 20 END",
    }  # fmt: skip


def _file() -> dict[str, str]:
    own = "file"
    return {
        "file.path": _of(own, "folder || stem || '.' || extension"), "file.name": _of(own, "stem || '.' || extension"),
        "file.extension": _of(own, "extension"), "file.size": _of(own, "big % 1000000"),
        "file.Ext.original.extension": "CASE WHEN kind = 'file' AND word % 6 = 4 THEN 'tmp' END",
        "file.Ext.original.name": "CASE WHEN kind = 'file' AND word % 6 = 4 THEN stem || '.tmp' END",
        "file.Ext.header_bytes":
        "CASE WHEN kind = 'file' AND extension IN ('exe', 'dll') THEN '4d5a90000300000004000000ffff0000' END",
    }  # fmt: skip


def _registry() -> dict[str, str]:
    own = "registry"
    return {
        "registry.path": _of(own, "registry_key || '\\' || registry_value"), "registry.key": _of(own, "registry_key"),
        "registry.hive": _of(own, "split_part(registry_key, '\\', 1)"), "registry.value": _of(own, "registry_value"),
        "registry.data.type": _of(own, "'REG_SZ'"),
        "registry.data.strings": _of(own, "CASE WHEN percent < 90 THEN [folder || stem] ELSE [word::VARCHAR, 'x' || n] END"),
    }  # fmt: skip


def _network() -> dict[str, str]:
    far = _address("CASE WHEN percent < 45 THEN 10 ELSE 203 END, word % 200, big % 256, n % 256")
    port = "([443, 80, 53, 445, 3389, 22, 8443, 88])[word % 8 + 1]"
    return {
        "source.port": _of("network", "n % 16000 + 49152"), "destination.ip": _of("network", far["text"]),
        "destination.ip#ip": _of("network", far["bytes"]), "destination.port": _of("network", port),
        "destination.domain": "CASE WHEN kind = 'network' AND percent < 30 THEN "
        f"{_choice(DOMAINS, 'word')} END",
        "network.direction": _of("network", "CASE WHEN percent % 5 < 4 THEN 'egress' ELSE 'ingress' END"),
        "network.transport": _of("network", "'tcp'"), "network.type": _of("network", "'ipv4'"),
        "network.protocol": _of("dns", "'dns'"),
        "dns.question.name":
        _of("dns", f"CASE WHEN percent < 70 THEN {_choice(DOMAINS, 'word')} ELSE 'n' || n || '.example.net' END"),
        "dns.question.type": _of("dns", "'A'"),
    }  # fmt: skip


def _library() -> dict[str, str]:
    own = "library"
    return {
        "dll.name": _of(own, "dll"), "dll.path": _of(own, f"'{SYSTEM32}' || dll"),
        "dll.code_signature.exists": _of(own, "percent < 95"), "dll.code_signature.trusted": _of(own, "percent < 95"),
        "dll.code_signature.status": _of(own, "CASE WHEN percent < 95 THEN 'trusted' ELSE 'unsigned' END"),
        "dll.code_signature.subject_name": _of(own, "CASE WHEN percent < 95 THEN 'Microsoft Windows' END"),
        "dll.hash.sha256": _of(own, "sha256(dll)"), "dll.Ext.relative_file_creation_time": _of(own, "big % 10000000"),
    }  # fmt: skip
