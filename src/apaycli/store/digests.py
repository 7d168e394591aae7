"""Digests: of received bytes, and of what never changes in a receipt.

Knows which columns of a receipt are fixed for ever and hold no personal data, and their canonical form; the same
function is used when a receipt is recorded and when it is verified. Never knows where they are kept.
"""

import hashlib
import json
from collections.abc import Sequence

DIGESTED_COLUMNS = (
    "telegram_payment_charge_id",
    "provider_payment_charge_id",
    "mode",
    "flag",
    "invoice_id",
    "reservation_id",
    "invoice_payload",
    "sku",
    "title",
    "quantity",
    "booked_units",
    "booked_uses",
    "currency",
    "total_amount",
    "tip_amount",
    "shipping_amount",
    "shipping_option_id",
    "buyer_id",
    "paid_at",
    "recorded_at",
    "update_id",
    "digest",
)


def digest_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def row_digest(values: Sequence[str | int | None]) -> str:
    """SHA-256 of the values of DIGESTED_COLUMNS, in that order, as one JSON array in ASCII without spaces.

    `default`: damage can turn a text into bytes. That has a digest, too: another one.
    """
    return digest_of(json.dumps(values, separators=(",", ":"), default=repr).encode("ascii"))
