"""Answers out: in time or not at all, the decided value and no other, and what a lost one means for the units."""

import pytest
from rig import ASHA, RAHIM, TTL_SECONDS, Rig

from apaycli.listen import events
from apaycli.listen.listener import Listener

GROUP = "-1001234567890"
ANSWER = ["answerPreCheckoutQuery"]


async def nothing(_listener: Listener) -> None: ...


def outcomes(rig: Rig) -> list[str | None]:
    return [outcome for (outcome,) in rig.rows("SELECT answer_outcome FROM decisions ORDER BY decided_at")]


def reservations(rig: Rig) -> list[str]:
    return [state for (state,) in rig.rows("SELECT state FROM reservations ORDER BY reservation_id")]


AMBIGUOUS = ["500", "502-html", "504-html", "empty", "truncated", "break", "reset", "hang"]


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_an_answer_that_never_arrived_is_sent_again_in_time(rig: Rig, kind: str) -> None:
    rig.offer(stock=1)
    rig.invoice()
    rig.world.faults.add(kind, rig.clock.monotonic(), methods=ANSWER, count=1)

    async def story(_listener: Listener) -> None:
        assert (await rig.buy()).outcome == "accepted"

    rig.listen(story)
    rig.truth_kept()
    assert outcomes(rig) == ["sent"]
    assert len(rig.http.asked(*ANSWER)) == 2
    assert rig.world.books.checkouts[1].answer_milliseconds < 4000  # type: ignore[operator]


@pytest.mark.parametrize("kind", [kind for kind in AMBIGUOUS if kind != "502-html"])
def test_an_answer_whose_reply_is_lost_keeps_its_units(rig: Rig, kind: str) -> None:
    # The second attempt is refused as too old, because the first took effect: that proves nothing.
    rig.offer(stock=1)
    rig.invoice()
    rig.world.faults.add(kind, rig.clock.monotonic(), methods=ANSWER, count=1, after=True)

    async def story(_listener: Listener) -> None:
        checkout = await rig.press()
        assert checkout.outcome == "accepted"
        await rig.until(lambda: rig.happened(events.Answered))
        assert rig.stock() == (0, 1)
        rig.world.buyers.pay(checkout.checkout_id)
        await rig.quiet()

    rig.listen(story)
    rig.truth_kept()
    assert [receipt.flag for receipt in rig.receipts()] == [None]
    assert outcomes(rig) == ["unconfirmed"]
    assert rig.stock() == (1, 0)


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_units_are_kept_until_they_expire_where_no_answer_gets_through(rig: Rig, kind: str) -> None:
    rig.offer(stock=1)
    rig.invoice()
    rig.world.faults.add(kind, rig.clock.monotonic(), methods=ANSWER)

    async def story(_listener: Listener) -> None:
        checkout = await rig.press()
        assert checkout.outcome == "timeout"
        await rig.until(lambda: outcomes(rig) == ["unconfirmed"])
        assert rig.stock() == (0, 1)
        await rig.until(lambda: rig.happened(events.Expired), TTL_SECONDS + 5)
        assert rig.stock() == (0, 0)

    rig.listen(story)
    attempts = rig.http.asked(*ANSWER)
    assert len(attempts) <= 10
    assert attempts[-1].at - attempts[0].at < 8
    assert len({str(attempt.params) for attempt in attempts}) == 1


def test_a_first_answer_that_is_too_old_gives_the_units_back_at_once(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)
    rig.listen(nothing)
    late = rig.world.buyers.press_pay("order-1001", RAHIM)
    rig.clock.advance(60)  # the query lives 150 seconds, the buyer waits ten
    rig.world.tick()

    async def story(_listener: Listener) -> None:
        await rig.until(lambda: outcomes(rig) == ["too_old"])
        assert (rig.stock(), reservations(rig)) == ((0, 0), ["voided"])
        assert (await rig.press("order-1001", ASHA)).outcome == "accepted"

    rig.listen(story)
    assert late.outcome == "timeout"
    assert rig.stock() == (0, 1)


def _stopped_for(rig: Rig, seconds: float) -> None:
    """As SIGSTOP between the commit of a decision and its answer."""

    def stop(name: str) -> None:
        if name == "after commit" and rig.rows("SELECT count(*) FROM decisions") != [(0,)]:
            rig.at_step = lambda _name: None
            rig.clock.advance(seconds)

    rig.at_step = stop


