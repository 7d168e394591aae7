"""Flood limits: what counts, when one more is too many, and the largest counts of all windows."""

from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_bot import Bot

from apaycli.clock import ManualClock
from apaycli.sandbox.chats import DIRECT_MESSAGES, DIRECT_TOPIC, User
from apaycli.sandbox.flood import FloodCounter, Peaks
from apaycli.sandbox.wire import Refusal
from apaycli.sandbox.world import World

GROUP, SUPERGROUP, CHANNEL = -4001, -1001234567890, -1009876543210


@pytest.fixture
def strict(world: World) -> World:
    world.settings.flood_limits = True
    return world


def say(bot: Bot, chat_id: int = 1001, **params: Any) -> int | None:
    """Send a text. Returns `retry_after` of a refusal, None when it was sent."""
    document = bot.answer("sendMessage", chat_id=chat_id, text="hi", **params).json()
    return None if document["ok"] else document["parameters"]["retry_after"]


@pytest.mark.parametrize(
    ("chat_id", "params", "count"),
    [
        (1001, {}, 3),
        (CHANNEL, {}, 3),
        (GROUP, {}, 20),
        (SUPERGROUP, {}, 20),
        (DIRECT_MESSAGES, {"direct_messages_topic_id": DIRECT_TOPIC}, 20),
    ],
)
def test_limit_of_a_chat(bot: Bot, strict: World, chat_id: int, params: dict[str, Any], count: int) -> None:
    sent = [say(bot, chat_id, **params) for _ in range(count + 2)]
    assert sent[:count] == [None] * count
    assert sent[count:] == ([3, 3] if count == 3 else [60, 60])


def test_refusal_has_the_documented_form_and_no_effect(bot: Bot, strict: World) -> None:
    bot.send_invoice()
    for _ in range(2):
        say(bot)
    before = dict(strict.messages)
    answer = bot.answer("sendInvoice", **bot.invoice(payload="tea-2"))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    assert answer.json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 3",
        "parameters": {"retry_after": 3},
    }
    assert (strict.messages, len(strict.books.invoices)) == (before, 1)


@pytest.mark.parametrize("gap", [0.1, 0.25, 0.3, 1 / 3, 0.7])
def test_the_wait_is_long_enough_and_no_second_too_long(
    bot: Bot, strict: World, clock: ManualClock, gap: float
) -> None:
    clock.advance(12.345)
    for _ in range(3):
        assert say(bot) is None
        clock.advance(gap)
    wait = say(bot)
    assert wait is not None
    clock.advance(wait - 1)
    assert say(bot) == 1, "refused sends do not count"
    clock.advance(1)
    assert say(bot) is None


def test_one_a_second_passes_for_ever(bot: Bot, strict: World, clock: ManualClock) -> None:
    for _ in range(30):
        assert say(bot) is None
        clock.advance(1)
    assert strict.flood.peaks() == Peaks(1, 1, 3, 0)


def test_thirty_a_second_in_all(bot: Bot, strict: World, clock: ManualClock) -> None:
    for number in range(32):
        strict.chats.add_user(User(3000 + number, "Buyer", started=True))
    assert [say(bot, 3000 + number) for number in range(32)] == [None] * 30 + [1, 1]
    clock.advance(0.5)
    assert say(bot, 3031) == 1
    clock.advance(0.5)
    assert say(bot, 3031) is None
    assert strict.flood.peaks().within_limits


def test_limits_are_off_by_default_but_counted(bot: Bot, world: World) -> None:
    for _ in range(21):
        assert say(bot, GROUP) is None
    assert world.flood.peaks() == Peaks(overall_1_second=21, chat_1_second=0, chat_3_seconds=0, group_60_seconds=21)
    assert not world.flood.peaks().within_limits


@pytest.mark.parametrize(
    ("peaks", "is_within"),
    [
        (Peaks(30, 3, 3, 20), True),
        (Peaks(31, 3, 3, 20), False),
        (Peaks(30, 4, 4, 20), False),
        (Peaks(30, 3, 3, 21), False),
    ],
)
def test_within_limits(peaks: Peaks, is_within: bool) -> None:
    assert peaks.within_limits == is_within


def test_what_counts(bot: Bot, world: World) -> None:
    message_id = bot.send_invoice(chat_id=CHANNEL)["message_id"]
    bot.call("forwardMessage", chat_id=CHANNEL, from_chat_id=CHANNEL, message_id=message_id)
    say(bot, CHANNEL)
    assert world.flood.peaks() == Peaks(3, 3, 3, 0)


