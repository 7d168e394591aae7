"""The ledger is slow, locked or broken: every buyer has an answer, and nothing is confirmed that is not on disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from rig import ASHA, RAHIM, Rig

from apaycli.core.messages import ENGLISH, declined_name
from apaycli.core.model import DeclineReason
from apaycli.errors import LedgerError, LedgerUnavailable
from apaycli.listen import events
from apaycli.listen.listener import Listener
from apaycli.store.sqlite import open_sqlite

UNAVAILABLE = ENGLISH[declined_name(DeclineReason.UNAVAILABLE)]
GROUP = "-1001234567890"


async def nothing(_listener: Listener) -> None: ...


async def for_ever(rig: Rig) -> None:
    await rig.until(lambda: False, 600)


def broken() -> None:
    raise LedgerError("the ledger cannot be used: disk I/O error")


def test_a_slow_ledger_is_waited_for(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        rig.writer.seconds = 3
        checkout = await rig.press()
        assert (checkout.outcome, checkout.error_message) == ("accepted", None)
        rig.writer.seconds = 0

    rig.listen(story)
    assert rig.stock() == (0, 1)


@pytest.mark.parametrize("seconds", [7.2, 9])
def test_a_ledger_that_is_too_slow_means_no_and_its_late_yes_is_never_sent(rig: Rig, seconds: float) -> None:
    rig.offer(stock=1)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        rig.writer.seconds = seconds
        checkout = await rig.press()
        assert (checkout.outcome, checkout.error_message) == ("declined", UNAVAILABLE)
        assert checkout.answer_milliseconds < 8000  # type: ignore[operator]
        rig.writer.seconds = 0
        await rig.quiet()

    rig.listen(story)
    assert [request.params["ok"] for request in rig.http.asked("answerPreCheckoutQuery")] == [False]
    assert rig.stock() == (0, 0)  # what the late record reserved was never promised to anybody


def test_a_yes_that_was_recorded_after_the_no_gives_its_units_back(rig: Rig) -> None:
    """The disk took seven seconds to say that it has the decision: the buyer was told no meanwhile."""
    rig.offer(stock=1)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        rig.writer.commit_seconds = 7.5
        assert (await rig.press()).outcome == "declined"
        await asyncio.sleep(1)
        rig.writer.commit_seconds = 0
        await asyncio.sleep(10)

    rig.listen(story)
    assert rig.rows("SELECT ok, answer_outcome FROM decisions") == [(1, "failed")]
    assert rig.stock() == (0, 0)
    assert [request.params["ok"] for request in rig.http.asked("answerPreCheckoutQuery")] == [False]


@pytest.mark.parametrize(
    ("error", "once"), [(LedgerError("disk I/O error"), False), (LedgerUnavailable("locked"), True)]
)
def test_a_run_that_the_ledger_ends_says_no_first_even_if_that_takes_two_attempts(
    rig: Rig, error: LedgerError, once: bool
) -> None:
    rig.invoice()
    checkout = rig.world.buyers.press_pay("order-1001", RAHIM)

    def fail() -> None:
        rig.http.refused_until = rig.clock.monotonic() + 0.2
        raise error

    def break_it(name: str) -> None:
        if name == "after getUpdates":
            rig.writer.before = fail

    rig.at_step = break_it
    with pytest.raises(LedgerError, match=str(error)):
        rig.listen(once=once, ready=False)
    assert (checkout.outcome, checkout.error_message) == ("declined", UNAVAILABLE)


def test_a_ledger_that_cannot_be_written_means_no_and_ends_the_run_unconfirmed(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)
    paid = rig.world.books.checkouts

    async def story(_listener: Listener) -> None:
        await rig.buy("order-1001", ASHA)
        rig.writer.before = broken
        with rig.world.polling.held():  # they come in one reply
            rig.world.buyers.pay(1)
            rig.world.buyers.press_pay("order-1001", RAHIM)
        await for_ever(rig)

    with pytest.raises(LedgerError) as caught:
        rig.listen(story)
    assert caught.value.exit_code == 9
    assert (paid[2].outcome, paid[2].error_message) == ("declined", UNAVAILABLE)
    assert len(rig.world.queue) == 2
    rig.offer(stock=3)
    rig.listen(lambda _listener: rig.quiet())  # the next start decides again, from what is on disk
    rig.truth_kept()
    assert [receipt.flag for receipt in rig.receipts()] == [None, "late"]


def _breaks_at_its_answer(rig: Rig, break_it: Callable[[], None]) -> None:
    rig.world.buyers.press_pay("order-1001", ASHA).watchers.append(break_it)


def _breaks_at_an_expiry(rig: Rig, break_it: Callable[[], None]) -> None:
    rig.store.db.execute("UPDATE reservations SET expires_at = 0 WHERE state = 'pending'")
    break_it()


def _breaks_by_itself(_rig: Rig, break_it: Callable[[], None]) -> None:
    break_it()


@pytest.mark.parametrize("breaks", [_breaks_at_its_answer, _breaks_at_an_expiry, _breaks_by_itself])
@pytest.mark.parametrize("seconds_before", [0.1, 2.5, 4.5])
def test_a_query_is_answered_whatever_else_met_the_broken_ledger_first(
    rig: Rig, breaks: Callable[[Rig, Callable[[], None]], None], seconds_before: float
) -> None:
    # A locked SQLite file: every write waits five seconds and then fails.
    rig.offer(stock=5)
    rig.invoice(chat_id=GROUP)

    def break_it() -> None:
        rig.writer.seconds, rig.writer.before = 5, broken

    async def story(_listener: Listener) -> None:
        await rig.press("order-1001", RAHIM)
        await asyncio.sleep(11)  # the last contact is noted again every ten seconds: with the next query
        breaks(rig, break_it)
        await asyncio.sleep(seconds_before)
        rig.world.buyers.press_pay("order-1001", 5000)
        await for_ever(rig)

    with pytest.raises(LedgerError):
        rig.listen(story)
    last = next(c for c in rig.world.books.checkouts.values() if c.buyer_id == 5000)
    assert (last.outcome, last.error_message) == ("declined", UNAVAILABLE)
    assert last.answer_milliseconds < 8000  # type: ignore[operator]
    assert len(rig.world.queue) > 0


def test_while_another_program_locks_the_file_everybody_is_declined_and_then_service_goes_on(
    rig: Rig, other: sqlite3.Connection
) -> None:
    rig.offer(stock=2)
    rig.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        accepted = await rig.press(buyer=ASHA)
        await rig.quiet()
        other.execute("BEGIN EXCLUSIVE")
        first = await rig.press()
        rig.world.buyers.pay(accepted.checkout_id)
        await asyncio.sleep(20)
        second = await rig.press()
        for refused in (first, second):
            assert (refused.outcome, refused.error_message) == ("declined", UNAVAILABLE)
            assert (refused.answer_milliseconds or 0) < 8000
        assert rig.receipts() == []
        assert len(rig.world.queue) == 3  # two queries and a receipt: nothing is confirmed that is not on disk
        other.execute("ROLLBACK")
        await rig.quiet()
        assert (await rig.press()).outcome == "accepted"
        await rig.quiet()

    rig.listen(story)
    stopped, back = rig.happened(events.LedgerStopped), rig.happened(events.LedgerBack)
    assert "locked" in stopped[0].message
    assert len(stopped) == len(back) == 1
    assert back[0].milliseconds > 20_000
    assert rig.rows("SELECT ok FROM decisions WHERE reason = 'unavailable'") == [(0,), (0,)]
    rig.truth_kept()
    assert rig.stock() == (1, 1)


def test_one_pass_does_not_wait_for_a_locked_file(rig: Rig, other: sqlite3.Connection) -> None:
    rig.invoice()
    rig.world.buyers.press_pay("order-1001", RAHIM)

    def lock(name: str) -> None:
        if name == "after getUpdates":
            other.execute("BEGIN EXCLUSIVE")

    rig.at_step = lock
    with pytest.raises(LedgerUnavailable, match="locked"):
        rig.listen(once=True, ready=False)
    assert len(rig.world.queue) == 1


def test_what_was_done_while_the_disk_was_full_is_written_when_it_is_not(rig: Rig) -> None:
    """How answers went is a fact: it waits in memory, and no round of upkeep ends the run."""
    rig.offer(stock=2)
    rig.invoice(chat_id=GROUP)

    def full() -> None:
        raise LedgerUnavailable("the ledger cannot be used: database or disk is full")

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        _breaks_at_its_answer(rig, lambda: setattr(rig.writer, "before", full))
        await asyncio.sleep(130)
        rig.writer.before = lambda: None
        await asyncio.sleep(15)

    rig.listen(story)
    assert rig.rows("SELECT answer_outcome FROM decisions") == [("sent",)]
    assert len(rig.happened(events.LedgerStopped)) == 3
    assert len(rig.happened(events.LedgerBack)) == 1


def test_a_file_of_the_ledger_that_is_removed_ends_the_run_at_once(rig: Rig, tmp_path: Path) -> None:
    rig.store.close()
    rig.store = open_sqlite(tmp_path / "apay.db")
    rig.invoice()
    removed_at = 0.0

    async def story(_listener: Listener) -> None:
        nonlocal removed_at
        await rig.quiet()
        await asyncio.sleep(3)
        (tmp_path / "apay.db-wal").unlink()
        removed_at = rig.clock.monotonic()
        await for_ever(rig)

    with pytest.raises(LedgerError, match="-wal was removed or replaced"):
        rig.listen(story)
    assert rig.clock.monotonic() - removed_at < 5
    with pytest.raises(LedgerError, match="every record is in"):
        rig.store.close()
    rig.store = open_sqlite(tmp_path / "apay.db")
    assert rig.rows("SELECT count(*) FROM invoices") == [(1,)]


def test_an_update_that_the_ledger_refuses_is_kept_raw_and_its_neighbours_are_recorded(rig: Rig) -> None:
    rig.offer(stock=10)
    rig.invoice(chat_id=GROUP)
    rig.store.db.execute(
        "CREATE TEMP TRIGGER refuse BEFORE INSERT ON receipts WHEN new.buyer_id = 5002"
        " BEGIN SELECT RAISE(ABORT, 'a bug'); END"
    )
    rig.store.db.execute(
        "CREATE TEMP TRIGGER refuse_decision BEFORE INSERT ON decisions WHEN new.buyer_id = 5009"
        " BEGIN SELECT RAISE(ABORT, 'a bug'); END"
    )

    async def story(_listener: Listener) -> None:
        checkouts = rig.world.buyers.press_pay_many("order-1001", 3, 5001)
        await rig.until(lambda: all(checkout.outcome for checkout in checkouts))
        rig.world.buyers.pay_many(checkouts)
        odd = await rig.press("order-1001", 5009)
        assert (odd.outcome, odd.error_message) == ("declined", UNAVAILABLE)
        await rig.quiet()

    rig.listen(story)
    assert [receipt.buyer_id for receipt in rig.receipts()] == [5001, 5003]
    letters = rig.happened(events.DeadLetter)
    assert sorted(letter.mentions_payment for letter in letters) == [False, True]
    assert all("Unrecordable" in letter.reason for letter in letters)
    assert rig.stock() == (2, 1)
    raw = rig.rows("SELECT raw FROM dead_letters WHERE mentions_payment = 1")[0][0]
    assert rig.world.books.charges[1].telegram_payment_charge_id.encode() in raw


def test_a_stop_while_the_ledger_is_stuck_takes_two_writes_at_most(rig: Rig) -> None:
    rig.offer(stock=5)
    rig.invoice(chat_id=GROUP)
    asked_at = 0.0

    async def story(_listener: Listener) -> None:
        nonlocal asked_at
        await rig.press("order-1001", RAHIM)
        await asyncio.sleep(1)
        rig.writer.seconds, rig.writer.before = 5, broken
        rig.world.buyers.press_pay("order-1001", ASHA)
        await rig.until(lambda: rig.world.polling.poll is None)
        asked_at = rig.clock.monotonic()

    with pytest.raises(LedgerError):
        rig.listen(story)
    assert rig.clock.monotonic() - asked_at < 10.1  # the decision, and how its refusal went