@pytest.mark.parametrize("presses", [1, 3])
def test_a_yes_that_never_left_gives_the_units_back_when_nobody_waits_any_more(rig: Rig, presses: int) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        _stopped_for(rig, 9)
        with rig.world.polling.held():
            checkouts = [rig.world.buyers.press_pay("order-1001", RAHIM) for _ in range(presses)]
        await rig.until(lambda: outcomes(rig) == ["failed"] * presses)
        assert {checkout.outcome for checkout in checkouts} == {"timeout"}
        assert (rig.stock(), reservations(rig)) == ((0, 0), ["voided"])
        assert (await rig.press("order-1001", ASHA)).outcome == "accepted"

    rig.listen(story)
    assert len(rig.http.asked(*ANSWER)) == 1


def test_with_nobody_to_connect_to_nothing_left_and_the_units_go_back(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        _stopped_for(rig, 0)
        rig.at_step = lambda name: (
            setattr(rig.http, "refused_until", rig.clock.monotonic() + 20) if name == "after commit" else None
        )
        assert (await rig.press()).outcome == "timeout"
        rig.at_step = lambda _name: None
        assert rig.stock() == (0, 1)  # as long as Telegram could take it
        await rig.until(lambda: outcomes(rig) == ["failed"])
        assert (rig.stock(), reservations(rig)) == ((0, 0), ["voided"])

    rig.listen(story)


def test_a_yes_that_never_left_is_not_said_when_its_update_comes_again(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        _stopped_for(rig, 9)
        await rig.press()
        await rig.until(lambda: outcomes(rig) == ["failed"])
        rig.world.buyers.redeliver(last=1)
        await rig.quiet()

    rig.listen(story)
    assert rig.http.asked(*ANSWER) == []
    assert rig.stock() == (0, 0)


def test_after_a_crash_nobody_knows_whether_an_answer_left_and_the_units_stay(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.quiet()
        rig.at_step = lambda name: rig.kill() if name == f"before {ANSWER[0]}" else None
        rig.world.buyers.press_pay("order-1001", RAHIM)
        await rig.until(lambda: rig.dead)

    rig.listen(story)
    rig.at_step = lambda _name: None
    rig.clock.advance(60)
    rig.listen(lambda _listener: rig.quiet())
    assert reservations(rig) == ["pending"]


def test_a_yes_that_was_too_old_is_not_sent_again_once_its_units_are_free(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)
    rig.listen(nothing)
    rig.world.buyers.press_pay("order-1001", RAHIM)
    rig.clock.advance(60)
    rig.world.tick()

    async def story(_listener: Listener) -> None:
        await rig.until(lambda: outcomes(rig) == ["too_old"])
        asked = len(rig.http.asked(*ANSWER))
        rig.world.buyers.redeliver(last=1)
        await rig.quiet()
        assert len(rig.http.asked(*ANSWER)) == asked

    rig.listen(story)
    assert (outcomes(rig), rig.stock()) == (["too_old"], (0, 0))


@pytest.mark.parametrize("kind", ["hang", "delay"])
def test_a_refusal_beside_an_attempt_that_hangs_gives_nothing_back(rig: Rig, kind: str) -> None:
    # The first attempt took effect and its reply is slow; the second, made beside it, is refused.
    rig.offer(stock=1)
    rig.invoice()
    rig.world.faults.add(
        kind, rig.clock.monotonic(), methods=ANSWER, count=1, after=True, delay_seconds=0 if kind == "hang" else 6
    )

    async def story(_listener: Listener) -> None:
        checkout = await rig.press()
        assert checkout.outcome == "accepted"
        await rig.until(lambda: rig.happened(events.Answered))
        assert (rig.stock(), reservations(rig)) == ((0, 1), ["pending"])

    rig.listen(story)
    assert len(rig.http.asked(*ANSWER)) == 2
    [answered] = rig.happened(events.Answered)
    assert answered.outcome == ("unconfirmed" if kind == "hang" else "sent")


def test_too_old_gives_back_nothing_that_another_query_rests_on(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        assert (await rig.press()).outcome == "accepted"
        rig.world.faults.add("hang", rig.clock.monotonic(), methods=["getUpdates"], seconds=11)
        rig.world.polling.terminate("terminated by other getUpdates request")
        again = rig.world.buyers.press_pay("order-1001", RAHIM)
        await rig.until(lambda: outcomes(rig) == ["sent", "too_old"], 120)
        assert again.outcome == "timeout"

    rig.listen(story)
    assert (rig.stock(), reservations(rig)) == ((0, 1), ["pending"])


@pytest.mark.parametrize(
    ("retry_after", "attempts", "outcome"),
    [(1, 2, "accepted"), (3, 2, "accepted"), (7, 2, "accepted"), (8, 1, "timeout"), (35, 1, "timeout")],
)
def test_a_wait_that_telegram_asks_for_is_kept_if_there_is_time(
    rig: Rig, retry_after: int, attempts: int, outcome: str
) -> None:
    rig.offer(stock=1)
    rig.invoice()
    rig.world.faults.add("429", rig.clock.monotonic(), methods=ANSWER, count=1, retry_after=retry_after)

    async def story(_listener: Listener) -> None:
        assert (await rig.press()).outcome == outcome
        await rig.until(lambda: rig.happened(events.Answered))

    rig.listen(story)
    assert len(rig.http.asked(*ANSWER)) == attempts
    assert outcomes(rig) == ["sent" if outcome == "accepted" else "failed"]
    assert rig.stock() == (0, 1)  # a 429 is no proof, either


@pytest.mark.parametrize("retry_after", [0, -5])
def test_a_wait_of_nothing_is_no_storm(rig: Rig, retry_after: int) -> None:
    rig.invoice()
    rig.world.faults.add("429", rig.clock.monotonic(), methods=ANSWER, retry_after=retry_after)

    async def story(_listener: Listener) -> None:
        await rig.press()
        await rig.until(lambda: rig.happened(events.Answered))

    rig.listen(story)
    assert len(rig.http.asked(*ANSWER)) <= 40


def test_slow_answers_delay_neither_the_next_poll_nor_each_other(rig: Rig) -> None:
    rig.offer(stock=500)
    rig.invoice(chat_id=GROUP)
    outage = rig.world.faults.add("delay", rig.clock.monotonic(), methods=ANSWER, count=150, delay_seconds=2.5)

    async def story(_listener: Listener) -> None:
        slow = rig.world.buyers.press_pay_many("order-1001", 150, 5000)
        await rig.until(lambda: outage.struck_count == 150)
        quick = await rig.press("order-1001", 7000)
        assert quick.answer_milliseconds < 100  # type: ignore[operator]
        assert all(checkout.outcome is None for checkout in slow)
        await rig.until(lambda: all(checkout.outcome == "accepted" for checkout in slow))

    rig.listen(story)
    assert rig.stock() == (0, 151)
    assert max(checkout.answer_milliseconds or 0 for checkout in rig.world.books.checkouts.values()) < 4000


def test_slow_messages_are_never_in_the_way_of_answers(rig: Rig) -> None:
    rig.invoice(chat_id=GROUP)
    rig.world.faults.add("hang", rig.clock.monotonic(), methods=["sendMessage"])

    async def story(_listener: Listener) -> None:
        for user in range(5000, 5050):
            rig.world.buyers.start(user)
        assert (await rig.press("order-1001", RAHIM)).answer_milliseconds < 100  # type: ignore[operator]
        await rig.until(lambda: len(rig.happened(events.Replied)) == 50, 120)
        assert all(event.error for event in rig.happened(events.Replied))

    rig.listen(story)
    assert max(count_at_once(rig, "sendMessage"), 1) <= 8


def count_at_once(rig: Rig, method: str) -> int:
    """How many requests of a method stood open at the same time, each for the eight seconds it may take."""
    starts = [request.at for request in rig.http.asked(method)]
    return max(sum(0 <= other - start < 7.9 for other in starts) for start in starts)


# -- killed between the steps --------------------------------------------------------------------------------------


def test_an_accept_that_was_decided_and_not_sent_is_sent_by_the_next_start(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)
    checkout = killed_before_its_answer(rig)

    async def story(_listener: Listener) -> None:
        await rig.until(lambda: checkout.outcome, 1)
        rig.world.buyers.pay(checkout.checkout_id)
        await rig.quiet()

    rig.clock.advance(2)
    rig.listen(story)
    rig.truth_kept()
    assert checkout.outcome == "accepted"
    assert rig.happened(events.Started)[1].answers_to_resend == 1
    assert rig.rows("SELECT count(*) FROM decisions") == [(1,)]
    assert rig.stock() == (1, 0)


def test_a_refusal_that_was_decided_and_not_sent_is_sent_with_the_same_words(rig: Rig) -> None:
    rig.offer(stock=0, sold_out="All gone!")
    rig.invoice(chat_id=GROUP)
    checkout = killed_before_its_answer(rig)
    rig.offer(stock=5, sold_out="Come back tomorrow!")  # the stock file has changed in between

    async def story(_listener: Listener) -> None:
        await rig.until(lambda: checkout.outcome, 1)

    rig.listen(story)
    assert (checkout.outcome, checkout.error_message) == ("declined", "All gone!")
    assert rig.stock() == (0, 0)


def test_an_answer_whose_query_was_confirmed_is_not_forgotten_by_the_next_start(rig: Rig) -> None:
    # Telegram will not tell of the query again: the ledger alone knows that somebody waits.
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)
    rig.world.faults.add("hang", rig.clock.monotonic(), methods=ANSWER, count=1)

    async def press(_listener: Listener) -> None:
        rig.world.buyers.press_pay("order-1001", RAHIM)
        await rig.quiet()
        rig.kill()

    rig.listen(press)
    checkout = rig.world.books.checkouts[1]
    assert checkout.outcome is None
    rig.listen(lambda _listener: rig.until(lambda: checkout.outcome, 1))
    assert checkout.outcome == "accepted"
    assert outcomes(rig) == ["sent"]


def test_an_answer_that_nobody_waits_for_any_more_is_not_sent(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)
    killed_before_its_answer(rig)
    rig.clock.advance(151)  # the query is gone from Telegram's queue, too
    rig.listen(nothing)
    assert rig.http.asked(*ANSWER) == []
    assert (rig.stock(), reservations(rig)) == ((0, 1), ["pending"])  # until it expires


def killed_before_its_answer(rig: Rig):  # type: ignore[no-untyped-def]
    """Rahim presses Pay; the process dies when the decision is on disk and its answer is not on the wire."""

    def die(step: str) -> None:
        if step == "before answerPreCheckoutQuery":
            rig.kill()

    async def story(_listener: Listener) -> None:
        rig.world.buyers.press_pay("order-1001", RAHIM)
        await rig.until(lambda: rig.dead)

    rig.at_step = die
    rig.listen(story)
    rig.at_step = lambda step: None
    assert outcomes(rig) == [None]
    return rig.world.books.checkouts[1]


def test_an_answer_that_was_sent_and_not_noted_is_repeated_with_the_same_value(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)

    async def story(_listener: Listener) -> None:
        checkout = rig.world.buyers.press_pay("order-1001", RAHIM)
        checkout.watchers.append(rig.kill)  # Telegram has it, and its reply does not come home
        await rig.until(lambda: rig.dead)
        assert checkout.outcome == "accepted"

    rig.listen(story)
    assert outcomes(rig) == [None]
    rig.listen(nothing)
    assert {request.params["ok"] for request in rig.http.asked(*ANSWER)} == {True}
    assert outcomes(rig) == ["unconfirmed"]  # too late, or taken already: Telegram says both in the same words
    assert (rig.stock(), reservations(rig)) == ((0, 1), ["pending"])  # too old on a repeat is no proof
    assert rig.rows("SELECT count(*) FROM decisions") == [(1,)]


def test_a_query_that_comes_again_after_its_answer_is_not_answered_again(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        await rig.press()
        await rig.quiet()
        asked = len(rig.http.asked(*ANSWER))
        rig.world.buyers.redeliver(last=1)
        rig.world.buyers.redeliver(last=1, new_ids=True)
        await rig.quiet()
        assert len(rig.http.asked(*ANSWER)) == asked

    rig.listen(story)
    assert rig.stock() == (0, 1)
