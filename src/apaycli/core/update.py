"""The raw bytes of Telegram's updates → one of ours, or Ignored, or Unreadable.

Tolerant at the edge, strict inside: a reply of `getUpdates` is cut into its elements before anything is
decoded, so that one broken update never takes its neighbours with it; the few fields that apay uses are
then checked strictly. It must never raise for bytes from the network, and never know a rule about money.

A second, lenient reading (`core/update_json.py`) follows where the first one fails, for two kinds alone. A payment of
which the charge id can be read beyond doubt is money, whatever is broken around it. A query is declined: somebody
waits, but nothing is promised on the strength of an update that is not whole.

Two ways to find the elements. First by brackets, outside of strings. Where an element's own brackets or
quotes are broken, by the server's habit of writing `{"update_id":N,` and a raw line feed at the head of each
update: a raw line feed cannot occur inside a JSON string (Bot API server source). So a head inside an element
means that a lost quote or bracket has swallowed whole updates.
"""

import itertools
import json
import re
from contextlib import suppress
from typing import Any, TypeGuard

from apaycli.core import incoming
from apaycli.core.model import OrderInfo, User
from apaycli.core.update_json import TOKEN, Broken, exact, is_text, loads, loads_leniently, shown
from apaycli.money import AMOUNT_MAX

_HEAD = re.compile(rb'\{"update_id":([0-9]{1,10}),\n')
_RESULT = re.compile(rb'"result"\s*:\s*\[')
_UPDATE_ID = re.compile(rb'\{\s*"update_id"\s*:\s*([0-9]{1,18})\b')
_NO_UPDATE_ID = 0  # of a payment without one that can be used
_REPLY_BYTES_MAX = 4 * 1024 * 1024  # where Telegram cuts a reply of getUpdates: an update alone is far smaller
_DATE_SECONDS_END = 253_402_300_800  # the year 10000, which no calendar library can write
# Fields of a Message that no service message has.
_MADE_OVER = ("forward_origin", "forward_from", "forward_from_chat", "forward_date", "edit_date", "via_bot")
_KINDS_WITH_PARSER = ("pre_checkout_query", "message", "shipping_query", "inline_query", "callback_query")


def split_updates(body: bytes) -> list[bytes] | None:
    """The elements of `{"ok":true,"result":[...]}` as bytes, undecoded; None if they cannot be told apart."""
    start = _RESULT.search(body)
    if start is None:
        return None
    elements = _split_by_brackets(body, start.end())
    heads = [match.start() for match in _HEAD.finditer(body, start.end())]
    if elements is not None and sum(_HEAD.match(element) is not None for element in elements) == len(heads):
        return elements
    return _split_by_heads(body, start.end(), heads)


def first_update(beginning: bytes) -> bytes | None:
    """What there is of the first update of a reply of which only the beginning is known; None where that holds none."""
    start = _RESULT.search(beginning)
    if start is None or not _UPDATE_ID.match(alone := beginning[start.end() :].lstrip()):
        return None
    return alone


def _split_by_brackets(body: bytes, begin: int) -> list[bytes] | None:
    depth, elements = 0, []
    for token in TOKEN.finditer(body, begin):
        symbol = token.group()
        if symbol in (b"{", b"["):
            depth += 1
        elif symbol == b"]" and depth == 0:
            elements.append(body[begin : token.start()].strip())
            return [element for element in elements if element] if body[token.end() :].strip() == b"}" else None
        elif symbol in (b"}", b"]"):
            depth -= 1
        elif symbol == b"," and depth == 0:
            elements.append(body[begin : token.start()].strip())
            begin = token.end()
    return None


def _split_by_heads(body: bytes, begin: int, heads: list[int]) -> list[bytes] | None:
    """A reply without its end is cut off, not broken: None, so that it is asked for again."""
    whole = body.rstrip()
    if not heads or not whole.endswith(b"]}"):
        return None
    cuts = [begin, *heads, len(whole) - len(b"]}")]
    pieces = [whole[start:end].strip().removesuffix(b",") for start, end in itertools.pairwise(cuts)]
    return [piece for piece in pieces if piece]


def parse_update(raw: bytes, bot_username: str = "") -> incoming.Update:
    """One update. `bot_username` decides which `/command@name` is meant for this bot. Never raises."""
    try:
        update = loads(raw)
        return _parse_kind(update, _update_id(update), bot_username)
    except (Broken, ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, Broken) else f"no JSON that can be used: {type(error).__name__}"
        if len(raw) > _REPLY_BYTES_MAX:
            reason = f"larger than {_REPLY_BYTES_MAX // 2**20} MiB, the most that Telegram sends: read in part"
        return _read_leniently(raw, reason)


def may_hold_payment(raw: bytes) -> bool:
    """Whether an update that cannot be read may tell of money. What is too large to be whole may."""
    return b"successful_payment" in raw or len(raw) > _REPLY_BYTES_MAX


