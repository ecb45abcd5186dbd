"""What the Windows tests leave in the logs, if every source that the page names is collected.

The counts, pauses, servers and names are the inputs of the tests themselves (``content/atomics``)."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape

from falselight.validation.atomics import Atomic
from falselight.validation.records import Log, Process, Record

POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
NAMES = ("update", "cdn", "telemetry", "sync", "backup")
NO_SUCH_NAME = 9003
TASK = "WindowsNetworkHealth"
SERVICE = Process(
    1184, r"C:\Windows\System32\svchost.exe", r"C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule"
)
RESOLVED = "203.0.113.10"


def records(test: Atomic) -> list[Record]:
    """The records that a Windows test leaves, in order. LookupError for a test without such a scenario."""
    if test.number not in numbers():
        raise LookupError(f"test {test.number} leaves no Windows records")
    log = Log()
    log.wait(3600 * test.number)
    _SCENARIOS[(test.number - 1) % len(_SCENARIOS)](log, test)
    return log.records


def _powershell(test: Atomic) -> Process:
    command, _ = test.filled()
    return Process(4200 + test.number, POWERSHELL, f"powershell.exe -NoProfile -Command & {{{command.strip()}}}")


def _checkin(log: Log, test: Atomic) -> None:
    process, (script, _) = _powershell(test), test.filled()
    log.process_created(process)
    log.script_ran(process, script)
    for _ in range(int(test.inputs["count"])):
        log.connected(process, test.inputs["server"], int(test.inputs["port"]))
        log.wait(float(test.inputs["interval"]))


def _names(log: Log, test: Atomic) -> None:
    process, (script, _) = _powershell(test), test.filled()
    log.process_created(process)
    log.script_ran(process, script)
    for name in (f"{name}.{test.inputs['zone']}" for _ in range(int(test.inputs.get("rounds", 1))) for name in NAMES):
        if "port" not in test.inputs:
            log.asked(process, name, NO_SUCH_NAME)
            log.lookup_ended(process, name, NO_SUCH_NAME)
        else:
            log.asked(process, name, 0, f"::ffff:{RESOLVED};")
            log.lookup_ended(process, name, 0, f"{RESOLVED};")
            log.connected(process, RESOLVED, int(test.inputs["port"]), name)
        log.wait(2)


def _ports(log: Log, test: Atomic) -> None:
    process = _powershell(test)
    log.process_created(process)
    for _ in range(int(test.inputs["rounds"])):
        for port in (4444, 8080, 8443):
            log.connected(process, test.inputs["server"], port)
            log.wait(2)


def _task(log: Log, test: Atomic) -> None:
    command, _ = test.filled()
    create, action = command.splitlines()[0], f"http://{test.inputs['server']}:{test.inputs['port']}/task"
    arguments = f'-NoProfile -WindowStyle Hidden -Command "Invoke-WebRequest -UseBasicParsing -TimeoutSec 5 {action}"'
    log.process_created(Process(4100, r"C:\Windows\System32\schtasks.exe", create))
    log.task_created("\\" + TASK, _task_xml(arguments))
    for number in range(int(test.inputs["runs"])):
        log.wait(1)
        process = Process(5200 + number, POWERSHELL, f"powershell.exe {arguments}", "NT AUTHORITY\\SYSTEM", SERVICE)
        log.process_created(process)
        log.wait(1)
        log.connected(process, test.inputs["server"], int(test.inputs["port"]))
        log.wait(float(test.inputs["interval"]) - 2)


def _task_xml(arguments: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-16"?>\n'
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n'
        f"  <RegistrationInfo><URI>\\{TASK}</URI></RegistrationInfo>\n"
        '  <Actions Context="Author"><Exec><Command>powershell.exe</Command>'
        f"<Arguments>{escape(arguments)}</Arguments></Exec></Actions>\n</Task>"
    )


_SCENARIOS: tuple[Callable[[Log, Atomic], None], ...] = (_checkin, _names, _ports, _task)


def numbers() -> range:
    """The tests that have a scenario: the page's four and their variants that fire."""
    return range(1, 2 * len(_SCENARIOS) + 1)
