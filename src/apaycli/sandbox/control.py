"""The control API: `/sandbox/...`, JSON in and out, for whoever plays the buyers over HTTP.

Knows how to translate a document into calls of `Buyers`, `Faults` and `World`, and their results back. Must
never know sockets or the Bot API's rules. Mistakes come back as `{"error": ...}` with 400, 404 or 405.
"""

import base64
import binascii
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from apaycli.sandbox.apay_deposits import ORDER_ID_KEYS
from apaycli.sandbox.buyers import ScriptError
from apaycli.sandbox.callbacks import Callback
from apaycli.sandbox.chats import Chat, User
from apaycli.sandbox.checkouts import Checkout, summarize
from apaycli.sandbox.control_apay import apay_deposit, apay_methods
from apaycli.sandbox.control_fields import Fields, Handler, take_invoice
from apaycli.sandbox.control_views import GETS
from apaycli.sandbox.wire import JSON_TYPE, Answer, JsonObject, Waiting, dump

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

PREFIX = "/sandbox/"
BUYER_COUNT_MAX = 100_000
WAIT_SECONDS_MAX = 30.0  # two questions of ten seconds each, and a little
# A callback query can be answered for longer, but nobody looks at a button's progress bar for longer.
CALLBACK_WAIT_SECONDS = 10.0


def handle_control(world: "World", method: str, path: str, body: bytes) -> Answer | Waiting:
    """One request to `/sandbox/...`; a name may also be spelt with dashes. Never raises."""
    world.tick()
    location, _, query = path.partition("?")
    name = location.removeprefix(PREFIX).strip("/").replace("-", "_")
    table = POSTS if method == "POST" else GETS
    handler = table.get(name)
    if handler is None:
        status = 405 if name in POSTS or name in GETS else 404
        return reply({"error": f"no {method} {location}"}, status)
    try:
        fields = Fields(parse_document(body) if method == "POST" else dict(parse_qsl(query)))
        result = handler(world, fields)
    except (ScriptError, ValueError) as error:
        return reply({"error": str(error)}, 400)
    except LookupError as error:
        return reply({"error": str(error.args[0]) if error.args else "not found"}, 404)
    return result if isinstance(result, Waiting) else reply(result)


