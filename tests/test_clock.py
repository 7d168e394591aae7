"""Two readings of time: one that may jump, one that never goes back."""

import time

import pytest

from apaycli.clock import ManualClock, SystemClock, render_instant


def test_system_clock_reads_milliseconds_and_seconds() -> None:
    clock = SystemClock()
    before, first = time.time_ns() // 1_000_000, clock.monotonic()
    assert before <= clock.now() <= time.time_ns() // 1_000_000
    assert clock.monotonic() >= first


def test_advance_moves_both_readings() -> None:
    clock = ManualClock(now=1_000)
    clock.advance(1.5)
    clock.advance(0.0004)
    assert clock.now() == 2_500
    assert clock.monotonic() == pytest.approx(1.5004)


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_jump_moves_the_wall_clock_alone(seconds: int) -> None:
    clock = ManualClock(now=10_000_000)
    clock.jump(seconds)
    assert clock.now() == 10_000_000 + seconds * 1000
    assert clock.monotonic() == 0


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_795_502_436_000, "2026-11-24T06:40:36Z"),
        (1_795_502_436_999, "2026-11-24T06:40:36Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59Z"),
    ],
)
def test_instants_are_utc_whole_seconds(instant: int, text: str) -> None:
    assert render_instant(instant) == text
