"""Every request that apay can make is one that the Bot API documents, field by field."""

from dataclasses import replace
from typing import Any

import pytest
from botapi_spec import record_complaints, request_complaints

from apaycli.botapi.methods import (
    ALLOWED_UPDATES,
    Delivery,
    answer_pre_checkout_query,
    get_updates,
    request_of,
    send_invoice,
)
from apaycli.core.conversation import (
    AnswerCallbackQuery,
    AnswerInlineQuery,
    AnswerShippingQuery,
    Button,
    Effect,
    RemoveKeyboard,
    SendInvoice,
    SendText,
)
from apaycli.core.decide import Shop, decline
from apaycli.core.incoming import PreCheckoutQuery
from apaycli.core.model import Decision, DeclineReason, Invoice, LabeledPrice, Product, ShippingOption, Tips, User
from apaycli.money import render_money

TOKEN = "1234567890:TEST:0f6f4d1e"
PLAIN = Invoice(
    invoice_id="inv_0123456789abcdef",
    mode="test",
    invoice_payload="order-1001",
    chat_id="987654321",
    sku="tea",
    title="Tea",
    description="Black tea, 500 g",
    currency="BDT",
    prices=(LabeledPrice("Tea", 60_000), LabeledPrice("Discount", -10_000)),
    quantity=1,
    forwarding="pay-button",
    created_at=1_767_261_600_000,
)
POST = ShippingOption("post", "Post", (LabeledPrice("Post", 6_000),), ("BD",))
FULL = replace(
    PLAIN,
    chat_id="-1001234567890",
    forwarding="deep-link",
    start_parameter="inv_0123456789abcdef",
    tips=Tips(5_000, (1_000, 2_000)),
    photo_url="https://shop.example/tea.jpg",
    need=("name", "phone", "email", "address"),
    shipping=(POST,),
    provider_data='{"a": 1}',
)
QUIET = Delivery(message_thread_id=42, reply_to=7, disable_notification=True, protect_content=True)

DIRECT = Delivery(direct_messages_topic_id=77)

INVOICES = {
    "to a channel's direct messages": (PLAIN, DIRECT),
    "plain": (PLAIN, Delivery()),
    "to a channel by name": (replace(PLAIN, chat_id="@sandbox_channel"), Delivery()),
    "to a topic, silent, protected, with everything": (FULL, QUIET),
    "tips without suggestions": (replace(PLAIN, tips=Tips(5_000)), Delivery()),
    **{f"needs {need}": (replace(PLAIN, need=(need,)), Delivery()) for need in FULL.need},
}


@pytest.mark.parametrize(("invoice", "delivery"), INVOICES.values(), ids=INVOICES.keys())
def test_send_invoice_is_documented(invoice: Invoice, delivery: Delivery) -> None:
    assert request_complaints("sendInvoice", send_invoice(invoice, TOKEN, delivery)) == []


def test_send_invoice_says_all_that_the_invoice_says() -> None:
    assert send_invoice(FULL, TOKEN, QUIET) == {
        "chat_id": -1001234567890,
        "title": "Tea",
        "description": "Black tea, 500 g",
        "payload": "order-1001",
        "provider_token": TOKEN,
        "currency": "BDT",
        "prices": [{"label": "Tea", "amount": 60_000}, {"label": "Discount", "amount": -10_000}],
        "max_tip_amount": 5_000,
        "suggested_tip_amounts": [1_000, 2_000],
        "photo_url": "https://shop.example/tea.jpg",
        "need_name": True,
        "need_phone_number": True,
        "need_email": True,
        "need_shipping_address": True,
        "is_flexible": True,
        "provider_data": '{"a": 1}',
        "start_parameter": "inv_0123456789abcdef",
        "message_thread_id": 42,
        "reply_parameters": {"message_id": 7},
        "disable_notification": True,
        "protect_content": True,
    }


def test_send_invoice_leaves_out_what_is_not_wanted() -> None:
    assert set(send_invoice(PLAIN, TOKEN)) == {
        "chat_id", "title", "description", "payload", "provider_token", "currency", "prices",
    }  # fmt: skip


EFFECTS: dict[str, Effect] = {
    "a text": SendText(987654321, "For sale:\n• Tea"),
    "a text to a group": SendText(-1001234567890, "Hello"),
    "an invoice again": SendInvoice(987654321, replace(FULL, chat_id="@elsewhere")),
    "no inline result": AnswerInlineQuery("4241990133470210301", (), ""),
    "inline results with more to come": AnswerInlineQuery("4241990133470210301", (PLAIN, FULL), "50"),
    "no delivery": AnswerShippingQuery("2413557190573486601", error_message="Sorry, not there."),
    "no delivery, with an option beside it": AnswerShippingQuery("1", error_message="Sorry.", stand_in=POST),
    "ways of delivery": AnswerShippingQuery("2413557190573486601", (POST,)),
    "a text with buttons": SendText(
        1, "For sale", (Button("Tea", "b:tea"), Button("Tea", url="https://t.me/x?start=y"))
    ),
    "a press is answered": AnswerCallbackQuery("4241990133470210401"),
    "a press is answered with words": AnswerCallbackQuery("4241990133470210401", "Thank you."),
    "the last use is paid": RemoveKeyboard("-1001234567890", 77),
    "the last use is paid, in a channel by name": RemoveKeyboard("@sandbox_channel", 77),
}


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS.keys())
def test_what_the_conversation_sends_is_documented(effect: Effect) -> None:
    method, params = request_of(effect, TOKEN)
    assert request_complaints(method, params) == []


