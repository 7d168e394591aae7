"""getUpdates over the world: long poll, conflicts, sticky allowed_updates, webhook."""

import json

import pytest
from sandbox_bot import Bot

from apaycli.clock import ManualClock
from apaycli.sandbox.wire import Answer, Waiting
from apaycli.sandbox.world import World

OTHER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
ACTIVE = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"


def wait_for_updates(bot: Bot, **params: object) -> Waiting:
    waiting = bot.start("getUpdates", **{"timeout": 20, **params})
    assert isinstance(waiting, Waiting)
    return waiting


def test_empty_without_timeout(bot: Bot) -> None:
    assert bot.updates() == []


def test_long_poll_ends_with_nothing(bot: Bot, world: World, clock: ManualClock) -> None:
    waiting = wait_for_updates(bot)
    assert world.next_deadline() == waiting.deadline == 20
    clock.advance(19.9)
    world.tick()
    assert waiting.answer is None
    clock.advance(0.1)
    world.tick()
    assert waiting.answer is not None
    assert waiting.answer.json() == {"ok": True, "result": []}
    assert world.next_deadline() is None


def test_long_poll_is_woken_by_an_update(bot: Bot, world: World) -> None:
    waiting = wait_for_updates(bot)
    world.buyers.send_text(1001, "hi")
    assert waiting.answer is not None
    assert [update["message"]["text"] for update in waiting.answer.json()["result"]] == ["hi"]


def test_many_at_one_moment_wake_with_a_full_batch(bot: Bot, world: World) -> None:
    bot.send_invoice()
    waiting = wait_for_updates(bot, limit=7)
    world.buyers.press_pay_many("tea-1", 30, 5000)
    assert waiting.answer is not None
    assert len(waiting.answer.json()["result"]) == 7
    assert len(bot.updates()) == 30


@pytest.mark.parametrize(("given", "seconds"), [(600, 50), (50, 50), (1, 1), ("abc", None), (-3, None)])
def test_timeout_is_clamped(bot: Bot, given: object, seconds: int | None) -> None:
    result = bot.start("getUpdates", timeout=given)
    assert (result.deadline if isinstance(result, Waiting) else None) == seconds


@pytest.mark.parametrize(("limit", "count"), [(1000, 100), (0, 1), (-1, 1), ("abc", 1), (3, 3), ("", 100)])
def test_limit_is_clamped(bot: Bot, world: World, limit: object, count: int) -> None:
    for _ in range(101):
        world.buyers.send_text(1001, "hi")
    assert len(bot.updates(limit=limit)) == count


def test_waiting_updates_are_given_before_anything_waits(bot: Bot, world: World) -> None:
    world.buyers.send_text(1001, "hi")
    assert isinstance(bot.start("getUpdates", timeout=20), Answer)
    assert isinstance(bot.start("getUpdates", timeout=20), Answer), "no 409 while updates are waiting"


def test_second_poll_terminates_the_waiting_one(bot: Bot) -> None:
    first = wait_for_updates(bot)
    second = wait_for_updates(bot)
    assert first.answer is not None
    assert (first.answer.status, first.answer.json()["description"]) == (409, OTHER)
    assert second.answer is None


def test_a_short_poll_leaves_the_waiting_one_alone(bot: Bot, world: World) -> None:
    # Only a call that would itself wait ends the one that waits.
    first = wait_for_updates(bot)
    assert bot.updates(offset=1) == []
    assert first.answer is None
    world.buyers.send_text(1001, "hi")
    assert first.answer is not None
    assert [update["message"]["text"] for update in first.answer.json()["result"]] == ["hi"]


def test_a_poll_that_finds_updates_leaves_the_waiting_one_alone(bot: Bot, world: World) -> None:
    first = wait_for_updates(bot)
    with world.polling.held():
        world.buyers.send_text(1001, "hi")
        assert len(bot.updates(timeout=20)) == 1
        assert first.answer is None
    assert first.answer is not None
    assert (first.answer.status, len(first.answer.json()["result"])) == (200, 1)


