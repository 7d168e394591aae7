"""A-Pay's own API, as its pages describe it: what is read from an answer, and what is said when there is none."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from apaycli.apayapi import APay, APayError, APayUnreadable
from apaycli.core.model import PaymentMethod
from apaycli.core.reconcile import Deposit

UPI = {"name": "upi_fast", "currency": "INR", "min_deposit": "100.00", "max_deposit": "50000.00"}


def methods(answer: Any, status: int = 200) -> list[PaymentMethod]:
    asked: list[tuple[str, dict[str, str]]] = []

    def get(url: str, headers: Mapping[str, str], _seconds: float) -> tuple[int, bytes, int | None]:
        asked.append((url, dict(headers)))
        return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), None

    found = APay("https://pay.example/", "canary-key", "4 2", get).payment_methods()
    ((url, headers),) = asked
    assert url == "https://pay.example/Remotes/payment-systems-info?project_id=4+2"
    assert headers["apikey"] == "canary-key"
    return found


@pytest.mark.parametrize(
    ("changes", "limits"),
    [
        ({}, (10_000, 5_000_000)),
        ({"deposit": True, "unknown": 1}, (10_000, 5_000_000)),
        ({"min_deposit": "100", "max_deposit": "500.5"}, (10_000, 50_050)),
        ({"min_deposit": "100.0000"}, (10_000, 5_000_000)),
        ({"currency": "KRW", "min_deposit": "1000.00", "max_deposit": "2000.0"}, (1000, 2000)),
    ],
)
def test_limits_are_read_exactly(changes: dict[str, Any], limits: tuple[int, int]) -> None:
    (method,) = methods({"success": True, "payment_systems": [UPI | changes]})
    assert (method.min_amount, method.max_amount) == limits


@pytest.mark.parametrize(
    "changes",
    [
        {"deposit": False},
        {"min_deposit": 100.0},
        {"min_deposit": None},
        {"max_deposit": "1e3"},
        {"max_deposit": "500.001"},
        {"currency": "XXX"},
        {"currency": 5},
    ],
)
def test_a_method_that_is_off_or_cannot_be_read_is_none(changes: dict[str, Any]) -> None:
    assert methods({"success": True, "payment_systems": [UPI | changes, "x", None]}) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"<html>502</html>", "is no JSON object (HTTP 200)"),
        ([], "is no JSON object"),
        (
            {"success": False, "message": "Invalid \x1b[31mrequest"},
            "A-Pay refused payment-systems-info: Invalid \\x1b[",
        ),
        ({"success": "true", "payment_systems": []}, "A-Pay refused"),
        ({"success": True}, "has no payment_systems"),
        ({"success": True, "payment_systems": {}}, "has no payment_systems"),
    ],
)
def test_every_other_answer_is_an_error_that_says_why(answer: Any, said: str) -> None:
    with pytest.raises(APayError) as refused:
        methods(answer)
    assert said in refused.value.message
    assert "canary" not in refused.value.message


# -- deposits ----------------------------------------------------------------------------------------------------------

BOOKED = {
    "success": True,
    "status": "Success",
    "order_id": "7fa13dbc3b79e05e",
    "amount": 6008.39,
    "currency": "INR",
    "payment_system": "upi_p2p",
    "created_at": 1665731710,
}


def deposit(answer: Any, status: int = 200, **ids: str) -> Deposit | None:
    asked: list[str] = []

    def get(url: str, headers: Mapping[str, str], _seconds: float) -> tuple[int, bytes, int | None]:
        asked.append(url)
        return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), None

    found = APay("https://pay.example", "canary-key", "42", get).deposit(**(ids or {"order_id": "7fa13dbc3b79e05e"}))
    (url,) = asked
    name, value = next(iter((ids or {"order_id": "7fa13dbc3b79e05e"}).items()))
    assert url == f"https://pay.example/Remotes/deposit-info?{urlencode({'project_id': '42', name: value})}"
    return found


def test_a_deposit_is_read_exactly() -> None:
    assert deposit(BOOKED) == Deposit("7fa13dbc3b79e05e", "Success", Decimal("6008.39"), "INR")
    known = BOOKED | {"custom_transaction_id": "tg 1&2", "unknown": [1]}
    assert deposit(known, custom_transaction_id="tg 1&2") == Deposit(
        "7fa13dbc3b79e05e", "Success", Decimal("6008.39"), "INR", "tg 1&2"
    )


@pytest.mark.parametrize(
    ("written", "amount"),
    [("6008.39", "6008.39"), ("500", "500"), ("500.0", "500"), ("9999999999.99", "9999999999.99"), ("5e2", "500"),
     ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827")],
)  # fmt: skip
def test_an_amount_never_becomes_a_float(written: str, amount: str) -> None:
    body = json.dumps(BOOKED).encode().replace(b"6008.39", written.encode())
    found = deposit(body)
    assert found is not None
    assert found.amount == Decimal(amount)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"success": False, "message": "Invalid request", "code": 400}, 400),
        ({"success": False, "message": "Invalid request", "code": 400}, 200),
        ({"success": False, "message": "Not found", "code": 404}, 404),
        ({"success": False, "message": "Deposit not found"}, 200),
    ],
)
def test_a_deposit_that_a_pay_does_not_know_is_none(answer: Any, status: int) -> None:
    assert deposit(answer, status) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "Teleported"}, "has the status 'Teleported'"),
        ({"status": "\x1b[2J"}, "has the status '\\\\x1b[2J'"),
        ({"status": None}, "no readable status"),
        ({"order_id": ""}, "no readable order_id"),
        ({"order_id": 5}, "no readable order_id"),
        ({"order_id": "x" * 201}, "no readable order_id"),
        ({"currency": None}, "no readable currency"),
        ({"amount": "6008.39"}, "no readable amount"),
        ({"amount": True}, "no readable amount"),
        ({"amount": None}, "no readable amount"),
        ({"amount": -1}, "no readable amount"),
        ({"amount": 10**30}, "no readable amount"),
    ],
)
def test_a_deposit_with_other_fields_is_unreadable(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(APayUnreadable) as refused:
        deposit(BOOKED | changes)
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (b"<html>502</html>", 502, "is no JSON object (HTTP 502)"),
        (b'{"success": true, "amount": NaN}', 200, "is no JSON object"),
        (b"[" * 100_000, 200, "is no JSON object"),
        ({"success": False, "message": "Too many requests", "code": 429}, 429, "A-Pay refused deposit-info: Too many"),
        ({"success": False, "message": "Unauthorized", "code": 401}, 401, "A-Pay refused deposit-info: Unauthorized"),
        ({"success": False, "message": "x", "code": 400}, 500, "A-Pay refused deposit-info: x"),
        ({"success": False, "message": "x", "code": 500}, 200, "A-Pay refused deposit-info: x"),
    ],
)
def test_an_outage_is_no_answer_about_a_deposit(answer: Any, status: int, said: str) -> None:
    with pytest.raises(APayError) as refused:
        deposit(answer, status)
    assert said in refused.value.message
    assert not isinstance(refused.value, APayUnreadable)
