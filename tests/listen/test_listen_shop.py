"""From a stranger to a buyer: buttons, links, terms, delivery, thanks, and a shop that is never flooded."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from rig import ASHA, RAHIM, Rig

from apaycli.core.messages import ENGLISH, Messages
from apaycli.core.model import LabeledPrice, ShippingOption, Tips
from apaycli.listen import events
from apaycli.listen.listener import Listener
from apaycli.sandbox.checkouts import Checkout

GROUP = -1001234567890
POST = ShippingOption("post", "Post", (LabeledPrice("Post", 6_000),), ("BD",))
ABROAD = ShippingOption("air", "By air", (LabeledPrice("By air", 90_000),), ("NP",))
Story = Callable[[Listener], Awaitable[None]]


def bot_messages(rig: Rig, chat_id: int) -> list[dict[str, Any]]:
    messages = [message for (chat, _), message in sorted(rig.world.messages.items()) if chat == chat_id]
    return [message for message in messages if message.get("from", {}).get("is_bot")]


def texts(rig: Rig, chat_id: int) -> list[str]:
    return [message["text"] for message in bot_messages(rig, chat_id) if "text" in message]


async def press(rig: Rig, user: int, label: str) -> str:
    """Press the newest button that says so; what the button showed for a moment."""
    message_id, data = next(
        (message["message_id"], button["callback_data"])
        for message in reversed(bot_messages(rig, user))
        for row in message.get("reply_markup", {}).get("inline_keyboard", [])
        for button in row
        if button["text"].startswith(label)
    )
    callback = rig.world.callbacks[rig.world.buyers.press_button(user, user, message_id, data)]
    await rig.until(lambda: callback.answer is not None)
    await rig.quiet()
    return str((callback.answer or {}).get("text"))


async def invoice_for(rig: Rig, user: int) -> int:
    """The newest invoice message in this private chat."""
    await rig.until(lambda: any("invoice" in message for message in bot_messages(rig, user)))
    return max(message["message_id"] for message in bot_messages(rig, user) if "invoice" in message)


async def pay(rig: Rig, user: int, **how: Any) -> Checkout:
    checkout = rig.world.buyers.press_pay((user, await invoice_for(rig, user)), user, **how)
    await rig.until(lambda: checkout.outcome)
    if checkout.outcome == "accepted":
        rig.world.buyers.pay(checkout.checkout_id)
        await rig.quiet()
    return checkout


def test_start_button_invoice_payment_and_thanks(rig: Rig) -> None:
    rig.offer("tea", stock=2)

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM)
        await rig.until(lambda: texts(rig, RAHIM))
        await press(rig, RAHIM, "Tea")
        assert (await pay(rig, RAHIM)).outcome == "accepted"
        await asyncio.sleep(5)

    rig.listen(story)
    rig.truth_kept()
    assert texts(rig, RAHIM)[-1] == "Thank you! You paid ৳ 500.00 for Tea. Your receipt number is 1."
    assert rig.rows("SELECT chat_id, sku, uses_max, start_parameter FROM invoices") == [("1001", "tea", 1, "p_tea")]


def test_the_same_button_again_brings_the_same_invoice_until_it_is_paid(rig: Rig) -> None:
    rig.offer("tea", stock=5)

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM)
        await rig.until(lambda: texts(rig, RAHIM))
        for _ in range(3):
            await press(rig, RAHIM, "Tea")
        await asyncio.sleep(5)
        assert len(rig.rows("SELECT 1 FROM invoices")) == 1
        await pay(rig, RAHIM)
        await press(rig, RAHIM, "Tea")
        await asyncio.sleep(5)
        assert len(rig.rows("SELECT 1 FROM invoices")) == 2
        await pay(rig, RAHIM)

    rig.listen(story)
    rig.truth_kept()
    assert rig.stock() == (2, 0)


def test_a_product_link_and_its_forwarded_copy_bring_each_buyer_an_invoice_of_their_own(rig: Rig) -> None:
    rig.offer("tea", stock=5)

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM, "p_tea")
        message = await invoice_for(rig, RAHIM)
        await pay(rig, RAHIM)
        copy = rig.world.buyers.press_pay((RAHIM, message), ASHA, forwarded=True)
        assert copy.outcome == "url_button"  # /start p_tea
        await pay(rig, ASHA)

    rig.listen(story)
    rig.truth_kept()
    assert sorted(receipt.buyer_id or 0 for receipt in rig.receipts()) == [RAHIM, ASHA]
    assert len({receipt.invoice_id for receipt in rig.receipts()}) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stock": 0}, ENGLISH["declined_sold_out"]),
        ({"paused": True}, ENGLISH["link_unknown"]),
        ({"stock": 0, "sold_out": "Come back on Monday."}, "Come back on Monday."),
    ],
)
def test_a_link_to_what_cannot_be_bought_says_why(rig: Rig, changes: dict[str, Any], said: str) -> None:
    rig.offer("tea", **changes)

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(ASHA, "p_tea")
        await rig.until(lambda: texts(rig, ASHA))

    rig.listen(story)
    assert texts(rig, ASHA)[0].startswith(said)
    assert rig.rows("SELECT 1 FROM invoices") == []


def test_a_buyer_limit_counts_what_was_bought_before(rig: Rig) -> None:
    rig.offer("tea", stock=5, max_per_buyer=1)

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM, "p_tea")
        await pay(rig, RAHIM)
        rig.world.buyers.start(RAHIM, "p_tea")
        await rig.until(lambda: ENGLISH["declined_buyer_limit"] in texts(rig, RAHIM))

    rig.listen(story)
    assert rig.stock() == (1, 0)


# -- terms -----------------------------------------------------------------------------------------------------------


def asking(rig: Rig, version: str = "1") -> None:
    rig.shop = replace(rig.shop, terms_text=f"Terms {version}", terms_version=version, require_acceptance=True)


def test_terms_come_first_and_the_invoice_after(rig: Rig) -> None:
    rig.offer("tea", stock=5)
    asking(rig)

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM, "p_tea")
        await rig.until(lambda: "Terms 1" in texts(rig, RAHIM))
        assert not [message for message in bot_messages(rig, RAHIM) if "invoice" in message]
        assert await press(rig, RAHIM, "I agree") == "Thank you. You agreed to the shop's terms, version 1."
        assert (await pay(rig, RAHIM)).outcome == "accepted"

    rig.listen(story)
    rig.truth_kept()
    assert texts(rig, RAHIM)[0].startswith("Before you buy")
    assert rig.rows("SELECT buyer_id, version FROM acceptances") == [(RAHIM, "1")]


def test_whoever_pays_without_having_agreed_is_declined_and_told_what_to_do(rig: Rig) -> None:
    rig.offer("tea", stock=5)
    rig.invoice(chat_id=str(GROUP))
    asking(rig)

    async def story(_listener: Listener) -> None:
        checkout = await rig.press(buyer=ASHA)
        assert checkout.error_message == ENGLISH["declined_terms_not_accepted"]
        rig.world.buyers.send_text(ASHA, "/terms")
        await rig.until(lambda: "Terms 1" in texts(rig, ASHA))
        await press(rig, ASHA, "I agree")
        assert (await rig.press(buyer=ASHA)).outcome == "accepted"

    rig.listen(story)
    assert rig.rows("SELECT reason FROM decisions ORDER BY decided_at") == [("terms_not_accepted",), (None,)]


def test_words_that_changed_within_a_version_are_shown_before_anybody_agrees_to_them(rig: Rig) -> None:
    async def first(_listener: Listener) -> None:
        rig.world.buyers.send_text(RAHIM, "/terms")
        await rig.until(lambda: "Terms 1" in texts(rig, RAHIM))

    async def second(_listener: Listener) -> None:
        await press(rig, RAHIM, "I agree")  # the button under the old words
        await rig.until(lambda: "Terms 1, and more" in texts(rig, RAHIM))
        assert rig.rows("SELECT version FROM acceptances") == []
        await press(rig, RAHIM, "I agree")
        assert rig.rows("SELECT text FROM terms_texts") == [("Terms 1, and more",)]

    asking(rig)
    rig.listen(first)
    rig.shop = replace(rig.shop, terms_text="Terms 1, and more")
    rig.listen(second)


def test_a_new_version_asks_again_and_an_old_button_shows_the_new_text(rig: Rig) -> None:
    rig.offer("tea", stock=5)
    asking(rig)

    async def first(_listener: Listener) -> None:
        rig.world.buyers.send_text(RAHIM, "/terms")
        await rig.until(lambda: "Terms 1" in texts(rig, RAHIM))

    async def second(_listener: Listener) -> None:
        await press(rig, RAHIM, "I agree")  # the button of version 1
        await rig.until(lambda: "Terms 2" in texts(rig, RAHIM))
        assert rig.rows("SELECT version FROM acceptances") == []
        await press(rig, RAHIM, "I agree")
        assert rig.rows("SELECT version FROM acceptances") == [("2",)]

    rig.listen(first)
    asking(rig, "2")
    rig.listen(second)
    assert texts(rig, RAHIM)[1] == ENGLISH["terms_again"]


def test_data_of_nobodys_button_is_answered_and_does_nothing(rig: Rig) -> None:
    asking(rig)
    data = ["", "x", "a:", "a:deadbeef:", "a:deadbeef:p_tea", "b:", "b:nothing", "b:" + "x" * 500, "a:" + "é" * 100]

    async def story(_listener: Listener) -> None:
        for number, text in enumerate(data):
            query = {"id": f"77{number}", "from": {"id": RAHIM, "is_bot": False, "first_name": "R"}, "data": text}
            rig.world.buyers.inject({"callback_query": query})
        await rig.quiet()
        await rig.until(lambda: len(rig.http.asked("answerCallbackQuery")) == len(data))

    rig.listen(story)
    rig.sound()
    assert rig.rows("SELECT 1 FROM acceptances UNION ALL SELECT 1 FROM dead_letters") == []


# -- delivery, tips, the last use ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("country", "option", "outcome", "shipping_amount"),
    [("BD", "post", "accepted", 6_000), ("NP", "air", "accepted", 90_000), ("IN", "", "shipping_declined", 0)],
)
def test_delivery_is_offered_by_country_and_is_in_the_books(
    rig: Rig, country: str, option: str, outcome: str, shipping_amount: int
) -> None:
    rig.offer("tea", stock=5, shipping=(POST, ABROAD), tips=Tips(5_000))
    address = {
        "country_code": country,
        "state": "",
        "city": "x",
        "street_line1": "x",
        "street_line2": "",
        "post_code": "",
    }

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM, "p_tea")
        checkout = await pay(rig, RAHIM, tip=1_000, order_info={"shipping_address": address})
        assert (checkout.outcome, checkout.shipping_option_id) == (outcome, option)
        assert checkout.error_message == (ENGLISH["no_delivery"] if outcome != "accepted" else None)

    rig.listen(story)
    rig.truth_kept()
    for receipt in rig.receipts():
        assert (receipt.total_amount, receipt.tip_amount) == (50_000 + 1_000 + shipping_amount, 1_000)
        assert (receipt.shipping_amount, receipt.shipping_option_id, receipt.flag) == (shipping_amount, option, None)
    assert len(rig.receipts()) == (outcome == "accepted")


def test_a_shipping_query_is_answered_again_while_there_is_time(rig: Rig) -> None:
    rig.offer("tea", shipping=(POST,))

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM, "p_tea")
        await invoice_for(rig, RAHIM)
        rig.world.faults.add("reset", rig.clock.monotonic(), methods=["answerShippingQuery"], count=2)
        assert (await pay(rig, RAHIM)).outcome == "accepted"

    rig.listen(story)
    rig.truth_kept()


PICKUP = ShippingOption("pickup", "Pick it up", (LabeledPrice("Pick it up", 0),))


def troubles(rig: Rig) -> list[str]:
    """What the ledger, the events and the counts of `apay status` say about shipping: the same."""
    kinds = [kind for (kind,) in rig.rows("SELECT kind FROM shipping_troubles ORDER BY happened_at")]
    assert [event.kind for event in rig.happened(events.ShippingFailed)] == kinds
    counts = rig.store.counts("test")
    assert counts.shipping_failures + counts.shipping_free_left_out == len(kinds)
    return kinds


@pytest.mark.parametrize(
    ("offered", "strict", "outcome", "option", "told"),
    [
        ((PICKUP, POST), True, "accepted", "post", ["free_left_out"]),
        ((PICKUP, POST), False, "accepted", "pickup", []),
        ((PICKUP,), True, "shipping_declined", "", ["free_left_out"]),
        ((POST,), True, "accepted", "post", []),
        ((ABROAD,), True, "shipping_declined", "", []),
        ((ABROAD,), False, "shipping_declined", "", []),
    ],
)
def test_both_rules_about_delivery_are_worked_under(
    rig: Rig, offered: tuple[ShippingOption, ...], strict: bool, outcome: str, option: str, told: list[str]
) -> None:
    """Those of the library of July 2026, and those before; the buyer is in Bangladesh."""
    rig.offer("tea", stock=5, shipping=offered)
    rig.world.settings.strict_shipping = strict

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM, "p_tea")
        checkout = await pay(rig, RAHIM)
        assert (checkout.outcome, checkout.shipping_option_id) == (outcome, option)
        await rig.until(lambda: len(rig.rows("SELECT 1 FROM shipping_troubles")) == len(told))

    rig.listen(story)
    rig.truth_kept()
    assert troubles(rig) == told


def test_a_server_that_drops_the_option_beside_a_refusal_gets_it_as_the_only_one(rig: Rig) -> None:
    """Whoever chooses it is declined by the pre-checkout, and reads why."""
    rig.offer("tea", stock=5, shipping=(ABROAD,))
    rig.world.settings.refusal_drops_options = True

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM, "p_tea")
        checkout = await pay(rig, RAHIM)
        assert (checkout.outcome, checkout.error_message) == ("declined", ENGLISH["no_delivery"])

    rig.listen(story)
    rig.truth_kept()
    assert (rig.stock("tea"), troubles(rig)) == ((0, 0), [])


@pytest.mark.parametrize(("kind", "told"), [("reset", ["unanswered"]), ("500", ["unanswered"]), ("429", ["refused"])])
def test_a_buyer_without_an_answer_about_delivery_is_an_alarm(rig: Rig, kind: str, told: list[str]) -> None:
    rig.offer("tea", shipping=(POST,))

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM, "p_tea")
        await invoice_for(rig, RAHIM)
        rig.world.faults.add(kind, rig.clock.monotonic(), methods=["answerShippingQuery"], seconds=30)
        assert (await pay(rig, RAHIM)).outcome == "shipping_timeout"
        await rig.until(lambda: rig.happened(events.ShippingFailed))
        await rig.until(lambda: rig.rows("SELECT 1 FROM shipping_troubles"))

    rig.listen(story)
    assert troubles(rig) == told
    with rig.store.transaction() as tx:
        tx.acknowledge(rig.clock.now())
    assert rig.store.counts("test").shipping_error is None


def test_a_shipping_query_that_is_too_old_is_no_trouble(rig: Rig) -> None:
    rig.offer("tea", shipping=(POST,))

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM, "p_tea")
        message = await invoice_for(rig, RAHIM)
        rig.writer.seconds = 6
        rig.world.faults.add("reset", rig.clock.monotonic(), methods=["answerShippingQuery"], count=1, after=True)
        rig.world.buyers.press_pay((RAHIM, message), RAHIM)
        await rig.until(lambda: any("reply was lost" in (e.error or "") for e in rig.happened(events.Replied)))
        rig.writer.seconds = 0

    rig.listen(story)
    assert troubles(rig) == []


def test_a_shipping_query_is_refused_while_the_ledger_can_say_nothing(rig: Rig) -> None:
    rig.offer("tea", shipping=(POST,))

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(RAHIM, "p_tea")
        message = await invoice_for(rig, RAHIM)
        rig.writer.seconds = 9
        checkout = rig.world.buyers.press_pay((RAHIM, message), RAHIM)
        await rig.until(lambda: checkout.outcome)
        assert checkout.error_message == ENGLISH["declined_unavailable"]
        rig.writer.seconds = 0

    rig.listen(story)


@pytest.mark.parametrize("uses_max", [1, 2])
def test_the_keyboard_goes_with_the_last_use(rig: Rig, uses_max: int) -> None:
    rig.offer("tea", stock=5)
    rig.shop = replace(rig.shop, close_when_paid=True)
    rig.invoice(chat_id=str(GROUP), uses_max=uses_max)
    message_id = rig.world.books.invoices[1].message_id
    with rig.store.transaction() as tx:
        tx.record_send_outcome("inv_order-1001", "sent", 1, message_id=message_id, chat_id=str(GROUP))

    async def story(_listener: Listener) -> None:
        await rig.buy(buyer=ASHA)
        await asyncio.sleep(5)

    rig.listen(story)
    rig.truth_kept()
    assert ("reply_markup" in rig.world.messages[GROUP, message_id]) is (uses_max == 2)


# -- thanks ----------------------------------------------------------------------------------------------------------


def test_whoever_cannot_be_written_to_is_no_trouble(rig: Rig) -> None:
    rig.offer("tea", stock=5)
    rig.invoice(chat_id=str(GROUP))

    async def story(_listener: Listener) -> None:
        await rig.buy(buyer=5000)  # never started the bot
        await asyncio.sleep(10)

    rig.listen(story)
    rig.truth_kept()
    assert rig.store.notices(9) == []
    assert "can't initiate" in (rig.happened(events.Replied)[-1].error or "")


def test_money_that_cannot_be_kept_is_told_to_the_buyer_in_their_language(rig: Rig) -> None:
    rig.offer("tea", stock=1)
    rig.invoice(chat_id=str(GROUP))
    rig.shop = replace(rig.shop, messages=Messages(own={"bn": {"paid_oversold": "ফেরত {amount} {receipt}"}}))

    async def story(_listener: Listener) -> None:
        first = await rig.press(buyer=RAHIM)
        await asyncio.sleep(1900)  # Rahim's hold is over
        await rig.buy(buyer=ASHA)
        rig.world.buyers.pay(first.checkout_id)
        await rig.quiet()
        await asyncio.sleep(10)

    rig.listen(story)
    rig.truth_kept()
    assert texts(rig, RAHIM) == ["ফেরত ৳ 500.00 2"]
    assert [receipt.flag for receipt in rig.receipts()] == [None, "oversold"]


# -- support ---------------------------------------------------------------------------------------------------------


def test_a_request_is_stored_forwarded_and_acknowledged_with_its_number(rig: Rig) -> None:
    rig.shop = replace(rig.shop, support_chat=str(ASHA))

    async def story(_listener: Listener) -> None:
        rig.world.buyers.send_text(RAHIM, "/support My parcel\nhas not come \x1b[31m")
        await rig.until(lambda: texts(rig, RAHIM))
        await asyncio.sleep(5)

    rig.listen(story)
    assert texts(rig, RAHIM)[0].startswith("The shop has your request. Its number is 1; the answer will come here.")
    (request,) = rig.store.support_requests()
    assert request.text == "My parcel\nhas not come \x1b[31m"
    (forwarded,) = texts(rig, ASHA)
    assert forwarded.startswith(
        "Support request 1 from Rahim Uddin (@rahim_sandbox): My parcel\\x0ahas not come \\x1b[31m"
    )
    assert 'apay support reply 1 "..."' in forwarded


def test_the_same_message_again_is_the_same_request_and_six_are_too_many(rig: Rig) -> None:
    async def story(_listener: Listener) -> None:
        rig.world.buyers.send_text(RAHIM, "/support one")
        await rig.quiet()
        rig.world.buyers.redeliver(last=1)
        await rig.quiet()
        assert len(rig.store.support_requests()) == 1
        for number in range(6):
            rig.world.buyers.send_text(RAHIM, f"/support {number}")
            await rig.quiet()
            await asyncio.sleep(2)

    rig.listen(story)
    assert [request.text for request in rig.store.support_requests()] == ["one", "0", "1", "2", "3"]
    assert texts(rig, RAHIM)[-1] == ENGLISH["support_too_many"]


def test_in_a_group_only_what_names_the_bot_is_answered_and_nothing_is_stored(rig: Rig) -> None:
    rig.offer("tea")
    rig.world.settings.can_read_all_group_messages = True

    async def story(_listener: Listener) -> None:
        for text in ("/terms", "/support help", "/start", "tea?"):
            rig.world.buyers.send_text(ASHA, text, GROUP)
        await rig.quiet()
        assert texts(rig, GROUP) == []
        rig.world.buyers.send_text(ASHA, "/support@sandbox_merchant_bot help", GROUP)
        rig.world.buyers.send_text(ASHA, "/start@Sandbox_Merchant_Bot p_tea", GROUP)
        await rig.until(lambda: len(texts(rig, GROUP)) == 2)

    rig.listen(story)
    assert rig.store.support_requests() == []
    button = bot_messages(rig, GROUP)[-1]["reply_markup"]["inline_keyboard"][0][0]
    assert button["url"] == "https://t.me/sandbox_merchant_bot?start=p_tea"


# -- floods ----------------------------------------------------------------------------------------------------------


def test_a_flood_of_commands_keeps_the_limits_and_delays_no_answer(rig: Rig) -> None:
    rig.offer("tea", stock=1000)
    rig.invoice(chat_id=str(GROUP))
    rig.world.settings.flood_limits = True
    checkouts: list[Checkout] = []

    async def story(_listener: Listener) -> None:
        await asyncio.sleep(2)  # the invoice was a message of another process
        for second in range(5):
            for buyer in range(400):
                rig.world.buyers.start(100_000 + second * 400 + buyer)
            checkouts.extend(rig.world.buyers.press_pay("order-1001", 7_000 + second * 10 + n) for n in range(10))
            await asyncio.sleep(1)
        await rig.until(lambda: all(checkout.outcome for checkout in checkouts))
        await asyncio.sleep(60)

    rig.listen(story)
    assert {checkout.outcome for checkout in checkouts} == {"accepted"}
    assert max(checkout.answer_milliseconds or 0 for checkout in checkouts) < 1000
    assert rig.world.flood.peaks().within_limits
    assert rig.happened(events.RepliesDropped)
    assert not [event for event in rig.happened(events.Replied) if event.error]
    assert len(rig.http.asked("sendMessage")) > 1000


def test_one_chat_that_writes_a_hundred_times_gets_a_few_replies_at_its_pace(rig: Rig) -> None:
    rig.world.settings.flood_limits = True

    async def story(_listener: Listener) -> None:
        for _ in range(100):
            rig.world.buyers.send_text(RAHIM, "/terms")
        rig.world.buyers.send_text(ASHA, "/terms")
        await rig.until(lambda: texts(rig, ASHA))
        assert len(texts(rig, RAHIM)) <= 2
        await asyncio.sleep(30)

    rig.listen(story)
    assert 5 <= len(texts(rig, RAHIM)) <= 10
    assert rig.world.flood.peaks().within_limits


def test_a_chat_that_telegram_holds_back_is_left_alone_for_so_long(rig: Rig) -> None:
    async def story(_listener: Listener) -> None:
        rig.world.faults.add("429", rig.clock.monotonic(), methods=["sendMessage"], count=1, retry_after=7)
        rig.world.buyers.send_text(RAHIM, "/terms")
        await rig.until(lambda: rig.happened(events.Replied))
        rig.world.buyers.send_text(RAHIM, "/terms")
        await rig.until(lambda: texts(rig, RAHIM))

    rig.listen(story)
    first, second = rig.http.asked("sendMessage")
    assert second.at - first.at >= 7
