"""What rings: one ringing and one silent example of each alarm."""

from dataclasses import replace
from typing import Any

import pytest

from apaycli.checks.status import ALARMS, DEAF_MILLISECONDS, Status, alarms_of
from apaycli.core.stock import StockLevel
from apaycli.store.values import Gap, LedgerCounts, ListenerRun, MissingReceipt, ReservedUnits, Restore

NOW = 1_767_261_600_000
HOUR = 3_600_000
COUNTS = LedgerCounts(9, 1, 1, 1, 2, 0, 0, 0, 1, 1, 3, 40)
RUN = ListenerRun(4711, "test", NOW - HOUR, NOW - 1_000, NOW - 30_000, None)
RESTORE = Restore(NOW - HOUR, NOW - 60_000, "apay.db.before-20260101T095900Z", True)
GOOD = Status(NOW, "test", RUN, COUNTS, (), 10**9, (), 6 * HOUR)

DUCKS = StockLevel("duck", "Duck", 9, 4, 3)

RINGING: list[tuple[str, dict[str, Any], str]] = [
    ("ledger", {"ledger_doubt": "it is missing", "ledger_missing": True, "run": None}, "it is missing"),
    ("ledger", {"ledger_doubt": "another one is there"}, "another one is there"),
    ("listener", {"run": None}, "has never run"),
    ("listener", {"run": replace(RUN, last_contact_at=NOW - 6 * HOUR - 1)}, "since 2026-01-01T03:59:59Z"),
    ("listener", {"run": replace(RUN, started_at=NOW - 7 * HOUR, last_contact_at=None)}, "since 2026-01-01T03:00:00Z"),
    ("listener", {"mode": "live"}, "the listener runs in test mode: who pays a live invoice is declined"),
    ("gap", {"gaps": (Gap(NOW - 30 * HOUR, NOW),)}, "receipts sent before 2025-12-31T10:00:00Z may be gone"),
    (
        "restore",
        {"restores": (RESTORE,)},
        "that ends at 2026-01-01T09:00:00Z: payments in between may be",
    ),
    (
        "restore",
        {"restores": (RESTORE,), "missing_receipts": (MissingReceipt(5, "hook"),)},
        "1 receipt is known only",
    ),
    (
        "restore",
        {"restores": (replace(RESTORE, replaced_read=False),)},
        "was missing or could not be read whole",
    ),
    ("restore", {"restores": (replace(RESTORE, backup_ends_at=0),)}, "from a backup that was empty: payments"),
    ("dead_letters", {"counts": replace(COUNTS, dead_letters_with_payment=1)}, "1 update that may hold a payment"),
    ("conflicts", {"counts": replace(COUNTS, conflicts=2)}, "2 payment(s) came twice"),
    ("shipping", {"counts": replace(COUNTS, shipping_failures=1, shipping_error="no")}, "1 buyer got no answer about"),
    (
        "shipping",
        {"counts": replace(COUNTS, shipping_failures=2, shipping_free_left_out=1, shipping_error="no")},
        "2 buyers got no answer about delivery and could not pay; 1 buyer was not offered a delivery option that costs"
        " nothing; the last reason: no",
    ),
    ("shipping", {"counts": replace(COUNTS, shipping_free_left_out=3)}, "3 buyers were not offered"),
    ("query_conflicts", {"counts": replace(COUNTS, query_conflicts=1)}, "1 decided query came again"),
    ("query_conflicts", {"counts": replace(COUNTS, query_conflicts=2)}, "2 decided queries came again"),
    ("inbox", {"updates_kept": 1, "run": replace(RUN, stopped_at=NOW)}, "1 update, kept beside the ledger"),
    ("inbox", {"updates_kept": 2, "run": replace(RUN, stopped_at=NOW)}, "2 updates, kept beside the ledger"),
    ("hooks", {"counts": replace(COUNTS, hooks_failed=3)}, "3 hook(s) were given up"),
    ("support", {"counts": replace(COUNTS, support_requests=2, support_oldest_at=NOW - 24 * HOUR)}, "2 open"),
    (
        "backup",
        {"backup_every": HOUR, "backup_made_at": NOW - 2 * HOUR - 1},
        "the newest backup is of 2026-01-01T07:59:59Z",
    ),
    ("backup", {"backup_every": HOUR // 4}, "there is no backup"),
    ("stock", {"stock_problems": ("line 3: no",)}, "line 3: no"),
    (
        "overcommitted",
        {"levels": (StockLevel("tea", "Tea", 9, 4, 5), StockLevel("duck", "Duck", 9, 8, 2))},
        "more is sold and reserved than the stock file has: duck: stock 9, sold 8, reserved 2",
    ),
    (
        "reserved",
        {"levels": (DUCKS,), "reserved": (ReservedUnits("duck", 1001, 3, 3, NOW - 1),)},
        "buyer 1001 has 3 of 5 units of duck reserved since 2026-01-01T09:59:59Z, and has not paid",
    ),
    (
        "reserved",
        {"levels": (DUCKS,), "reserved": (ReservedUnits("duck", 7, 2, 1, NOW), ReservedUnits("duck", 8, 3, 1, 0))},
        "buyer 8 has 3 of 5 units",
    ),
    ("disk", {"free_bytes": 99 * 2**20}, "99 MiB are free"),
]


def test_a_shop_that_goes_well_rings_nothing() -> None:
    assert alarms_of(GOOD) == []
    assert alarms_of(replace(GOOD, free_bytes=None)) == []
    assert alarms_of(replace(GOOD, updates_kept=3)) == []  # the listener is at it
    assert GOOD.listening
    assert GOOD.gap_milliseconds == 30_000


@pytest.mark.parametrize(("name", "changes", "sentence"), RINGING)
def test_each_alarm_rings_alone(name: str, changes: dict[str, Any], sentence: str) -> None:
    (alarm,) = alarms_of(replace(GOOD, **changes))
    assert alarm.name == name
    assert sentence in alarm.sentence
    assert alarm.next_step


@pytest.mark.parametrize(
    ("levels", "reserved"),
    [
        ((DUCKS,), ReservedUnits("duck", 1001, 2, 9, 0)),  # less than half of what is left
        ((DUCKS,), ReservedUnits("duck", 1001, 5, 2, NOW - HOUR)),  # a large order, for half an hour at most
        ((replace(DUCKS, stock=None),), ReservedUnits("duck", 1001, 9, 9, 0)),
        ((), ReservedUnits("duck", 1001, 9, 9, 0)),  # it has left the stock file
    ],
)
def test_who_has_something_reserved_is_no_alarm_by_that(
    levels: tuple[StockLevel, ...], reserved: ReservedUnits
) -> None:
    status = replace(GOOD, levels=levels, reserved=(reserved,), reservation_ttl_milliseconds=HOUR)
    assert alarms_of(status) == []


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
