"""Buyers: who can pay, how often, many at once; talking; updates by hand."""

from typing import Any

import pytest
from sandbox_bot import Bot
from sandbox_shapes import complaints

from apaycli.clock import ManualClock
from apaycli.sandbox.buyers import ScriptError, command_entities
from apaycli.sandbox.checkouts import Checkout, percentile
from apaycli.sandbox.world import World

SUPERGROUP, CHANNEL = -1001234567890, -1009876543210


def accept(bot: Bot, checkout: Checkout) -> None:
    bot.call("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, ok=True)


def kinds(bot: Bot) -> list[str]:
    """The kinds of all queued updates; each is held against the documentation."""
    updates = bot.updates()
    assert complaints(updates, ["Array of Update"]) == []
    return [next(name for name in update if name != "update_id") for update in updates]


# Who can pay: section 4. Columns: how it was sent, who presses, forwarded?, expected outcome or mistake.
WHO = [
    ({"chat_id": 1001}, 1001, False, None),
    ({"chat_id": 1001}, 1002, False, ScriptError),
    ({"chat_id": 1001}, 1002, True, None),
    ({"chat_id": 1001, "start_parameter": "tea"}, 1001, False, None),
    ({"chat_id": 1001, "start_parameter": "tea"}, 1002, True, "url_button"),
    ({"chat_id": 1001, "start_parameter": "tea"}, 1001, True, "url_button"),
    ({"chat_id": SUPERGROUP}, 1002, False, None),
    ({"chat_id": SUPERGROUP, "start_parameter": "tea"}, 1002, False, None),
    ({"chat_id": SUPERGROUP, "start_parameter": "tea"}, 1002, True, "url_button"),
    ({"chat_id": CHANNEL}, 5555, False, None),
    ({"chat_id": 1001, "protect_content": True}, 1002, True, ScriptError),
]


@pytest.mark.parametrize(("changes", "buyer", "forwarded", "expected"), WHO, ids=str)
def test_who_can_pay(
    bot: Bot, world: World, changes: dict[str, Any], buyer: int, forwarded: bool, expected: Any
) -> None:
    bot.send_invoice(**changes)
    if expected is ScriptError:
        with pytest.raises(ScriptError):
            world.buyers.press_pay("tea-1", buyer, forwarded=forwarded)
        return
    checkout = world.buyers.press_pay("tea-1", buyer, forwarded=forwarded)
    assert checkout.outcome == expected
    assert kinds(bot) == ["message" if expected == "url_button" else "pre_checkout_query"]


@pytest.mark.parametrize(
    ("changes", "second"),
    [
        ({"chat_id": 1001, "start_parameter": "tea"}, "invoice_already_paid"),
        ({"chat_id": 1001}, None),
        ({"chat_id": SUPERGROUP, "start_parameter": "tea"}, None),
    ],
)
def test_paying_again(bot: Bot, world: World, changes: dict[str, Any], second: str | None) -> None:
    bot.send_invoice(**changes)
    checkout = world.buyers.press_pay("tea-1", 1001)
    accept(bot, checkout)
    assert world.buyers.press_pay("tea-1", 1001).outcome is None, "accepted is not paid"
    world.buyers.pay(checkout.checkout_id)
    assert world.buyers.press_pay("tea-1", 1001).outcome == second


def test_url_button_starts_the_bot_with_its_parameter(bot: Bot, world: World) -> None:
    bot.send_invoice(start_parameter="tea")
    world.buyers.press_pay("tea-1", 7777, forwarded=True)
    message = bot.updates()[0]["message"]
    assert (message["text"], message["from"]["id"], message["chat"]["type"]) == ("/start tea", 7777, "private")
    assert bot.call("sendMessage", chat_id=7777, text="hello"), "pressing it makes the user reachable"


@pytest.mark.parametrize(("changes", "outcome"), [({}, None), ({"start_parameter": "tea"}, "url_button")])
def test_forwarded_by_the_bot(bot: Bot, world: World, changes: dict[str, Any], outcome: str | None) -> None:
    message_id = bot.send_invoice(**changes)["message_id"]
    copy = bot.call("forwardMessage", chat_id=1002, from_chat_id=1001, message_id=message_id)
    assert world.buyers.press_pay((1002, copy["message_id"]), 1002).outcome == outcome


def test_link_is_for_everybody(bot: Bot, world: World) -> None:
    link = bot.link()
    for buyer in (1001, 1002, 1001):
        checkout = world.buyers.press_pay(link, buyer)
        accept(bot, checkout)
        world.buyers.pay(checkout.checkout_id)
    assert [charge.buyer_id for charge in world.books.charges] == [1001, 1002, 1001]
    with pytest.raises(ScriptError):
        world.buyers.press_pay(link, 1001, forwarded=True)


def test_deleted_invoice(bot: Bot, world: World) -> None:
    message = bot.send_invoice()
    checkout = world.buyers.press_pay("tea-1", 1001)
    bot.call("deleteMessage", chat_id=1001, message_id=message["message_id"])
    accept(bot, checkout)
    with pytest.raises(ScriptError):
        world.buyers.press_pay("tea-1", 1001)


def test_tip_is_inside_the_total(bot: Bot, world: World) -> None:
    bot.send_invoice(max_tip_amount=2000)
    world.buyers.press_pay("tea-1", 1001, tip=2000)
    assert bot.updates()[0]["pre_checkout_query"]["total_amount"] == 52000
    with pytest.raises(ScriptError):
        world.buyers.press_pay("tea-1", 1001, tip=2001)


def test_contact_details(bot: Bot, world: World) -> None:
    bot.send_invoice(need_name=True, send_phone_number_to_provider=True, send_email_to_provider=True)
    world.buyers.press_pay("tea-1", 1001, order_info={"name": "R. Uddin"})
    info = bot.updates()[0]["pre_checkout_query"]["order_info"]
    assert info == {"name": "R. Uddin", "phone_number": "8801000001001", "email": "buyer1001@example.com"}


def test_many_buyers(bot: Bot, world: World, clock: ManualClock) -> None:
    bot.send_invoice(chat_id=SUPERGROUP)
    checkouts = world.buyers.press_pay_many("tea-1", 10, 5000)
    for number, checkout in enumerate(checkouts[:8]):
        clock.advance(0.1)
        params = {"ok": number % 2, "error_message": "sold out"}
        bot.call("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, **params)
    clock.advance(10)
    world.tick()
    assert world.buyers.summarize(checkouts) == {
        "count": 10,
        "accepted": 4,
        "declined": 4,
        "timeout": 2,
        "outcomes": {"declined": 4, "accepted": 4, "timeout": 2},
        "error_messages": {"sold out": 4},
        "answer_milliseconds": {"p50": 400, "p95": 800, "p99": 800, "slowest": 800},
    }
    assert len({checkout.buyer_id for checkout in checkouts}) == 10
    assert len(world.buyers.pay_many(checkouts)) == 4


@pytest.mark.parametrize(
    ("times", "percent", "expected"),
    [([], 50, None), ([7], 1, 7), ([1, 2, 3, 4], 50, 2), ([1, 2, 3, 4], 51, 3), (list(range(1, 101)), 99, 99)],
)
def test_percentile(times: list[int], percent: int, expected: int | None) -> None:
    assert percentile(times, percent) == expected


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("/start", [(0, 6)]),
        ("/start tea-1", [(0, 6)]),
        ("/start@sandbox_merchant_bot tea", [(0, 27)]),
        ("\U0001f375 /terms", [(3, 6)]),
        ("a/b", []),
        ("http://x/start", []),
        ("/a /b", [(0, 2), (3, 2)]),
        ("hello", []),
    ],
)
def test_command_entities(text: str, places: list[tuple[int, int]]) -> None:
    assert [(entity["offset"], entity["length"]) for entity in command_entities(text)] == places


