"""Stretches of the merchant's own time, cut into days or hours.

Knows where days and hours begin here, also where a day has 23 or 25 hours; never what happened in them.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from apaycli.cli.days import day_of, midnight, parse_day
from apaycli.errors import UsageError

_HOUR = 3_600_000
DAYS_BY_DEFAULT = 30


class Span(NamedTuple):
    """`edges` has one more than `names`: each bucket's first millisecond, and the end of the last one."""

    names: tuple[str, ...]
    edges: tuple[int, ...]

    @property
    def from_at(self) -> int:
        return self.edges[0]

    @property
    def title(self) -> str:
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} to {self.names[-1]}"

    @property
    def before_at(self) -> int:
        return self.edges[-1]


def days_from_to(first: date, last: date) -> Span:
    """Each day from `first` to `last`, both included."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    edges = (*map(midnight, days), midnight(last + timedelta(days=1)))
    return Span(tuple(day.isoformat() for day in days), edges)


def hours_of(day: date) -> Span:
    """The hours of a day as its clocks show them: 23, 24 or 25."""
    start, end = midnight(day), midnight(day + timedelta(days=1))
    edges = (*range(start, end, _HOUR), end)
    return Span(tuple(_local(at).strftime("%H:%M") for at, _ in pairwise(edges)), edges)


def offset_at(instant: int) -> str:
    """`UTC+05:30`: what the clocks here show then, against UTC."""
    text = _local(instant).strftime("%z")
    return f"UTC{text[:3]}:{text[3:5]}"


def _local(instant: int) -> datetime:
    return datetime.fromtimestamp(instant // 1000, UTC).astimezone()


def parse_one_day(text: str | None, now: int) -> date:
    """A day, `today` or `yesterday`; today where none is given."""
    today = day_of(now)
    if text in {None, "today"}:
        return today
    if text == "yesterday":
        return today - timedelta(days=1)
    try:
        return parse_day(str(text), "DATE")
    except UsageError as error:
        raise UsageError(f"{error.message}, today or yesterday") from None


def parse_range(since: str | None, until: str | None, now: int) -> tuple[date, date]:
    """Without --since the last 30 days; without --until up to today, and never beyond it."""
    today = day_of(now)
    last = parse_day(until, "--until") if until is not None else today
    try:
        first = parse_day(since, "--since") if since is not None else last - timedelta(days=DAYS_BY_DEFAULT - 1)
    except OverflowError:
        first = last
    if last < first:
        raise UsageError("--until lies before --since" if until is not None else "--since lies in the future")
    return first, max(first, min(last, today))
