"""A receipt beside A-Pay's deposit: one state, compared exactly; silence is no verdict."""

from decimal import Decimal
from typing import Any

import pytest

from apaycli.core.reconcile import (
    KEYS,
    Claim,
    Deposit,
    Finding,
    answers,
    compare,
    keys_in_order,
    not_found,
    smallest_units,
)

CLAIM = Claim(7, "tg-7", "apay-7", "INR", 600_839, 1_767_261_600_000)
DEPOSIT = Deposit("apay-7", "Success", Decimal("6008.39"), "INR")


@pytest.mark.parametrize(
    ("claim", "deposit", "state", "detail"),
    [
        ({}, {}, "confirmed", None),
        ({}, {"amount": Decimal("6008.390")}, "confirmed", None),
        ({"total_amount": 50_000}, {"amount": Decimal(500)}, "confirmed", None),
        ({"currency": "BHD", "total_amount": 1005}, {"amount": Decimal("1.005"), "currency": "BHD"}, "confirmed", None),
        ({"currency": "PYG", "total_amount": 8000}, {"amount": Decimal(8000), "currency": "PYG"}, "confirmed", None),
        ({}, {"status": "Pending", "amount": Decimal(1)}, "pending", None),
        ({}, {"status": "Failed"}, "rejected", "A-Pay says Failed, Telegram said paid"),
        ({}, {"status": "Rejected"}, "rejected", "A-Pay says Rejected, Telegram said paid"),
        ({}, {"amount": Decimal("6008.4")}, "differs", "receipt 6008.39 INR, A-Pay 6008.4 INR"),
        ({}, {"amount": Decimal("6008.391")}, "differs", "receipt 6008.39 INR, A-Pay 6008.391 INR"),
        ({}, {"currency": "BDT"}, "differs", "receipt 6008.39 INR, A-Pay 6008.39 BDT"),
        ({}, {"currency": "KHR"}, "differs", "receipt 6008.39 INR, A-Pay 6008.39 KHR"),
        ({"total_amount": None}, {}, "differs", "this receipt has no readable amount; A-Pay booked 6008.39 INR"),
        ({"currency": None}, {}, "differs", "this receipt has no readable amount; A-Pay booked 6008.39 INR"),
        ({"currency": "XXX"}, {"currency": "XXX"}, "differs", "this receipt has no readable amount"),
    ],
)
def test_the_state(claim: dict[str, Any], deposit: dict[str, Any], state: str, detail: str | None) -> None:
    finding = compare(CLAIM._replace(**claim), DEPOSIT._replace(**deposit), "order_id")
    assert finding.state == state
    assert finding.detail == detail or (finding.detail or "").startswith(detail or "-")
    assert (finding.receipt_id, finding.found_by, finding.apay_order_id) == (7, "order_id", "apay-7")


def test_what_cannot_be_found_is_unknown_and_never_unpaid() -> None:
    assert not_found(CLAIM) == Finding(7, "unknown", detail="cannot check: A-Pay knows neither of our ids")


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("6008.39", "INR", 600_839),
        ("6008.390", "INR", 600_839),
        ("500", "INR", 50_000),
        ("0.01", "INR", 1),
        ("6008.391", "INR", None),
        ("1.005", "BHD", 1005),
        ("5000", "JPY", 5000),
        ("5000.5", "JPY", None),
        ("1", "KHR", None),
        ("9999999999.99", "INR", 999_999_999_999),
    ],
)
def test_major_units_become_smallest_ones_exactly_or_not_at_all(amount: str, currency: str, units: int | None) -> None:
    assert smallest_units(Decimal(amount), currency) == units


@pytest.mark.parametrize("learned", [None, *KEYS, "report", "odd"])
def test_the_key_that_worked_is_asked_first_and_the_other_too(learned: str | None) -> None:
    keys = keys_in_order(learned)
    assert sorted(keys) == sorted(KEYS)
    assert keys[0] == (learned if learned in KEYS else "order_id")


def test_each_key_has_its_id() -> None:
    assert [CLAIM.id_for(key) for key in KEYS] == ["apay-7", "tg-7"]


@pytest.mark.parametrize(
    ("changes", "key", "right"),
    [
        ({}, "order_id", True),
        ({"order_id": "other"}, "order_id", False),
        ({"order_id": "own", "custom_transaction_id": "tg-7"}, "custom_transaction_id", True),
        ({"custom_transaction_id": "tg-8"}, "custom_transaction_id", False),
        ({}, "custom_transaction_id", False),
    ],
)
def test_an_answer_about_another_deposit_is_seen(changes: dict[str, Any], key: Any, right: bool) -> None:
    assert answers(DEPOSIT._replace(**changes), CLAIM, key) is right
