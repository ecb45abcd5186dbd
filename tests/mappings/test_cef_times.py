"""Times of CEF and LEEF that name no zone are of the user's."""

from __future__ import annotations

from datetime import timedelta, timezone

from falselight.mappings.cef import parse
from falselight.readers.settings import TIMEZONE, Settings

CEF = "CEF:0|Wrack|Gate|1|7|drop|5|rt=Mar 11 2026 09:00:00 start=Mar 11 2026 08:59:58 {}src=10.4.0.13"
BERLIN = timezone(timedelta(hours=1))


def test_a_bare_time_is_of_the_users_zone() -> None:
    settings = Settings(BERLIN)
    event = parse(CEF.format(""), settings)
    assert event is not None and event["@timestamp"] == "2026-03-11T08:00:00.000000Z"
    assert event["event.start"] == "2026-03-11T07:59:58.000000Z"
    # As Beats' processor has them, which knows no zone.
    assert event["cef.extensions.deviceReceiptTime"] == "2026-03-11T09:00:00.000Z"
    assert settings.assumed[TIMEZONE] == 1
    leef = parse("LEEF:1.0|Wrack|Gate|1|7|devTime=Mar 11 2026 09:00:00\tsrc=10.4.0.13", Settings(BERLIN))
    assert leef is not None and leef["@timestamp"] == "2026-03-11T08:00:00.000000Z"


def test_a_time_with_its_own_zone_and_epoch_milliseconds_stay() -> None:
    settings = Settings(BERLIN)
    for written in ("Mar 11 2026 09:00:00 UTC", "1773219600000"):
        event = parse(CEF.replace("Mar 11 2026 09:00:00", written, 1).format(""), settings)
        assert event is not None and event["@timestamp"] == "2026-03-11T09:00:00.000000Z"
    assert not settings.assumed[TIMEZONE]
