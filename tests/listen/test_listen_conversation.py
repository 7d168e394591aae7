"""What the running listener says to people: commands, deep links, inline and shipping queries."""

import json

import pytest
from rig import ASHA, RAHIM, Rig

from apaycli.core.messages import ENGLISH
from apaycli.listen import events
from apaycli.listen.listener import Listener

GROUP = -1001234567890


def said(rig: Rig, chat_id: int) -> list[str]:
    """The texts of the bot in a chat."""
    messages = [message for (chat, _), message in sorted(rig.world.messages.items()) if chat == chat_id]
    return [m["text"] for m in messages if m.get("from", {}).get("is_bot") and "text" in m]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("/start", "Tea"),
        ("/help", "/terms"),
        ("/terms", "terms"),
        ("/terms@sandbox_merchant_bot", "terms"),
        ("/support", ENGLISH["telegram_cannot_help"]),
        ("/paysupport", "Write to @shop"),
        ("/paysupport where is it?", "Its number is 1"),
        ("/start no-such-thing", "not known here any more"),
    ],
)
def test_a_command_is_answered_where_it_was_given(rig: Rig, text: str, part: str) -> None:
    rig.offer("tea")

    async def story(_listener: Listener) -> None:
        rig.world.buyers.send_text(RAHIM, text)
        await rig.until(lambda: rig.happened(events.Replied))

    rig.listen(story)
    [answer] = said(rig, RAHIM)
    assert part in answer


@pytest.mark.parametrize("text", ["hello", "/unknown", "/start@other_bot x", "please /terms"])
def test_what_is_not_meant_for_us_is_not_answered(rig: Rig, text: str) -> None:
    async def story(_listener: Listener) -> None:
        rig.world.buyers.send_text(RAHIM, text)
        await rig.quiet()

    rig.listen(story)
    assert said(rig, RAHIM) == []
    assert rig.happened(events.Passed) != [] or text == "/unknown"


def test_a_forwarded_deep_link_brings_the_invoice_and_it_can_be_paid(rig: Rig) -> None:
    rig.offer("tea", stock=2)
    rig.invoice(chat_id="1001", start_parameter="inv_order-1001", uses_max=None)

    async def story(_listener: Listener) -> None:
        link = rig.world.buyers.press_pay("order-1001", ASHA, forwarded=True)
        assert link.outcome == "url_button"  # Asha lands in the bot's chat: /start inv_order-1001
        await rig.until(lambda: rig.happened(events.Replied))
        assert (await rig.buy("order-1001", ASHA)).payment == "paid"

    rig.listen(story)
    rig.truth_kept()
    assert [receipt.buyer_id for receipt in rig.receipts()] == [ASHA]


def test_a_deep_link_to_something_sold_out_says_so(rig: Rig) -> None:
    rig.offer("tea", stock=0, sold_out="All gone!")
    rig.invoice(start_parameter="inv_order-1001")

    async def story(_listener: Listener) -> None:
        rig.world.buyers.start(ASHA, "inv_order-1001")
        await rig.until(lambda: rig.happened(events.Replied))

    rig.listen(story)
    assert said(rig, ASHA) == ["All gone!"]


def test_an_inline_invoice_is_in_the_ledger_before_anybody_can_pay_it(rig: Rig) -> None:
    rig.offer("tea", stock=1)
    rig.offer("cup", stock=0)
    rig.world.settings.inline_cache = False

    async def ask(text: str) -> str:
        query_id = rig.world.inline.ask(RAHIM, text)
        await rig.until(lambda: rig.world.inline.queries[query_id].results is not None)
        return query_id

    async def story(_listener: Listener) -> None:
        query_id = await ask("tea")
        [result_id] = rig.world.inline.queries[query_id].results or {}
        invoice = rig.world.inline.choose(query_id, result_id)
        assert rig.rows("SELECT count(*) FROM invoices") == [(1,)]
        await ask("tea")  # the standing invoice serves the next one, too
        assert rig.rows("SELECT count(*) FROM invoices") == [(1,)]
        checkout = rig.world.buyers.press_pay(invoice, ASHA)
        await rig.until(lambda: checkout.outcome)
        rig.world.buyers.pay(checkout.checkout_id)
        await rig.quiet()
        query_id = await ask("")
        assert not rig.world.inline.queries[query_id].results  # nothing is left to offer

    rig.listen(story)
    rig.truth_kept()
    assert [(receipt.sku, receipt.flag) for receipt in rig.receipts()] == [("tea", None)]


def test_a_shipping_query_of_an_older_invoice_is_refused_with_a_sentence(rig: Rig) -> None:
    body = {
        "chat_id": RAHIM, "title": "Tea", "description": "x", "payload": "flexible", "currency": "BDT",
        "provider_token": rig.world.test_provider_token, "prices": [{"label": "Tea", "amount": 50_000}],
        "is_flexible": True,
    }  # fmt: skip
    rig.world.handle(f"/bot{rig.world.bot_token}/sendInvoice", "application/json", json.dumps(body).encode())

    async def story(_listener: Listener) -> None:
        assert (await rig.press("flexible", RAHIM)).outcome == "shipping_declined"

    rig.listen(story)
    assert rig.world.books.checkouts[1].error_message == ENGLISH["declined_unknown_invoice"]


def test_a_message_that_cannot_be_sent_is_told_and_stops_nobody(rig: Rig) -> None:
    rig.invoice()
    rig.world.chats.user(ASHA).blocked = True

    async def story(_listener: Listener) -> None:
        rig.world.buyers.inject({"message": {
            "message_id": 9, "date": 1, "chat": {"id": ASHA, "type": "private"}, "from": {"id": ASHA}, "text": "/start",
            "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
        }})  # fmt: skip
        await rig.until(lambda: rig.happened(events.Replied))
        assert (await rig.buy()).payment == "paid"

    rig.listen(story)
    [replied] = rig.happened(events.Replied)
    assert "blocked" in (replied.error or "")


def test_an_invoice_in_a_group_that_moves_is_known_under_its_new_id(rig: Rig) -> None:
    rig.invoice(chat_id="-4001")

    async def story(_listener: Listener) -> None:
        rig.world.buyers.upgrade_group(-4001, -1007777777777)
        await rig.quiet()
        assert (await rig.buy()).payment == "paid"

    rig.listen(story)
    assert rig.rows("SELECT chat_id FROM invoices") == [("-1007777777777",)]