@pytest.mark.parametrize(
    ("text", "privacy_off", "is_seen"),
    [
        ("hello", False, False),
        ("hello", True, True),
        ("/terms", False, True),
        ("/terms@sandbox_merchant_bot", False, True),
        ("/terms@Sandbox_Merchant_Bot x", False, True),
        ("/terms@other_bot", False, False),
        ("see /terms", False, False),
    ],
)
def test_privacy_mode(bot: Bot, world: World, text: str, privacy_off: bool, is_seen: bool) -> None:
    world.settings.can_read_all_group_messages = privacy_off
    world.buyers.send_text(1001, text, SUPERGROUP)
    assert kinds(bot) == (["message"] if is_seen else [])


def test_channel_posts(bot: Bot, world: World) -> None:
    world.buyers.send_text(1001, "New arrivals", CHANNEL)
    assert kinds(bot) == ["channel_post"]
    assert "from" not in bot.updates()[0]["channel_post"]


def test_redeliver(bot: Bot, world: World) -> None:
    for text in "abc":
        world.buyers.send_text(1001, text)
    first = bot.updates()[0]["update_id"]
    bot.updates(offset=first + 3)
    assert world.buyers.redeliver([first]) == [first]
    assert [u["message"]["text"] for u in bot.updates(offset=first + 3)] == ["a"]
    bot.updates(offset=first + 3)
    assert world.buyers.redeliver(last=2, new_ids=True) == [first + 3, first + 4]
    assert [(u["update_id"], u["message"]["text"]) for u in bot.updates()] == [(first + 3, "c"), (first + 4, "a")]
    assert world.buyers.redeliver() == []


def test_inject_an_object(bot: Bot, world: World) -> None:
    first = world.buyers.inject({"update_id": 999_999_999, "nonsense": {"a": 1}})
    world.buyers.inject({"update_id": 1_000_000_005})
    assert first == 999_999_999
    updates = bot.answer("getUpdates").json()["result"]
    assert updates == [{"update_id": 999_999_999, "nonsense": {"a": 1}}, {"update_id": 1_000_000_005}]


def test_ids_restart_only_on_an_empty_queue(bot: Bot, world: World) -> None:
    world.buyers.send_text(1001, "x")
    with pytest.raises(ScriptError):
        world.buyers.restart_update_ids(5)


@pytest.mark.parametrize("reference", [99, "nothing", "https://t.me/$nothing", (1001, 99)])
def test_unknown_invoice(world: World, reference: Any) -> None:
    with pytest.raises(LookupError):
        world.buyers.press_pay(reference, 1001)
