"""Our values → the parameters of Bot API methods.

Knows the names and types of the fields (Bot API 10.1), and nothing about sending. Only what is set is sent:
an empty text counts as "not given" for nearly every parameter.
"""

from dataclasses import dataclass, replace
from typing import Any

from apaycli.core.conversation import AnswerInlineQuery, AnswerShippingQuery, Effect, SendInvoice, SendText
from apaycli.core.model import Decision, Invoice
from apaycli.money import render_money

# Always explicit: Telegram remembers the last list, and another tool may have narrowed it. A payment that
# comes while `message` is not allowed is lost for good.
ALLOWED_UPDATES = ("message", "pre_checkout_query", "shipping_query", "inline_query")

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
        "prices": [{"label": price.label, "amount": price.amount} for price in invoice.prices],
    }
    if invoice.tips.max_tip_amount:
        params["max_tip_amount"] = invoice.tips.max_tip_amount
    if invoice.tips.suggested_tip_amounts:
        params["suggested_tip_amounts"] = list(invoice.tips.suggested_tip_amounts)
    if invoice.photo_url:
        params["photo_url"] = invoice.photo_url
    return params | {_NEED_FIELDS[need]: True for need in invoice.need}


def send_invoice(invoice: Invoice, provider_token: str, delivery: Delivery = Delivery()) -> dict[str, Any]:
    params = {"chat_id": _chat_id(invoice.chat_id), **invoice_content(invoice, provider_token)}
    if invoice.start_parameter:
        params["start_parameter"] = invoice.start_parameter
    if delivery.message_thread_id is not None:
        params["message_thread_id"] = delivery.message_thread_id
    if delivery.disable_notification:
        params["disable_notification"] = True
    if delivery.protect_content:
        params["protect_content"] = True
    return params


def _chat_id(chat: str) -> int | str:
    """`chat_id` is Integer or String: a name stays as it is."""
    return chat if chat.startswith("@") else int(chat)


def send_notice(chat: str, text: str) -> dict[str, Any]:
    """A plain message without a preview: an address in a stranger's name must not be fetched."""
    return {"chat_id": _chat_id(chat), "text": text, "link_preview_options": {"is_disabled": True}}


def request_of(effect: Effect, provider_token: str | None) -> tuple[str, dict[str, Any]]:
    """An effect of the conversation as method and parameters."""
    match effect:
        case SendText(chat_id, text):
            return "sendMessage", {"chat_id": chat_id, "text": text}
        case SendInvoice(chat_id, invoice):
            return "sendInvoice", send_invoice(replace(invoice, chat_id=str(chat_id)), provider_token or "")
        case AnswerInlineQuery(inline_query_id, invoices, next_offset):
            return "answerInlineQuery", {
                "inline_query_id": inline_query_id,
                "results": [_article(invoice, provider_token or "") for invoice in invoices],
                "cache_time": _INLINE_CACHE_SECONDS,
                "next_offset": next_offset,
            }
        case AnswerShippingQuery(shipping_query_id, error_message):
            return "answerShippingQuery", {
                "shipping_query_id": shipping_query_id,
                "ok": False,
                "error_message": error_message,
            }


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
