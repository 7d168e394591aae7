"""When a receipt's hook runs, and what it is told.

Knows which receipts wait for the merchant, the back-off, the document and its signature. Never runs
anything: `listen/hooks.py` does.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Literal

from apaycli.clock import render_instant
from apaycli.core.model import Flag, ReceiptRow

HookKind = Literal["program", "url"]
HookState = Literal["pending", "waiting", "done", "failed"]

_FIRST_PAUSE_SECONDS = 10
_PAUSE_SECONDS_MAX = 3_600
_GIVE_UP_SECONDS = 24 * 3_600

# product.md, section 6: these receipts wait until the merchant has looked at them.
_WAIT_FOR_THE_MERCHANT = frozenset({Flag.OVERSOLD, Flag.DUPLICATE, Flag.AMOUNT_MISMATCH, Flag.UNMATCHED})


def first_state(flag: Flag | None) -> HookState:
    """A hook is due for money that fits, also when it came late."""
    return "waiting" if flag in _WAIT_FOR_THE_MERCHANT else "pending"


def next_attempt_at(attempts: int, first_attempt_at: int, now: int) -> int | None:
    """After `attempts` failures: when to try again, from 10 s to 1 h apart, or None once 24 h are over."""
    if now - first_attempt_at >= _GIVE_UP_SECONDS * 1000:
        return None
    pause: int = min(_PAUSE_SECONDS_MAX, _FIRST_PAUSE_SECONDS << min(attempts - 1, 12))
    return now + pause * 1000


def receipt_document(receipt: ReceiptRow) -> dict[str, Any]:
    """What a hook gets on stdin or as a POST: the receipt, amounts as integers beside their currency.

    `telegram_payment_charge_id` is the idempotency key: the same receipt may come again after a crash.
    """
    document: dict[str, Any] = dict(receipt._asdict())
    document["receipt_id"] = str(receipt.receipt_id)
    document["buyer_id"] = None if receipt.buyer_id is None else str(receipt.buyer_id)
    document["paid_at"] = render_instant(receipt.paid_at)
    document["recorded_at"] = render_instant(receipt.recorded_at)
    return document


def signature_header(secrets: Sequence[bytes], unix_seconds: int, body: bytes) -> str:
    """`t=UNIX,v1=HEX`, one `v1` per secret: during a rotation the receiver finds the one it knows.

    HEX is HMAC-SHA256 of `t.body` with the secret as key.
    """
    signed = str(unix_seconds).encode() + b"." + body
    parts = [f"v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}" for secret in secrets]
    return ",".join([f"t={unix_seconds}", *parts])
