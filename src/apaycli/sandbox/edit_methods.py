"""editMessageReplyMarkup and editMessageText: what a bot may change about what it has sent.

Knows which messages can be edited and the refusals for the others. Must never know prices or checkouts: of an
invoice it knows that its Pay button is part of the keyboard.
"""

from typing import TYPE_CHECKING

from apaycli.sandbox.chat_methods import check_length, is_own, read_text
from apaycli.sandbox.chats import check_membership
from apaycli.sandbox.markup import Keyboard, check_keyboard, keyboard_of, parse_markup
from apaycli.sandbox.wire import Answer, JsonObject, Params, Refusal, ok

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)


def edit_message_reply_markup(world: "World", params: Params) -> Answer:
    """Replace the keyboard; without one, or with an empty one, it is removed."""
    keyboard = parse_markup(params)
    if inline_message_id := named_inline_message(params):
        return edit_inline_keyboard(world, inline_message_id, keyboard)
    return edit(world, find_editable(world, params), keyboard)


def edit_message_text(world: "World", params: Params) -> Answer:
    """Replace text and keyboard together: without `reply_markup` the keyboard goes."""
    text = read_text(params)
    keyboard = parse_markup(params)
    if inline_message_id := named_inline_message(params):
        check_inline_message(world, inline_message_id)
        raise Refusal(400, "there is no text in the message to edit")
    message = find_editable(world, params)
    if "text" not in message:
        raise Refusal(400, "there is no text in the message to edit")
    check_length(text)
    return edit(world, message, keyboard, text=text)


def named_inline_message(params: Params) -> str:
    """The inline message meant, "" when the request names an ordinary one: chat and message count first [S]."""
    if params.text("chat_id") or params.integer("message_id"):
        return ""
    inline_message_id = params.text("inline_message_id")
    if not inline_message_id:
        raise Refusal(400, "Message identifier is not specified")
    return inline_message_id


def find_editable(world: "World", params: Params) -> JsonObject:
    """The message a request names. Raises Refusal unless it is the bot's own and no forwarded copy."""
    chat = world.chats.resolve(params)
    if chat.user is None:
        check_membership(chat)
    message = world.messages.get((chat.id, params.integer("message_id")))
    if message is None:
        raise Refusal(400, "message to edit not found")
    if not is_own(world, message) or "forward_origin" in message:
        raise Refusal(400, "message can't be edited")
    return message


def edit(world: "World", message: JsonObject, keyboard: Keyboard, **content: str) -> Answer:
    """Change the message where it stands, so that whoever presses a button later presses a new one."""
    check_keyboard(keyboard, is_invoice="invoice" in message)
    is_same = all(message[name] == value for name, value in content.items())
    if is_same and keyboard == keyboard_of(message):
        raise Refusal(400, NOT_MODIFIED)
    message.update(content)
    message["edit_date"] = world.clock.now() // 1000
    if keyboard:
        message["reply_markup"] = {"inline_keyboard": keyboard}
    else:
        message.pop("reply_markup", None)
    invoice = world.books.invoice_of_message(message["chat"]["id"], message["message_id"])
    if invoice is not None:
        # `check_keyboard` saw to it that a keyboard under an invoice begins with Pay. That Telegram does not add
        # its own button again when the keyboard goes is inferred, not documented.
        invoice.has_pay_button = bool(keyboard)
    return ok(message)


def edit_inline_keyboard(world: "World", inline_message_id: str, keyboard: Keyboard) -> Answer:
    """Every inline message here is an invoice. True is returned instead of a Message [D]."""
    check_inline_message(world, inline_message_id)
    check_keyboard(keyboard, is_invoice=True)
    if keyboard == world.inline.keyboards[inline_message_id]:
        raise Refusal(400, NOT_MODIFIED)
    world.inline.keyboards[inline_message_id] = keyboard
    world.books.find_invoice(inline_message_id).has_pay_button = bool(keyboard)
    return ok(True)


def check_inline_message(world: "World", inline_message_id: str) -> None:
    if inline_message_id not in world.inline.keyboards:
        raise Refusal(400, "MESSAGE_ID_INVALID")