def _read_leniently(raw: bytes, reason: str) -> incoming.Update:
    """The payment in it, or Unreadable with the ids of the queries that wait for an answer."""
    mentions_payment = may_hold_payment(raw)
    head = _UPDATE_ID.search(raw[:200])
    update_id = int(head.group(1)) if head else None
    try:
        update = loads_leniently(raw)
    except (Broken, ValueError, RecursionError):
        return incoming.Unreadable(update_id, reason, mentions_payment)
    if (read_id := _usable_id(update.get("update_id"))) is not None:
        update_id = read_id
    message = update.get("message")
    if isinstance(message, dict) and "successful_payment" in message and len(update.keys() - {"update_id"}) == 1:
        with suppress(Broken):
            return _successful_payment(message, update_id or _NO_UPDATE_ID)
    query_id, shipping_id = (_query_id_or_none(update.get(kind)) for kind in ("pre_checkout_query", "shipping_query"))
    return incoming.Unreadable(update_id, reason, mentions_payment, query_id, shipping_id)


def _update_id(update: dict[str, Any]) -> int:
    value = _usable_id(update.get("update_id"))
    if value is None:
        raise Broken("no usable update_id")
    return value


def _usable_id(value: object) -> int | None:
    """Any that the ledger can hold: what it confirms is decided beside its neighbours (`listen/processor.py`)."""
    return value if type(value) is int and 0 <= value < 2**63 else None


def _parse_kind(update: dict[str, Any], update_id: int, bot_username: str) -> incoming.Update:
    kinds = [key for key in update if key != "update_id"]
    used = [kind for kind in kinds if kind in _KINDS_WITH_PARSER]
    if len(kinds) > 1 and used:
        raise Broken("two kinds of update at once: " + ", ".join(shown(kind)[:40] for kind in kinds[:4]))
    if not used:
        if any(isinstance(body, dict) and "successful_payment" in body for body in update.values()):
            raise Broken("a payment in a kind of update that apay does not read: " + shown(kinds[0])[:40])
        return incoming.Ignored(update_id, shown(kinds[0])[:64] if kinds else "nothing")
    body = _object(update, used[0])
    match used[0]:
        case "pre_checkout_query":
            return _pre_checkout_query(body, update_id)
        case "shipping_query":
            return _shipping_query(body, update_id)
        case "inline_query":
            return _inline_query(body, update_id)
        case "callback_query":
            return _callback_query(body, update_id)
        case _:
            return _message(body, update_id, bot_username)


def _pre_checkout_query(body: dict[str, Any], update_id: int) -> incoming.PreCheckoutQuery:
    return incoming.PreCheckoutQuery(
        update_id=update_id,
        pre_checkout_query_id=_query_id(body),
        buyer=_user(body.get("from")),
        currency=_text_or_none(body, "currency"),
        total_amount=_amount(body),
        invoice_payload=_exact_or_none(body, "invoice_payload") or "",
        shipping_option_id=_text_or_none(body, "shipping_option_id"),
    )


def _shipping_query(body: dict[str, Any], update_id: int) -> incoming.ShippingQuery:
    address = body.get("shipping_address")
    return incoming.ShippingQuery(
        update_id=update_id,
        shipping_query_id=_query_id(body),
        buyer=_user(body.get("from")),
        invoice_payload=_exact_or_none(body, "invoice_payload") or "",
        country_code=_text_or_none(address, "country_code") or "" if isinstance(address, dict) else "",
    )


def _inline_query(body: dict[str, Any], update_id: int) -> incoming.InlineQuery:
    return incoming.InlineQuery(
        update_id=update_id,
        inline_query_id=_text(body, "id"),
        user=_user(body.get("from")),
        query=_text_or_none(body, "query") or "",
        offset=_text_or_none(body, "offset") or "",
    )


def _callback_query(body: dict[str, Any], update_id: int) -> incoming.CallbackQuery:
    return incoming.CallbackQuery(
        update_id=update_id,
        callback_query_id=_text(body, "id"),
        user=_user(body.get("from")),
        data=(_text_or_none(body, "data") or "")[:64],
    )


def _message(body: dict[str, Any], update_id: int, bot_username: str) -> incoming.Update:
    if "successful_payment" in body:
        return _successful_payment(body, update_id)
    if "refunded_payment" in body:
        refund = _object(body, "refunded_payment")
        return incoming.RefundedPayment(
            update_id, _exact(refund, "telegram_payment_charge_id"), _text_or_none(refund, "currency"), _amount(refund)
        )
    chat_id = body["chat"].get("id") if isinstance(body.get("chat"), dict) else None
    new_id = body.get("migrate_to_chat_id")
    if _is_id(chat_id) and _is_id(new_id):
        return incoming.ChatMigrated(update_id, chat_id, new_id)
    command, message_id = _command(body, bot_username), body.get("message_id")
    if command is None or not _is_id(chat_id) or not _is_id(message_id):
        return incoming.Ignored(update_id, "message")
    name, addressee, text = command
    if chat_id < 0 and not addressee:
        return incoming.Ignored(update_id, "message")  # in a group, other bots may be meant
    user = None if "sender_chat" in body else _user_or_none(body.get("from"))
    return incoming.Command(update_id, chat_id, message_id, name, text, user)


