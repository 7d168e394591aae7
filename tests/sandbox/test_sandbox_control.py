"""The control API without sockets: documents in, documents out."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_bot import Bot

from apaycli.clock import ManualClock
from apaycli.sandbox.control import POSTS, handle_control
from apaycli.sandbox.control_views import GETS
from apaycli.sandbox.wire import Answer, Waiting
from apaycli.sandbox.world import World


def post(world: World, name: str, status: int = 200, /, **document: Any) -> Any:
    answer = handle_control(world, "POST", f"/sandbox/{name}", json.dumps(document).encode())
    assert isinstance(answer, Answer)
    assert answer.status == status, answer.body
    return answer.json()


def get(world: World, path: str, status: int = 200) -> Any:
    answer = handle_control(world, "GET", f"/sandbox/{path}", b"")
    assert isinstance(answer, Answer)
    assert answer.status == status, answer.body
    return answer.json()


def test_a_sale(bot: Bot, world: World) -> None:
    bot.send_invoice()
    checkout = post(world, "press_pay", payload="tea-1", buyer=1001)
    assert (checkout["checkout_id"], checkout["outcome"]) == (1, None)
    bot.call("answerPreCheckoutQuery", pre_checkout_query_id=checkout["pre_checkout_query_id"], ok=True)
    charge = post(world, "pay", checkout_id=1)
    assert get(world, "checkout?checkout_id=1")["charge_ids"] == [charge["telegram_payment_charge_id"]]
    ledger = get(world, "ledger")
    assert ledger["charges"] == [charge]
    assert [invoice["payload"] for invoice in ledger["invoices"]] == ["tea-1"]
    assert [checkout["outcome"] for checkout in ledger["checkouts"]] == ["accepted"]


def test_press_pay_can_wait_for_the_answer(bot: Bot, world: World, clock: ManualClock) -> None:
    bot.send_invoice()
    body = json.dumps({"payload": "tea-1", "buyer": 1001, "wait": True}).encode()
    declined, silent = (handle_control(world, "POST", "/sandbox/press_pay", body) for _ in range(2))
    assert isinstance(declined, Waiting)
    assert isinstance(silent, Waiting)
    params = {"pre_checkout_query_id": world.books.checkouts[1].pre_checkout_query_id, "error_message": "no"}
    bot.call("answerPreCheckoutQuery", **params)
    assert declined.answer is not None
    assert (declined.answer.json()["outcome"], declined.answer.json()["error_message"]) == ("declined", "no")
    clock.advance(10)
    world.tick()
    assert silent.answer is not None
    assert silent.answer.json()["outcome"] == "timeout"


def test_press_pay_many_waits_for_all(bot: Bot, world: World, clock: ManualClock) -> None:
    bot.send_invoice(chat_id=-4001)
    body = json.dumps({"payload": "tea-1", "count": 3, "first_buyer_id": 7000, "wait": True}).encode()
    waiting = handle_control(world, "POST", "/sandbox/press_pay_many", body)
    assert isinstance(waiting, Waiting)
    for checkout in list(world.books.checkouts.values())[:2]:
        bot.call("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, ok=True)
    assert waiting.answer is None
    clock.advance(10)
    world.tick()
    assert waiting.answer is not None
    summary = waiting.answer.json()
    assert (summary["accepted"], summary["timeout"], summary["checkout_ids"]) == (2, 1, [1, 2, 3])
    assert post(world, "pay_many", checkout_ids=[1, 2, 3])["count"] == 2


def test_waiting_for_an_outcome_that_is_there_already(bot: Bot, world: World) -> None:
    bot.send_invoice(start_parameter="tea")
    body = json.dumps({"payload": "tea-1", "buyer": 1002, "forwarded": True, "wait": True}).encode()
    waiting = handle_control(world, "POST", "/sandbox/press_pay", body)
    assert isinstance(waiting, Waiting)
    assert waiting.answer is not None
    assert waiting.answer.json()["outcome"] == "url_button"


@pytest.mark.parametrize("way", ["invoice_id", "message", "payload", "link"])
def test_ways_to_name_an_invoice(bot: Bot, world: World, way: str) -> None:
    message = bot.send_invoice()
    link = bot.link(payload="tea-2")
    names: dict[str, dict[str, Any]] = {
        "invoice_id": {"invoice_id": 1},
        "message": {"chat_id": 1001, "message_id": message["message_id"]},
        "payload": {"payload": "tea-1"},
        "link": {"link": link},
    }
    assert post(world, "press_pay", buyer=1001, **names[way])["invoice_id"] == (2 if way == "link" else 1)


def test_talking(bot: Bot, world: World) -> None:
    post(world, "add_user", id=9000, first_name="New")
    first = post(world, "start", user=9000, parameter="tea")["update_id"]
    post(world, "send_text", user=9000, text="/terms", chat_id=-4001)
    assert post(world, "send_text", user=9000, text="hi", chat_id=-4001) == {"update_id": None}
    post(world, "block", user=9000)
    post(world, "upgrade_group", chat_id=-4001, supergroup_id=-1007)
    updates = bot.updates()
    assert updates[0]["update_id"] == first
    assert [list(update)[1] for update in updates] == ["message", "message", "my_chat_member", "message", "message"]
    assert [message["text"] for message in get(world, "messages?chat_id=9000")["messages"]] == ["/start tea"]


def test_updates_by_hand(bot: Bot, world: World) -> None:
    first = post(world, "inject", update={"poll": {"id": "x"}})["update_id"]
    post(world, "inject", raw='{"update_id":@UPDATE_ID@,\n"message":')
    post(world, "inject", raw_base64=base64.b64encode(b"\xff").decode(), update_id=first + 50)
    body = bot.answer("getUpdates").body
    assert body.endswith(b'{"update_id":%d,\n"message":,\xff]}' % (first + 1))
    bot.updates(offset=first + 51)
    assert post(world, "redeliver", update_ids=[first]) == {"update_ids": [first]}
    bot.answer("getUpdates", offset=first + 51)
    bot.updates(offset=first + 51)
    assert post(world, "redeliver", last=1, new_ids=True) == {"update_ids": [first + 51]}
    bot.answer("getUpdates", offset=first + 52)
    assert post(world, "restart_update_ids", next_update_id=5) == {"next_update_id": 5}


def test_outages(bot: Bot, world: World) -> None:
    outage = post(world, "outage", kind="429", methods=["getMe"], count=2, retry_after=7, delay_milliseconds=250)
    assert (outage["methods"], outage["count"], outage["delay_seconds"]) == (["getme"], 2, 0.25)
    answer = bot.answer("getMe")
    assert (answer.status, answer.delay_seconds) == (429, 0.25)
    assert get(world, "state")["outages"][0]["struck_count"] == 1
    post(world, "clear_outages")
    assert bot.call("getMe")
    log = get(world, "requests?method=getMe&limit=1")
    assert (log["count"], log["requests"][0]["status"]) == (2, 200)


def test_a_revoked_token_is_refused_and_the_new_one_is_the_same_bots(bot: Bot, world: World) -> None:
    old = world.bot_token
    new = post(world, "revoke_token")["bot_token"]
    assert new != old
    assert new.partition(":")[0] == old.partition(":")[0]
    for token, status in ((old, 401), (new, 200)):
        answer = world.handle(f"/bot{token}/getMe", "application/json", b"{}")
        assert isinstance(answer, Answer)
        assert answer.status == status


def test_settings(bot: Bot, world: World) -> None:
    assert post(world, "settings", supports_inline_queries=False)["supports_inline_queries"] is False
    assert bot.call("getMe")["supports_inline_queries"] is False


def test_chats(bot: Bot, world: World) -> None:
    post(world, "add_chat", id=-1009, type="supergroup", title="New", is_forum=True, topics={"5": "closed"})
    assert bot.refusal("sendInvoice", **bot.invoice(chat_id=-1009, message_thread_id=5))[1].endswith("TOPIC_CLOSED")


def test_inline(bot: Bot, world: World) -> None:
    query_id = post(world, "inline_query", user=1001, query="tea")["inline_query_id"]
    assert get(world, f"inline_results?inline_query_id={query_id}")["results"] is None
    content = bot.invoice(chat_id=None)
    result = {"type": "article", "id": "a", "title": "Tea", "input_message_content": content}
    bot.call("answerInlineQuery", inline_query_id=query_id, results=[result])
    assert get(world, f"inline_results?inline_query_id={query_id}")["results"] == [result]
    assert post(world, "choose_inline_result", inline_query_id=query_id, result_id="a")["payload"] == "tea-1"


MARKUP = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}


def test_press_button(bot: Bot, world: World) -> None:
    message_id = bot.call("sendMessage", chat_id=1001, text="Sure?", reply_markup=MARKUP)["message_id"]
    place = {"user": 1001, "chat_id": 1001, "message_id": message_id}
    pressed = post(world, "press_button", **place, data="yes")
    query_id = pressed["callback_query_id"]
    assert pressed == {**place_of(pressed), "data": "yes", "answer": None}
    assert bot.updates()[0]["callback_query"]["id"] == query_id
    bot.call("answerCallbackQuery", callback_query_id=query_id, text="Good")
    assert get(world, f"callback?callback_query_id={query_id}")["answer"]["text"] == "Good"
    assert post(world, "press-button", **place, data="yes")["user_id"] == 1001
    post(world, "press_button", 400, **place, data="no")
    assert get(world, "callback?callback_query_id=5", 404) == {"error": "no such callback query: 5"}


def place_of(pressed: dict[str, Any]) -> dict[str, Any]:
    return {name: pressed[name] for name in ("callback_query_id", "user_id", "chat_id", "message_id")}


def test_press_button_can_wait_for_the_answer(bot: Bot, world: World, clock: ManualClock) -> None:
    message_id = bot.call("sendMessage", chat_id=1001, text="Sure?", reply_markup=MARKUP)["message_id"]
    place = {"user": 1001, "chat_id": 1001, "message_id": message_id, "data": "yes", "wait": True}
    body = json.dumps(place).encode()
    answered = handle_control(world, "POST", "/sandbox/press_button", body)
    assert isinstance(answered, Waiting)
    bot.call("answerCallbackQuery", callback_query_id=next(iter(world.callbacks)), show_alert=True)
    assert answered.answer is not None
    assert answered.answer.json()["answer"]["show_alert"] is True
    assert world.next_deadline() is None, "nothing is waited for any more"
    silent = handle_control(world, "POST", "/sandbox/press_button", body)
    assert isinstance(silent, Waiting)
    clock.advance(9.9)
    world.tick()
    assert silent.answer is None
    clock.advance(0.1)
    world.tick()
    assert silent.answer is not None
    assert silent.answer.json()["answer"] is None


def test_flood(bot: Bot, world: World) -> None:
    assert post(world, "settings", flood_limits=True)["flood_limits"] is True
    for _ in range(3):
        bot.send_invoice()
    assert bot.refusal("sendInvoice", **bot.invoice())[0] == 429
    assert get(world, "flood") == {
        "overall_1_second": 3,
        "chat_1_second": 3,
        "chat_3_seconds": 3,
        "group_60_seconds": 0,
        "within_limits": True,
    }


def test_messages_are_the_last_hundred(bot: Bot, world: World) -> None:
    for number in range(101):
        bot.call("sendMessage", chat_id=1001, text=str(number))
        bot.call("sendMessage", chat_id=1002, text="other")
    shown = get(world, "messages?chat_id=1001")["messages"]
    assert [message["text"] for message in shown] == [str(number) for number in range(1, 101)]
    place = {"chat_id": 1001, "message_id": shown[0]["message_id"]}
    bot.call("editMessageText", **place, text="edited")
    assert get(world, "messages?chat_id=1001")["messages"][0]["text"] == "edited"


def test_a_direct_messages_chat(bot: Bot, world: World) -> None:
    topics = {"5": "open"}
    post(world, "add_chat", id=-1009, type="supergroup", title="New", is_direct_messages=True, topics=topics)
    message = bot.send_invoice(chat_id=-1009, direct_messages_topic_id=5)
    assert message["direct_messages_topic"] == {"topic_id": 5}


@pytest.mark.parametrize(
    ("name", "document", "status"),
    [
        ("press_button", {"user": 1001, "chat_id": 1001, "message_id": 5}, 400),
        ("press_button", {"user": 1001, "chat_id": 1001, "message_id": 5, "data": "x"}, 400),
        ("press_button", {"user": -5, "chat_id": 1001, "message_id": 5, "data": "x"}, 400),
        ("flood", {}, 405),
        ("settings", {"flood_limits": 1}, 400),
        ("press_pay", {"buyer": 1001}, 400),
        ("press_pay", {"payload": "nothing", "buyer": 1001}, 404),
        ("press_pay", {"payload": "tea-1"}, 400),
        ("press_pay", {"payload": "tea-1", "buyer": "1001"}, 400),
        ("press_pay", {"payload": "tea-1", "buyer": True}, 400),
        ("press_pay", {"payload": "tea-1", "buyer": 1001, "forwaded": True}, 400),
        ("press_pay", {"payload": "tea-1", "buyer": 1002}, 400),
        ("press_pay", {"payload": "tea-1", "buyer": -5}, 400),
        ("pay", {"checkout_id": 7}, 404),
        ("outage", {"kind": "flood"}, 400),
        ("inject", {}, 400),
        ("inject", {"raw_base64": "!"}, 400),
        ("add_user", {"first_name": "x"}, 400),
        ("add_chat", {"id": -5, "type": "private"}, 400),
        ("settings", {"nonsense": 1}, 400),
        ("settings", {"link_base": 1}, 400),
        ("press_pay_many", {"payload": "tea-1", "count": 0}, 400),
        ("press_pay_many", {"payload": "tea-1", "count": 100_001}, 400),
        ("pay_many", {"checkout_ids": [[]]}, 400),
        ("redeliver", {"update_ids": ["x"]}, 400),
        ("outage", {"kind": "500", "methods": [7]}, 400),
        ("add_user", {"id": 5, "username": 5}, 400),
        ("add_chat", {"id": -5, "type": "group", "topics": []}, 400),
        ("choose_inline_result", {"inline_query_id": "1", "result_id": "a"}, 404),
        ("nonsense", {}, 404),
        ("ledger", {}, 405),
    ],
    ids=str,
)
def test_mistakes_are_told(bot: Bot, world: World, name: str, document: dict[str, Any], status: int) -> None:
    bot.send_invoice()
    assert set(post(world, name, status, **document)) == {"error"}
    assert world.books.checkouts == {}


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff"])
def test_bodies_that_are_no_object(world: World, body: bytes) -> None:
    answer = handle_control(world, "POST", "/sandbox/start", body)
    assert isinstance(answer, Answer)
    assert answer.status == 400


VALUES = st.none() | st.booleans() | st.integers(-9999, 9999) | st.text(max_size=5) | st.just([]) | st.just({})
FIELDS = (
    "payload buyer wait tip order_info count checkout_id checkout_ids user text chat_id update raw raw_base64 "
    "chat_id message_id data flood_limits "
    "update_id update_ids last new_ids kind methods seconds id type topics title supergroup_id inline_query_id query"
).split()


@given(st.sampled_from(sorted(POSTS)), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4))
@settings(max_examples=300, deadline=None)
def test_no_document_breaks_it(name: str, document: dict[str, Any]) -> None:
    world = World(ManualClock())
    Bot(world).send_invoice()
    answer = handle_control(world, "POST", f"/sandbox/{name}", json.dumps(document).encode())
    assert isinstance(answer, Waiting) or answer.status in (200, 400, 404)


# To be emptied with the next edit of docs/sandbox.md.


def test_documentation_lists_every_path(request: pytest.FixtureRequest) -> None:
    page = (request.config.rootpath / "docs" / "sandbox.md").read_text("utf-8")
    assert [name for name in (*POSTS, *GETS) if f"`{name}`" not in page] == []
