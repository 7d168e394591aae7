"""The merchant's own chat: told of money at least once, in few messages, and never in a buyer's way."""

import asyncio
import itertools
from dataclasses import replace

import pytest
from rig import ASHA, RAHIM, Rig

from apaycli.core.notices import MESSAGE_UNITS_MAX
from apaycli.listen import events
from apaycli.listen.listener import Listener

GROUP = "-1001234567890"
OWNER = str(ASHA)


def told(rig: Rig) -> list[str]:
    """The messages that reached the merchant's chat."""
    return [
        request.params["text"]
        for request in rig.http.asked("sendMessage")
        if request.params["chat_id"] == int(OWNER) and not request.params["text"].startswith("For sale")
    ]


def selling(rig: Rig, chat: str = OWNER) -> None:
    rig.offer(stock=50)
    rig.invoice(chat_id=GROUP)
    rig.shop = replace(rig.shop, notify_chat=chat)
    rig.world.buyers.start(ASHA)


def test_a_receipt_is_told_once_in_one_sentence(rig: Rig) -> None:
    selling(rig)

    async def story(_listener: Listener) -> None:
        await rig.buy()
        await asyncio.sleep(10)

    rig.listen(story)
    assert told(rig) == ["Test payment: 1 x Tea, ৳ 500.00, by Rahim Uddin (@rahim_sandbox), receipt 1"]
    assert rig.store.notices(9) == []


def test_many_at_once_are_few_messages_and_none_is_missing(rig: Rig) -> None:
    selling(rig)
    with rig.store.transaction() as tx:
        for number in range(250):
            tx.queue_notice(OWNER, "merchant", f"notice {number} " + "x" * 200, rig.clock.now())

    async def story(_listener: Listener) -> None:
        await rig.until(lambda: rig.store.notices(1) == [], 120)

    rig.listen(story)
    messages = told(rig)
    assert [line.split()[1] for text in messages for line in text.splitlines()] == [str(n) for n in range(250)]
    assert all(len(text) <= MESSAGE_UNITS_MAX for text in messages)
    assert len(messages) < 20
    times = [request.at for request in rig.http.asked("sendMessage") if "notice" in request.params["text"]]
    assert all(later - earlier > 1.09 for earlier, later in itertools.pairwise(times))


def test_while_the_chat_cannot_be_reached_buyers_notice_nothing_and_then_all_is_told(rig: Rig) -> None:
    selling(rig)

    async def story(_listener: Listener) -> None:
        rig.world.faults.add("hang", rig.clock.monotonic(), methods=["sendMessage"], seconds=60)
        checkout = await rig.press()
        assert checkout.answer_milliseconds is not None
        assert checkout.answer_milliseconds < 1000
        rig.world.buyers.pay(checkout.checkout_id)
        await rig.quiet()
        assert len(rig.receipts()) == 1
        await rig.until(lambda: rig.store.notices(1) == [], 600)

    rig.listen(story)
    assert "receipt 1" in told(rig)[-1]


def test_a_chat_that_refuses_is_said_and_tried_ever_less_often(rig: Rig) -> None:
    selling(rig, "555")

    async def story(_listener: Listener) -> None:
        await rig.buy()
        await asyncio.sleep(3600)

    rig.listen(story)
    refused = rig.happened(events.NoticesRefused)
    assert 5 < len(refused) < 20
    assert "[notify] chat" in refused[0].message
    assert len(rig.store.notices(9)) == 1


def test_what_nobody_took_for_too_long_is_dropped_and_the_receipt_stays(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apaycli.listen.notices.KEPT_MILLISECONDS", 1_800_000)
    selling(rig, "555")

    async def story(_listener: Listener) -> None:
        await rig.buy()
        await asyncio.sleep(3600)

    rig.listen(story)
    assert rig.store.notices(9) == []
    assert len(rig.receipts()) == 1


def test_killed_before_it_was_told_the_next_run_tells_it(rig: Rig) -> None:
    selling(rig)

    async def story(_listener: Listener) -> None:
        await rig.press(buyer=RAHIM)
        rig.world.buyers.pay(1)
        await rig.until(lambda: len(rig.receipts()) == 1)
        rig.kill()
        await asyncio.sleep(1)

    rig.listen(story)
    assert told(rig) == []
    rig.listen(lambda _listener: asyncio.sleep(10))
    assert len(told(rig)) == 1


def test_a_conflict_and_an_unreadable_payment_are_told_too(rig: Rig) -> None:
    selling(rig)

    async def story(_listener: Listener) -> None:
        await rig.buy()
        rig.world.buyers.inject(b'{"update_id":@UPDATE_ID@,\n"message":{"successful_payment":"broken"}}')
        await rig.quiet()
        await asyncio.sleep(10)

    rig.listen(story)
    assert any("A PAYMENT THAT COULD NOT BE READ" in text for text in told(rig))


def test_without_the_setting_nothing_is_queued(rig: Rig) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.buy()

    rig.listen(story)
    assert "merchant" not in [notice.audience for notice in rig.store.notices(9)]
