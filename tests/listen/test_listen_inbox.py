"""More than a reply holds waits while the ledger is locked: everybody has an answer, and nothing is lost by it."""

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from rig import ASHA, RAHIM, Rig

from apaycli.core.update import may_hold_payment
from apaycli.errors import LedgerError
from apaycli.listen import events
from apaycli.listen.inbox import Inbox, inbox_of
from apaycli.listen.listener import Listener
from apaycli.sandbox.checkouts import Checkout

GROUP = "-1001234567890"
BUYERS = 200
LOCK_SECONDS = 20


@pytest.fixture
def shop(rig: Rig) -> Rig:
    rig.offer(stock=1000)
    return rig


def answered_in_time(checkouts: list[Checkout]) -> list[Checkout]:
    return [c for c in checkouts if c.outcome == "declined" and c.answer_milliseconds in range(8_000)]


async def accepted(rig: Rig, count: int) -> list[Checkout]:
    checkouts = rig.world.buyers.press_pay_many("order-1001", count, 9000)
    await rig.until(lambda: all(checkout.outcome == "accepted" for checkout in checkouts))
    await rig.quiet()
    return checkouts


def test_two_hundred_buyers_in_a_lock_of_twenty_seconds_are_all_answered(shop: Rig, other: sqlite3.Connection) -> None:
    shop.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        paid = await accepted(shop, 3)
        other.execute("BEGIN EXCLUSIVE")
        checkouts = shop.world.buyers.press_pay_many("order-1001", BUYERS, 20_000)
        shop.world.buyers.pay_many(paid)
        await asyncio.sleep(LOCK_SECONDS)
        assert len(answered_in_time(checkouts)) == BUYERS
        assert shop.receipts() == []
        assert len(shop.world.queue) >= 3  # the payments wait at Telegram, where they are safe
        other.execute("ROLLBACK")
        await shop.quiet()

    shop.listen(story)
    shop.truth_kept()
    assert [receipt.flag for receipt in shop.receipts()] == [None] * 3
    assert shop.stock() == (3, 0)


def _press_between(rig: Rig, paid: list[Checkout], first_buyer: int) -> list[Checkout]:
    """Payments before, between and behind 200 buyers, and whoever else writes to a shop."""
    checkouts: list[Checkout] = []
    with rig.world.polling.held():
        for number, checkout in enumerate(paid):
            rig.world.buyers.pay(checkout.checkout_id)
            rig.world.buyers.send_text(50_000 + number, "/support where is it?")
            rig.world.buyers.inject({"inline_query": {"id": str(number), "from": {"id": 5}, "query": "", "offset": ""}})
            rig.world.buyers.inject({"poll": {"id": str(number)}})
            each = BUYERS // len(paid)
            begin = first_buyer + number * each
            checkouts += [rig.world.buyers.press_pay("order-1001", buyer) for buyer in range(begin, begin + each)]
    return checkouts


def test_payments_before_and_between_them_hide_nobody_and_are_recorded_afterwards(
    shop: Rig, other: sqlite3.Connection, tmp_path: Path
) -> None:
    shop.invoice(chat_id=GROUP)
    inbox = tmp_path / "apay.db-inbox"

    async def story(_listener: Listener) -> None:
        paid = await accepted(shop, 10)
        other.execute("BEGIN EXCLUSIVE")
        checkouts = _press_between(shop, paid, 20_000)
        await asyncio.sleep(LOCK_SECONDS)
        assert len(answered_in_time(checkouts)) == BUYERS
        assert shop.receipts() == []
        assert inbox.stat().st_mode & 0o777 == 0o600
        other.execute("ROLLBACK")
        await shop.quiet()
        await shop.until(lambda: not inbox.exists())

    shop.listen(story, inbox=inbox)
    shop.truth_kept()
    assert [receipt.flag for receipt in shop.receipts()] == [None] * 10
    assert shop.stock() == (10, 0)
    assert shop.rows("SELECT count(*) FROM support_requests") == [(10,)]


def test_without_a_place_for_them_payments_stay_at_telegram_and_hide_who_is_behind(
    shop: Rig, other: sqlite3.Connection, tmp_path: Path
) -> None:
    """The limit, where the inbox cannot be written: 100 from the oldest payment on."""
    shop.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        paid = await accepted(shop, 10)
        other.execute("BEGIN EXCLUSIVE")
        checkouts = _press_between(shop, paid, 20_000)
        await asyncio.sleep(LOCK_SECONDS)
        assert 0 < len(answered_in_time(checkouts)) < 100
        assert len(shop.world.queue) > 100
        other.execute("ROLLBACK")
        await shop.quiet()

    shop.listen(story, inbox=tmp_path / "no such folder" / "inbox")
    shop.truth_kept()
    assert len(shop.receipts()) == 10


