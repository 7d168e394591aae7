"""The GET half of the control API: what there is to see in a world.

Knows how each part of a world is shown. Must never change any of it.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from apaycli.sandbox.control_fields import Fields, Handler

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

MESSAGE_COUNT_MAX = 100


def ledger(world: "World", fields: Fields) -> Any:
    fields.check_empty()
    return world.books.render()


def checkout(world: "World", fields: Fields) -> Any:
    checkout_id = int(fields.take("checkout_id", str))
    fields.check_empty()
    return world.books.find_checkout(checkout_id).render()


def callback(world: "World", fields: Fields) -> Any:
    """A press of a callback button; `answer` is null while the bot has not answered."""
    query_id = fields.take("callback_query_id", str)
    fields.check_empty()
    if query_id not in world.callbacks:
        raise LookupError(f"no such callback query: {query_id}")
    return world.callbacks[query_id].render()


def requests(world: "World", fields: Fields) -> Any:
    limit, method = int(fields.take("limit", str, "10000")), fields.take("method", str, "")
    fields.check_empty()
    return {"count": world.requests.count, "requests": world.requests.render(limit, method)}


def messages(world: "World", fields: Fields) -> Any:
    """The last messages of a chat that were not deleted, from both sides, newest last."""
    chat_id = int(fields.take("chat_id", str))
    fields.check_empty()
    found = [message for (place, _), message in world.messages.items() if place == chat_id]
    return {"messages": found[-MESSAGE_COUNT_MAX:]}


def inline_results(world: "World", fields: Fields) -> Any:
    """What the bot answered; null while it has not."""
    query = world.inline.queries[fields.take("inline_query_id", str)]
    fields.check_empty()
    return {
        "results": None if query.results is None else list(query.results.values()),
        "next_offset": query.next_offset,
    }


def flood(world: "World", fields: Fields) -> Any:
    """How much was sent at most in any window, and whether Telegram would have taken it all."""
    fields.check_empty()
    peaks = world.flood.peaks()
    return {**asdict(peaks), "within_limits": peaks.within_limits}


def state(world: "World", fields: Fields) -> Any:
    fields.check_empty()
    return world.state()


GETS: dict[str, Handler] = {
    handler.__name__: handler
    for handler in (ledger, checkout, callback, requests, messages, inline_results, flood, state)
}
