"""The ledger is slow, locked or broken: every buyer has an answer, and nothing is confirmed that is not on disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from rig import ASHA, RAHIM, Rig

from apaycli.core.model import DeclineReason
from apaycli.core.wording import DECLINE_SENTENCES
from apaycli.errors import LedgerError
from apaycli.listen import events
from apaycli.listen.listener import Listener
from apaycli.store.sqlite import open_sqlite

UNAVAILABLE = DECLINE_SENTENCES[DeclineReason.UNAVAILABLE]
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
    assert rig.stock() == (0, 1)  # the hold of the late record lies idle until it expires: never an oversell


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
    rig.offer(stock=2)
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


def test_a_file_that_another_program_has_locked(rig: Rig, tmp_path: Path) -> None:
    rig.store.close()
    rig.store = open_sqlite(tmp_path / "apay.db")
    rig.store.db.execute("PRAGMA busy_timeout = 20")
    rig.offer(stock=1)
    rig.invoice()
    other = sqlite3.connect(tmp_path / "apay.db", isolation_level=None)

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        other.execute("BEGIN EXCLUSIVE")
        rig.world.buyers.press_pay("order-1001", RAHIM)
        await for_ever(rig)

    with pytest.raises(LedgerError, match="locked"):
        rig.listen(story)
    refused = rig.world.books.checkouts[1]
    assert (refused.outcome, refused.error_message) == ("declined", UNAVAILABLE)
    assert len(rig.world.queue) == 1
    other.execute("ROLLBACK")
    other.close()
    rig.listen(lambda _listener: rig.quiet())
    assert rig.rows("SELECT ok, answer_outcome FROM decisions") == [(1, "too_old")]
    assert rig.stock() == (0, 0)  # the accept came too late for certain: its units are free again


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
