"""Callback buttons: a press, the query the bot gets, and its answer."""

from typing import Any

import pytest
from sandbox_bot import Bot
from sandbox_shapes import complaints

from apaycli.clock import ManualClock
from apaycli.sandbox.buyers import ScriptError
from apaycli.sandbox.world import World

TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"
YES = {"inline_keyboard": [[{"text": "Site", "url": "https://a.example"}], [{"text": "Yes", "callback_data": "yes"}]]}


@pytest.fixture
def message(bot: Bot) -> Any:
    """A message to Rahim with a callback button."""
    return bot.call("sendMessage", chat_id=1001, text="Sure?", reply_markup=YES)


def test_a_press_and_its_answer(bot: Bot, world: World, message: Any) -> None:
    query_id = world.buyers.press_button(1001, 1001, message["message_id"], "yes")
    [update] = bot.updates()
    assert complaints([update], ["Array of Update"]) == []
    query = update["callback_query"]
    assert (query["id"], query["from"]["id"], query["data"]) == (query_id, 1001, "yes")
    assert query["message"] == message
    assert world.callbacks[query_id].answer is None
    bot.call("answerCallbackQuery", callback_query_id=query_id, text="Good", show_alert=True, cache_time=10**9)
    assert world.callbacks[query_id].answer == {
        "text": "Good",
        "show_alert": True,
        "url": "",
        "cache_time": 30 * 24 * 3600,
    }


def test_a_query_is_answered_once(bot: Bot, world: World, message: Any) -> None:
    query_id = world.buyers.press_button(1001, 1001, message["message_id"], "yes")
    bot.call("answerCallbackQuery", callback_query_id=query_id)
    assert bot.refusal("answerCallbackQuery", callback_query_id=query_id, text="again") == (400, TOO_OLD)
    assert world.callbacks[query_id].answer == {"text": "", "show_alert": False, "url": "", "cache_time": 0}


@pytest.mark.parametrize("query_id", ["", "5", "x"])
def test_an_unknown_query(bot: Bot, query_id: str) -> None:
    assert bot.refusal("answerCallbackQuery", callback_query_id=query_id) == (400, TOO_OLD)


def test_a_query_lives_150_seconds(bot: Bot, world: World, clock: ManualClock, message: Any) -> None:
    in_time, late = (world.buyers.press_button(1001, 1001, message["message_id"], "yes") for _ in range(2))
    clock.advance(149)
    assert len(bot.updates()) == 2
    bot.call("answerCallbackQuery", callback_query_id=in_time)
    clock.advance(1)
    assert bot.updates() == []
    assert bot.refusal("answerCallbackQuery", callback_query_id=late) == (400, TOO_OLD)
    assert world.callbacks[late].answer is None


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"text": "a" * 201}, "MESSAGE_TOO_LONG"),
        ({"text": "\U0001f375" * 101}, "MESSAGE_TOO_LONG"),
        ({"text": "\udcff"}, "strings must be encoded in UTF-8"),
        ({"url": "https://a.example"}, "URL_INVALID"),
        ({"url": "https://t.me/other_bot?start=a"}, "URL_INVALID"),
    ],
    ids=str,
)
def test_refused_answers(bot: Bot, world: World, message: Any, params: dict[str, Any], text: str) -> None:
    query_id = world.buyers.press_button(1001, 1001, message["message_id"], "yes")
    refusal = bot.refusal("answerCallbackQuery", callback_query_id=query_id, **params)
    assert refusal == (400, f"Bad Request: {text}")
    good = {"text": "a" * 200, "url": "t.me/sandbox_merchant_bot?start=a"}
    assert bot.call("answerCallbackQuery", callback_query_id=query_id, **good), "a refused answer is none"


@pytest.mark.parametrize(
    ("presser", "chat_id", "data"),
    [
        (1001, 1001, "no"),
        (1001, 1001, "https://a.example"),
        (1002, 1001, "yes"),
        (1001, 1002, "yes"),
        (1001, 777, "yes"),
    ],
)
def test_nobody_could_press_that(bot: Bot, world: World, message: Any, presser: int, chat_id: int, data: str) -> None:
    with pytest.raises(ScriptError):
        world.buyers.press_button(presser, chat_id, message["message_id"], data)
    assert bot.updates() == []


def test_a_deleted_message_has_no_buttons(bot: Bot, world: World, message: Any) -> None:
    bot.call("deleteMessage", chat_id=1001, message_id=message["message_id"])
    with pytest.raises(ScriptError):
        world.buyers.press_button(1001, 1001, message["message_id"], "yes")


def test_anybody_in_a_group_may_press(bot: Bot, world: World) -> None:
    message_id = bot.call("sendMessage", chat_id=-4001, text="Sure?", reply_markup=YES)["message_id"]
    for user in (1001, 5555):
        world.buyers.press_button(user, -4001, message_id, "yes")
    queries = [update["callback_query"] for update in bot.updates()]
    assert [query["from"]["id"] for query in queries] == [1001, 5555]
    assert len({query["chat_instance"] for query in queries}) == 1


def test_chats_have_instances_of_their_own(bot: Bot, world: World, message: Any) -> None:
    other = bot.call("sendMessage", chat_id=1002, text="Sure?", reply_markup=YES)
    world.buyers.press_button(1001, 1001, message["message_id"], "yes")
    world.buyers.press_button(1002, 1002, other["message_id"], "yes")
    assert len({update["callback_query"]["chat_instance"] for update in bot.updates()}) == 2


def test_a_press_is_lost_when_its_kind_is_not_allowed(bot: Bot, world: World, message: Any) -> None:
    bot.updates(allowed_updates=["message"])
    query_id = world.buyers.press_button(1001, 1001, message["message_id"], "yes")
    assert bot.updates() == []
    assert world.callbacks[query_id].data == "yes"


def test_a_press_draws_nothing_from_chance(clock: ManualClock) -> None:
    worlds = [World(clock, seed=3) for _ in range(2)]
    ids = []
    for number, world in enumerate(worlds):
        message_id = Bot(world).call("sendMessage", chat_id=1001, text="Sure?", reply_markup=YES)["message_id"]
        ids += [world.buyers.press_button(1001, 1001, message_id, "yes") for _ in range(number)]
    assert worlds[0].new_query_id() == worlds[1].new_query_id()
    assert 10**17 <= int(ids[0]) < 9 * 10**18