def test_the_brake_makes_a_short_poll_wait_and_end_the_waiting_one(bot: Bot, world: World) -> None:
    world.settings.repeated_offset_rule = True
    first = wait_for_updates(bot)
    assert isinstance(bot.start("getUpdates", timeout=0), Waiting)
    assert first.answer is not None
    assert first.answer.status == 409


def test_repeated_conflicts_are_held_back(bot: Bot, world: World, clock: ManualClock) -> None:
    world.settings.conflict_hold_seconds = 3.0
    waits = [wait_for_updates(bot) for _ in range(3)]
    clock.advance(3)
    waits.append(wait_for_updates(bot))
    assert [w.answer.delay_seconds if w.answer else None for w in waits] == [0, 3, 0, None]


def test_abandoned_poll_is_forgotten(bot: Bot, world: World) -> None:
    waiting = wait_for_updates(bot)
    world.polling.abandon(waiting)
    world.buyers.send_text(1001, "hi")
    assert waiting.answer is None
    assert len(bot.updates()) == 1


def test_webhook_excludes_polling(bot: Bot) -> None:
    waiting = wait_for_updates(bot)
    answer = bot.answer("setWebhook", url="https://shop.example.com/hook")
    assert answer.json() == {"ok": True, "result": True, "description": "Webhook was set"}
    assert waiting.answer is not None
    assert waiting.answer.json()["description"] == "Conflict: terminated by setWebhook request"
    assert bot.refusal("getUpdates") == (409, ACTIVE)
    assert (
        bot.answer("setWebhook", url="https://shop.example.com/hook").json()["description"] == "Webhook is already set"
    )
    assert bot.call("getWebhookInfo")["url"] == "https://shop.example.com/hook"
    assert bot.answer("deleteWebhook").json()["description"] == "Webhook was deleted"
    assert bot.answer("setWebhook", url="").json()["description"] == "Webhook is already deleted"
    assert bot.updates() == []
    assert bot.call("getWebhookInfo") == {"url": "", "has_custom_certificate": False, "pending_update_count": 0}


@pytest.mark.parametrize("method", ["setWebhook", "deleteWebhook"])
def test_drop_pending_updates_throws_them_away(bot: Bot, world: World, method: str) -> None:
    world.buyers.send_text(1001, "hi")
    bot.call(method, url="https://a.example", drop_pending_updates=True)
    bot.call("deleteWebhook")
    assert bot.updates() == []


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"url": "http://a.example"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": "https://a.example:8080"}, "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"),
        ({"url": "https://127.0.0.1/"}, "bad webhook: IP address 127.0.0.1 is reserved"),
        ({"url": "https://a.example", "ip_address": "10.0.0.1"}, "bad webhook: IP address 10.0.0.1 is reserved"),
        ({"url": "https://[2a00::1]/"}, "bad webhook: IPv6-only addresses are not allowed"),
        ({"url": "https://a.example:x"}, "invalid webhook URL specified"),
        ({"url": "https://a.example", "secret_token": "a b"}, "secret token contains unallowed characters"),
        ({"url": "https://a.example", "secret_token": "a" * 257}, "secret token is too long"),
    ],
)
def test_webhook_refusals(bot: Bot, params: dict[str, str], text: str) -> None:
    assert bot.refusal("setWebhook", **params) == (400, f"Bad Request: {text}")
    assert bot.call("getWebhookInfo")["url"] == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["message", "pre_checkout_query"], ["message", "pre_checkout_query"]),
        ('["message"]', ["message"]),
        (["message", "nonsense"], ["message"]),
        (["MESSAGE"], ["message"]),
        ([], None),
        (["nonsense"], None),
        ("not json", ["poll"]),
        ({"message": True}, ["poll"]),
        (["message", 7], ["poll"]),
        ("", ["poll"]),
        (None, ["poll"]),
    ],
    ids=str,
)
def test_allowed_updates_are_sticky(bot: Bot, given: object, expected: list[str] | None) -> None:
    bot.updates(allowed_updates=["poll"])
    bot.answer("getUpdates", **({} if given is None else {"allowed_updates": given}))
    bot.updates()
    assert bot.call("getWebhookInfo").get("allowed_updates") == expected


