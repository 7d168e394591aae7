"""A-Pay's CSV report beside our receipts: matched, differs, only here, only there; fees and net.

Knows the report's form (A-Pay's Reports API: UTF-8, `;`, names in the first row, a point before decimals; the caller
chooses the columns) and how its rows find receipts. Never opens a file or a ledger, and never says "not paid" of what
is missing: a report has the statuses and days that somebody chose.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from apaycli.core.reconcile import Claim, Finding, State, difference_between, smallest_units
from apaycli.money import currencies

Match = Literal["matched", "pending", "rejected", "differs", "only_here", "only_there"]

_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)
# Ids in the order in which they are believed. A-Pay itself writes "commision".
_IDS = ("order_id", "custom_transaction_id", "transaction_id")
_NET = ("amount_after_commision", "amount_after_commission")
_FEE = ("commision", "commission", "fee")
_SPAN = ("created_at", "create_at", "updated_at", "activated_at")
_GOOD = {"success", "successful", "completed", "complete", "paid"}
_OPEN = {"pending", "processing", "created", "new"}
_BAD = {"failed", "rejected", "cancelled", "canceled", "expired", "declined", "error"}


class ReportProblem(Exception):
    """What cannot be read, with its line."""


class ReportRow(NamedTuple):
    """One line of the report; amounts in major units, exactly."""

    line: int
    ids: tuple[str, ...]
    status: str | None  # as it was written; None where the report has no such column
    amount: Decimal
    currency: str | None
    fee: Decimal | None
    instants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A receipt and the rows that name it; either side may be missing."""

    match: Match
    claim: Claim | None
    row: ReportRow | None
    detail: str | None = None

    @property
    def fee_amount(self) -> int | None:
        """In the smallest unit, half a unit upwards: a fee may be finer than money is."""
        currency = self.currency
        if self.row is None or self.row.fee is None or currency not in currencies():
            return None
        return int(self.row.fee.scaleb(currencies()[currency].exponent).to_integral_value(ROUND_HALF_UP))

    @property
    def currency(self) -> str:
        """The row's own, else the receipt's: a report has a column for it or not."""
        return (self.row.currency if self.row else None) or (self.claim.currency if self.claim else None) or ""


@dataclass(slots=True)
class Total:
    """The matched money of one currency, in the smallest unit."""

    receipts: int = 0
    amount: int = 0
    fee_amount: int | None = 0  # None: some row has no fee

    @property
    def net_amount(self) -> int | None:
        return None if self.fee_amount is None else self.amount - self.fee_amount

    def add(self, pair: Pair) -> None:
        self.receipts += 1
        self.amount += (pair.claim.total_amount if pair.claim else None) or 0
        fee = pair.fee_amount
        self.fee_amount = None if fee is None or self.fee_amount is None else self.fee_amount + fee


@dataclass(frozen=True, slots=True)
class Report:
    """All rows, by each of their ids."""

    rows: tuple[ReportRow, ...]
    by_id: Mapping[str, Sequence[ReportRow]] = field(repr=False)

    @property
    def instants(self) -> list[str]:
        """Every instant in it, as it was written (ISO 8601)."""
        return [instant for row in self.rows for instant in row.instants]


