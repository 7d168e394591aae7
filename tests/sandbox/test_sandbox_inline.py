"""Inline mode: invoices out of answerInlineQuery, and what it refuses (errors.md rows 78-81)."""

from typing import Any

import pytest
from sandbox_bot import Bot
from sandbox_shapes import complaints

from apaycli.clock import ManualClock
from apaycli.sandbox.world import World

MARKUP = {"inline_keyboard": [[{"text": "Pay", "pay": True}]]}


def article(bot: Bot, **changes: Any) -> dict[str, Any]:
    content = bot.invoice(chat_id=None, payload="inline-1")
    return {"type": "article", "id": "a", "title": "Tea", "input_message_content": content, **changes}


@pytest.mark.parametrize(
    ("feedback", "markup", "inline_message_ids"),
    [(True, {"reply_markup": MARKUP}, 1), (True, {}, 0), (False, {"reply_markup": MARKUP}, None)],
)
def test_inline_invoice(
    bot: Bot, world: World, feedback: bool, markup: dict[str, Any], inline_message_ids: int | None
) -> None:
    world.settings.inline_feedback = feedback
    query_id = world.inline.ask(1001, "tea", chat_type="supergroup")
    bot.call("answerInlineQuery", inline_query_id=query_id, results=[article(bot, **markup)], next_offset="50")
    invoice = world.inline.choose(query_id, "a")
    for buyer in (1002, 1003):
        assert world.buyers.press_pay(invoice.inline_message_id, buyer).outcome is None
    updates = bot.updates()
    assert complaints(updates, ["Array of Update"]) == []
    chosen = [update["chosen_inline_result"] for update in updates if "chosen_inline_result" in update]
    assert len(updates) == 3 + feedback
    assert ["inline_message_id" in result for result in chosen] == (
        [] if inline_message_ids is None else [bool(inline_message_ids)]
    )


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([{"id": "x" * 65}], "RESULT_ID_INVALID"),
        ([{"id": 5}], "can't parse inline query result: "),
        ([{}, {}], "RESULT_ID_DUPLICATE"),
        ([{"title": ""}], "can't parse inline query result: "),
        ([{"type": "photo"}], "can't parse inline query result: unsupported inline query result type"),
        ([{"input_message_content": {"message_text": "x"}}], "can't parse inline query result: "),
        ([{"input_message_content": {"payload": ""}}], 'parameter "title" is required'),
        ([{"id": str(n)} for n in range(51)], "too many inline query results specified"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_results(bot: Bot, world: World, results: list[dict[str, Any]], text: str) -> None:
    query_id = world.inline.ask(1001, "tea")
    params = {"inline_query_id": query_id, "results": [article(bot, **changes) for changes in results]}
    assert bot.refusal("answerInlineQuery", **params)[1].startswith(f"Bad Request: {text}")


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"results": "["}, "can't parse inline query results JSON object"),
        ({"results": {}}, "expected an Array of inline query results"),
        ({"results": [5]}, "can't parse inline query result: inline query result must be an object"),
        ({"next_offset": "x" * 65}, "NEXT_OFFSET_INVALID"),
        ({"button": {"text": "a", "start_parameter": ""}}, "can't use empty start_parameter"),
        ({"button": {"text": "a", "start_parameter": "a" * 65}}, "too long start_parameter specified"),
        ({"button": {"text": "a", "start_parameter": "a b"}}, "unallowed characters in start_parameter are used"),
        ({"button": "["}, "can't parse inline query results button JSON object"),
        ({"inline_query_id": "5"}, "query is too old and response timeout expired or query ID is invalid"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_parameters(bot: Bot, world: World, params: dict[str, Any], text: str) -> None:
    given = {"inline_query_id": world.inline.ask(1001, "tea"), "results": [], **params}
    _, description = bot.refusal("answerInlineQuery", **given)
    assert description.lower() == f"Bad Request: {text}".lower()


@pytest.mark.parametrize("button", [{"text": "a", "start_parameter": "tea-1_A"}, {"text": "a", "web_app": {}}])
def test_buttons(bot: Bot, world: World, button: dict[str, Any]) -> None:
    bot.call("answerInlineQuery", inline_query_id=world.inline.ask(1001, "tea"), button=button)


def test_query_grows_old(bot: Bot, world: World, clock: ManualClock) -> None:
    query_id = world.inline.ask(1001, "tea")
    clock.advance(30)
    bot.call("answerInlineQuery", inline_query_id=query_id, results=[])
    clock.advance(1)
    assert bot.refusal("answerInlineQuery", inline_query_id=query_id, results=[])[0] == 400


def test_result_nobody_offered(world: World) -> None:
    with pytest.raises(LookupError):
        world.inline.choose(world.inline.ask(1001, "tea"), "a")


# The cache


def ask(bot: Bot, world: World, user: int, text: str = "tea", offset: str = "", **answer: Any) -> bool:
    """Ask, and answer with what is given if the bot hears of it. Returns whether the bot was asked."""
    query_id = world.inline.ask(user, text, offset)
    queued = [update["inline_query"] for update in bot.updates()]
    if not queued:
        return False
    bot.updates(offset=-1)
    bot.updates(offset=world.queue.next_update_id)
    assert [query["id"] for query in queued] == [query_id]
    bot.call("answerInlineQuery", inline_query_id=query_id, results=[article(bot)], **answer)
    return True


@pytest.mark.parametrize(
    ("answer", "seconds", "is_asked_again"),
    [
        ({}, 299.9, False),
        ({}, 300, True),
        ({"cache_time": 10}, 9.9, False),
        ({"cache_time": 10}, 10, True),
        ({"cache_time": 0}, 0, True),
        ({"cache_time": -5}, 0, True),
        ({"cache_time": 10**9}, 86399, False),
        ({"cache_time": 10**9}, 86400, True),
    ],
    ids=str,
)
def test_cache_time(
    bot: Bot, world: World, clock: ManualClock, answer: dict[str, Any], seconds: float, is_asked_again: bool
) -> None:
    assert ask(bot, world, 1001, **answer)
    clock.advance(seconds)
    assert ask(bot, world, 1001) == is_asked_again


@pytest.mark.parametrize(
    ("answer", "question", "is_asked_again"),
    [
        ({}, {"user": 1002}, False),
        ({"is_personal": True}, {"user": 1002}, True),
        ({"is_personal": True}, {"user": 1001}, False),
        ({}, {"user": 1001, "text": "Tea"}, True),
        ({}, {"user": 1001, "offset": "50"}, True),
    ],
    ids=str,
)
def test_whose_answer_is_cached(
    bot: Bot, world: World, answer: dict[str, Any], question: dict[str, Any], is_asked_again: bool
) -> None:
    assert ask(bot, world, 1001, **answer)
    assert ask(bot, world, **question) == is_asked_again


def test_a_cached_answer_can_be_chosen(bot: Bot, world: World) -> None:
    query_id = world.inline.ask(1001, "tea")
    bot.call("answerInlineQuery", inline_query_id=query_id, results=[article(bot)], next_offset="50")
    cached_id = world.inline.ask(5555, "tea")
    assert cached_id != query_id
    assert 5555 in [user.id for user in world.chats.users()]
    cached = world.inline.queries[cached_id]
    assert (list(cached.results or {}), cached.next_offset) == (["a"], "50")
    invoice = world.inline.choose(cached_id, "a")
    assert world.buyers.press_pay(invoice.inline_message_id, 1003).outcome is None
    chosen = bot.updates()[1]["chosen_inline_result"]
    assert (chosen["from"]["id"], chosen["query"]) == (5555, "tea")


def test_a_personal_answer_comes_before_that_for_everybody(bot: Bot, world: World) -> None:
    personal, shared = (world.inline.ask(1001, "tea") for _ in range(2))
    bot.call("answerInlineQuery", inline_query_id=shared, results=[article(bot, id="shared")])
    bot.call("answerInlineQuery", inline_query_id=personal, results=[article(bot, id="mine")], is_personal=True)
    for user, result_id in ((1001, "mine"), (1002, "shared")):
        assert list(world.inline.queries[world.inline.ask(user, "tea")].results or {}) == [result_id]


def test_without_the_cache_the_bot_is_always_asked(bot: Bot, world: World) -> None:
    world.settings.inline_cache = False
    assert ask(bot, world, 1001)
    assert ask(bot, world, 1001)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ({"inline_keyboard": [[{"text": "x", "callback_data": "y"}]]}, "REPLY_MARKUP_BUY_EMPTY"),
        ({"inline_keyboard": [[{"text": "x"}]]}, "can't parse inline keyboard button: "),
        ([], "object expected as reply markup"),
    ],
    ids=str,
)
def test_keyboards_of_results(bot: Bot, world: World, markup: Any, text: str) -> None:
    params = {"inline_query_id": world.inline.ask(1001, "tea"), "results": [article(bot, reply_markup=markup)]}
    assert bot.refusal("answerInlineQuery", **params)[1].startswith(f"Bad Request: {text}")
