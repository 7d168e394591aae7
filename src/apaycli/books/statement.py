"""Entries → bank statements as Zoho Books, QuickBooks Online and Xero import them.

Knows their columns, from their help pages: Zoho's sample statement, QuickBooks' three columns (Date, Description,
Amount, the amount signed), Xero's template (required columns have an asterisk). Never knows which account money
belongs to, nor time zones. A statement has one currency: whoever calls sees to that.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal

from apaycli.books.columns import Value
from apaycli.books.csvtext import render_row
from apaycli.books.journal import DayOf, narration, payee
from apaycli.core.postings import Entry
from apaycli.money import format_amount

Row = tuple[Value, ...]

ROWS_MAX: dict[str, int] = {"xero": 1000, "quickbooks": 1000}  # of one import; Zoho counts bytes (10 MB)


def render_statement(program: str, entries: Iterable[Entry], day_of: DayOf) -> Iterator[str]:
    """`program` is zoho, quickbooks or xero."""
    header, row_of = _PROGRAMS[program]
    yield render_row(header)
    for entry in entries:
        yield render_row(row_of(entry, day_of(entry.at)))


def _amount(entry: Entry, amount: int) -> Decimal:
    """Exact, with its currency's digits; a number, which no spreadsheet runs."""
    return Decimal(format_amount(amount, entry.currency))


def _zoho(entry: Entry, day: date) -> Row:
    amount = entry.cleared_amount
    shown = _amount(entry, abs(amount))
    out_and_in = (shown, None) if amount < 0 else (None, shown)
    return (day.isoformat(), *out_and_in, payee(entry), narration(entry), _reference(entry))


def _quickbooks(entry: Entry, day: date) -> Row:
    description = f"{payee(entry)}: {narration(entry)} {_reference(entry)}"
    return (day.strftime("%d/%m/%Y"), description, _amount(entry, entry.cleared_amount))


def _xero(entry: Entry, day: date) -> Row:
    amount = _amount(entry, entry.cleared_amount)
    return (day.isoformat(), amount, payee(entry), narration(entry), _reference(entry))


def _reference(entry: Entry) -> str:
    return entry.reference or entry.receipt.telegram_payment_charge_id


_PROGRAMS: dict[str, tuple[Row, Callable[[Entry, date], Row]]] = {
    "zoho": (("Date", "Withdrawals", "Deposits", "Payee", "Description", "Reference Number"), _zoho),
    "quickbooks": (("Date", "Description", "Amount"), _quickbooks),
    "xero": (("*Date", "*Amount", "Payee", "Description", "Reference"), _xero),
}
