"""Bank statements for Zoho Books, QuickBooks Online and Xero, by the columns that their help pages name."""

import csv
import io
from datetime import UTC, date, datetime

import pytest

from apaycli.books.statement import render_statement
from apaycli.core.postings import Refund, entries_of
from ledger_rows import row

PAID = row(tip_amount=900, telegram_payment_charge_id="tg-7")
BACK = row(refund_state="done", telegram_payment_charge_id="tg-7")
EXPECTED = {
    "zoho": [
        ["Date", "Withdrawals", "Deposits", "Payee", "Description", "Reference Number"],
        ["2026-01-01", "", "499.00", "Rahim Uddin", "1 x Rubber duck", "tg-7"],
        ["2026-01-02", "499.00", "", "Rahim Uddin", "refund: 1 x Rubber duck", "tr-9"],
    ],
    "quickbooks": [
        ["Date", "Description", "Amount"],
        ["01/01/2026", "Rahim Uddin: 1 x Rubber duck tg-7", "499.00"],
        ["02/01/2026", "Rahim Uddin: refund: 1 x Rubber duck tr-9", "-499.00"],
    ],
    "xero": [
        ["*Date", "*Amount", "Payee", "Description", "Reference"],
        ["2026-01-01", "499.00", "Rahim Uddin", "1 x Rubber duck", "tg-7"],
        ["2026-01-02", "-499.00", "Rahim Uddin", "refund: 1 x Rubber duck", "tr-9"],
    ],
}


def day(instant: int) -> date:
    return datetime.fromtimestamp(instant / 1000, UTC).date()


@pytest.mark.parametrize("program", EXPECTED)
def test_columns_and_signs(program: str) -> None:
    refund = Refund(BACK, "tr-9", BACK.paid_at + 86_400_000)
    text = "".join(render_statement(program, entries_of([PAID], [refund]), day))
    assert list(csv.reader(io.StringIO(text, newline=""))) == EXPECTED[program]


@pytest.mark.parametrize("program", EXPECTED)
@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "-2", "a\r\n=1", 'a",=1,"'])
def test_no_cell_is_a_formula(program: str, name: str) -> None:
    receipt = row(buyer_name=name, title=name, telegram_payment_charge_id=name)
    text = "".join(render_statement(program, entries_of([receipt], []), day))
    head, cells = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert len(cells) == len(head)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(("currency", "amount"), [("BHD", "49.900"), ("JPY", "49900"), ("INR", "499.00")])
def test_amounts_have_their_currencys_digits(currency: str, amount: str) -> None:
    text = "".join(render_statement("xero", entries_of([row(currency=currency)], []), day))
    assert f",{amount}," in text or f"{amount}," in text.splitlines()[1]
