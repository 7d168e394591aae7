"""What an update says about money, read a second time by the plainest means.

Knows json and the rules that an update must meet (a strict object, one kind, a charge id), and that money is read where
only what stands around it is broken. Shares nothing with
`apaycli`: a mistake there must not be repeated here.
"""

import json
import re
from typing import Any, Literal, NamedTuple

_SURROGATE = re.compile("[\ud800-\udfff]")
_MARK = "\U0010fffe"
_BAD = re.compile(_MARK + "(..)")
_MADE_OVER = {"forward_origin", "forward_from", "forward_from_chat", "forward_date", "edit_date", "via_bot"}
_KINDS = {"pre_checkout_query", "message", "shipping_query", "inline_query"}
_DEPTH_MAX = 64


class Charge(NamedTuple):
    """A payment whose charge id could be read; of the rest, what could be."""

    telegram_payment_charge_id: str
    currency: str | None
    total_amount: int | None
    invoice_payload: str
    provider_payment_charge_id: str
    buyer_id: int | None


class NotStrict(Exception):
    """JSON that two readers might read differently."""


def reading_of(raw: bytes) -> Charge | Literal["broken", "other"]:
    """`broken`: no update at all, or one with a payment that cannot be read."""
    try:
        return _reading(json.loads(raw.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse))
    except (NotStrict, ValueError, RecursionError):
        pass
    try:
        return _money_in(json.loads(_marked(raw), strict=False, **_LENIENT))
    except (NotStrict, ValueError, RecursionError):
        return "broken"


def _marked(raw: bytes) -> str:
    """Each byte that is no UTF-8 as a mark and its two digits."""
    text = raw.decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda match: f"{_MARK}{ord(match.group()) & 0xFF:02x}", text)


def _money_in(update: Any) -> Charge:
    """The payment of an update that is broken around it."""
    if not isinstance(update, dict) or _depth(update) > _DEPTH_MAX:
        raise NotStrict
    message = update.get("message")
    if set(update) - {"update_id"} != {"message"} or not isinstance(message, dict):
        raise NotStrict
    return _charge(message, message.get("successful_payment"))


def _reading(update: Any) -> Charge | Literal["other"]:
    if not isinstance(update, dict) or _depth(update) > _DEPTH_MAX or not 0 <= _whole(update, "update_id") < 2**63:
        raise NotStrict
    kinds = set(update) - {"update_id"}
    if not kinds & _KINDS:
        return "other"
    if len(kinds) > 1:
        raise NotStrict
    message = update.get("message", {})
    if not isinstance(message, dict):
        raise NotStrict
    if "successful_payment" not in message:
        return "other"
    return _charge(message, message["successful_payment"])


def _charge(message: dict[str, Any], payment: Any) -> Charge:
    if not isinstance(payment, dict) or not _text(payment, "telegram_payment_charge_id"):
        raise NotStrict
    amount = payment.get("total_amount")
    buyer = message.get("from")
    bot = isinstance(buyer, dict) and buyer.get("is_bot") is True
    if message.keys() & _MADE_OVER or (bot and "sender_chat" not in message):
        raise NotStrict
    buyer_id = buyer.get("id") if isinstance(buyer, dict) and not bot else None
    return Charge(
        _id(payment, "telegram_payment_charge_id"),
        _text(payment, "currency"),
        amount if type(amount) is int and 0 <= amount <= 999_999_999_999 else None,
        _id(payment, "invoice_payload"),
        _id(payment, "provider_payment_charge_id"),
        buyer_id if type(buyer_id) is int and abs(buyer_id) < 2**63 else None,
    )


def _text(values: dict[str, Any], key: str) -> str | None:
    value = values.get(key)
    return _SURROGATE.sub("?", _BAD.sub("\ufffd", value)) if isinstance(value, str) else None


def _id(values: dict[str, Any], key: str) -> str:
    """As it was received: whatever cannot stand in it is spelled."""
    value = values.get(key)
    if not isinstance(value, str):
        return ""
    spelled = _SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04x}", value.replace("\\", "\\\\"))
    return _BAD.sub(lambda match: "\\x" + match.group(1), spelled)


def _whole(values: dict[str, Any], key: str) -> int:
    value = values.get(key)
    if type(value) is not int:
        raise NotStrict
    return value


def _depth(node: Any) -> int:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
    return 0 if children is None else 1 + max(map(_depth, children), default=0)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise NotStrict
    return dict(pairs)


def _agreeing(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return {
        key: all_of[0]
        for key, all_of in values.items()
        if all(each == all_of[0] and type(each) is type(all_of[0]) for each in all_of)
    }


def _short(digits: str) -> int | None:
    return int(digits) if len(digits) <= 20 else None


def _refuse(_constant: str) -> Any:
    raise NotStrict


_LENIENT: dict[str, Any] = {
    "object_pairs_hook": _agreeing,
    "parse_int": _short,
    "parse_constant": lambda _name: None,
}
