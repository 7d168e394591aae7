"""Days and hours where the merchant lives: half-hour zones, days of 23 and 25 hours, days that begin at one o'clock."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from apaycli.cli.spans import day_of, days_from_to, hours_of, offset_at, parse_one_day, parse_range
from apaycli.errors import UsageError

HOUR = 3_600_000
ZONES = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Europe/Berlin", "Africa/Cairo",
         "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Kiritimati", "America/Havana")  # fmt: skip


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    name: str = request.param
    monkeypatch.setenv("TZ", name)
    time.tzset()
    yield name
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def in_zone(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("zone", [name], indirect=True)


@in_zone("Asia/Kolkata")
def test_a_day_in_india_begins_at_half_past_six_in_the_evening(zone: str) -> None:
    span = days_from_to(date(2026, 11, 24), date(2026, 11, 25))
    assert span.names == ("2026-11-24", "2026-11-25")
    assert span.edges == (at("2026-11-23T18:30"), at("2026-11-24T18:30"), at("2026-11-25T18:30"))
    assert day_of(at("2026-11-24T18:29:59")) == date(2026, 11, 24)
    assert day_of(at("2026-11-24T18:30")) == date(2026, 11, 25)
    assert offset_at(span.from_at) == "UTC+05:30"


@in_zone("America/New_York")
def test_the_days_on_which_clocks_are_set_have_23_and_25_hours(zone: str) -> None:
    spring, autumn = hours_of(date(2026, 3, 8)), hours_of(date(2026, 11, 1))
    assert (len(spring.names), len(autumn.names)) == (23, 25)
    assert spring.names[:4] == ("00:00", "01:00", "03:00", "04:00")
    assert autumn.names[:4] == ("00:00", "01:00", "01:00", "02:00")
    assert spring.edges[-1] == at("2026-03-09T04:00")
    assert autumn.edges[-1] == at("2026-11-02T05:00")
    assert (offset_at(spring.from_at), offset_at(spring.before_at)) == ("UTC-05:00", "UTC-04:00")


@in_zone("Africa/Cairo")
def test_a_day_may_begin_at_one_o_clock(zone: str) -> None:
    """Clocks go from 23:59:59 to 01:00: the day begins at the very moment."""
    span = hours_of(date(2026, 4, 24))
    assert (span.names[0], len(span.names)) == ("01:00", 23)
    assert span.from_at == at("2026-04-23T22:00")


@pytest.mark.parametrize("zone", ZONES, indirect=True)
def test_each_moment_of_two_years_lies_in_the_bucket_of_its_day(zone: str) -> None:
    span = days_from_to(date(2025, 1, 1), date(2026, 12, 31))
    assert len(span.names) == 730
    there = ZoneInfo(zone)
    for name, (start, end) in zip(span.names, pairwise(span.edges), strict=True):
        assert 22 * HOUR < end - start < 26 * HOUR
        for moment in (start, end - 1000, (start + end) // 2000 * 1000):
            local = datetime.fromtimestamp(moment // 1000, there)
            assert local.date().isoformat() == name
        hours = hours_of(date.fromisoformat(name)) if end - start != 24 * HOUR else None
        assert hours is None or (hours.edges[0], hours.edges[-1]) == (start, end)


@in_zone("Asia/Kolkata")
def test_today_and_yesterday_are_the_merchants(zone: str) -> None:
    now = at("2026-11-24T20:00")  # half past one at night on the 25th
    assert parse_one_day(None, now) == parse_one_day("today", now) == date(2026, 11, 25)
    assert parse_one_day("yesterday", now) == date(2026, 11, 24)
    assert parse_one_day("2026-02-28", now) == date(2026, 2, 28)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30", "24.11.2026", "0000-01-01", "٢٠٢٦-٠١-٠١", "2026-1-1"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="DATE takes a day such as 2026-11-30, today or yesterday"):
        parse_one_day(text, at("2026-11-24T20:00"))


@in_zone("UTC")
@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        (None, None, ("2026-10-26", "2026-11-24")),
        ("2026-11-01", None, ("2026-11-01", "2026-11-24")),
        (None, "2026-11-10", ("2026-10-12", "2026-11-10")),
        ("2026-11-24", "2026-11-24", ("2026-11-24", "2026-11-24")),
        ("2026-11-01", "2026-12-31", ("2026-11-01", "2026-11-24")),
        ("2026-12-01", "2026-12-31", ("2026-12-01", "2026-12-01")),
    ],
)
def test_a_range_ends_today_at_most(zone: str, since: str | None, until: str | None, days: tuple[str, str]) -> None:
    first, last = parse_range(since, until, at("2026-11-24T20:00"))
    assert (first.isoformat(), last.isoformat()) == days


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("2026-11-02", "2026-11-01", "--until lies before --since"),
        ("2027-01-01", None, "--since lies in the future"),
        ("yesterday", None, "--since takes a day such as 2026-11-30"),
        (None, "x", "--until takes a day such as 2026-11-30"),
    ],
)
def test_a_range_that_cannot_be_is_refused(since: str | None, until: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_range(since, until, at("2026-11-24T20:00"))
