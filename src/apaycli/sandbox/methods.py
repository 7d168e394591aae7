"""The Bot API's methods: payments, and the table of all methods.

Knows how each method reads its parameters, what it refuses, and what it returns. Must never know HTTP or who
the buyers are.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from apaycli.sandbox import chat_methods, command_methods, edit_methods, polling
from apaycli.sandbox.callbacks import answer_callback_query
from apaycli.sandbox.dialogue import TOO_OLD
from apaycli.sandbox.inline import answer_inline_query
from apaycli.sandbox.invoices import check_data_centre, check_tdlib, parse_invoice, pay_keyboard, read_prices
from apaycli.sandbox.markup import check_keyboard, parse_markup
from apaycli.sandbox.wire import Answer, JsonObject, Params, Refusal, Waiting, ok

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

Method: TypeAlias = Callable[["World", Params], Answer | Waiting]

WRONG_INVOICE = "wrong invoice information specified"  # TDLib's words for MEDIA_EMPTY, errors.md row 42
MEDIA_INVALID = "MEDIA_INVALID"  # createInvoiceLink, errors.md row 47


def get_me(world: "World", params: Params) -> Answer:
    settings = world.settings
    return ok(
        {
            **world.bot.render(),
            "can_join_groups": True,
            "can_read_all_group_messages": settings.can_read_all_group_messages,
            "supports_inline_queries": settings.supports_inline_queries,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }
    )


def send_invoice(world: "World", params: Params) -> Answer:
    """Complaints come in this sequence: the invoice, the keyboard, the chat, TDLib's amounts, the data centre."""
    form = parse_invoice(params)
    keyboard = parse_markup(params)
    chat = chat_methods.find_target(world, params, "invoice")
    topic_id = chat_methods.check_place(world, chat, params)
    check_tdlib(form)
    check_data_centre(form, world.provider_tokens, WRONG_INVOICE)
    check_keyboard(keyboard, is_invoice=True)
    content: JsonObject = {
        "invoice": form.render(),
        "reply_markup": {"inline_keyboard": keyboard or pay_keyboard(form)},
    }
    if params.flag("protect_content"):
        content["has_protected_content"] = True
    message = chat_methods.deliver(world, chat, topic_id, **content)
    world.books.add_invoice(
        form,
        world.clock.now(),
        chat_id=chat.id,
        message_id=message["message_id"],
        is_protected=params.flag("protect_content"),
    )
    return ok(message)


def create_invoice_link(world: "World", params: Params) -> Answer:
    form = parse_invoice(params)
    if params.text("subscription_period") or params.text("business_connection_id"):
        # Both are for Stars only [D].
        raise Refusal(400, "STARS_INVOICE_INVALID")
    check_tdlib(form)
    check_data_centre(form, world.provider_tokens, MEDIA_INVALID)
    link = world.settings.link_base + world.new_slug()
    world.books.add_invoice(form, world.clock.now(), link=link)
    return ok(link)


def answer_pre_checkout_query(world: "World", params: Params) -> Answer:
    """A missing `ok` counts as false [S]; an empty reason as none."""
    is_ok = params.flag("ok")
    error_message = "" if is_ok else params.required("error_message")
    query_id = params.text("pre_checkout_query_id")
    return answer_query(world, lambda: world.dialogue.answer_pre_checkout(query_id, is_ok, error_message))


def answer_shipping_query(world: "World", params: Params) -> Answer:
    is_ok = params.flag("ok")
    error_message = "" if is_ok else params.required("error_message")
    looked_at = is_ok or (params.text("shipping_options") and not world.settings.refusal_drops_options)
    options = parse_shipping_options(params) if looked_at else []
    if world.settings.strict_shipping:
        check_shipping_options(options)
    query_id = params.text("shipping_query_id")
    chosen_from = options if is_ok else None
    return answer_query(world, lambda: world.dialogue.answer_shipping(query_id, chosen_from, error_message))


def check_shipping_options(options: list[JsonObject]) -> None:
    """TDLib's look since July 2026: also at a refusal [T]."""
    if not options:
        raise Refusal(400, "There must be at least one shipping option")
    if any(sum(amount for _, amount in option["prices"]) <= 0 for option in options):
        raise Refusal(400, "Total price must be positive")


def answer_query(world: "World", act: Callable[[], None]) -> Answer:
    try:
        act()
    except Refusal as refusal:
        if world.settings.late_answer_returns_true and TOO_OLD in refusal.description:
            return ok(True)
        raise
    return ok(True)


def parse_shipping_options(params: Params) -> list[JsonObject]:
    params.required("shipping_options")
    try:
        value = params.decoded("shipping_options")
    except ValueError:
        raise Refusal(400, "Can't parse shipping options JSON object") from None
    if not isinstance(value, list):
        raise Refusal(400, "Expected an Array of shipping options")
    if not value:
        raise Refusal(400, "There must be at least one shipping option")
    return [read_shipping_option(option) for option in value]


def read_shipping_option(option: Any) -> JsonObject:
    complaint = "Can't parse shipping option: "
    if not isinstance(option, dict):
        raise Refusal(400, complaint + "ShippingOption must be an Object")
    if not isinstance(option.get("id"), str) or not option["id"]:
        raise Refusal(400, complaint + "ShippingOption identifier must be non-empty")
    if not isinstance(option.get("title"), str) or not option["title"]:
        raise Refusal(400, complaint + "ShippingOption title must be non-empty")
    try:
        prices = read_prices(option.get("prices"))
    except Refusal as refusal:
        reason = refusal.description.partition(": ")[2]
        raise Refusal(400, f"{complaint}can't parse shipping option prices: {reason}") from None
    return {"id": option["id"], "title": option["title"], "prices": prices}


# Spelt as in the documentation; looked up in lower case, because "method names are case-insensitive" [D].
TABLE: tuple[tuple[str, Method], ...] = (
    ("getMe", get_me),
    ("getUpdates", polling.get_updates),
    ("setWebhook", polling.set_webhook),
    ("deleteWebhook", polling.delete_webhook),
    ("getWebhookInfo", polling.get_webhook_info),
    ("sendInvoice", send_invoice),
    ("createInvoiceLink", create_invoice_link),
    ("answerPreCheckoutQuery", answer_pre_checkout_query),
    ("answerShippingQuery", answer_shipping_query),
    ("answerInlineQuery", answer_inline_query),
    ("answerCallbackQuery", answer_callback_query),
    ("sendMessage", chat_methods.send_message),
    ("forwardMessage", chat_methods.forward_message),
    ("editMessageText", edit_methods.edit_message_text),
    ("editMessageReplyMarkup", edit_methods.edit_message_reply_markup),
    ("deleteMessage", chat_methods.delete_message),
    ("getChat", chat_methods.get_chat),
    ("getChatMember", chat_methods.get_chat_member),
    ("getMyCommands", command_methods.get_my_commands),
    ("setMyCommands", command_methods.set_my_commands),
    ("deleteMyCommands", command_methods.delete_my_commands),
)
METHODS: dict[str, Method] = {name.lower(): method for name, method in TABLE}
