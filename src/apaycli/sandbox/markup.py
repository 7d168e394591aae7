"""Inline keyboards: what the server and the data centre accept as `reply_markup`.

Knows the rules for the pay button. Must never know the invoice above the keyboard.
"""

from typing import Any

from apaycli.sandbox.wire import JsonObject, Params, Refusal

BUTTON_COUNT_MAX = 100
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


def parse_markup(params: Params) -> list[list[JsonObject]]:
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
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise Refusal(400, "Can't parse inline keyboard button: InlineKeyboardButton must be an Object with a text")
    if not button["text"]:
        raise Refusal(400, "Can't parse inline keyboard button: text is empty")
    # `"pay": false` is no action at all.
    if not any(button.get(action) not in (None, False) for action in ACTIONS):
        raise Refusal(400, "Can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    return dict(button)


def check_pay_button(keyboard: list[list[JsonObject]], is_invoice: bool) -> None:
    """An invoice's keyboard must begin with the pay button, and that button may stand nowhere else [D]."""
    buttons = [button for row in keyboard for button in row]
    if is_invoice and buttons and not buttons[0].get("pay"):
        raise Refusal(400, "REPLY_MARKUP_BUY_EMPTY")
    if any(button.get("pay") for button in (buttons[1:] if is_invoice else buttons)):
        raise Refusal(400, "BUTTON_TYPE_INVALID")
