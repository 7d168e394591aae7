"""When a hook runs again, which receipts wait, what it is told, and how that is signed."""

import hashlib
import hmac
import json

import pytest

from apaycli.core.hooks import first_state, next_attempt_at, receipt_document, signature_header
from apaycli.core.model import Flag, ReceiptRow

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("flag", "state"),
    [
        (None, "pending"),
        (Flag.LATE, "pending"),
        (Flag.OVERSOLD, "waiting"),
        (Flag.DUPLICATE, "waiting"),
        (Flag.AMOUNT_MISMATCH, "waiting"),
        (Flag.UNMATCHED, "waiting"),
    ],
)
def test_flagged_receipts_wait_for_the_merchant(flag: Flag | None, state: str) -> None:
    assert first_state(flag) == state


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 10), (2, 20), (3, 40), (9, 2560), (10, 3600), (50, 3600)], ids=str
)
def test_the_pause_grows_from_ten_seconds_to_an_hour(attempts: int, seconds: int) -> None:
    assert next_attempt_at(attempts, first_attempt_at=0, now=1000) == 1000 + seconds * 1000


def test_after_a_day_it_is_given_up() -> None:
    assert next_attempt_at(40, first_attempt_at=0, now=24 * HOUR - 1) is not None
    assert next_attempt_at(40, first_attempt_at=0, now=24 * HOUR) is None


def test_the_document_is_json_with_integers_and_instants() -> None:
    row = ReceiptRow(*[None] * len(ReceiptRow._fields))._replace(  # type: ignore[arg-type]
        receipt_id=7, mode="test", paid_at=1_767_261_600_000, recorded_at=1_767_261_601_000, buyer_id=2**51,
        total_amount=49900, currency="INR", telegram_payment_charge_id="c", order_name="Rahim",
    )  # fmt: skip
    document = json.loads(json.dumps(receipt_document(row)))
    assert document["receipt_id"] == "7"
    assert document["buyer_id"] == str(2**51)
    assert (document["total_amount"], document["currency"]) == (49900, "INR")
    assert document["paid_at"] == "2026-01-01T10:00:00Z"
    assert document["order_name"] == "Rahim"


def test_each_secret_signs_time_and_body() -> None:
    body = '{"title": "হাঁস"}'.encode()
    header = signature_header([b"the old secret here", b"the new secret here"], 1_767_261_600, body)
    times, *signatures = header.split(",")
    assert times == "t=1767261600"
    expected = [
        hmac.new(secret, b"1767261600." + body, hashlib.sha256).hexdigest()
        for secret in (b"the old secret here", b"the new secret here")
    ]
    assert signatures == [f"v1={one}" for one in expected]
