"""How a run of the listener begins and ends."""

import asyncio
from collections.abc import Callable

import pytest
from rig import ASHA, RAHIM, Rig

from apaycli.errors import ApayError, TelegramError, TokenError
from apaycli.listen import events
from apaycli.listen.listener import Listener


async def nothing(_listener: Listener) -> None: ...


def test_a_whole_sale(rig: Rig) -> None:
    rig.offer(stock=3)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        checkout = await rig.buy()
        assert (checkout.outcome, checkout.payment) == ("accepted", "paid")

    rig.listen(story)
    rig.truth_kept()
    assert rig.stock() == (1, 0)
    [paid] = rig.happened(events.Paid)
    assert (paid.receipt.total_amount, paid.receipt.flag) == (50_000, None)
    assert paid.receipt.buyer is not None
    assert paid.receipt.buyer.user_id == RAHIM
    [answered] = rig.happened(events.Answered)
    assert (answered.decision.ok, answered.outcome, answered.repeated) == (True, "sent", False)
    assert isinstance(rig.events[-1], events.Stopped)


# -- a start -------------------------------------------------------------------------------------------------------


def test_ready_is_said_only_after_the_first_good_poll(rig: Rig) -> None:
    rig.world.faults.add("500", rig.clock.monotonic(), methods=["getUpdates"], count=4)
    rig.listen(nothing)
    kinds = [type(event) for event in rig.events]
    assert kinds == [events.Started, *[events.Trouble] * 4, events.Ready, events.Stopped]
    assert rig.happened(events.Ready)[0].bot_username == "sandbox_merchant_bot"


def test_the_first_poll_comes_back_at_once_and_the_next_ones_wait(rig: Rig) -> None:
    async def story(_listener: Listener) -> None:
        await rig.until(lambda: len(rig.http.asked("getUpdates")) == 3, 120)

    rig.listen(story)
    first, second, third, *_ = rig.http.asked("getUpdates")
    assert [request.params["timeout"] for request in (first, second, third)] == [0, 50, 50]
    assert first.at == second.at
    assert third.at - second.at == pytest.approx(50, abs=0.1)


def test_what_another_tool_has_narrowed_is_wide_again(rig: Rig) -> None:
    rig.world.queue.allowed_kinds = frozenset({"message"})
    rig.invoice()

    async def story(_listener: Listener) -> None:
        rig.world.queue.allowed_kinds = frozenset({"message"})
        await rig.until(lambda: len(rig.http.asked("getUpdates")) == 3, 120)  # the next poll heals it
        assert (await rig.buy()).payment == "paid"

    rig.listen(story)
    rig.truth_kept()


@pytest.mark.parametrize("kind", ["429", "500", "502-html", "empty", "truncated", "break", "reset", "hang"])
@pytest.mark.parametrize("method", ["getMe", "getWebhookInfo"])
def test_telegram_may_be_out_of_reach_at_the_start(rig: Rig, kind: str, method: str) -> None:
    rig.world.faults.add(kind, rig.clock.monotonic(), methods=[method], count=3)
    rig.listen(nothing)
    assert len(rig.happened(events.Trouble)) == 3
    assert len(rig.happened(events.Ready)) == 1


def test_the_network_may_be_down_at_the_start(rig: Rig) -> None:
    rig.http.refused_until = 300
    rig.listen(nothing)
    [ready] = rig.happened(events.Ready)
    assert ready.at - rig.happened(events.Started)[0].at == pytest.approx(315_000, abs=16_000)


@pytest.mark.parametrize(("method", "kind"), [("getMe", "409"), ("getWebhookInfo", "409")])
def test_a_refusal_at_the_start_ends_it(rig: Rig, method: str, kind: str) -> None:
    rig.world.faults.add(kind, rig.clock.monotonic(), methods=[method])
    with pytest.raises(TelegramError):
        rig.listen(nothing)


@pytest.mark.parametrize("method", ["getMe", "getWebhookInfo", "getUpdates"])
def test_a_wrong_token_ends_the_start_after_one_request(rig: Rig, method: str) -> None:
    rig.world.faults.add("401", rig.clock.monotonic(), methods=[method])
    with pytest.raises(TokenError):
        rig.listen(nothing)
    assert len(rig.http.asked(method)) == 1
    assert rig.happened(events.Ready) == []


