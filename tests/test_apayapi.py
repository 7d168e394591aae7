"""A-Pay's own API, as its pages describe it: what is read from an answer, and what is said when there is none."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from apaycli.apayapi import APay, APayError
from apaycli.core.model import PaymentMethod

UPI = {"name": "upi_fast", "currency": "INR", "min_deposit": "100.00", "max_deposit": "50000.00"}


def methods(answer: Any, status: int = 200) -> list[PaymentMethod]:
    asked: list[tuple[str, dict[str, str]]] = []

    def get(url: str, headers: Mapping[str, str], _seconds: float) -> tuple[int, bytes]:
        asked.append((url, dict(headers)))
        return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode()

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
