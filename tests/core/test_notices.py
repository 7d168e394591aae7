"""Sentences for the merchant, and how they are put into messages."""

from dataclasses import replace
from typing import Any

import pytest

from apaycli.core.model import Flag, User
from apaycli.core.notices import MESSAGE_UNITS_MAX, dead_letter_notice, hook_notice, message_of, receipt_notice
from ledger_rows import receipt


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Test payment: 1 x Rubber duck, ₹499.00, by Rahim Uddin (@rahim), receipt 7"),
        ({"mode": "live"}, "Paid: 1 x Rubber duck, ₹499.00, by Rahim Uddin (@rahim), receipt 7"),
        ({"title": None}, "Test payment: ₹499.00, by Rahim Uddin (@rahim), receipt 7"),
        ({"total_amount": None}, "Test payment: 1 x Rubber duck, an amount that could not be read, by Rahim"),
        ({"buyer": None}, "Test payment: 1 x Rubber duck, ₹499.00, by somebody, receipt 7"),
        ({"buyer": User(5)}, "Test payment: 1 x Rubber duck, ₹499.00, by user 5, receipt 7"),
        ({"flag": Flag.OVERSOLD}, "receipt 7. OVERSOLD: no units left: a refund is due"),
    ],
)
def test_a_receipt_reads_as_a_merchant_would_say_it(changes: dict[str, Any], sentence: str) -> None:
    paid = replace(receipt(1, buyer=User(1001, "Rahim", "Uddin", "rahim")), **changes)
    assert sentence in receipt_notice(7, paid)


def test_every_flag_has_its_advice() -> None:
    for flag in Flag:
        assert f". {flag.upper()}: " in receipt_notice(1, receipt(1, flag=flag))


def test_strangers_text_is_harmless() -> None:
    hostile = receipt(1, buyer=User(1, "\x1b[2J\u202e", "", "a\nb"))
    for text in (receipt_notice(1, hostile), dead_letter_notice("\x1b"), hook_notice(1, "\x9b")):
        assert text.isprintable()


def test_a_message_holds_what_fits() -> None:
    assert message_of(["one"]) == ("one", 1)
    assert message_of(["one", "two"]) == ("one\ntwo", 2)
    assert message_of(["a" * 3000, "b" * 1095]) == ("a" * 3000 + "\n" + "b" * 1095, 2)
    assert message_of(["a" * 3000, "b" * 1096, "c"]) == ("a" * 3000, 1)


@pytest.mark.parametrize("letter", ["a", "😀"])
def test_a_sentence_that_is_too_long_is_cut(letter: str) -> None:
    text, count = message_of([letter * 5000, "next"])
    assert count == 1
    assert MESSAGE_UNITS_MAX - 2 <= len(text.encode("utf-16-le")) // 2 <= MESSAGE_UNITS_MAX
