"""Our values → the parameters of Bot API methods.

Knows the names and types of the fields (Bot API 10.1), and nothing about sending. Only what is set is sent:
an empty text counts as "not given" for nearly every parameter.
"""

from dataclasses import dataclass, replace
from typing import Any

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
from apaycli.core.model import Decision, Invoice, LabeledPrice
from apaycli.money import render_money

# Always explicit: Telegram remembers the last list, and another tool may have narrowed it. A payment that
# comes while `message` is not allowed is lost for good.
ALLOWED_UPDATES = ("message", "pre_checkout_query", "shipping_query", "callback_query", "inline_query")

_NEED_FIELDS = {
    "name": "need_name",
    "phone": "need_phone_number",
    "email": "need_email",
    "address": "need_shipping_address",
}

_INLINE_CACHE_SECONDS = 10  # a cached answer is given without asking the bot: a sold-out product stays offered


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a message is put into its chat: fields of `sendInvoice` that say nothing about money."""

    message_thread_id: int | None = None
    direct_messages_topic_id: int | None = None
    reply_to: int | None = None
    disable_notification: bool = False
    protect_content: bool = False


def invoice_content(invoice: Invoice, provider_token: str) -> dict[str, Any]:
    """The fields that `sendInvoice` and `InputInvoiceMessageContent` share."""
    params: dict[str, Any] = {
        "title": invoice.title,
        "description": invoice.description,
        "payload": invoice.invoice_payload,
        "provider_token": provider_token,
        "currency": invoice.currency,
        "prices": _prices(invoice.prices),
    }
    if invoice.shipping:
        params["is_flexible"] = True
    if invoice.provider_data:
        params["provider_data"] = invoice.provider_data
    if invoice.tips.max_tip_amount:
        params["max_tip_amount"] = invoice.tips.max_tip_amount
    if invoice.tips.suggested_tip_amounts:
        params["suggested_tip_amounts"] = list(invoice.tips.suggested_tip_amounts)
    if invoice.photo_url:
        params["photo_url"] = invoice.photo_url
    return params | {_NEED_FIELDS[need]: True for need in invoice.need}


def _prices(prices: tuple[LabeledPrice, ...]) -> list[dict[str, Any]]:
    return [{"label": price.label, "amount": price.amount} for price in prices]


def send_invoice(invoice: Invoice, provider_token: str, delivery: Delivery = Delivery()) -> dict[str, Any]:
    params = {"chat_id": _chat_id(invoice.chat_id), **invoice_content(invoice, provider_token)}
    if invoice.start_parameter:
        params["start_parameter"] = invoice.start_parameter
    if delivery.message_thread_id is not None:
        params["message_thread_id"] = delivery.message_thread_id
    if delivery.direct_messages_topic_id is not None:
        params["direct_messages_topic_id"] = delivery.direct_messages_topic_id
    if delivery.reply_to is not None:
        params["reply_parameters"] = {"message_id": delivery.reply_to}
    if delivery.disable_notification:
        params["disable_notification"] = True
    if delivery.protect_content:
        params["protect_content"] = True
    return params


def _chat_id(chat: str) -> int | str:
    """`chat_id` is Integer or String: a name stays as it is."""
    return chat if chat.startswith("@") else int(chat)


def send_text(chat: str, text: str) -> dict[str, Any]:
    """A plain message without a preview: an address in a stranger's name must not be fetched."""
    return {"chat_id": _chat_id(chat), "text": text, "link_preview_options": {"is_disabled": True}}


def request_of(effect: Effect, provider_token: str) -> tuple[str, dict[str, Any]]:
    """An effect of the conversation as method and parameters."""
    match effect:
        case SendText(chat_id, text, buttons):
            return "sendMessage", send_text(str(chat_id), text) | _keyboard(buttons)
        case SendInvoice(chat_id, invoice):
            return "sendInvoice", send_invoice(replace(invoice, chat_id=str(chat_id)), provider_token)
        case AnswerInlineQuery(inline_query_id, invoices, next_offset):
            return "answerInlineQuery", {
                "inline_query_id": inline_query_id,
                "results": [_article(invoice, provider_token) for invoice in invoices],
                "cache_time": _INLINE_CACHE_SECONDS,
                "next_offset": next_offset,
            }
        case AnswerShippingQuery():
            return "answerShippingQuery", _shipping_answer(effect)
        case AnswerCallbackQuery(callback_query_id, text):
            return "answerCallbackQuery", {"callback_query_id": callback_query_id} | ({"text": text} if text else {})
        case RemoveKeyboard(chat_id, message_id):
            return "editMessageReplyMarkup", {"chat_id": _chat_id(chat_id), "message_id": message_id}


def _keyboard(buttons: tuple[Button, ...]) -> dict[str, Any]:
    """One button a row."""
    if not buttons:
        return {}
    rows = [[{"text": b.text} | ({"url": b.url} if b.url else {"callback_data": b.callback_data})] for b in buttons]
    return {"reply_markup": {"inline_keyboard": rows}}


def _shipping_answer(effect: AnswerShippingQuery) -> dict[str, Any]:
    params: dict[str, Any] = {"shipping_query_id": effect.shipping_query_id, "ok": bool(effect.options)}
    if not effect.options:
        params["error_message"] = effect.error_message
    options = effect.options or ((effect.stand_in,) if effect.stand_in else ())
    if options:
        params["shipping_options"] = [
            {"id": option.option_id, "title": option.title, "prices": _prices(option.prices)} for option in options
        ]
    return params


def _article(invoice: Invoice, provider_token: str) -> dict[str, Any]:
    return {
        "type": "article",
        "id": invoice.invoice_id,
        "title": invoice.title,
        "description": f"{render_money(invoice.total_amount, invoice.currency)}. {invoice.description}"[:255],
        "input_message_content": invoice_content(invoice, provider_token),
    }


def get_updates(offset: int | None, timeout_seconds: int, limit: int = 100) -> dict[str, Any]:
    """`offset` is the last `update_id` + 1: it confirms everything below, and Telegram forgets it."""
    params: dict[str, Any] = {
        "limit": limit,
        "timeout": timeout_seconds,
        "allowed_updates": list(ALLOWED_UPDATES),
    }
    if offset is not None:
        params["offset"] = offset
    return params


def answer_pre_checkout_query(decision: Decision) -> dict[str, Any]:
    params: dict[str, Any] = {"pre_checkout_query_id": decision.pre_checkout_query_id, "ok": decision.ok}
    if not decision.ok:
        params["error_message"] = decision.error_message
    return params