@pytest.mark.parametrize("method", ["getUpdates", "answerPreCheckoutQuery", "sendMessage"])
def test_a_token_that_is_revoked_ends_the_run(rig: Rig, method: str) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        rig.world.faults.add("401", rig.clock.monotonic(), methods=[method])
        rig.world.buyers.press_pay("order-1001", RAHIM)
        rig.world.buyers.start(ASHA)
        await rig.until(lambda: False, 3600)

    with pytest.raises(TokenError):
        rig.listen(story)
    assert len(rig.http.asked(method)) <= 3
    assert len(rig.world.queue) > 0 or method != "getUpdates"  # nothing was confirmed that is not on disk


def test_a_start_says_how_long_nobody_listened_and_what_is_taken_up(rig: Rig) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.press()

    rig.listen(nothing)
    rig.listen(story)
    rig.clock.advance(2 * 3600)
    rig.listen(nothing)
    first, second, third = rig.happened(events.Started)
    assert (first.away_milliseconds, second.answers_to_resend, third.reservations_expired) == (None, 0, 1)
    assert second.away_milliseconds is not None
    assert second.away_milliseconds < 1000
    assert third.away_milliseconds == pytest.approx(7_200_000, abs=1000)


def test_a_killed_run_is_away_since_its_last_contact_and_not_since_its_start(rig: Rig) -> None:
    async def story(_listener: Listener) -> None:
        await asyncio.sleep(3000)
        rig.kill()

    rig.listen(story)
    rig.clock.advance(3600)
    rig.listen(nothing)
    away = rig.happened(events.Started)[1].away_milliseconds
    assert away is not None
    assert 3_600_000 <= away <= 3_661_000  # a poll every fifty seconds, a note at most every ten


# -- --once --------------------------------------------------------------------------------------------------------


def test_once_works_off_what_waits_and_stops(rig: Rig) -> None:
    rig.offer(stock=1000)
    rig.invoice(chat_id="-1001234567890")
    rig.listen(nothing)  # from now on everything is queued
    checkouts = rig.world.buyers.press_pay_many("order-1001", 250, 5000)
    rig.listen(ready=False, once=True)
    assert all(checkout.outcome == "accepted" for checkout in checkouts)
    assert len(rig.world.queue) == 0
    rig.world.buyers.pay_many(checkouts)
    before = rig.clock.monotonic()
    rig.listen(ready=False, once=True)
    rig.truth_kept()
    assert rig.stock() == (250, 0)
    assert rig.clock.monotonic() - before < 1


def test_once_ends_even_where_an_update_cannot_be_confirmed(rig: Rig) -> None:
    rig.world.buyers.start(ASHA)
    rig.world.buyers.inject(b'{"message":{"text":"no id"}}')
    rig.listen(ready=False, once=True)
    assert rig.clock.monotonic() < 60
    assert len(rig.http.asked("sendMessage")) == 1
    assert rig.rows("SELECT count(*) FROM dead_letters") == [(1,)]


# -- a stop --------------------------------------------------------------------------------------------------------


def test_a_stop_sends_what_is_decided_and_confirms_what_is_recorded(rig: Rig) -> None:
    rig.offer(stock=3)
    rig.invoice()
    rig.world.faults.add("delay", rig.clock.monotonic(), methods=["answerPreCheckoutQuery"], delay_seconds=2)

    async def story(_listener: Listener) -> None:
        rig.world.buyers.press_pay("order-1001", RAHIM)
        await rig.until(lambda: rig.http.asked("answerPreCheckoutQuery"))

    rig.listen(story)
    assert rig.world.books.checkouts[1].outcome == "accepted"
    assert rig.rows("SELECT answer_outcome FROM decisions") == [("sent",)]
    assert len(rig.world.queue) == 0
    assert rig.rows("SELECT stopped_at IS NOT NULL FROM listener_runs") == [(1,)]


def test_a_stop_amid_a_batch_confirms_nothing_that_is_not_on_disk(rig: Rig) -> None:
    rig.offer(stock=3)
    rig.invoice(chat_id="-1001234567890")

    async def story(_listener: Listener) -> None:
        await rig.press("order-1001", ASHA)
        await rig.quiet()
        rig.writer.seconds = 1
        with rig.world.polling.held():  # one reply: the query is recorded first, the payment after it
            rig.world.buyers.pay(1)
            rig.world.buyers.press_pay("order-1001", RAHIM)
        await asyncio.sleep(0.5)

    rig.listen(story)
    assert rig.world.books.checkouts[2].outcome == "accepted"  # what was begun is finished
    assert len(rig.world.queue) == 2
    rig.listen(lambda _listener: rig.quiet())
    rig.truth_kept()