def test_what_was_kept_outlives_the_process_and_comes_before_any_expiry(
    shop: Rig, other: sqlite3.Connection, tmp_path: Path
) -> None:
    shop.invoice(chat_id=GROUP)
    inbox = tmp_path / "apay.db-inbox"

    async def story(_listener: Listener) -> None:
        paid = await accepted(shop, 10)
        other.execute("BEGIN EXCLUSIVE")
        _press_between(shop, paid, 20_000)
        await asyncio.sleep(LOCK_SECONDS)
        shop.kill()
        await asyncio.sleep(0)

    shop.listen(story, inbox=inbox)
    assert shop.receipts() == []
    other.execute("ROLLBACK")
    shop.clock.advance(3600)  # the reservations are overdue
    shop.listen(lambda _listener: shop.quiet(), inbox=inbox)
    shop.truth_kept()
    assert [receipt.flag for receipt in shop.receipts()] == [None] * 10
    assert not inbox.exists()


def test_after_one_pass_or_a_stop_in_a_lock_nothing_is_lost(
    shop: Rig, other: sqlite3.Connection, tmp_path: Path
) -> None:
    shop.invoice(chat_id=GROUP)
    inbox = tmp_path / "apay.db-inbox"

    async def story(_listener: Listener) -> None:
        paid = await accepted(shop, 10)
        other.execute("BEGIN EXCLUSIVE")
        _press_between(shop, paid, 20_000)
        await asyncio.sleep(LOCK_SECONDS)

    shop.listen(story, inbox=inbox)  # asked to stop, it stops well
    with pytest.raises(LedgerError, match="locked"):
        shop.listen(once=True, ready=False, inbox=inbox)
    assert len(Inbox(inbox).read()) > 10  # payments and requests; the last hundred updates wait at Telegram
    other.execute("ROLLBACK")
    shop.listen(once=True, ready=False, inbox=inbox)
    shop.truth_kept()
    assert len(shop.receipts()) == 10
    assert not inbox.exists()


def test_with_room_for_all_nothing_is_kept_or_confirmed_before_it_is_in_the_ledger(
    shop: Rig, other: sqlite3.Connection, tmp_path: Path
) -> None:
    shop.invoice(chat_id=GROUP)
    inbox = tmp_path / "apay.db-inbox"

    async def story(_listener: Listener) -> None:
        other.execute("BEGIN EXCLUSIVE")
        checkouts = shop.world.buyers.press_pay_many("order-1001", 99, 20_000)
        await asyncio.sleep(LOCK_SECONDS)
        assert len(answered_in_time(checkouts)) == len(shop.world.queue) == 99
        assert not inbox.exists()
        other.execute("ROLLBACK")
        await shop.quiet()

    shop.listen(story, inbox=inbox)
    assert shop.rows("SELECT count(*) FROM decisions WHERE reason = 'unavailable'") == [(99,)]


def test_a_refusal_that_telegram_has_not_taken_is_not_confirmed_away(shop: Rig, other: sqlite3.Connection) -> None:
    shop.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        other.execute("BEGIN EXCLUSIVE")
        shop.world.faults.add("hang", shop.clock.monotonic(), methods=["answerPreCheckoutQuery"], seconds=6)
        checkouts = shop.world.buyers.press_pay_many("order-1001", BUYERS, 20_000)
        await asyncio.sleep(3)
        assert len(shop.world.queue) == BUYERS
        await asyncio.sleep(LOCK_SECONDS)
        assert all(checkout.outcome for checkout in checkouts)
        other.execute("ROLLBACK")
        await shop.quiet()

    shop.listen(story)


def test_a_query_that_cannot_be_read_is_refused_in_a_lock_too_and_once(shop: Rig, other: sqlite3.Connection) -> None:
    shop.invoice()

    async def story(_listener: Listener) -> None:
        other.execute("BEGIN EXCLUSIVE")
        shop.world.buyers.inject(b'{"update_id":@UPDATE_ID@,\n"pre_checkout_query":{"id":"77","from":{},"from":1}}')
        shop.world.buyers.inject(b'{"update_id":@UPDATE_ID@,\n"shipping_query":{"id":"77","from":{},"from":1}}')
        await asyncio.sleep(5)
        assert len(shop.http.asked("answerPreCheckoutQuery")) == 1
        assert len(shop.http.asked("answerShippingQuery")) == 2  # plain, then in the form that newer servers take
        other.execute("ROLLBACK")
        await shop.quiet()

    shop.listen(story)
    assert [request.params["ok"] for request in shop.http.asked("answerPreCheckoutQuery")] == [False]
    assert len(shop.happened(events.DeadLetter)) == 2