def test_an_invoice_that_is_sent_again_goes_to_the_chat_that_asked() -> None:
    _, params = request_of(EFFECTS["an invoice again"], TOKEN)
    assert params["chat_id"] == 987654321


def test_an_inline_result_carries_an_invoice_of_its_own() -> None:
    _, params = request_of(EFFECTS["inline results with more to come"], TOKEN)
    first, second = params["results"]
    assert (first["type"], first["id"]) == ("article", PLAIN.invoice_id)
    assert first["description"] == f"{render_money(50_000, 'BDT')}. Black tea, 500 g"
    assert first["input_message_content"]["payload"] == "order-1001"
    assert "start_parameter" not in second["input_message_content"]
    assert (params["next_offset"], params["cache_time"]) == ("50", 10)


def test_a_long_inline_description_stays_within_what_telegram_takes() -> None:
    _, params = request_of(AnswerInlineQuery("1", (replace(PLAIN, description="x" * 255),), ""), TOKEN)
    assert len(params["results"][0]["description"]) == 255


SHOP = Shop("test", {}, 1800)
QUERY = PreCheckoutQuery(1, "2413557190573486512", User(987654321, "Rahim"), "BDT", 50_000, "order-1001")
LONG = Product("tea", "Tea", "x", "BDT", PLAIN.prices, sold_out="Sold out, " * 60 + "😀")


@pytest.mark.parametrize("reason", DeclineReason)
def test_every_refusal_is_documented_and_short(reason: DeclineReason) -> None:
    for product in (None, LONG):
        params = answer_pre_checkout_query(decline(QUERY, reason, SHOP, product))
        assert request_complaints("answerPreCheckoutQuery", params) == []
        assert params["ok"] is False


def test_an_accept_carries_no_error_message() -> None:
    params = answer_pre_checkout_query(Decision(QUERY.pre_checkout_query_id, ok=True))
    assert params == {"pre_checkout_query_id": "2413557190573486512", "ok": True}
    assert request_complaints("answerPreCheckoutQuery", params) == []


@pytest.mark.parametrize(("offset", "timeout", "limit"), [(None, 0, 100), (710_000_102, 50, 100), (2**53, 0, 1)])
def test_get_updates_names_what_it_wants_every_time(offset: int | None, timeout: int, limit: int) -> None:
    params = get_updates(offset, timeout, limit)
    assert request_complaints("getUpdates", params) == []
    assert params["allowed_updates"] == list(ALLOWED_UPDATES)
    assert ("offset" in params) == (offset is not None)


@pytest.mark.parametrize("method", ["getMe", "getWebhookInfo", "getMyCommands", "deleteWebhook"])
def test_what_is_asked_without_parameters_needs_none(method: str) -> None:
    assert request_complaints(method, {}) == []


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("sendInvoices", {}, "no method"),
    ("getMe", {"x": 1}, "not documented"),
    ("sendMessage", {"chat_id": 1}, "text is required"),
    ("sendMessage", {"chat_id": 1, "text": ""}, "is empty"),
    ("sendMessage", {"chat_id": True, "text": "x"}, "must be"),
    ("sendInvoice", {**send_invoice(PLAIN, TOKEN), "prices": [{"label": "x", "amount": "5"}]}, "must be Integer"),
    ("sendInvoice", {**send_invoice(PLAIN, TOKEN), "prices": [{"label": "x"}]}, "amount is required"),
    ("sendInvoice", {**send_invoice(PLAIN, TOKEN), "need_name": 1}, "must be Boolean"),
    ("sendInvoice", send_invoice(PLAIN, ""), "provider token"),
    ("answerInlineQuery", {"inline_query_id": "1", "results": [{"type": "article", "id": "1"}]}, "is required"),
    ("answerPreCheckoutQuery", {"pre_checkout_query_id": "1", "ok": False}, "short sentence"),
    ("answerPreCheckoutQuery", {"pre_checkout_query_id": "1", "ok": False, "error_message": "x" * 201}, "sentence"),
    ("getUpdates", {"timeout": 50}, "allowed_updates"),
    ("getUpdates", {**get_updates(None, 0), "offset": -1}, "negative"),
    ("getUpdates", get_updates(None, 51), "number"),
    ("deleteWebhook", {"drop_pending_updates": True}, "more than the webhook"),
]


@pytest.mark.parametrize(("method", "params", "complaint"), WRONG)
def test_the_judge_sees_what_is_wrong(method: str, params: dict[str, Any], complaint: str) -> None:
    assert any(complaint in text for text in request_complaints(method, params))


def test_the_judge_reads_a_log_as_it_was_meant() -> None:
    assert record_complaints("getupdates", {"limit": "100", "offset": "-1"}) != []
    assert record_complaints("sendmessage", {"chat_id": "1001", "text": "12"}) == []
    assert record_complaints("answerprecheckoutquery", {"pre_checkout_query_id": "77", "ok": "true"}) == []
