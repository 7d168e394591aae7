"""Inline mode: queries, answers, and the invoices that come out of a chosen result.

Knows answerInlineQuery and InputInvoiceMessageContent. Must never know who pays such an invoice: it is
multi-chat and multi-use by nature (reference, section 2.4).
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apaycli.sandbox.checkouts import Invoice
from apaycli.sandbox.dialogue import TOO_OLD
from apaycli.sandbox.invoices import check_data_centre, check_tdlib, parse_invoice, pay_keyboard
from apaycli.sandbox.markup import Keyboard, check_keyboard, parse_markup
from apaycli.sandbox.wire import Answer, JsonObject, Params, Refusal, byte_length, ok, parse_object

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

RESULT_COUNT_MAX = 50
# How long an inline query can be answered is not documented; its life in the queue is.
ANSWER_SECONDS = 30.0
CACHE_SECONDS, CACHE_SECONDS_MAX = 300, 86400
EVERYBODY = 0
WRONG_INVOICE = "wrong invoice information specified"


@dataclass
class InlineQuery:
    """One query of a user, and the bot's results for it by id."""

    user_id: int
    query: str
    offset: str
    asked_monotonic: float
    results: dict[str, JsonObject] | None = None
    next_offset: str = ""


class InlineDesk:
    """Every inline query of this world by id, the answers Telegram keeps, and the keyboards of inline messages."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.queries: dict[str, InlineQuery] = {}
        self.keyboards: dict[str, Keyboard] = {}
        # The last answer to a text and offset, for one user or EVERYBODY, and until when it is given again.
        self._cache: dict[tuple[str, str, int], tuple[float, InlineQuery]] = {}

    def ask(self, user_id: int, text: str, offset: str = "", chat_type: str = "private") -> str:
        """The user types `@bot text`. Returns the inline query's id.

        A cached answer is there at once, and the bot does not hear of the query.
        """
        self.world.chats.user(user_id)  # somebody who asks is known from now on, also when the cache answers
        query_id = self.world.new_query_id()
        query = self.queries[query_id] = InlineQuery(user_id, text, offset, self.world.clock.monotonic())
        cached = self._cached(query) if self.world.settings.inline_cache else None
        if cached is not None:
            query.results, query.next_offset = cached.results, cached.next_offset
        else:
            self._tell(query_id, query, chat_type)
        return query_id

    def _tell(self, query_id: str, query: InlineQuery, chat_type: str) -> None:
        sender = self.world.chats.user(query.user_id).render()
        place = {"offset": query.offset, "chat_type": chat_type}
        self.world.emit("inline_query", {"id": query_id, "from": sender, "query": query.query, **place})

    def _cached(self, query: InlineQuery) -> InlineQuery | None:
        """An earlier query whose answer still holds: given to this user alone, or to anybody."""
        for user_id in (query.user_id, EVERYBODY):
            kept = self._cache.get((query.query, query.offset, user_id))
            if kept is not None and query.asked_monotonic < kept[0]:
                return kept[1]
        return None

    def keep(self, query: InlineQuery, cache_time: int, is_personal: bool) -> None:
        """Remember an answer for `cache_time` seconds; with 0 the bot is asked every time."""
        key = (query.query, query.offset, query.user_id if is_personal else EVERYBODY)
        self._cache[key] = (self.world.clock.monotonic() + cache_time, query)

    def choose(self, query_id: str, result_id: str) -> Invoice:
        """The user sends a result into a chat: an invoice everybody there can pay. Raises LookupError."""
        query = self.queries[query_id]
        result = (query.results or {})[result_id]
        form = parse_invoice(parse_object(result["input_message_content"]))
        inline_message_id = self.world.new_slug()
        invoice = self.world.books.add_invoice(form, self.world.clock.now(), inline_message_id=inline_message_id)
        self.keyboards[inline_message_id] = parse_markup(parse_object(result)) or pay_keyboard(form)
        if self.world.settings.inline_feedback:
            chosen = {
                "result_id": result_id,
                "from": self.world.chats.user(query.user_id).render(),
                "query": query.query,
            }
            if "reply_markup" in result:
                chosen["inline_message_id"] = inline_message_id
            self.world.emit("chosen_inline_result", chosen)
        return invoice


def answer_inline_query(world: "World", params: Params) -> Answer:
    results = parse_results(params)
    check_button(params)
    query = world.inline.queries.get(params.text("inline_query_id"))
    if query is None or world.clock.monotonic() - query.asked_monotonic > ANSWER_SECONDS:
        raise Refusal(400, TOO_OLD)
    if byte_length(params.text("next_offset")) > 64:
        raise Refusal(400, "NEXT_OFFSET_INVALID")
    ids = [result["id"] for result in results]
    if any(not 1 <= byte_length(result_id) <= 64 for result_id in ids):
        raise Refusal(400, "RESULT_ID_INVALID")
    if len(set(ids)) != len(ids):
        raise Refusal(400, "RESULT_ID_DUPLICATE")
    for result in results:
        check_result(world, result)
    query.results = {result["id"]: result for result in results}
    query.next_offset = params.text("next_offset")
    cache_time = params.integer("cache_time", CACHE_SECONDS, 0, CACHE_SECONDS_MAX)
    world.inline.keep(query, cache_time, params.flag("is_personal"))
    return ok(True)


def check_result(world: "World", result: JsonObject) -> None:
    """The looks a sent invoice gets, at the invoice and the keyboard of a result."""
    form = parse_invoice(parse_object(result["input_message_content"]))
    keyboard = parse_markup(parse_object(result))
    check_tdlib(form)
    check_data_centre(form, world.provider_tokens, WRONG_INVOICE)
    check_keyboard(keyboard, is_invoice=True)


def parse_results(params: Params) -> list[JsonObject]:
    if not params.text("results"):
        return []
    try:
        value = params.decoded("results")
    except ValueError:
        raise Refusal(400, "Can't parse inline query results JSON object") from None
    if not isinstance(value, list):
        raise Refusal(400, "Expected an Array of inline query results")
    if len(value) > RESULT_COUNT_MAX:
        raise Refusal(400, "Too many inline query results specified")
    return [read_result(result) for result in value]


def read_result(value: Any) -> JsonObject:
    """An InlineQueryResultArticle with an InputInvoiceMessageContent; nothing else is modelled."""
    complaint = "Can't parse inline query result: "
    if not isinstance(value, dict):
        raise Refusal(400, complaint + "Inline query result must be an object")
    if value.get("type") != "article":
        raise Refusal(400, complaint + "unsupported inline query result type")
    if not isinstance(value.get("id"), str):
        raise Refusal(400, complaint + 'Can\'t find field "id"')
    if not value.get("title"):
        raise Refusal(400, complaint + 'Can\'t find field "title"')
    content = value.get("input_message_content")
    # "The server recognises it by the presence of `payload`" [S].
    if not isinstance(content, dict) or "payload" not in content:
        raise Refusal(400, complaint + "input message content is not specified")
    return value


def check_button(params: Params) -> None:
    """InlineQueryResultsButton: `start_parameter` has its own complaints (errors.md row 80)."""
    if not params.text("button"):
        return
    try:
        button = params.decoded("button")
    except ValueError:
        raise Refusal(400, "Can't parse inline query results button JSON object") from None
    if not isinstance(button, dict) or "start_parameter" not in button:
        return
    start_parameter = str(button["start_parameter"])
    if not start_parameter:
        raise Refusal(400, "can't use empty start_parameter")
    if len(start_parameter) > 64:
        raise Refusal(400, "too long start_parameter specified")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", start_parameter):
        raise Refusal(400, "unallowed characters in start_parameter are used")
