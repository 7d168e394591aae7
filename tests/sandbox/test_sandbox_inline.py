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
