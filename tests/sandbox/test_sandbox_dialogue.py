"""The checkout dialogue: the ten seconds, shipping, money."""

from typing import Any

import pytest
from sandbox_bot import Bot
from sandbox_shapes import complaints

from apaycli.clock import ManualClock
from apaycli.sandbox.buyers import ScriptError
from apaycli.sandbox.checkouts import Checkout
from apaycli.sandbox.world import World

TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


def press(bot: Bot, world: World, **how: Any) -> Checkout:
    """Send the usual invoice and let Rahim press Pay."""
    bot.send_invoice()
    return world.buyers.press_pay("tea-1", 1001, **how)


def accept(bot: Bot, checkout: Checkout) -> None:
    bot.call("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, ok=True)


def kinds(bot: Bot) -> list[str]:
    """The kinds of all queued updates; each is held against the documentation."""
    updates = bot.updates()
    assert complaints(updates, ["Array of Update"]) == []
    return [next(name for name in update if name != "update_id") for update in updates]


def test_a_sale(bot: Bot, world: World, clock: ManualClock) -> None:
    checkout = press(bot, world)
    clock.advance(1.5)
    accept(bot, checkout)
    assert (checkout.outcome, checkout.answer_milliseconds, checkout.buyer_sees) == ("accepted", 1500, None)
    clock.advance(60)
    charge = world.buyers.pay(checkout.checkout_id)
    assert kinds(bot) == ["pre_checkout_query", "message"]
    query, message = bot.updates()[0]["pre_checkout_query"], bot.updates()[1]["message"]
    assert (query["from"]["id"], query["currency"], query["total_amount"]) == (1001, "BDT", 50000)
    assert (message["chat"]["type"], message["from"]["id"], message["date"]) == ("private", 1001, clock.now() // 1000)
    assert message["successful_payment"] == {
        "currency": "BDT",
        "total_amount": 50000,
        "invoice_payload": "tea-1",
        "telegram_payment_charge_id": charge.telegram_payment_charge_id,
        "provider_payment_charge_id": charge.provider_payment_charge_id,
    }
    assert len(charge.provider_payment_charge_id) == 16
    assert world.books.render()["charges"] == [{**vars(charge)}]


def test_declined(bot: Bot, world: World) -> None:
    checkout = press(bot, world)
    params = {"pre_checkout_query_id": checkout.pre_checkout_query_id, "ok": False, "error_message": "sold out"}
    bot.call("answerPreCheckoutQuery", **params)
    seen = (checkout.outcome, checkout.error_message, checkout.buyer_sees)
    assert seen == ("declined", "sold out", "BOT_PRECHECKOUT_FAILED")
    with pytest.raises(ScriptError):
        world.buyers.pay(checkout.checkout_id)


@pytest.mark.parametrize("params", [{"ok": False}, {}, {"ok": False, "error_message": ""}, {"ok": "on"}])
def test_declining_needs_a_reason(bot: Bot, world: World, params: dict[str, Any]) -> None:
    checkout = press(bot, world)
    _, text = bot.refusal("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, **params)
    assert text == 'Bad Request: parameter "error_message" is required'
    assert checkout.outcome is None


@pytest.mark.parametrize(
    ("seconds", "outcome", "buyer_sees"),
    [
        (9.99, "accepted", None),
        (10.0, "timeout", "BOT_PRECHECKOUT_TIMEOUT"),
        (140, "timeout", "BOT_PRECHECKOUT_TIMEOUT"),
    ],
)
def test_ten_seconds(
    bot: Bot, world: World, clock: ManualClock, seconds: float, outcome: str, buyer_sees: str | None
) -> None:
    checkout = press(bot, world)
    clock.advance(seconds)
    answer = bot.answer("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, ok=True)
    assert (checkout.outcome, checkout.buyer_sees) == (outcome, buyer_sees)
    assert answer.json().get("description", "") == ("" if outcome == "accepted" else TOO_OLD)


def test_silence_ends_by_itself(bot: Bot, world: World, clock: ManualClock) -> None:
    checkout = press(bot, world)
    assert world.next_deadline() == 10
    clock.advance(10)
    world.tick()
    assert checkout.outcome == "timeout"


def test_an_answer_stops_the_clock(bot: Bot, world: World) -> None:
    accept(bot, press(bot, world))
    assert world.next_deadline() is None


def test_shipping_and_pre_checkout_have_ten_seconds_each(bot: Bot, world: World, clock: ManualClock) -> None:
    bot.send_invoice(is_flexible=True)
    checkout = world.buyers.press_pay("tea-1", 1001)
    clock.advance(9)
    bot.call("answerShippingQuery", shipping_query_id=checkout.shipping_query_id, ok=True, shipping_options=OPTIONS)
    clock.advance(9)
    accept(bot, checkout)
    assert (checkout.outcome, checkout.answer_milliseconds) == ("accepted", 9000)


def test_second_and_unknown_answers(bot: Bot, world: World) -> None:
    checkout = press(bot, world)
    accept(bot, checkout)
    for query_id in (checkout.pre_checkout_query_id, "123", "", "abc"):
        answer = bot.refusal("answerPreCheckoutQuery", pre_checkout_query_id=query_id, ok=False, error_message="no")
        assert answer == (400, TOO_OLD)
    assert checkout.outcome == "accepted"


def test_true_is_not_proof(bot: Bot, world: World, clock: ManualClock) -> None:
    world.settings.late_answer_returns_true = True
    checkout = press(bot, world)
    clock.advance(11)
    accept(bot, checkout)
    assert checkout.outcome == "timeout"


def test_money_comes_late_twice_and_wrong(bot: Bot, world: World, clock: ManualClock) -> None:
    checkout = press(bot, world)
    accept(bot, checkout)
    clock.advance(3 * 86400)
    first, second = (world.buyers.pay(checkout.checkout_id) for _ in range(2))
    wrong = world.buyers.pay(checkout.checkout_id, total_amount=1, currency="USD", invoice_payload="other")
    ids = {charge.telegram_payment_charge_id for charge in (first, second, wrong)}
    assert len(ids) == len({charge.provider_payment_charge_id for charge in world.books.charges}) == 3
    payments = [update["message"]["successful_payment"] for update in bot.updates()]
    assert [payment["total_amount"] for payment in payments] == [50000, 50000, 1]
    assert (payments[2]["currency"], payments[2]["invoice_payload"]) == ("USD", "other")


def test_force_charges_without_consent(bot: Bot, world: World, clock: ManualClock) -> None:
    checkout = press(bot, world)
    clock.advance(10)
    world.tick()
    assert world.buyers.pay(checkout.checkout_id, force=True).update_id is not None


def test_failed_payment_is_not_told(bot: Bot, world: World) -> None:
    checkout = press(bot, world)
    accept(bot, checkout)
    world.buyers.fail(checkout.checkout_id)
    assert (checkout.payment, checkout.buyer_sees, kinds(bot)) == ("failed", "PAYMENT_FAILED", ["pre_checkout_query"])


def test_hostile_query(bot: Bot, world: World) -> None:
    checkout = press(bot, world, total_amount=1, currency="USD", invoice_payload="nobody's")
    query = bot.updates()[0]["pre_checkout_query"]
    assert (query["total_amount"], query["currency"], query["invoice_payload"]) == (1, "USD", "nobody's")
    accept(bot, checkout)
    assert world.buyers.pay(checkout.checkout_id).total_amount == 1


NO_OPTION = "Bad Request: there must be at least one shipping option"
OPTIONS = [
    {"id": "post", "title": "Post", "prices": [{"label": "Post", "amount": 5000}]},
    {"id": "courier", "title": "Courier", "prices": [{"label": "C", "amount": 10000}, {"label": "F", "amount": 500}]},
]


@pytest.mark.parametrize(("wanted", "option", "total"), [(None, "post", 55000), ("courier", "courier", 60500)])
def test_shipping(bot: Bot, world: World, wanted: str | None, option: str, total: int) -> None:
    bot.send_invoice(is_flexible=True)
    checkout = world.buyers.press_pay("tea-1", 1001, shipping_option_id=wanted)
    assert kinds(bot) == ["shipping_query"]
    bot.call("answerShippingQuery", shipping_query_id=checkout.shipping_query_id, ok=True, shipping_options=OPTIONS)
    params = {"shipping_query_id": checkout.shipping_query_id, "ok": True, "shipping_options": OPTIONS}
    assert bot.refusal("answerShippingQuery", **params) == (400, TOO_OLD)
    query = bot.updates()[1]["pre_checkout_query"]
    assert (query["shipping_option_id"], query["total_amount"]) == (option, total)
    accept(bot, checkout)
    world.buyers.pay(checkout.checkout_id)
    assert kinds(bot) == ["shipping_query", "pre_checkout_query", "message"]
    assert bot.updates()[2]["message"]["successful_payment"]["shipping_option_id"] == option


def test_shipping_declined_and_silent(bot: Bot, world: World, clock: ManualClock) -> None:
    bot.send_invoice(is_flexible=True)
    declined, silent = (world.buyers.press_pay("tea-1", 1001) for _ in range(2))
    params = {"shipping_query_id": declined.shipping_query_id, "ok": False}
    assert bot.refusal("answerShippingQuery", **params)[1].endswith('parameter "error_message" is required')
    assert bot.refusal("answerShippingQuery", **params, error_message="not there") == (400, NO_OPTION)
    world.settings.strict_shipping = False
    bot.call("answerShippingQuery", **params, error_message="not there")
    clock.advance(10)
    world.tick()
    assert (declined.outcome, declined.buyer_sees) == ("shipping_declined", "SHIPPING_NOT_AVAILABLE")
    assert (silent.outcome, silent.buyer_sees) == ("shipping_timeout", "SHIPPING_BOT_TIMEOUT")


@pytest.mark.parametrize("drops", [False, True])
def test_a_refusal_with_an_option_beside_it(bot: Bot, world: World, drops: bool) -> None:
    """The library of July 2026 wants one; the server may not hand it on."""
    world.settings.refusal_drops_options = drops
    bot.send_invoice(is_flexible=True)
    checkout = world.buyers.press_pay("tea-1", 1001)
    params = {"shipping_query_id": checkout.shipping_query_id, "ok": False, "error_message": "not there"}
    if drops:
        assert bot.refusal("answerShippingQuery", **params, shipping_options=OPTIONS) == (400, NO_OPTION)
        assert checkout.outcome is None
    else:
        bot.call("answerShippingQuery", **params, shipping_options=OPTIONS)
        assert (checkout.outcome, checkout.error_message) == ("shipping_declined", "not there")


@pytest.mark.parametrize("amounts", [[0], [5000, -5000], [100, -200]])
def test_one_option_that_costs_nothing_spoils_the_whole_answer(bot: Bot, world: World, amounts: list[int]) -> None:
    bot.send_invoice(is_flexible=True)
    checkout = world.buyers.press_pay("tea-1", 1001)
    prices = [{"label": "x", "amount": amount} for amount in amounts]
    params = {"shipping_query_id": checkout.shipping_query_id, "ok": True,
              "shipping_options": [*OPTIONS, {"id": "free", "title": "Free", "prices": prices}]}  # fmt: skip
    assert bot.refusal("answerShippingQuery", **params) == (400, "Bad Request: total price must be positive")
    assert kinds(bot) == ["shipping_query"]
    world.settings.strict_shipping = False
    bot.call("answerShippingQuery", **params)
    assert kinds(bot) == ["shipping_query", "pre_checkout_query"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("", 'parameter "shipping_options" is required'),
        ("{", "can't parse shipping options JSON object"),
        ({"id": 1}, "expected an Array of shipping options"),
        ([], "there must be at least one shipping option"),
        ([{"title": "x"}], "can't parse shipping option: ShippingOption identifier must be non-empty"),
        ([{"id": "x", "title": ""}], "can't parse shipping option: ShippingOption title must be non-empty"),
        (
            [{"id": "x", "title": "x", "prices": []}],
            "can't parse shipping option: can't parse shipping option prices: there must be at least one price",
        ),
    ],
    ids=str,
)
def test_shipping_options(bot: Bot, options: Any, text: str) -> None:
    params = {"shipping_query_id": "1", "ok": True, "shipping_options": options}
    assert bot.refusal("answerShippingQuery", **params) == (400, f"Bad Request: {text}")
