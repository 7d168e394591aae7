"""Which account money belongs to; every entry sums to zero."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apaycli.core.model import Flag
from apaycli.core.postings import ACCOUNTS, Refund, entries_of, entry_of_receipt, entry_of_refund
from ledger_rows import row

CLEARING, SALES, TIPS, DELIVERY, RETURNS, REFUNDS = ACCOUNTS


@pytest.mark.parametrize(
    ("changes", "against"),
    [
        ({}, {SALES: -49900}),
        ({"tip_amount": 900}, {SALES: -49000, TIPS: -900}),
        ({"shipping_amount": 6000}, {SALES: -43900, DELIVERY: -6000}),
        ({"tip_amount": 900, "shipping_amount": 6000}, {SALES: -43000, TIPS: -900, DELIVERY: -6000}),
        ({"tip_amount": 49900}, {TIPS: -49900}),
        # Parts that exceed the whole are no parts of it.
        ({"tip_amount": 49901}, {SALES: -49900}),
        ({"tip_amount": 30000, "shipping_amount": 30000}, {SALES: -49900}),
        ({"shipping_amount": -1}, {SALES: -49900}),
        ({"total_amount": 0}, {SALES: 0}),
        # What could not be sold was never income, whatever became of the money.
        ({"refund_state": "due", "flag": "oversold", "tip_amount": 900}, {REFUNDS: -49900}),
        ({"refund_state": "done", "flag": "duplicate"}, {REFUNDS: -49900}),
        # What was sold stays a sale of its day; a return is another entry.
        ({"refund_state": "due"}, {SALES: -49900}),
        ({"refund_state": "done"}, {SALES: -49900}),
    ],
)
def test_what_stands_against_the_money(changes: dict[str, Any], against: dict[str, int]) -> None:
    receipt = row(**changes)
    entry = entry_of_receipt(receipt)
    assert entry is not None
    assert dict(entry.postings) == {CLEARING: receipt.total_amount, **against}
    assert entry.cleared_amount == receipt.total_amount
    assert (entry.at, entry.currency, entry.receipt) == (receipt.paid_at, "INR", receipt)


@pytest.mark.parametrize(
    ("changes", "undecided"),
    [
        ({}, False),
        ({"flag": "late"}, False),
        *[({"flag": flag}, True) for flag in Flag if flag != Flag.LATE],
        ({"flag": "oversold", "refund_state": "due"}, False),
    ],
)
def test_what_is_flagged_and_not_decided_is_marked(changes: dict[str, Any], undecided: bool) -> None:
    entry = entry_of_receipt(row(**changes))
    assert entry is not None
    assert entry.undecided is undecided


@pytest.mark.parametrize("changes", [{"total_amount": None}, {"currency": None}, {"currency": "XXX"}])
def test_what_has_no_readable_amount_cannot_be_booked(changes: dict[str, Any]) -> None:
    assert entry_of_receipt(row(**changes)) is None
    assert entry_of_refund(Refund(row(**changes), "tr-1", 5)) is None
    assert list(entries_of([row(**changes)], [Refund(row(**changes), "tr-1", 5)])) == []


@pytest.mark.parametrize(("flag", "account"), [("oversold", REFUNDS), (None, RETURNS), ("late", RETURNS)])
def test_money_that_went_back_is_an_entry_of_its_own_on_its_own_day(flag: str | None, account: str) -> None:
    receipt = row(refund_state="done", flag=flag)
    _, second = entries_of([receipt], [Refund(receipt, "tr-1", 77)])
    assert (second.at, second.reference, second.came_back) == (77, "tr-1", False)
    assert dict(second.postings) == {account: 49900, CLEARING: -49900}


def test_a_transfer_that_came_back_undoes_it_on_its_own_day() -> None:
    receipt = row(refund_state="due")
    _, gone, came = entries_of([receipt], [Refund(receipt, "tr-1", 77), Refund(receipt, "tr-1", 99, came_back=True)])
    assert (came.at, came.came_back) == (99, True)
    assert dict(came.postings) == {account: -amount for account, amount in gone.postings}


@pytest.mark.parametrize("flag", [None, *Flag])
def test_the_books_of_a_day_are_the_same_whatever_happens_later(flag: str | None) -> None:
    at_once = row(flag=flag, refund_state="due" if flag in {"oversold", "duplicate"} else None)
    later = [at_once._replace(refund_state=state) for state in ("due", "done")]
    first = entry_of_receipt(at_once)
    assert first is not None
    for receipt in later:
        again = entry_of_receipt(receipt)
        assert again is not None
        assert (again.at, again.postings) == (first.at, first.postings)


AMOUNTS = st.integers(0, 999_999_999_999)


@settings(derandomize=True, database=None)
@given(total=AMOUNTS, tip=AMOUNTS, delivery=st.integers(-10, 10**12), back=st.sampled_from((None, "due", "done")))
def test_every_entry_sums_to_zero(total: int, tip: int, delivery: int, back: str | None) -> None:
    receipt = row(total_amount=total, tip_amount=tip, shipping_amount=delivery, refund_state=back)
    for entry in entries_of([receipt], [Refund(receipt, "x", 1)] if back == "done" else []):
        assert sum(amount for _, amount in entry.postings) == 0
        assert {account for account, _ in entry.postings} <= set(ACCOUNTS)