# -- the file ---------------------------------------------------------------------------------------------------------


def test_what_was_said_to_be_kept_is_read_again_each_once(tmp_path: Path) -> None:
    raws = [b'{"update_id":1}', b"\x00\n\xff", b""]
    inbox = Inbox(inbox_of(tmp_path / "apay.db"))
    assert inbox.read() == []
    assert inbox.keep(raws)
    assert inbox.keep([raws[1], b"more"])
    assert Inbox(tmp_path / "apay.db-inbox").read() == [*raws, b"more"]
    again = Inbox(tmp_path / "apay.db-inbox")
    again.read()
    assert again.keep(raws)
    assert again.read() == [*raws, b"more"]
    again.clear()
    again.clear()
    assert again.read() == []
    assert list(tmp_path.iterdir()) == []


def test_without_a_place_nothing_is_kept() -> None:
    inbox = Inbox(None)
    assert (inbox.read(), inbox.keep([b"x"]), inbox.keep([])) == ([], False, False)
    inbox.clear()


@pytest.mark.parametrize("damage", [lambda line: line[:-4], lambda line: b"0" + line[1:], lambda line: b"\xff" * 30])
def test_a_damaged_line_is_kept_as_one_that_may_hold_money_and_harms_no_other(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "inbox"
    Inbox(path).keep([b"one", b"two", b"three"])
    lines = path.read_bytes().split()
    spoiled = damage(b" ".join(lines[2:4]))
    path.write_bytes(b"\n".join([b" ".join(lines[:2]), spoiled, b" ".join(lines[4:]), b""]))
    first, damaged, third = Inbox(path).read()
    assert (first, third) == (b"one", b"three")
    assert damaged.endswith(spoiled)
    assert may_hold_payment(damaged)


def test_what_a_crash_left_half_written_does_not_touch_what_is_written_next(tmp_path: Path) -> None:
    path = tmp_path / "inbox"
    Inbox(path).keep([b"one"])
    path.write_bytes(path.read_bytes()[:-3])
    inbox = Inbox(path)
    torn = inbox.read()
    assert inbox.keep([b"two"])
    assert Inbox(path).read() == [*torn, b"two"]


def test_two_names_of_one_ledger_have_one_inbox(tmp_path: Path) -> None:
    (tmp_path / "current.db").symlink_to(tmp_path / "shop" / "apay.db")
    assert inbox_of(tmp_path / "current.db") == tmp_path / "shop" / "apay.db-inbox"


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "inbox")
    with pytest.raises(LedgerError, match="not a regular file"):
        Inbox(tmp_path / "inbox").read()


def test_a_file_that_cannot_be_read_is_never_passed_over(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    with pytest.raises(LedgerError, match="it holds updates that Telegram has forgotten"):
        Inbox(tmp_path / "inbox").read()


@pytest.mark.parametrize("failing", ["fsync", "write"])
def test_what_cannot_be_written_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "inbox"
    assert Inbox(path).keep([b"one"])
    before = path.read_bytes()

    def fail(descriptor: int, data: bytes = b"") -> int:
        if data:
            real_write(descriptor, data[:5])
        raise OSError(28, "No space left on device")

    real_write = os.write
    monkeypatch.setattr(os, failing, fail)
    assert not Inbox(path).keep([b"two"])
    assert path.read_bytes() == before


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / "inbox").symlink_to(tmp_path / "elsewhere")
    assert not Inbox(tmp_path / "inbox").keep([b"x"])
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_nobody_is_told_twice_by_what_was_kept(shop: Rig, other: sqlite3.Connection, tmp_path: Path) -> None:
    """The same payment in the inbox and, sent again, at Telegram: one receipt."""
    shop.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        await shop.buy("order-1001", RAHIM)
        raw = shop.rows("SELECT raw FROM evidence")[0][0]
        assert Inbox(tmp_path / "inbox").keep([raw])
        await shop.press("order-1001", ASHA)

    shop.listen(story)
    shop.listen(lambda _listener: shop.quiet(), inbox=tmp_path / "inbox")
    assert len(shop.receipts()) == 1
    assert [repeat.conflict for repeat in shop.happened(events.PaymentRepeated)] == [False]
