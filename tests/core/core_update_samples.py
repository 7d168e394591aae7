"""The sample updates of tests/data/updates, and how to spoil one of their fields."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "updates"
SAMPLES = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.json"))}

QUERY = "pre_checkout_query"
PAYMENT = "successful_payment"
REFUND = "refunded_payment"
_FILES = {
    QUERY: "pre_checkout_query.private",
    PAYMENT: "message.successful_payment.private",
    REFUND: "message.refunded_payment.minimal",
}


def raw_of(kind: str, **changes: Any) -> bytes:
    """The usual update of its kind with some fields of its object changed."""
    update = json.loads(SAMPLES[_FILES[kind]])
    body = update[kind] if kind in update else update["message"][kind]
    body.update(changes)
    return json.dumps(update).encode()


def short(value: object) -> str:
    """The name of a test case: some inputs are megabytes."""
    return repr(value)[:60]
