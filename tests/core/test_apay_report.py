"""A-Pay's CSV report: read tolerantly, compared exactly; what is missing is never called unpaid."""

from decimal import Decimal
from typing import Any

import pytest

from apaycli.core.apay_report import Pair, ReportProblem, Total, finding_of, match_report, parse_report
from apaycli.core.reconcile import Claim, Finding

HEAD = "order_id;custom_transaction_id;amount;amount_after_commision;status;created_at"


def claim(number: int, **changes: Any) -> Claim:
    return Claim(number, f"tg-{number}", f"apay-{number}", "INR", 49_900, number * 1000)._replace(**changes)


def line(number: int, amount: str = "499.00", net: str = "484.03", status: str = "success", custom: str = "") -> str:
    return f"apay-{number};{custom};{amount};{net};{status};2026-01-01T10:00:0{number}Z"


def matched(text: str, *claims: Claim, since: int | None = None, until: int | None = None) -> list[Pair]:
    return list(match_report(parse_report(text), claims, since, until))


def kinds(pairs: list[Pair]) -> list[tuple[str, int | None, str | None]]:
    return [(pair.match, pair.claim.receipt_id if pair.claim else None, pair.detail) for pair in pairs]


def test_the_example_of_a_pays_pages() -> None:
    text = "custom_transaction_id;amount;amount_after_commision\nTXN-001;150.50;145.25\nTXN-002;200.00;194.00\n"
    first, second = matched(
        text,
        claim(1, telegram_payment_charge_id="TXN-001", total_amount=15_050),
        claim(2, telegram_payment_charge_id="TXN-002", total_amount=20_000),
    )
    assert (first.match, first.fee_amount, second.match, second.fee_amount) == ("matched", 525, "matched", 600)
    total = Total()
    total.add(first)
    total.add(second)
    assert (total.receipts, total.amount, total.fee_amount, total.net_amount) == (2, 35_050, 1125, 33_925)


@pytest.mark.parametrize(
    ("row", "kind", "detail"),
    [
        (line(1), "matched", None),
        (line(1, status="Completed"), "matched", None),
        (line(1, status=""), "differs", "its status is empty"),
        (line(1, amount="499"), "matched", None),
        (line(1, amount="499.01"), "differs", "receipt 499.00 INR, A-Pay 499.01 INR"),
        (line(1, amount="499.001"), "differs", "receipt 499.00 INR, A-Pay 499.001 INR"),
        (line(1, status="pending"), "pending", "A-Pay says pending"),
        (line(1, status="Rejected"), "rejected", "A-Pay says Rejected"),
        (line(1, status="expired"), "rejected", "A-Pay says expired"),
        (line(1, status="Teleported"), "differs", "A-Pay says Teleported"),
    ],
)
def test_a_receipt_and_its_row(row: str, kind: str, detail: str | None) -> None:
    assert kinds(matched(f"{HEAD}\n{row}\n", claim(1))) == [(kind, 1, detail)]


def test_only_here_and_only_there() -> None:
    text = "\n".join((HEAD, line(1), line(3), line(4, status="failed"), line(5, status="odd")))
    assert kinds(matched(text, claim(1), claim(2))) == [
        ("matched", 1, None),
        ("only_here", 2, "cannot check: not in this report"),
        ("only_there", None, "A-Pay says success"),
        ("only_there", None, "A-Pay says odd"),
    ]


def test_a_report_without_a_status_says_nothing_of_one() -> None:
    assert kinds(matched("order_id;amount\napay-9;499\n")) == [("only_there", None, None)]


def test_what_lies_outside_of_the_reports_days_is_passed_over_unless_a_row_names_it() -> None:
    text = f"{HEAD}\n{line(1)}\n{line(9)}"
    pairs = matched(text, *(claim(number) for number in (1, 2, 3, 4, 9)), since=2000, until=4000)
    assert [(pair.match, pair.claim and pair.claim.receipt_id) for pair in pairs] == [
        ("matched", 1),
        ("only_here", 2),
        ("only_here", 3),
        ("matched", 9),
    ]


def test_of_several_rows_the_good_one_counts_and_two_good_ones_differ() -> None:
    failed, good = line(1, status="failed"), line(1)
    assert kinds(matched(f"{HEAD}\n{failed}\n{good}", claim(1))) == [("matched", 1, None)]
    twice = f"{HEAD}\n{good}\n{failed}\n{good}"
    assert kinds(matched(twice, claim(1))) == [("differs", 1, "the report has it 2 times: lines 2, 4")]


