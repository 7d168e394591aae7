"""Units over time: reservations end by themselves, and a changed stock file is in force at once."""

from dataclasses import replace
from pathlib import Path

import pytest
from rig import ASHA, RAHIM, TTL_SECONDS, Rig

from apaycli.listen import events
from apaycli.listen.listener import Listener
from apaycli.listen.setting import StockNews
from apaycli.stockfile import StockWatch, read_stock_file

GROUP = "-1001234567890"
STOCK = """\
currency = "BDT"
[products.tea]
title = "Tea"
description = "Black"
price = 500
stock = {stock}
"""


async def nothing(_listener: Listener) -> None: ...


def test_units_come_back_when_their_time_is_over(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        accepted_at = rig.clock.monotonic()
        assert (await rig.press("order-1001", RAHIM)).outcome == "accepted"
        assert (await rig.press("order-1001", ASHA)).outcome == "declined"
        await rig.until(lambda: rig.happened(events.Expired), TTL_SECONDS + 10)
        assert TTL_SECONDS <= rig.clock.monotonic() - accepted_at <= TTL_SECONDS + 5
        assert (await rig.press("order-1001", ASHA)).outcome == "accepted"

    rig.listen(story)
    [expired] = rig.happened(events.Expired)
    assert (expired.reservation.buyer_id, expired.reservation.quantity) == (RAHIM, 1)
    assert rig.stock() == (0, 1)


def test_what_expired_while_nobody_listened_is_back_before_the_first_query(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)
    rig.listen(lambda _listener: _press(rig, RAHIM, "accepted"))
    rig.clock.advance(TTL_SECONDS)
    rig.listen(lambda _listener: _press(rig, ASHA, "accepted"))


def test_who_paid_in_time_while_nobody_listened_gets_what_was_promised(rig: Rig) -> None:
    """The hold is over when the next run starts, and somebody else is already pressing Pay: the money comes first."""
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)
    rig.listen(lambda _listener: _press(rig, RAHIM, "accepted"))
    (promised,) = rig.world.books.checkouts.values()
    rig.world.buyers.pay(promised.checkout_id)
    rig.clock.advance(TTL_SECONDS + 60)
    rival = rig.world.buyers.press_pay("order-1001", ASHA)

    async def story(_listener: Listener) -> None:
        await rig.until(lambda: rival.outcome and rig.receipts())

    rig.listen(story)
    assert rival.outcome == "declined"
    assert [receipt.flag for receipt in rig.receipts()] == [None]
    assert rig.stock() == (1, 0)


def test_no_hold_ends_while_telegram_is_out_of_reach(rig: Rig) -> None:
    """Its receipt may be waiting there; and nobody can press Pay meanwhile."""
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        assert (await rig.press("order-1001", RAHIM)).outcome == "accepted"
        back_at = rig.clock.monotonic() + TTL_SECONDS + 300
        rig.http.refused_until = back_at
        await rig.until(lambda: rig.happened(events.Expired), TTL_SECONDS + 400)
        assert rig.clock.monotonic() >= back_at

    rig.listen(story)
    assert rig.stock() == (0, 0)


async def _press(rig: Rig, buyer: int, outcome: str) -> None:
    assert (await rig.press("order-1001", buyer)).outcome == outcome


