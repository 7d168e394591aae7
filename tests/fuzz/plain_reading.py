"""What an update says about money, read a second time by the plainest means.

Knows json and the rules that an update must meet (a strict object, one kind, a charge id). Shares nothing with
`apaycli`: a mistake there must not be repeated here.
"""

import json
import re
from typing import Any, Literal, NamedTuple

_SURROGATE = re.compile("[\ud800-\udfff]")
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
        update = json.loads(raw.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse)
        return _reading(update)
    except (NotStrict, ValueError, RecursionError):
        return "broken"


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
    buyer_id = buyer.get("id") if isinstance(buyer, dict) else None
    return Charge(
        _text(payment, "telegram_payment_charge_id") or "",
        _text(payment, "currency"),
        amount if type(amount) is int and 0 <= amount <= 999_999_999_999 else None,
        _text(payment, "invoice_payload") or "",
        _text(payment, "provider_payment_charge_id") or "",
        buyer_id if type(buyer_id) is int and abs(buyer_id) < 2**63 else None,
    )


def _text(values: dict[str, Any], key: str) -> str | None:
    value = values.get(key)
    return _SURROGATE.sub("?", value) if isinstance(value, str) else None


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


def _refuse(_constant: str) -> Any:
    raise NotStrict
