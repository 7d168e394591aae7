"""Editing what was sent: keyboards and texts, and what that does to Pay buttons."""

from typing import Any

import pytest
from sandbox_bot import Bot

from apaycli.clock import ManualClock
from apaycli.sandbox.buyers import ScriptError
from apaycli.sandbox.chats import Chat
from apaycli.sandbox.world import World

NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
    "current content and reply markup of the message"
)
YES = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
NO = {"inline_keyboard": [[{"text": "No", "callback_data": "no"}]]}
PAY = {"inline_keyboard": [[{"text": "Pay now", "pay": True}]]}


def send(bot: Bot, chat_id: int = 1001, **params: Any) -> dict[str, Any]:
    """A text of the bot, as chat id and message id."""
    message = bot.call("sendMessage", chat_id=chat_id, text="Sure?", **params)
    return {"chat_id": chat_id, "message_id": message["message_id"]}


def edit_keyboard(bot: Bot, place: dict[str, Any], markup: Any = None) -> Any:
    return bot.call("editMessageReplyMarkup", **place, **({"reply_markup": markup} if markup else {}))


def test_keyboard_is_replaced_and_removed(bot: Bot, world: World, clock: ManualClock) -> None:
    place = send(bot, reply_markup=YES)
    clock.advance(60)
    message = edit_keyboard(bot, place, NO)
    assert (message["reply_markup"], message["edit_date"] - message["date"]) == (NO, 60)
    with pytest.raises(ScriptError):
        world.buyers.press_button(1001, 1001, place["message_id"], "yes")
    world.buyers.press_button(1001, 1001, place["message_id"], "no")
    assert "reply_markup" not in edit_keyboard(bot, place)
    with pytest.raises(ScriptError):
        world.buyers.press_button(1001, 1001, place["message_id"], "no")


def test_a_query_shows_the_message_as_it_was_when_pressed(bot: Bot, world: World) -> None:
    place = send(bot, reply_markup=YES)
    world.buyers.press_button(1001, 1001, place["message_id"], "yes")
    edit_keyboard(bot, place)
    assert bot.updates()[0]["callback_query"]["message"]["reply_markup"] == YES


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        (YES, YES, True),
        (None, None, True),
        (None, {"inline_keyboard": []}, True),
        (YES, NO, False),
        (YES, None, False),
        (None, YES, False),
    ],
)
def test_keyboard_is_not_modified(bot: Bot, before: Any, after: Any, is_same: bool) -> None:
    place = send(bot, **({"reply_markup": before} if before else {}))
    answer = bot.answer("editMessageReplyMarkup", **place, **({"reply_markup": after} if after else {}))
    assert answer.json().get("description") == (NOT_MODIFIED if is_same else None)


def test_text(bot: Bot) -> None:
    place = send(bot, reply_markup=YES)
    assert (
        bot.call("editMessageText", **place, text="<b>Sure!</b>", parse_mode="HTML", reply_markup=YES)["text"]
        == "Sure!"
    )
    assert bot.refusal("editMessageText", **place, text="Sure!", reply_markup=YES)[1] == NOT_MODIFIED
    assert "reply_markup" not in bot.call("editMessageText", **place, text="Sure!"), "the keyboard alone is a change"
    assert bot.refusal("editMessageText", **place, text="Sure!")[1] == NOT_MODIFIED


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": "a" * 4097}, "message is too long"),
        ({"text": "a<b", "parse_mode": "HTML"}, "can't parse entities: unclosed start tag at byte offset 1"),
        ({"reply_markup": "{"}, "can't parse reply keyboard markup JSON object"),
        ({"reply_markup": PAY}, "BUTTON_TYPE_INVALID"),
        ({"reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": ""}]]}}, "BUTTON_DATA_INVALID"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_text_refusals(bot: Bot, world: World, params: dict[str, Any], text: str) -> None:
    place = send(bot)
    _, description = bot.refusal("editMessageText", **{**place, "text": "other", **params})
    assert description.lower() == f"Bad Request: {text}".lower()
    assert world.messages[1001, place["message_id"]]["text"] == "Sure?"


@pytest.mark.parametrize("method", ["editMessageReplyMarkup", "editMessageText"])
@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({"chat_id": 1001, "message_id": 999}, "message to edit not found"),
        ({"chat_id": 1001}, "message to edit not found"),
        ({"chat_id": 777, "message_id": 999}, "chat not found"),
        ({"message_id": 999}, "chat_id is empty"),
        ({}, "message identifier is not specified"),
        ({"inline_message_id": "x"}, "MESSAGE_ID_INVALID"),
    ],
    ids=str,
)
def test_messages_that_are_not_there(bot: Bot, method: str, place: dict[str, Any], text: str) -> None:
    assert bot.refusal(method, **place, text="a", reply_markup=YES) == (400, f"Bad Request: {text}")


