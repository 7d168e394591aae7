"""Inline keyboards: what the server, TDLib and the data centre accept as `reply_markup`.

Knows the kinds of buttons, and the rules for pay buttons, callback data and addresses. Must never know what the
message above a keyboard says, or who presses a button.
"""

import re
from typing import Any, TypeAlias

from apaycli.sandbox.wire import JsonObject, Params, Refusal, byte_length, is_utf8

Keyboard: TypeAlias = list[list[JsonObject]]

BUTTON_COUNT_MAX = 100
CALLBACK_DATA_BYTES_MAX = 64
# "Exactly one of the fields must be used to specify the type of the button" [D]; of several the first counts.
ACTIONS = (
    "url",
    "callback_data",
    "pay",
    "web_app",
    "login_url",
    "copy_text",
    "callback_game",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
)
LOOKS = ("icon_custom_emoji_id", "style")
APP_LINK = re.compile(r"(?:tg|ton):.", re.IGNORECASE)
HOST = re.compile(r"(?:https?://)?([^/?#:\s]*)", re.IGNORECASE)


def parse_markup(params: Params) -> Keyboard:
    """The inline keyboard of a request; an empty list when there is none (other markups are left out)."""
    if not params.text("reply_markup"):
        return []
    try:
        value = params.decoded("reply_markup")
    except ValueError:
        raise Refusal(400, "Can't parse reply keyboard markup JSON object") from None
    if not isinstance(value, dict):
        raise Refusal(400, "Object expected as reply markup")
    rows = value.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Refusal(400, 'Field "inline_keyboard" must be an Array of Arrays')
    keyboard = [[read_button(button) for button in row] for row in rows if row]
    if sum(len(row) for row in keyboard) > BUTTON_COUNT_MAX:
        raise Refusal(400, "Reply markup is too long")
    return keyboard


def read_button(button: Any) -> JsonObject:
    """The button as it will stand in the message: its text, its looks, and the one thing it does."""
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise Refusal(400, "Can't parse inline keyboard button: InlineKeyboardButton must be an Object with a text")
    if not button["text"]:
        raise Refusal(400, "Can't parse inline keyboard button: text is empty")
    # `"pay": false` is no action at all.
    actions = [action for action in ACTIONS if button.get(action) is not None and button[action] is not False]
    if not actions:
        raise Refusal(400, "Can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    looks = {name: button[name] for name in LOOKS if isinstance(button.get(name), str)}
    return {"text": button["text"], **looks, actions[0]: read_action(actions[0], button[actions[0]])}


def read_action(action: str, value: Any) -> Any:
    """The value of a button's action; of texts and of `pay` the type is looked at."""
    complaint = f'Can\'t parse inline keyboard button: Field "{action}" must be of type '
    if action == "pay" and value is not True:
        raise Refusal(400, complaint + "Boolean")
    if action not in ("url", "callback_data") or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(400, complaint + "String")
    return str(value)  # a number passes for its own text [S]


def check_keyboard(keyboard: Keyboard, is_invoice: bool) -> None:
    """TDLib's look at texts and addresses, then the data centre's at pay buttons and callback data."""
    buttons = [button for row in keyboard for button in row]
    for button in buttons:
        check_texts(button)
    check_pay_button(buttons, is_invoice)
    if any(not 1 <= byte_length(data) <= CALLBACK_DATA_BYTES_MAX for data in callback_data_of(keyboard)):
        raise Refusal(400, "BUTTON_DATA_INVALID")


def check_texts(button: JsonObject) -> None:
    if not is_utf8(button["text"] + button.get("callback_data", "") + button.get("url", "")):
        raise Refusal(400, "Strings must be encoded in UTF-8")
    if "url" in button and not is_address(button["url"]):
        raise Refusal(400, f"Inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")


def is_address(url: str) -> bool:
    """TDLib adds a missing http:// and insists on a dot in the host's name; tg: and ton: lead into the app."""
    host = HOST.match(url)
    return APP_LINK.match(url) is not None or (host is not None and "." in host[1].strip("."))


def check_pay_button(buttons: list[JsonObject], is_invoice: bool) -> None:
    """An invoice's keyboard must begin with the pay button, and that button may stand nowhere else [D]."""
    if is_invoice and buttons and "pay" not in buttons[0]:
        raise Refusal(400, "REPLY_MARKUP_BUY_EMPTY")
    if any("pay" in button for button in (buttons[1:] if is_invoice else buttons)):
        raise Refusal(400, "BUTTON_TYPE_INVALID")


def keyboard_of(message: JsonObject) -> Keyboard:
    """The keyboard under a message, empty when there is none."""
    keyboard: Keyboard = message.get("reply_markup", {}).get("inline_keyboard", [])
    return keyboard


def callback_data_of(keyboard: Keyboard) -> list[str]:
    """The data of every callback button."""
    return [button["callback_data"] for row in keyboard for button in row if "callback_data" in button]
