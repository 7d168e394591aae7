"""Receipts that are known only from a ledger that was replaced: a line and an object each, for `restore` and `status`.

Knows how they look; never where they come from.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apaycli.store.values import MissingReceipt


def counted(count: int, what: str) -> str:
    """`1 receipt`, `2 receipts`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def missing_line(missing: "MissingReceipt") -> str:
    """Number, amount, buyer and charge id."""
    from apaycli.money import render_money
    from apaycli.text import show

    if missing.known_from == "hook":
        return f"{missing.receipt_id}\tknown from its hook alone"
    currency, total = missing.currency, missing.total_amount
    amount = (
        "unknown amount" if total is None else f"{total}" if not currency else render_money(total, show(currency, 12))
    )
    buyer = "unknown buyer" if missing.buyer_id is None else f"buyer {missing.buyer_id}"
    mode = f" ({show(missing.mode, 8)})" if missing.mode else ""
    return f"{missing.receipt_id}\t{amount}{mode}\t{buyer}\t{show(missing.telegram_payment_charge_id or '', 100)}"


def missing_document(missing: "MissingReceipt") -> dict[str, Any]:
    from apaycli.clock import render_instant

    return {
        "receipt_id": missing.receipt_id,
        "known_from": missing.known_from,
        "mode": missing.mode,
        "currency": missing.currency,
        "total_amount": missing.total_amount,
        "buyer_id": missing.buyer_id,
        "telegram_payment_charge_id": missing.telegram_payment_charge_id,
        "paid_at": None if missing.paid_at is None else render_instant(missing.paid_at),
    }
