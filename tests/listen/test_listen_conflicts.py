"""409: a webhook is set, or somebody else polls with this token."""

import json

import pytest
from rig import ASHA, RAHIM, Rig

from apaycli.errors import AnotherListener
from apaycli.listen import events
from apaycli.listen.listener import Listener
from apaycli.sandbox.wire import Waiting

URL = "https://shop.example/tg/hook"


def set_webhook(rig: Rig, url: str = URL) -> None:
    rig.world.handle(f"/bot{rig.world.bot_token}/setWebhook", "application/json", json.dumps({"url": url}).encode())


def other_poll(rig: Rig) -> None:
    """A colleague's bot waits for updates, which ends our wait, and hangs up. It never confirms any."""
    result = rig.world.handle(f"/bot{rig.world.bot_token}/getUpdates", "application/json", b'{"timeout":50}')
    if isinstance(result, Waiting):
        rig.world.polling.abandon(result)


async def nothing(_listener: Listener) -> None: ...


def test_a_webhook_is_named_and_left_alone(rig: Rig) -> None:
    set_webhook(rig)
    with pytest.raises(AnotherListener, match=URL) as caught:
        rig.listen(nothing)
    assert caught.value.exit_code == 7
    assert "--take-over" in (caught.value.hint or "")
    assert rig.world.polling.webhook.url == URL
    assert rig.http.asked("deleteWebhook") == []


def test_the_token_in_a_webhooks_address_is_not_told(rig: Rig) -> None:
    set_webhook(rig, f"https://shop.example/{rig.world.bot_token}/x")
    with pytest.raises(AnotherListener) as caught:
        rig.listen(nothing)
    assert rig.world.bot_token.partition(":")[2] not in caught.value.message


def test_a_take_over_removes_the_webhook_and_keeps_what_waits(rig: Rig) -> None:
    rig.invoice()
    set_webhook(rig)
    waiting = rig.world.buyers.press_pay("order-1001", RAHIM)
    rig.world.buyers.pay(waiting.checkout_id, force=True)

    async def story(_listener: Listener) -> None:
        assert waiting.outcome == "accepted"
        await rig.quiet()

    rig.listen(story, take_over=True)
    rig.truth_kept()
    assert rig.world.polling.webhook.url == ""
    assert [request.params for request in rig.http.asked("deleteWebhook")] == [{}]
    assert rig.world.queue.lost_count == 0


def test_a_take_over_without_a_webhook_removes_nothing(rig: Rig) -> None:
    rig.listen(nothing, take_over=True)
    assert rig.http.asked("deleteWebhook") == []


@pytest.mark.parametrize("take_over", [False, True])
def test_a_webhook_that_is_set_while_we_listen_ends_the_run(rig: Rig, take_over: bool) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        assert (await rig.buy()).payment == "paid"
        set_webhook(rig)
        await rig.until(lambda: False, 600)

    with pytest.raises(AnotherListener, match=URL):
        rig.listen(story, take_over=take_over)
    rig.truth_kept()
    assert rig.world.polling.webhook.url == URL


def test_another_poller_is_told_of_and_nothing_is_lost(rig: Rig) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        other_poll(rig)
        await rig.until(lambda: rig.happened(events.Trouble))
        assert (await rig.buy()).payment == "paid"

    rig.listen(story)
    rig.truth_kept()
    [trouble] = rig.happened(events.Trouble)
    assert "getUpdates" in trouble.message
    assert "another program polls" in (trouble.hint or "")
    assert trouble.next_try_seconds >= 3  # the server holds faster repeats back


def test_an_hour_of_contention_loses_nothing(rig: Rig) -> None:
    rig.offer(stock=1000)
    rig.invoice(chat_id="-1001234567890")

    async def story(_listener: Listener) -> None:
        for minute in range(60):
            rig.world.buyers.start(ASHA)
            await rig.until(lambda: rig.world.polling.poll is not None, 120)
            other_poll(rig)
            checkout = await rig.press("order-1001", 5000 + minute)
            if checkout.outcome == "accepted":
                rig.world.buyers.pay(checkout.checkout_id)
        await rig.quiet(600)

    rig.listen(story)
    rig.truth_kept()
    assert len(rig.receipts()) == 60
    assert len(rig.http.asked("getUpdates")) < 1000


@pytest.mark.parametrize("kind", ["500", "502-html", "429", "reset", "hang", "409"])
def test_trouble_while_looking_for_the_cause_of_a_409_is_no_end(rig: Rig, kind: str) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        rig.world.faults.add(kind, rig.clock.monotonic(), methods=["getWebhookInfo"])
        other_poll(rig)
        await rig.until(lambda: rig.happened(events.Trouble), 300)
        assert (await rig.buy()).payment == "paid"

    rig.listen(story)
    rig.truth_kept()