def parse_report(text: str) -> Report:
    """Raises ReportProblem."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(";,\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise ReportProblem(f"line {reader.line_num}: {error}") from None
    if not rows:
        raise ReportProblem("it is empty")
    columns = _columns(rows[0][1])
    parsed = tuple(_row(line, cells, columns) for line, cells in rows[1:])
    by_id: dict[str, list[ReportRow]] = {}
    for row in parsed:
        for each in dict.fromkeys(row.ids):
            by_id.setdefault(each, []).append(row)
    return Report(parsed, by_id)


def _columns(names: Sequence[str]) -> dict[str, int]:
    """Where each known column stands; names are matched whatever their case, blanks and hyphens."""
    normal = [re.sub(r"[\s-]+", "_", name.strip().strip("\ufeff").lower()) for name in names]
    columns = {name: position for position, name in enumerate(normal)}
    if len(columns) < len(normal):
        raise ReportProblem("line 1: a column stands there twice")
    if "amount" not in columns:
        raise ReportProblem("line 1: there is no column amount; is this A-Pay's report, with names on top?")
    if not any(name in columns for name in _IDS):
        raise ReportProblem(f"line 1: there is no column {', '.join(_IDS)}: nothing leads to a receipt")
    return columns


def _row(line: int, cells: Sequence[str], columns: Mapping[str, int]) -> ReportRow:
    if len(cells) < len(columns):
        raise ReportProblem(f"line {line}: has {len(cells)} cells, the first row has {len(columns)}")
    given = {name: cells[position].strip() for name, position in columns.items()}
    amount = _number(line, "amount", given["amount"])
    return ReportRow(
        line=line,
        ids=tuple(given[name] for name in _IDS if given.get(name)),
        status=given.get("status"),
        amount=amount,
        currency=given.get("currency", "").upper() or None,
        fee=_fee(line, amount, given),
        instants=tuple(given[name] for name in _SPAN if given.get(name)),
    )


def _fee(line: int, amount: Decimal, given: Mapping[str, str]) -> Decimal | None:
    """A-Pay: fee = amount - amount_after_commision."""
    for name in _NET:
        if given.get(name):
            return amount - _number(line, name, given[name])
    for name in _FEE:
        if given.get(name):
            return _number(line, name, given[name])
    return None


def _number(line: int, name: str, text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ReportProblem(f"line {line}: {name} {text[:40]!r} is no number such as 150.50")
    return Decimal(text)


def match_report(report: Report, claims: Iterable[Claim], since: int | None, until: int | None) -> Iterator[Pair]:
    """Each receipt with its row, then the rows without a receipt. Receipts outside of [since, until) that no row names
    are passed over: the report is not about them."""
    taken: dict[int, int] = {}  # line → receipt
    for claim in claims:
        rows = _rows_of(claim, report)
        free = [row for row in rows if row.line not in taken]
        taken.update((row.line, claim.receipt_id) for row in free)
        if free:
            yield _judged(claim, free)
        elif rows:  # money that came once pays for one receipt
            yield Pair("differs", claim, rows[0], f"its line names receipt {taken[rows[0].line]}, too")
        elif (since is None or claim.paid_at >= since) and (until is None or claim.paid_at < until):
            yield Pair("only_here", claim, None, "cannot check: not in this report")
    for row in report.rows:  # an attempt that came to nothing has no receipt, and needs none
        if row.line not in taken and _kind(row) in {"matched", "differs"}:
            yield Pair("only_there", None, row, _status_detail(row))


def _rows_of(claim: Claim, report: Report) -> list[ReportRow]:
    found = [
        *report.by_id.get(claim.provider_payment_charge_id, ()),
        *report.by_id.get(claim.telegram_payment_charge_id, ()),
    ]
    return list({row.line: row for row in found}.values())


def _judged(claim: Claim, rows: Sequence[ReportRow]) -> Pair:
    """Of several rows the good ones count: an attempt that failed is followed by one that did not."""
    good = [row for row in rows if _kind(row) == "matched"]
    if len(good) > 1:
        lines = ", ".join(str(row.line) for row in good)
        return Pair("differs", claim, good[0], f"the report has it {len(good)} times: lines {lines}")
    row = (good or rows)[0]
    kind = _kind(row)
    if kind != "matched":
        return Pair(kind, claim, row, _status_detail(row))
    difference = difference_between(claim, row.amount, row.currency or claim.currency or "")
    return Pair("matched" if difference is None else "differs", claim, row, difference)


def _kind(row: ReportRow) -> Match:
    if row.status is None:
        return "matched"
    word = row.status.lower()
    if word in _GOOD:
        return "matched"
    return "pending" if word in _OPEN else "rejected" if word in _BAD else "differs"


def _status_detail(row: ReportRow) -> str | None:
    if row.status is None:
        return None
    return f"A-Pay says {row.status[:40]}" if row.status else "its status is empty"


_STATE_OF: Mapping[Match, State] = {
    "matched": "confirmed",
    "pending": "pending",
    "rejected": "rejected",
    "differs": "differs",
}


def finding_of(pair: Pair) -> Finding | None:
    """What is recorded; None where the report says nothing about a receipt of ours."""
    state = _STATE_OF.get(pair.match)
    if state is None or pair.claim is None or pair.row is None:
        return None
    return Finding(
        pair.claim.receipt_id,
        state,
        "report",
        pair.row.ids[0] if pair.row.ids else None,
        pair.currency or None,
        smallest_units(pair.row.amount, pair.currency),
        pair.fee_amount,
        pair.detail,
    )
