"""Days as people write them, in their own time zone.

Knows `2026-11-30` and where a day begins here; never what happened on it.
"""

import re
from datetime import date, datetime, timedelta

from apaycli.errors import UsageError

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse_day(text: str, option: str) -> date:
    """Raises UsageError for what is no day, or none that a clock can tell."""
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        day = date.fromisoformat(text)
        midnight(day)
        midnight(day + timedelta(days=1))
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{option} takes a day such as 2026-11-30") from None
    return day


def day_of(instant: int) -> date:
    """The merchant's day of an instant; the last day there is for one beyond it, as a broken date may be."""
    try:
        return date.fromtimestamp(instant // 1000)  # noqa: DTZ012 - local time is meant
    except (ValueError, OverflowError, OSError):
        return date.max


def midnight(day: date) -> int:
    """The first millisecond of a day in the merchant's own time zone."""
    return round(datetime(day.year, day.month, day.day).timestamp()) * 1000  # noqa: DTZ001 - local time is meant