def test_a_stop_repeats_a_confirmation_that_had_not_arrived(rig: Rig) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.press()
        await rig.quiet()
        rig.world.faults.add("500", rig.clock.monotonic(), methods=["getUpdates"], count=1)
        rig.world.buyers.pay(1)
        await rig.until(lambda: rig.happened(events.Trouble))
        assert len(rig.world.queue) == 1

    rig.listen(story)
    assert len(rig.world.queue) == 0
    rig.truth_kept()


def test_a_stop_notes_how_every_answer_went(rig: Rig) -> None:
    rig.offer(stock=9)
    rig.invoice(chat_id="-1001234567890")

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        rig.writer.seconds = 1
        for buyer in range(5000, 5004):
            rig.world.buyers.press_pay("order-1001", buyer)
            await asyncio.sleep(0.7)
        await rig.until(lambda: all(checkout.outcome for checkout in rig.world.books.checkouts.values()))

    rig.listen(story)
    assert rig.rows("SELECT answer_outcome FROM decisions") == [("sent",)] * 4


async def _in_its_long_poll(rig: Rig) -> None:
    await rig.until(lambda: rig.world.polling.poll is not None)


async def _in_a_silent_poll(rig: Rig) -> None:
    rig.world.faults.add("hang", rig.clock.monotonic())
    await rig.until(lambda: len(rig.http.asked("getUpdates")) == 3, 100)


async def _in_its_back_off(rig: Rig) -> None:
    rig.world.faults.add("500", rig.clock.monotonic(), methods=["getUpdates"])
    await rig.until(lambda: len(rig.happened(events.Trouble)) == 8, 600)


async def _in_a_long_wait_that_telegram_asked_for(rig: Rig) -> None:
    rig.world.faults.add("429", rig.clock.monotonic(), methods=["getUpdates"], retry_after=3000)
    await rig.until(lambda: rig.happened(events.Trouble), 100)


async def _while_answers_hang(rig: Rig) -> None:
    rig.world.faults.add("hang", rig.clock.monotonic(), methods=["answerPreCheckoutQuery"])
    rig.world.buyers.press_pay("order-1001", RAHIM)
    await rig.until(lambda: rig.http.asked("answerPreCheckoutQuery"))


async def _while_everything_hangs(rig: Rig) -> None:
    await _while_answers_hang(rig)
    rig.world.faults.add("hang", rig.clock.monotonic())


@pytest.mark.parametrize(
    "moment",
    [
        _in_its_long_poll,
        _in_a_silent_poll,
        _in_its_back_off,
        _in_a_long_wait_that_telegram_asked_for,
        _while_answers_hang,
        _while_everything_hangs,
    ],
)
def test_a_stop_takes_at_most_eight_seconds(rig: Rig, moment: Callable[[Rig], object]) -> None:
    rig.invoice()
    asked_at = 0.0

    async def story(_listener: Listener) -> None:
        nonlocal asked_at
        await moment(rig)  # type: ignore[misc]
        asked_at = rig.clock.monotonic()

    rig.listen(story)
    assert rig.clock.monotonic() - asked_at < 8
    assert isinstance(rig.events[-1], events.Stopped)


@pytest.mark.parametrize("kind", ["hang", "500", "429"])
def test_a_stop_before_telegram_was_ever_reached_is_a_stop_too(rig: Rig, kind: str) -> None:
    rig.world.faults.add(kind, rig.clock.monotonic(), methods=["getMe"], retry_after=3000)
    asked_at = 0.0

    async def story(_listener: Listener) -> None:
        nonlocal asked_at
        await rig.until(lambda: len(rig.http.asked("getMe")) == 1)
        asked_at = rig.clock.monotonic()

    rig.listen(story, ready=False)
    assert rig.clock.monotonic() - asked_at < 1
    assert isinstance(rig.events[-1], events.Stopped)


def test_a_token_revoked_during_the_last_word_is_no_failure_of_the_stop(rig: Rig) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.press()
        rig.world.faults.add("401", rig.clock.monotonic(), methods=["getUpdates"])

    try:
        rig.listen(story)
    except ApayError as error:
        assert isinstance(error, TokenError)  # the poll met it before the stop did
    assert rig.rows("SELECT answer_outcome FROM decisions") == [("sent",)]