def test_what_does_not_count(bot: Bot, world: World) -> None:
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]}
    message_id = bot.call("sendMessage", chat_id=1001, text="a", reply_markup=markup)["message_id"]
    bot.link()
    bot.refusal("sendMessage", chat_id=777, text="a")
    world.buyers.start(1001)
    query_id = world.buyers.press_button(1001, 1001, message_id, "y")
    bot.call("answerCallbackQuery", callback_query_id=query_id)
    bot.call("answerInlineQuery", inline_query_id=world.inline.ask(1001, "tea"), results=[])
    bot.call("editMessageText", chat_id=1001, message_id=message_id, text="b")
    bot.call("deleteMessage", chat_id=1001, message_id=message_id)
    assert world.flood.peaks() == Peaks(1, 1, 1, 0)


def test_a_window_slides(clock: ManualClock) -> None:
    counter = FloodCounter()
    for now in (0.0, 0.4, 0.99, 1.0, 1.5, 3.0):
        counter.count(7, False, now, is_enforced=False)
    # (0, 1] holds 0.4, 0.99, 1.0; (0, 3] everything but the first.
    assert counter.peaks() == Peaks(3, 3, 5, 0)


def test_switching_the_limits_on_in_the_middle() -> None:
    counter = FloodCounter()
    for moment in [0.0] * 10 + [30.0] * 20:
        counter.count(-7, True, moment, is_enforced=False)
    for moment, retry_after in ((31.0, 59), (60.0, 30), (89.5, 1)):
        with pytest.raises(Refusal) as refused:
            counter.count(-7, True, moment, is_enforced=True)
        assert refused.value.parameters == {"retry_after": retry_after}
    counter.count(-7, True, 90.0, is_enforced=True)


SENDS = st.lists(st.tuples(st.integers(0, 1500), st.sampled_from([1, 2, 3, -1, -2])), max_size=120)


def naive_peak(sends: list[tuple[int, int]], milliseconds: int, keys: set[int]) -> int:
    """The slow way: every send is the end of a window; count what lies in it."""
    ends = [moment for moment, _ in sends]
    within = [[key for at, key in sends if end - milliseconds < at <= end and key in keys] for end in ends]
    return max((len(window) for window in within), default=0)


@given(SENDS)
@settings(max_examples=200, deadline=None)
def test_peaks_are_those_of_the_slow_way(steps: list[tuple[int, int]]) -> None:
    counter, now, sends = FloodCounter(), 0, list[tuple[int, int]]()
    for step, key in steps:
        now += step
        sends.append((now, key))
        counter.count(key, key < 0, now / 1000, is_enforced=False)
    assert counter.peaks() == Peaks(
        naive_peak(sends, 1000, {1, 2, 3, -1, -2}),
        max(naive_peak(sends, 1000, {key}) for key in (1, 2, 3)),
        max(naive_peak(sends, 3000, {key}) for key in (1, 2, 3)),
        max(naive_peak(sends, 60_000, {key}) for key in (-1, -2)),
    )


@given(SENDS)
@settings(max_examples=100, deadline=None)
def test_enforced_limits_are_never_exceeded(steps: list[tuple[int, int]]) -> None:
    counter, now = FloodCounter(), 0
    for step, key in steps:
        now += step // 10
        try:
            counter.count(key, key < 0, now / 1000, is_enforced=True)
        except Refusal as refusal:
            assert refusal.parameters["retry_after"] >= 1
            now += refusal.parameters["retry_after"] * 1000
            counter.count(key, key < 0, now / 1000, is_enforced=True)
    assert counter.peaks().within_limits


def test_many_chats_and_sends_cost_little_and_leave_nothing() -> None:
    """100,000 sends to 10,000 chats: a scan over all of them at each send would outlast the test's time."""
    counter = FloodCounter()
    for number in range(100_000):
        chat = number % 10_000
        counter.count(chat, chat % 2 == 0, number / 1000, is_enforced=False)
    assert counter.peaks() == Peaks(1000, 1, 1, 6)
    assert counter.remembered_chat_count() == 5000 + 1500
    counter.count(1, False, 1000.0, is_enforced=False)
    assert counter.remembered_chat_count() == 1
    assert all(isinstance(queue, deque) and len(queue) <= 1 for queue in queues(counter))


def queues(counter: FloodCounter) -> list[Any]:
    """Everything the counter still holds."""
    windows = counter._windows
    return [window._log for window in windows] + [queue for window in windows for queue in window._moments.values()]
