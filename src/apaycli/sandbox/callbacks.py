"""Callback queries: what a press of a callback button tells the bot, and what the bot answered.

Knows CallbackQuery and answerCallbackQuery. Must never know who may press which button (`buyers`) or what the
button means to the bot.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from apaycli.sandbox.chats import User
from apaycli.sandbox.dialogue import TOO_OLD
from apaycli.sandbox.invoices import utf16_units
from apaycli.sandbox.queue import LIFE_SECONDS
from apaycli.sandbox.wire import Answer, JsonObject, Params, Refusal, is_utf8, ok

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

# How long a callback query can be answered is not documented; its life in the queue is.
ANSWER_SECONDS = LIFE_SECONDS["callback_query"]
TEXT_UNITS_MAX = 200
CACHE_SECONDS_MAX = 30 * 24 * 3600
QUERY_ID_MIN, QUERY_ID_MAX = 10**17, 9 * 10**18


@dataclass
class Callback:
    """One press of a callback button. `answer` is None until the bot answered."""

    query_id: str
    user_id: int
    chat_id: int
    message_id: int
    data: str
    asked_monotonic: float
    answer: JsonObject | None = None
    watchers: list[Callable[[], None]] = field(default_factory=list)

    def settle(self, answer: JsonObject) -> None:
        """The bot answered; tell whoever waited for that."""
        self.answer = answer
        watchers, self.watchers = self.watchers, []
        for watcher in watchers:
            watcher()

    def render(self) -> JsonObject:
        return {
            "callback_query_id": self.query_id,
            "user_id": self.user_id,
            "chat_id": self.chat_id,
            "message_id": self.message_id,
            "data": self.data,
            "answer": self.answer,
        }


def ask(world: "World", user: User, message: JsonObject, data: str) -> Callback:
    """Queue the callback query of a press, with the message as it is now.

    Its ids are derived and not drawn, so that a press changes nothing of what chance brings later.
    """
    chat_id = message["chat"]["id"]
    number = world.derive_number(f"callback query {len(world.callbacks)}")
    query_id = str(QUERY_ID_MIN + number % (QUERY_ID_MAX - QUERY_ID_MIN))
    callback = Callback(query_id, user.id, chat_id, message["message_id"], data, world.clock.monotonic())
    world.callbacks[query_id] = callback
    query = {
        "id": query_id,
        "from": user.render(),
        "message": message,
        "chat_instance": str(world.derive_number(f"chat instance {chat_id}")),
        "data": data,
    }
    world.emit("callback_query", query)
    return callback


def answer_callback_query(world: "World", params: Params) -> Answer:
    """Every parameter but the id is optional; an answer without a text only ends the button's progress bar."""
    text, url = params.text("text"), params.text("url")
    if not is_utf8(text + url):
        raise Refusal(400, "strings must be encoded in UTF-8")
    callback = world.callbacks.get(params.text("callback_query_id"))
    if callback is None or callback.answer is not None or is_late(world, callback):
        raise Refusal(400, TOO_OLD)
    # TDLib passes text and address on, so the refusals are the data centre's codes.
    if utf16_units(text) > TEXT_UNITS_MAX:
        raise Refusal(400, "MESSAGE_TOO_LONG")
    if url and not is_link_to_bot(world, url):
        raise Refusal(400, "URL_INVALID")
    cache_time = params.integer("cache_time", 0, 0, CACHE_SECONDS_MAX)
    callback.settle({"text": text, "show_alert": params.flag("show_alert"), "url": url, "cache_time": cache_time})
    return ok(True)


def is_late(world: "World", callback: Callback) -> bool:
    return world.clock.monotonic() - callback.asked_monotonic >= ANSWER_SECONDS


def is_link_to_bot(world: "World", url: str) -> bool:
    """Without a game only "links like t.me/your_bot?start=XXXX that open your bot with a parameter" [D]."""
    name = re.escape(world.bot.username)
    return re.match(rf"(?:https?://)?t(?:elegram)?\.me/{name}\?start=", url, re.IGNORECASE) is not None
