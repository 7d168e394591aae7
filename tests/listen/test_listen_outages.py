"""Trouble on the way to getUpdates: back off, come back, lose nothing."""

import random

import pytest
from rig import RAHIM, Rig

from apaycli.listen import events
from apaycli.listen.listener import Listener
from apaycli.listen.polling import backoff_seconds

KINDS = ["429", "500", "502-html", "504-html", "409", "empty", "truncated", "break", "reset", "hang", "delay"]
GROUP = "-1001234567890"


@pytest.mark.parametrize("after", [False, True], ids=["request lost", "reply lost"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 4])
def test_a_sale_goes_through_after_the_trouble(rig: Rig, kind: str, after: bool, count: int) -> None:
    rig.offer(stock=100)
    rig.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        first = await rig.press("order-1001", 5001)
        outage = rig.world.faults.add(
            kind, rig.clock.monotonic(), methods=["getUpdates"], count=count, after=after, delay_seconds=3
        )
        rig.world.buyers.pay(first.checkout_id)
        second = rig.world.buyers.press_pay("order-1001", 5002)
        await rig.until(lambda: outage.struck_count == count, 600)
        struck = len(rig.http.asked("getUpdates"))
        await rig.until(lambda: len(rig.http.asked("getUpdates")) > struck, 100)
        await rig.quiet()
        assert second.outcome is not None
        third = await rig.press("order-1001", 5003)
        assert third.outcome == "accepted"
        rig.world.buyers.pay(third.checkout_id)
        await rig.quiet()

    rig.listen(story)
    rig.truth_kept()
    assert len(rig.receipts()) == 2
    assert rig.rows("SELECT count(*) FROM dead_letters") == [(0,)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "delay"])
def test_an_hour_of_it_is_met_with_patience_and_ends_by_itself(rig: Rig, kind: str) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        checkout = await rig.press()
        rig.world.faults.add(kind, rig.clock.monotonic(), methods=["getUpdates"], seconds=3600, retry_after=5)
        rig.world.buyers.pay(checkout.checkout_id)
        before = len(rig.http.asked("getUpdates"))
        ends = rig.clock.monotonic() + 3600
        await rig.until(lambda: rig.clock.monotonic() >= ends, 3700)
        assert len(rig.http.asked("getUpdates")) - before <= 2500
        await rig.quiet(seconds=70 if kind == "hang" else 8)  # a poll that hangs is given up after its 60 s

    rig.listen(story)
    rig.truth_kept()
    longest = max(trouble.next_try_seconds for trouble in rig.happened(events.Trouble))
    assert longest <= {"429": 6.0, "409": 4.0}.get(kind, 2.0)  # the two for which Telegram names a time


@pytest.mark.parametrize("seconds", [7, 20, 300])
@pytest.mark.parametrize("kind", ["500", "502-html", "empty", "truncated", "break", "reset", "refused"])
def test_after_an_outage_buyers_are_served_within_two_seconds(rig: Rig, kind: str, seconds: float) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        ends = rig.clock.monotonic() + seconds
        if kind == "refused":
            rig.http.refused_until = ends
        else:
            rig.world.faults.add(kind, rig.clock.monotonic(), seconds=seconds)
        rig.world.polling.terminate("terminated by other getUpdates request")  # and the next ones fail
        await rig.until(lambda: rig.clock.monotonic() >= ends, seconds + 1)
        checkout = await rig.press()
        assert checkout.outcome == "accepted"
        assert checkout.answer_milliseconds <= 2100  # type: ignore[operator]

    rig.listen(story)


def test_a_wait_that_telegram_asks_for_is_kept(rig: Rig) -> None:
    async def story(_listener: Listener) -> None:
        await rig.until(lambda: rig.world.polling.poll is not None)
        rig.world.faults.add("429", rig.clock.monotonic(), methods=["getUpdates"], count=1, retry_after=300)
        rig.world.buyers.start(RAHIM)
        await rig.until(lambda: rig.happened(events.Trouble), 60)
        told_at = rig.clock.monotonic()
        asked = len(rig.http.asked("getUpdates"))
        await rig.until(lambda: len(rig.http.asked("getUpdates")) > asked, 400)
        assert 300 <= rig.clock.monotonic() - told_at <= 301.1

    rig.listen(story)
    assert rig.happened(events.Trouble)[0].next_try_seconds >= 300


def test_half_a_reply_is_never_taken_for_its_updates(rig: Rig) -> None:
    # The reply is cut in the middle again and again, also when a single update is asked for.
    rig.offer(stock=100)
    rig.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        checkouts = rig.world.buyers.press_pay_many("order-1001", 20, 6000)
        await rig.until(lambda: all(checkout.outcome for checkout in checkouts))
        rig.world.faults.add("truncated", rig.clock.monotonic(), methods=["getUpdates"], seconds=120, after=True)
        rig.world.buyers.pay_many(checkouts)
        await rig.quiet(300)

    rig.listen(story)
    rig.truth_kept()
    assert rig.rows("SELECT count(*) FROM dead_letters") == [(0,)]


def test_a_poll_that_never_comes_back_is_given_up(rig: Rig) -> None:
    async def story(_listener: Listener) -> None:
        rig.world.faults.add("hang", rig.clock.monotonic(), methods=["getUpdates"], count=1)
        await rig.until(lambda: len(rig.http.asked("getUpdates")) >= 3, 60)
        silent, after = rig.http.asked("getUpdates")[-2:]
        assert after.at - silent.at <= 62  # poll_timeout, ten seconds more, and the pause after a failure

    rig.listen(story)


def test_no_pause_is_longer_than_two_seconds_and_never_twice_the_same(rig: Rig) -> None:
    chance = random.Random(7)
    pauses = [[backoff_seconds(attempt, chance) for _ in range(50)] for attempt in range(1, 40)]
    assert all(0.75 <= pause <= 1 for pause in pauses[0])
    assert all(1.5 <= pause <= 2 for row in pauses[1:] for pause in row)
    assert all(len(set(row)) > 40 for row in pauses)


@pytest.mark.parametrize("method", ["getUpdates", "getMe"])
@pytest.mark.parametrize("retry_after", [0, -5])
def test_a_wait_of_nothing_is_no_storm_of_polls(rig: Rig, method: str, retry_after: int) -> None:
    rig.world.faults.add("429", rig.clock.monotonic(), methods=[method], seconds=600, retry_after=retry_after)

    async def story(_listener: Listener) -> None: ...

    rig.listen(story)
    assert len(rig.http.asked(method)) <= 450
