"""What rings: one ringing and one silent example of each alarm."""

from dataclasses import replace
from typing import Any

import pytest

from apaycli.checks.status import ALARMS, DEAF_MILLISECONDS, Status, alarms_of
from apaycli.store.values import Gap, LedgerCounts, ListenerRun

NOW = 1_767_261_600_000
HOUR = 3_600_000
COUNTS = LedgerCounts(9, 1, 1, 1, 2, 0, 0, 0, 1, 1, 3, 40)
RUN = ListenerRun(4711, "test", NOW - HOUR, NOW - 1_000, NOW - 30_000, None)
GOOD = Status(NOW, "test", RUN, COUNTS, (), 10**9, (), 6 * HOUR)

RINGING: list[tuple[str, dict[str, Any], str]] = [
    ("listener", {"run": None}, "has never run"),
    ("listener", {"run": replace(RUN, last_contact_at=NOW - 6 * HOUR - 1)}, "since 2026-01-01T03:59:59Z"),
    ("listener", {"run": replace(RUN, started_at=NOW - 7 * HOUR, last_contact_at=None)}, "since 2026-01-01T03:00:00Z"),
    ("listener", {"mode": "live"}, "the listener runs in test mode: who pays a live invoice is declined"),
    ("gap", {"gaps": (Gap(NOW - 30 * HOUR, NOW),)}, "receipts sent before 2025-12-31T10:00:00Z may be gone"),
    ("dead_letters", {"counts": replace(COUNTS, dead_letters_with_payment=1)}, "1 update that may hold a payment"),
    ("conflicts", {"counts": replace(COUNTS, conflicts=2)}, "2 payment(s) came twice"),
    ("hooks", {"counts": replace(COUNTS, hooks_failed=3)}, "3 hook(s) were given up"),
    ("support", {"counts": replace(COUNTS, support_requests=2, support_oldest_at=NOW - 24 * HOUR)}, "2 open"),
    (
        "backup",
        {"backup_every": HOUR, "backup_made_at": NOW - 2 * HOUR - 1},
        "the newest backup is of 2026-01-01T07:59:59Z",
    ),
    ("backup", {"backup_every": HOUR // 4}, "there is no backup"),
    ("stock", {"stock_problems": ("line 3: no",)}, "line 3: no"),
    ("disk", {"free_bytes": 99 * 2**20}, "99 MiB are free"),
]


def test_a_shop_that_goes_well_rings_nothing() -> None:
    assert alarms_of(GOOD) == []
    assert alarms_of(replace(GOOD, free_bytes=None)) == []
    assert GOOD.listening
    assert GOOD.gap_milliseconds == 30_000


@pytest.mark.parametrize(("name", "changes", "sentence"), RINGING)
def test_each_alarm_rings_alone(name: str, changes: dict[str, Any], sentence: str) -> None:
    (alarm,) = alarms_of(replace(GOOD, **changes))
    assert alarm.name == name
    assert sentence in alarm.sentence
    assert alarm.next_step


@pytest.mark.parametrize(("mode", "listen"), [("test", "apay listen"), ("live", "apay listen --live")])
@pytest.mark.parametrize("run", [None, replace(RUN, stopped_at=NOW, last_contact_at=NOW - 7 * HOUR)])
def test_the_cure_of_a_stopped_listener_starts_it_in_the_mode_that_was_asked_about(
    mode: Any, listen: str, run: ListenerRun | None
) -> None:
    (alarm,) = alarms_of(replace(GOOD, mode=mode, run=run))
    assert alarm.next_step.partition(":")[0] == f"start {listen}"


def test_a_live_listener_is_no_alarm_for_whoever_asks_about_test_mode() -> None:
    assert alarms_of(replace(GOOD, run=replace(RUN, mode="live"))) == []


def test_a_listener_of_the_other_mode_that_is_stopped_rings_no_bell_of_its_own() -> None:
    assert alarms_of(replace(GOOD, mode="live", run=replace(RUN, stopped_at=NOW))) == []


def test_every_alarm_has_an_example() -> None:
    assert len({name for name, _, _ in RINGING}) == len(ALARMS)


@pytest.mark.parametrize(
    ("changes", "listening"),
    [
        ({"alive_at": NOW - DEAF_MILLISECONDS}, True),
        ({"alive_at": NOW - DEAF_MILLISECONDS - 1}, False),
        ({"stopped_at": NOW - 1}, False),
    ],
)
def test_it_listens_while_its_heart_beats(changes: dict[str, Any], listening: bool) -> None:
    assert replace(GOOD, run=replace(RUN, **changes)).listening is listening


def test_a_clock_that_was_set_back_makes_no_negative_gap() -> None:
    assert replace(GOOD, now=NOW - HOUR).gap_milliseconds == 0