@pytest.mark.parametrize("method", ["editMessageReplyMarkup", "editMessageText"])
def test_messages_of_others_cannot_be_edited(bot: Bot, world: World, method: str) -> None:
    world.buyers.send_text(1001, "mine")
    place = {"chat_id": 1001, "message_id": bot.updates()[0]["message"]["message_id"]}
    copy = bot.call("forwardMessage", chat_id=1002, from_chat_id=1001, message_id=place["message_id"])
    for where in (place, {"chat_id": 1002, "message_id": copy["message_id"]}):
        assert bot.refusal(method, **where, text="yours", reply_markup=YES)[1] == "Bad Request: message can't be edited"


def test_a_group_the_bot_was_thrown_out_of(bot: Bot, world: World) -> None:
    place = send(bot, -4001)
    group = world.chats.chat(-4001)
    assert isinstance(group, Chat)
    group.bot_status = "kicked"
    assert bot.refusal("editMessageReplyMarkup", **place, reply_markup=YES)[0] == 403


# Invoices


def test_an_invoice_without_its_keyboard_cannot_be_paid(bot: Bot, world: World) -> None:
    place = {"chat_id": 1001, "message_id": bot.send_invoice()["message_id"]}
    copy = bot.call("forwardMessage", chat_id=1002, from_chat_id=1001, message_id=place["message_id"])
    checkout = world.buyers.press_pay((1001, place["message_id"]), 1001)
    assert "reply_markup" not in edit_keyboard(bot, place)
    with pytest.raises(ScriptError):
        world.buyers.press_pay((1001, place["message_id"]), 1001)
    assert world.buyers.press_pay((1002, copy["message_id"]), 1002).outcome is None
    assert world.buyers.press_pay((1001, place["message_id"]), 5555, forwarded=True).outcome is None
    bot.call("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, ok=True)
    assert checkout.outcome == "accepted", "a checkout already begun goes on"


def test_an_invoice_gets_its_button_back(bot: Bot, world: World) -> None:
    place = {"chat_id": -4001, "message_id": bot.send_invoice(chat_id=-4001)["message_id"]}
    edit_keyboard(bot, place)
    edit_keyboard(bot, place, PAY)
    assert world.buyers.press_pay("tea-1", 1001).outcome is None


def test_a_keyboard_under_an_invoice_begins_with_pay(bot: Bot, world: World) -> None:
    place = {"chat_id": 1001, "message_id": bot.send_invoice()["message_id"]}
    assert bot.refusal("editMessageReplyMarkup", **place, reply_markup=YES)[1] == "Bad Request: REPLY_MARKUP_BUY_EMPTY"
    assert world.buyers.press_pay("tea-1", 1001).outcome is None
    no_text = "Bad Request: there is no text in the message to edit"
    assert bot.refusal("editMessageText", **place, text="a", reply_markup=PAY)[1] == no_text


@pytest.mark.parametrize("markup", [{}, {"reply_markup": PAY}])
def test_inline_invoices(bot: Bot, world: World, markup: dict[str, Any]) -> None:
    content = bot.invoice(chat_id=None)
    result = {"type": "article", "id": "a", "title": "Tea", "input_message_content": content, **markup}
    query_id = world.inline.ask(1001, "tea")
    bot.call("answerInlineQuery", inline_query_id=query_id, results=[result])
    place = {"inline_message_id": world.inline.choose(query_id, "a").inline_message_id}
    no_text = "Bad Request: there is no text in the message to edit"
    assert bot.refusal("editMessageText", **place, text="a")[1] == no_text
    assert bot.refusal("editMessageReplyMarkup", **place, reply_markup=YES)[1] == "Bad Request: REPLY_MARKUP_BUY_EMPTY"
    assert edit_keyboard(bot, place) is True
    with pytest.raises(ScriptError):
        world.buyers.press_pay(place["inline_message_id"], 1001)
    assert bot.refusal("editMessageReplyMarkup", **place)[1] == NOT_MODIFIED
    assert edit_keyboard(bot, place, PAY) is True
    assert bot.refusal("editMessageReplyMarkup", **place, reply_markup=PAY)[1] == NOT_MODIFIED
    assert world.buyers.press_pay(place["inline_message_id"], 1001).outcome is None