def test_the_same_buyer_again_holds_no_more_units_and_longer(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        for _ in range(5):
            await _press(rig, RAHIM, "accepted")
            later = rig.clock.monotonic() + TTL_SECONDS - 60
            await rig.until(lambda later=later: rig.clock.monotonic() >= later, TTL_SECONDS)
        assert rig.stock() == (0, 1)
        await _press(rig, ASHA, "declined")

    rig.listen(story)
    assert rig.happened(events.Expired) == []


def test_pressing_again_and_again_keeps_a_unit_for_two_hours_and_no_longer(rig: Rig) -> None:
    """Somebody presses every ten minutes for a day, and never pays. Others get their turn."""
    rig.offer(stock=1)
    rig.shop = replace(rig.shop, reserved_units_max=3, reservation_life_seconds=7200)
    rig.invoice(chat_id=GROUP)
    minutes_without: list[int] = []

    async def story(_listener: Listener) -> None:
        begun_at = rig.clock.monotonic()
        while (passed := rig.clock.monotonic() - begun_at) < 86_400:
            await rig.press("order-1001", RAHIM)
            if rig.stock() == (0, 0):
                minutes_without.append(round(passed / 60))
            later = rig.clock.monotonic() + 600
            await rig.until(lambda later=later: rig.clock.monotonic() >= later, 700)
        # A day has 144 such presses: the unit was there for others in nearly half of them.
        assert len(minutes_without) > 50
        assert minutes_without[0] <= 130
        await rig.until(lambda: rig.stock() == (0, 0), 7200)
        await _press(rig, ASHA, "accepted")

    rig.listen(story)
    rig.sound()


def test_a_payment_after_its_time_is_flagged_late_or_oversold_and_never_lost(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        first = await rig.press("order-1001", RAHIM)
        await rig.until(lambda: rig.happened(events.Expired), TTL_SECONDS + 10)
        second = await rig.press("order-1001", ASHA)
        rig.world.buyers.pay(first.checkout_id)
        rig.world.buyers.pay(second.checkout_id)
        await rig.quiet()
        await rig.until(lambda: len(rig.happened(events.Paid)) == 2)

    rig.listen(story)
    rig.truth_kept()
    assert [(receipt.buyer_id, receipt.flag, receipt.refund_state) for receipt in rig.receipts()] == [
        (RAHIM, "oversold", "due"),
        (ASHA, None, None),
    ]
    assert rig.stock() == (1, 0)


def test_a_clock_that_jumps_back_never_frees_units_early(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        await _press(rig, RAHIM, "accepted")
        rig.clock.jump(-3600)
        later = rig.clock.monotonic() + TTL_SECONDS + 60
        await rig.until(lambda: rig.clock.monotonic() >= later, TTL_SECONDS + 100)
        assert rig.stock() == (0, 1)

    rig.listen(story)


class News:
    """What `read_stock` tells, one after the other."""

    def __init__(self) -> None:
        self.waiting: list[StockNews] = []

    def __call__(self) -> StockNews | None:
        return self.waiting.pop(0) if self.waiting else None


def test_a_changed_stock_is_in_force_within_two_seconds(rig: Rig) -> None:
    tea = rig.offer(stock=0)
    rig.invoice(chat_id=GROUP)
    news = News()

    async def story(_listener: Listener) -> None:
        await _press(rig, RAHIM, "declined")
        rig.offer(stock=1)
        news.waiting.append(StockNews(dict(rig.shop.products), ("tea: odd",)))
        changed_at = rig.clock.monotonic()
        await rig.until(lambda: rig.happened(events.StockTaken), 5)
        assert rig.clock.monotonic() - changed_at <= 2
        await _press(rig, RAHIM, "accepted")
        news.waiting.append(StockNews({tea.sku: tea}, ()))  # cut below what is held: holds stand, nothing new
        await rig.until(lambda: len(rig.happened(events.StockTaken)) == 2, 5)
        await _press(rig, ASHA, "declined")
        rig.world.buyers.pay(2)
        await rig.quiet()

    rig.listen(story, read_stock=news)
    rig.truth_kept()
    assert [receipt.flag for receipt in rig.receipts()] == [None]
    taken = rig.happened(events.StockTaken)[0]
    assert (taken.products, taken.warnings) == (1, ("tea: odd",))


def test_a_broken_stock_file_leaves_the_last_good_one_in_force(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)
    news = News()

    async def story(_listener: Listener) -> None:
        news.waiting.append(StockNews(None, ("line 3: no",)))
        await rig.until(lambda: rig.happened(events.StockRefused), 5)
        await _press(rig, RAHIM, "accepted")

    rig.listen(story, read_stock=news)
    assert rig.happened(events.StockRefused)[0].problems == ("line 3: no",)


@pytest.mark.parametrize("breakage", ["", "garbage [", "[products.tea]\nprice = 1e3", None])
def test_the_real_file_is_watched(rig: Rig, tmp_path: Path, breakage: str | None) -> None:
    path = tmp_path / "stock.toml"
    path.write_text(STOCK.format(stock=0))
    first = read_stock_file(path)
    watch = StockWatch(path, first.text)
    rig.shop = rig.shop.__class__("test", dict(first.products), TTL_SECONDS)
    rig.invoice(chat_id=GROUP)

    def read() -> StockNews | None:
        before = watch.problems
        changed = watch.changed()
        if changed is not None:
            return StockNews(dict(changed.products), changed.warnings)
        return StockNews(None, watch.problems) if watch.problems != before else None

    async def story(_listener: Listener) -> None:
        await _press(rig, RAHIM, "declined")
        path.unlink() if breakage is None else path.write_text(breakage)
        await rig.until(lambda: rig.happened(events.StockRefused), 5)
        await _press(rig, RAHIM, "declined")
        path.write_text(STOCK.format(stock=2))
        written_at = rig.clock.monotonic()
        await rig.until(lambda: rig.happened(events.StockTaken), 5)
        assert rig.clock.monotonic() - written_at <= 2
        await _press(rig, RAHIM, "accepted")

    rig.listen(story, read_stock=read)
    assert rig.stock() == (0, 1)
