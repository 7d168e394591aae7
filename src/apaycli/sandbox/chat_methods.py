"""Methods about chats and messages: sendMessage, forwardMessage, deleteMessage, getChat, getChatMember.

Knows which messages exist and which of them are invoices. Must never know prices or checkouts.
"""

import json
from typing import TYPE_CHECKING, Any

from apaycli.sandbox.chats import Chat, User, check_membership, find_topic
from apaycli.sandbox.entities import parse_text
from apaycli.sandbox.invoices import utf16_units
from apaycli.sandbox.markup import check_keyboard, parse_markup
from apaycli.sandbox.wire import Answer, JsonObject, Params, Refusal, is_utf8, ok

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

TEXT_UNITS_MAX = 4096
DELETABLE_SECONDS = 48 * 3600


def find_target(world: "World", params: Params, what: str) -> Chat:
    """The chat to send to; raises Refusal unless the bot may send `what` messages there."""
    chat = world.chats.resolve(params)
    world.chats.check_write(chat, what)
    return chat


def check_place(world: "World", chat: Chat, params: Params) -> int:
    """The topic and the message replied to. Returns the topic's id, 0 for none."""
    topic_id = find_topic(chat, params)
    text = params.text("reply_parameters")
    if not text:
        return topic_id
    try:
        reply = json.loads(text)
    except ValueError:
        raise Refusal(400, "Can't parse reply parameters JSON object") from None
    if not isinstance(reply, dict):
        raise Refusal(400, "Can't parse reply parameters: expected an Object")
    is_there = (chat.id, reply.get("message_id", 0)) in world.messages
    if not is_there and not reply.get("allow_sending_without_reply"):
        raise Refusal(400, "message to be replied not found")
    return topic_id


def sender_in(world: "World", chat: Chat) -> User | None:
    """In a channel a message has no sender but the channel."""
    return None if chat.type == "channel" else world.bot


def deliver(world: "World", chat: Chat, topic_id: int, **content: Any) -> JsonObject:
    """The one way out for a message of the bot, past the flood counter. Raises Refusal (429); nothing is sent then."""
    is_group = chat.type in ("group", "supergroup")
    world.flood.count(chat.id, is_group, world.clock.monotonic(), world.settings.flood_limits)
    return world.new_message(chat, sender_in(world, chat), topic_id, **content)


def read_text(params: Params) -> str:
    """The text as it will be shown."""
    text = params.text("text")
    if not is_utf8(text):
        raise Refusal(400, "strings must be encoded in UTF-8")
    if not text.strip():
        raise Refusal(400, "message text is empty")
    return parse_text(text, params.text("parse_mode"))


def check_length(text: str) -> None:
    if utf16_units(text) > TEXT_UNITS_MAX:
        raise Refusal(400, "message is too long")


def send_message(world: "World", params: Params) -> Answer:
    shown = read_text(params)
    keyboard = parse_markup(params)
    chat = find_target(world, params, "text")
    topic_id = check_place(world, chat, params)
    check_length(shown)
    check_keyboard(keyboard, is_invoice=False)
    content: JsonObject = {"text": shown}
    if keyboard:
        content["reply_markup"] = {"inline_keyboard": keyboard}
    if params.flag("protect_content"):
        content["has_protected_content"] = True
    return ok(deliver(world, chat, topic_id, **content))


def forward_message(world: "World", params: Params) -> Answer:
    """Forwards anything, invoices too; the copy of a single-chat invoice has only a URL button."""
    chat = find_target(world, params, "invoice")
    topic_id = check_place(world, chat, params)
    source = world.chats.resolve(params, "from_chat_id")
    message_id = params.integer("message_id")
    original = world.messages.get((source.id, message_id))
    if original is None:
        raise Refusal(400, "message to forward not found")
    if original.get("has_protected_content"):
        raise Refusal(400, "message has protected content and can't be forwarded")
    copied: JsonObject = {key: original[key] for key in ("text", "entities", "invoice") if key in original}
    copied["forward_origin"] = forward_origin(original)
    message = deliver(world, chat, topic_id, **copied)
    invoice = world.books.invoice_of_message(source.id, message_id)
    if invoice is not None:
        place = {"chat_id": chat.id, "message_id": message["message_id"]}
        world.books.add_invoice(invoice.form, world.clock.now(), original=invoice.original or invoice, **place)
    return ok(message)


def forward_origin(message: JsonObject) -> JsonObject:
    if "sender_chat" in message:
        place = {"chat": message["sender_chat"], "message_id": message["message_id"]}
        return {"type": "channel", "date": message["date"], **place}
    return {"type": "user", "date": message["date"], "sender_user": message["from"]}


def is_own(world: "World", message: JsonObject) -> bool:
    """Sent by the bot; posts of a channel, which have no sender, count as its own."""
    sender: JsonObject = message.get("from", world.bot.render())
    return bool(sender["id"] == world.bot.id)


def delete_message(world: "World", params: Params) -> Answer:
    """Takes an invoice back; a checkout already begun goes on."""
    chat = world.chats.resolve(params)
    if chat.user is None:
        check_membership(chat)
    message_id = params.integer("message_id")
    message = world.messages.get((chat.id, message_id))
    if message is None:
        raise Refusal(400, "message to delete not found")
    if not is_own(world, message) or world.clock.now() // 1000 - message["date"] > DELETABLE_SECONDS:
        raise Refusal(400, "message can't be deleted")
    del world.messages[chat.id, message_id]
    invoice = world.books.invoice_of_message(chat.id, message_id)
    if invoice is not None:
        invoice.deleted = True
    return ok(True)


def get_chat(world: "World", params: Params) -> Answer:
    """ChatFullInfo with its required fields."""
    chat = world.chats.resolve(params)
    if chat.user is None:
        check_membership(chat)
    gifts = dict.fromkeys(
        ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
    )
    return ok({**chat.render(), "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts})


def get_chat_member(world: "World", params: Params) -> Answer:
    """Only the bot's own rights are known; everybody else is a plain member."""
    chat = world.chats.resolve(params)
    check_membership(chat)
    user_id = params.integer("user_id")
    if user_id != world.bot.id:
        if all(user.id != user_id for user in world.chats.users()):
            raise Refusal(400, "user not found")
        return ok({"status": "member", "user": world.chats.user(user_id).render()})
    return ok({"status": chat.bot_status, "user": world.bot.render(), **bot_rights(chat)})


# The required fields of ChatMemberAdministrator.
RIGHTS = (
    "can_be_edited",
    "is_anonymous",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)


def bot_rights(chat: Chat) -> JsonObject:
    if chat.bot_status != "administrator":
        return {}
    shown: JsonObject = dict.fromkeys(RIGHTS, False)
    shown["can_manage_chat"] = True
    if chat.type == "channel":
        shown["can_post_messages"] = chat.bot_can_send
    return shown
