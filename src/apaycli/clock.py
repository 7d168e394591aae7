"""The clock: wall time for records, monotonic time for durations.

Knows how to ask the machine for the time. Everything else is handed a `Clock`, so that tests and
simulations own time. Instants are integers: milliseconds since 1970-01-01 UTC, names end in `_at`.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two readings of time; both are needed, because wall time may jump."""

    def now(self) -> int:
        """The wall clock: milliseconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back: for durations and deadlines."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, now: int = 1_767_261_600_000) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both readings forward by `seconds`."""
        self._now += round(seconds * 1000)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, as a time server or a person may do."""
        self._now += round(seconds * 1000)


def render_instant(instant: int) -> str:
    """RFC 3339 in UTC, whole seconds: `2026-11-24T06:40:36Z`."""
    return datetime.fromtimestamp(instant // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