def _command(body: dict[str, Any], bot_username: str) -> tuple[str, str, str] | None:
    """`/terms@our_bot more` → ("terms", "our_bot", "more"): a `bot_command` entity at offset 0 that names nobody
    else."""
    text, entities = body.get("text"), body.get("entities")
    if not isinstance(text, str) or not isinstance(entities, list):
        return None
    heads = (e for e in entities if isinstance(e, dict) and e.get("type") == "bot_command" and e.get("offset") == 0)
    if next(heads, None) is None or not text.startswith("/"):
        return None
    head, *rest = text[1:].split(maxsplit=1) or [""]
    command, _, addressee = head.partition("@")
    if addressee and addressee.lower() != bot_username.lower():
        return None
    return command.lower()[:32], addressee, shown(rest[0].strip() if rest else "")[:4096]


def _successful_payment(body: dict[str, Any], update_id: int) -> incoming.SuccessfulPayment:
    """Money is never refused: with a usable charge id everything else may be missing. But Telegram itself says that a
    payment arrived; a message that a person or a bot has made over is no such word, and books nothing."""
    payment, sender = _object(body, "successful_payment"), body.get("from")
    made_over = next((key for key in _MADE_OVER if key in body), None)
    by_bot = isinstance(sender, dict) and sender.get("is_bot") is True
    if made_over is not None or (by_bot and "sender_chat" not in body):
        raise Broken(f"a payment in a message that Telegram did not send: {made_over or 'from a bot'}")
    date = body.get("date")
    return incoming.SuccessfulPayment(
        update_id=update_id,
        paid_at=date * 1000 if type(date) is int and 0 < date < _DATE_SECONDS_END else None,
        buyer=None if by_bot else _user_or_none(sender),  # who writes as a group stays unknown
        currency=_text_or_none(payment, "currency"),
        total_amount=_amount(payment),
        invoice_payload=_exact_or_none(payment, "invoice_payload") or "",
        telegram_payment_charge_id=_exact(payment, "telegram_payment_charge_id"),
        provider_payment_charge_id=_exact_or_none(payment, "provider_payment_charge_id") or "",
        shipping_option_id=_text_or_none(payment, "shipping_option_id"),
        order_info=_order_info(payment.get("order_info")),
    )


def _order_info(value: object) -> OrderInfo | None:
    if not isinstance(value, dict):
        return None
    address = value.get("shipping_address")
    return OrderInfo(
        name=_text_or_none(value, "name"),
        phone_number=_text_or_none(value, "phone_number"),
        email=_text_or_none(value, "email"),
        shipping_address=shown(json.dumps(address, ensure_ascii=False)) if isinstance(address, dict) else None,
    )


def _user(value: object) -> User:
    user = _user_or_none(value)
    if user is None:
        raise Broken("from has no usable id")
    return user


def _user_or_none(value: object) -> User | None:
    if not isinstance(value, dict) or not _is_id(value.get("id")):
        return None
    return User(
        user_id=value["id"],
        first_name=_text_or_none(value, "first_name") or "",
        last_name=_text_or_none(value, "last_name") or "",
        username=_text_or_none(value, "username"),
        language_code=_text_or_none(value, "language_code"),
    )


def _is_id(value: object) -> TypeGuard[int]:
    return type(value) is int and -(2**63) < value < 2**63


def _amount(body: dict[str, Any]) -> int | None:
    """`total_amount` as an integer of smallest units; anything else, `true` and `100.0` too, is None."""
    value = body.get("total_amount")
    return value if type(value) is int and 0 <= value <= AMOUNT_MAX else None


def _object(body: dict[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    if not isinstance(value, dict):
        raise Broken(f"{key} is no object")
    return value


def _text(body: dict[str, Any], key: str) -> str:
    value = _text_or_none(body, key)
    if not value:
        raise Broken(f"{key} is missing or no text")
    return value


def _text_or_none(body: dict[str, Any], key: str) -> str | None:
    value = body.get(key)
    return shown(value) if isinstance(value, str) else None


def _exact(body: dict[str, Any], key: str) -> str:
    _text(body, key)
    return exact(body[key])


def _exact_or_none(body: dict[str, Any], key: str) -> str | None:
    value = body.get(key)
    return exact(value) if isinstance(value, str) else None


def _query_id(body: dict[str, Any]) -> str:
    """It is sent back: one that is no text through and through cannot be, and is nobody's."""
    query_id = _query_id_or_none(body)
    if query_id is None:
        raise Broken("id is missing or no text")
    return query_id


def _query_id_or_none(body: object) -> str | None:
    value = body.get("id") if isinstance(body, dict) else None
    return value if isinstance(value, str) and value and is_text(value) else None