def test_a_row_that_names_two_receipts_pays_for_the_first_alone() -> None:
    head = "order_id;custom_transaction_id;amount"
    assert kinds(matched(f"{head}\napay-1;tg-2;499\n", claim(1), claim(2))) == [
        ("matched", 1, None),
        ("differs", 2, "its line names receipt 1, too"),
    ]


def test_a_row_is_found_by_any_of_its_ids() -> None:
    head = "Transaction ID ; Custom-Transaction-Id;AMOUNT"
    assert kinds(matched(f"{head}\nx;tg-1;499\napay-2;;499\n", claim(1), claim(2))) == [
        ("matched", 1, None),
        ("matched", 2, None),
    ]


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "\ufeff", "\n"])
def test_tolerant_about_delimiters_line_ends_marks_and_empty_lines(delimiter: str, ending: str, before: str) -> None:
    text = before + ending.join((HEAD, "", line(1), "", "")).replace(";", delimiter)
    assert kinds(matched(text, claim(1))) == [("matched", 1, None)]


def test_a_currency_of_the_report_is_compared_too() -> None:
    text = "order_id;amount;currency\napay-1;499;bdt\napay-2;499;INR\napay-3;499;\n"
    assert kinds(matched(text, claim(1), claim(2), claim(3))) == [
        ("differs", 1, "receipt 499.00 INR, A-Pay 499 BDT"),
        ("matched", 2, None),
        ("matched", 3, None),
    ]


@pytest.mark.parametrize(
    ("columns", "cells", "fee"),
    [
        ("amount_after_commision", "484.03", 1497),
        ("amount_after_commission", "484.03", 1497),
        ("fee", "14.97", 1497),
        ("commission", "0", 0),
        ("amount_after_commision", "484.035", 1497),  # 14.965, half a unit upwards
        ("amount_after_commision", "", None),
        ("other", "1", None),
    ],
)
def test_the_fee(columns: str, cells: str, fee: int | None) -> None:
    (pair,) = matched(f"order_id;amount;{columns}\napay-1;499.00;{cells}\n", claim(1))
    assert pair.fee_amount == fee
    total = Total()
    total.add(pair)
    assert (total.fee_amount, total.net_amount) == (fee, None if fee is None else 49_900 - fee)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("<html>\n", "line 1: there is no column amount"),
        ("order_id;sum\n", "line 1: there is no column amount"),
        ("amount;status\n", "line 1: there is no column order_id"),
        ("order_id;amount;amount\n", "line 1: a column stands there twice"),
        ("order_id;amount\napay-1\n", "line 2: has 1 cells, the first row has 2"),
        ("order_id;amount\napay-1;5\napay-2;\n", "line 3: amount '' is no number such as 150.50"),
        ("order_id;amount\napay-1;1,500.00\n", "line 2: amount '1,500.00' is no number"),
        ("order_id;amount\napay-1;1e3\n", "line 2: amount '1e3' is no number"),
        ("order_id;amount\napay-1;NaN\n", "line 2: amount 'NaN' is no number"),
        ("order_id;amount\napay-1;५\n", "is no number"),
        ("order_id;amount;fee\napay-1;5;x\n", "line 2: fee 'x' is no number"),
        ('order_id;amount\n"apay-1;5\n', "line 2: unexpected end of data"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ReportProblem) as problem:
        parse_report(text)
    assert said in str(problem.value)


def test_what_is_recorded() -> None:
    text = "\n".join((HEAD, line(1), line(2, amount="7"), line(3, status="failed"), line(9)))
    pairs = matched(text, *(claim(number) for number in (1, 2, 3, 4)))
    assert [finding_of(pair) for pair in pairs] == [
        Finding(1, "confirmed", "report", "apay-1", "INR", 49_900, 1497),
        Finding(2, "differs", "report", "apay-2", "INR", 700, -47_703, "receipt 499.00 INR, A-Pay 7 INR"),
        Finding(3, "rejected", "report", "apay-3", "INR", 49_900, 1497, "A-Pay says failed"),
        None,
        None,
    ]


def test_an_amount_without_a_readable_receipt_is_still_exact() -> None:
    (pair,) = matched(f"{HEAD}\n{line(1)}", claim(1, total_amount=None))
    assert pair.match == "differs"
    assert pair.row is not None
    assert pair.row.amount == Decimal("499.00")