def reply(document: Any, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": JSON_TYPE}, dump(document))


def parse_document(body: bytes) -> JsonObject:
    document = json.loads(body or b"{}")
    if not isinstance(document, dict):
        raise ScriptError("the body must be a JSON object")
    return document


def wait_for(world: "World", checkouts: list[Checkout], render: Callable[[], Any]) -> Waiting:
    """Answer with `render()` once every checkout has an outcome."""
    waiting = Waiting(world.clock.monotonic() + WAIT_SECONDS_MAX)
    still_open = [checkout for checkout in checkouts if checkout.outcome is None]
    open_count = len(still_open)

    def settled() -> None:
        nonlocal open_count
        open_count -= 1
        if open_count <= 0:
            waiting.resolve(reply(render()))

    for checkout in still_open:
        checkout.watchers.append(settled)
    if not still_open:
        waiting.resolve(reply(render()))
    return waiting


def wait_for_answer(world: "World", callback: Callback) -> Waiting:
    """Answer once the bot has answered the callback query, or with `answer: null` when that takes too long."""
    waiting = Waiting(world.clock.monotonic() + CALLBACK_WAIT_SECONDS)

    def finish() -> None:
        waiting.resolve(reply(callback.render()))

    callback.watchers.append(finish)
    timer = world.timers.at(waiting.deadline, finish)
    waiting.when_done(lambda _: timer.cancel())
    return waiting


def press_pay(world: "World", fields: Fields) -> Any:
    invoice, buyer = take_invoice(fields), fields.take("buyer", int)
    wait = fields.take("wait", bool, False)
    how = {
        "forwarded": fields.take("forwarded", bool, False),
        "tip": fields.take("tip", int, 0),
        "order_info": fields.take("order_info", dict, None),
        "shipping_option_id": fields.take("shipping_option_id", str, None),
        **fields.take_known(("total_amount", "currency", "invoice_payload")),
    }
    fields.check_empty()
    checkout = world.buyers.press_pay(invoice, buyer, **how)
    return wait_for(world, [checkout], checkout.render) if wait else checkout.render()


def press_pay_many(world: "World", fields: Fields) -> Any:
    invoice, wait = take_invoice(fields), fields.take("wait", bool, False)
    count, first = fields.take("count", int), fields.take("first_buyer_id", int, 1_000_000)
    fields.check_empty()
    if not 1 <= count <= BUYER_COUNT_MAX:
        raise ScriptError(f"count must be between 1 and {BUYER_COUNT_MAX}")
    checkouts = world.buyers.press_pay_many(invoice, count, first)

    def render() -> JsonObject:
        return {**summarize(checkouts), "checkout_ids": [checkout.checkout_id for checkout in checkouts]}

    return wait_for(world, checkouts, render) if wait else render()


def pay(world: "World", fields: Fields) -> Any:
    checkout_id, force = fields.take("checkout_id", int), fields.take("force", bool, False)
    overrides = fields.take_known(("total_amount", "currency", "invoice_payload"))
    fields.check_empty()
    return world.buyers.pay(checkout_id, force=force, **overrides).render()


def pay_many(world: "World", fields: Fields) -> Any:
    ids = fields.take_list("checkout_ids", int)
    fields.check_empty()
    charges = world.buyers.pay_many([world.books.find_checkout(checkout_id) for checkout_id in ids])
    return {"count": len(charges), "charge_ids": [charge.telegram_payment_charge_id for charge in charges]}


def fail(world: "World", fields: Fields) -> Any:
    checkout_id = fields.take("checkout_id", int)
    fields.check_empty()
    return world.buyers.fail(checkout_id).render()


def send_text(world: "World", fields: Fields) -> Any:
    user, text, chat_id = fields.take("user", int), fields.take("text", str), fields.take("chat_id", int, None)
    fields.check_empty()
    return {"update_id": world.buyers.send_text(user, text, chat_id)}


def start(world: "World", fields: Fields) -> Any:
    user, parameter = fields.take("user", int), fields.take("parameter", str, "")
    fields.check_empty()
    return {"update_id": world.buyers.start(user, parameter)}


def block(world: "World", fields: Fields) -> Any:
    user = fields.take("user", int)
    fields.check_empty()
    return {"update_id": world.buyers.block(user)}


def press_button(world: "World", fields: Fields) -> Any:
    user, chat_id = fields.take("user", int), fields.take("chat_id", int)
    message_id, data = fields.take("message_id", int), fields.take("data", str)
    wait = fields.take("wait", bool, False)
    fields.check_empty()
    callback = world.callbacks[world.buyers.press_button(user, chat_id, message_id, data)]
    return wait_for_answer(world, callback) if wait else callback.render()


def upgrade_group(world: "World", fields: Fields) -> Any:
    chat_id, supergroup_id = fields.take("chat_id", int), fields.take("supergroup_id", int)
    fields.check_empty()
    world.buyers.upgrade_group(chat_id, supergroup_id)
    return {"migrate_to_chat_id": supergroup_id}


def inject(world: "World", fields: Fields) -> Any:
    """`update` (an object), `raw` (text) or `raw_base64` (bytes)."""
    update_id = fields.take("update_id", int, None)
    update, raw = fields.take("update", dict, None), fields.take("raw", str, None)
    encoded = fields.take("raw_base64", str, None)
    fields.check_empty()
    if encoded is not None:
        try:
            return {"update_id": world.buyers.inject(base64.b64decode(encoded, validate=True), update_id)}
        except binascii.Error:
            raise ScriptError("raw_base64 is not base64") from None
    if update is None and raw is None:
        raise ScriptError("give update, raw or raw_base64")
    return {"update_id": world.buyers.inject(update if update is not None else str(raw).encode(), update_id)}


def redeliver(world: "World", fields: Fields) -> Any:
    update_ids, last = fields.take_list("update_ids", int, None), fields.take("last", int, 0)
    new_ids = fields.take("new_ids", bool, False)
    fields.check_empty()
    return {"update_ids": world.buyers.redeliver(update_ids, last=last, new_ids=new_ids)}


def restart_update_ids(world: "World", fields: Fields) -> Any:
    next_update_id = fields.take("next_update_id", int)
    fields.check_empty()
    world.buyers.restart_update_ids(next_update_id)
    return {"next_update_id": next_update_id}


def outage(world: "World", fields: Fields) -> Any:
    kind = fields.take("kind", str)
    how = {
        "seconds": fields.take("seconds", (int, float), None),
        "methods": fields.take_list("methods", str, ()),
        "count": fields.take("count", int, None),
        "after": fields.take("after", bool, False),
        "retry_after": fields.take("retry_after", int, 5),
        "delay_seconds": fields.take("delay_milliseconds", (int, float), 0) / 1000,
    }
    fields.check_empty()
    return world.faults.add(kind, world.clock.monotonic(), **how).render()


def clear_outages(world: "World", fields: Fields) -> Any:
    fields.check_empty()
    world.faults.clear()
    return {"outages": []}


def revoke_token(world: "World", fields: Fields) -> Any:
    """As BotFather's /revoke: the old token is dead in the same moment."""
    fields.check_empty()
    return {"bot_token": world.revoke_bot_token()}


def add_user(world: "World", fields: Fields) -> Any:
    """A User's fields, and `started`, `blocked`, `deactivated`; an id that exists is replaced."""
    given = fields.take_record(User)
    fields.check_empty()
    if given.get("id", 0) <= 0:
        raise ScriptError("a user needs an id, a positive integer")
    user = world.chats.add_user(User(**{"first_name": f"Buyer {given['id']}", **given}))
    return {**user.render(), "started": user.started}


def add_chat(world: "World", fields: Fields) -> Any:
    """A Chat's fields; `topics` is an object of thread id to `open`, `closed` or `deleted`."""
    given = fields.take_record(Chat, skip=("user", "topic_users"))
    fields.check_empty()
    if "id" not in given or given.get("type") not in ("group", "supergroup", "channel"):
        raise ScriptError("a chat needs an id and a type: group, supergroup or channel")
    given["topics"] = {int(thread_id): state for thread_id, state in given.get("topics", {}).items()}
    return world.chats.add_chat(Chat(**given)).render()


def inline_query(world: "World", fields: Fields) -> Any:
    user, query = fields.take("user", int), fields.take("query", str, "")
    offset, chat_type = fields.take("offset", str, ""), fields.take("chat_type", str, "private")
    fields.check_empty()
    return {"inline_query_id": world.inline.ask(user, query, offset, chat_type)}


def choose_inline_result(world: "World", fields: Fields) -> Any:
    query_id, result_id = fields.take("inline_query_id", str), fields.take("result_id", str)
    fields.check_empty()
    return world.inline.choose(query_id, result_id).render()


def settings(world: "World", fields: Fields) -> Any:
    """Change any of the world's Settings; see GET /sandbox/state for their names."""
    given = fields.take_record(type(world.settings))
    fields.check_empty()
    if given.get("apay_order_id", "none") not in ORDER_ID_KEYS:
        raise ScriptError(f"apay_order_id must be one of {', '.join(ORDER_ID_KEYS)}")
    vars(world.settings).update(given)
    return dict(vars(world.settings))


POSTS: dict[str, Handler] = {
    handler.__name__: handler
    for handler in (
        press_pay,
        press_pay_many,
        pay,
        pay_many,
        fail,
        send_text,
        start,
        press_button,
        block,
        upgrade_group,
        inject,
        redeliver,
        restart_update_ids,
        outage,
        clear_outages,
        revoke_token,
        add_user,
        add_chat,
        inline_query,
        choose_inline_result,
        settings,
        apay_deposit,
        apay_methods,
    )
}