def test_payment_is_lost_while_message_is_not_allowed(bot: Bot, world: World) -> None:
    bot.send_invoice()
    bot.updates(allowed_updates=["pre_checkout_query"])
    checkout = world.buyers.press_pay("tea-1", 1001)
    bot.call("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, ok=True)
    charge = world.buyers.pay(checkout.checkout_id)
    kinds = [set(update) - {"update_id"} for update in bot.updates(allowed_updates=["message", "pre_checkout_query"])]
    assert kinds == [{"pre_checkout_query"}]
    assert (charge.update_id, len(world.books.charges)) == (None, 1)


def test_offset_confirms(bot: Bot, world: World) -> None:
    for text in "abc":
        world.buyers.send_text(1001, text)
    first = bot.updates()[0]["update_id"]
    assert [u["message"]["text"] for u in bot.updates(offset=first + 2)] == ["c"]
    assert [u["message"]["text"] for u in bot.updates(offset=first)] == ["c"], "confirming is final"


def test_offset_may_be_after_a_restart_of_ids(bot: Bot, world: World) -> None:
    world.buyers.send_text(1001, "old")
    offset = bot.updates()[-1]["update_id"] + 1
    bot.updates(offset=offset)
    world.buyers.restart_update_ids(1000)
    world.buyers.send_text(1001, "new")
    assert [u["message"]["text"] for u in bot.updates(offset=offset)] == ["new"]


def test_query_from_the_queue_can_be_older_than_its_deadline(bot: Bot, world: World, clock: ManualClock) -> None:
    bot.send_invoice()
    world.buyers.press_pay("tea-1", 1001)
    clock.advance(149)
    assert len(bot.updates()) == 1
    clock.advance(1)
    assert bot.updates() == []


def test_poisoned_update_can_be_cut_out(bot: Bot, world: World) -> None:
    world.buyers.send_text(1001, "before")
    world.buyers.inject(b'{"update_id":@UPDATE_ID@,\n"message":{"text":"\xff"')
    world.buyers.send_text(1001, "after")
    body = bot.answer("getUpdates").body
    assert body.startswith(b'{"ok":true,"result":[{"update_id":')
    with pytest.raises(ValueError):
        json.loads(body)
    assert body.count(b'{"update_id":') == 3
    assert b',\n"message":{"text":"\xff",{"update_id":' in body


@pytest.mark.parametrize(("age", "timeout", "count"), [(0.4, 0, 1), (0.6, 0, 5), (3.1, 0, 5)])
def test_repeated_offset_gets_less_when_the_rule_is_on(
    bot: Bot, world: World, clock: ManualClock, age: float, timeout: int, count: int
) -> None:
    world.settings.repeated_offset_rule = True
    for _ in range(5):
        world.buyers.send_text(1001, "hi")
    bot.updates(offset=1)
    clock.advance(age)
    assert len(bot.updates(offset=1, timeout=timeout)) == count


@pytest.mark.parametrize(("age", "deadline"), [(2.0, 5.0), (3.0, None)])
def test_repeated_empty_poll_waits_three_seconds_when_the_rule_is_on(
    bot: Bot, world: World, clock: ManualClock, age: float, deadline: float | None
) -> None:
    world.settings.repeated_offset_rule = True
    bot.updates(offset=1)
    clock.advance(age)
    result = bot.start("getUpdates", offset=1, timeout=0)
    assert (result.deadline if isinstance(result, Waiting) else None) == deadline
