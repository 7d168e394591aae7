"""A receipt → what is posted where: the accounts of double-entry bookkeeping.

Knows which account money belongs to and that every entry sums to zero. Never knows a program's syntax, nor time zones.

Theory
------
What A-Pay collected is in its hands until it is settled: `Assets:A-Pay:Clearing`. Against it stand the goods, the tip
and the delivery. Money for what could not be sold (oversold, paid twice) was never income: it is owed
(`Liabilities:Refunds`) from the day it came. Whatever goes back is an entry of its own on its own day, and so is a
transfer that came back: against what is owed, or, where it had been income, against `Income:Returns`. An entry hangs on
nothing that may change later, so the books of a month are the same whenever they are made. What is flagged and not
decided is marked, which is no money.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from apaycli.core.model import Flag, ReceiptRow
from apaycli.money import currencies

CLEARING = "Assets:A-Pay:Clearing"
SALES, TIPS, DELIVERY = "Income:Sales", "Income:Tips", "Income:Delivery"
RETURNS, REFUNDS = "Income:Returns", "Liabilities:Refunds"
ACCOUNTS = (CLEARING, SALES, TIPS, DELIVERY, RETURNS, REFUNDS)
_NEVER_SOLD = {Flag.OVERSOLD, Flag.DUPLICATE}


class Refund(NamedTuple):
    """Money that went back, or `came_back`: the merchant's word."""

    receipt: ReceiptRow
    reference: str
    moved_at: int
    came_back: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry; `postings` are (account, amount in the smallest unit) and sum to zero."""

    at: int
    receipt: ReceiptRow
    currency: str
    postings: tuple[tuple[str, int], ...]
    undecided: bool = False
    reference: str | None = None  # of money that went back
    came_back: bool = False  # that transfer did

    @property
    def cleared_amount(self) -> int:
        """What came to A-Pay's account, or left it."""
        return sum(amount for account, amount in self.postings if account == CLEARING)


def entry_of_receipt(receipt: ReceiptRow) -> Entry | None:
    """None where the amount was unreadable or its currency has no known digits: nobody can book that."""
    total = _known_amount(receipt)
    if total is None or receipt.currency is None:
        return None
    income = ((REFUNDS, total),) if receipt.flag in _NEVER_SOLD else _income(receipt, total)
    postings = ((CLEARING, total), *((account, -amount) for account, amount in income))
    undecided = receipt.refund_state is None and receipt.flag not in {None, Flag.LATE}
    return Entry(receipt.paid_at, receipt, receipt.currency, postings, undecided)


def entry_of_refund(refund: Refund) -> Entry | None:
    total = _known_amount(refund.receipt)
    if total is None or refund.receipt.currency is None:
        return None
    account = REFUNDS if refund.receipt.flag in _NEVER_SOLD else RETURNS
    gone = -total if refund.came_back else total
    return Entry(
        refund.moved_at,
        refund.receipt,
        refund.receipt.currency,
        ((account, gone), (CLEARING, -gone)),
        reference=refund.reference,
        came_back=refund.came_back,
    )


def _known_amount(receipt: ReceiptRow) -> int | None:
    return receipt.total_amount if receipt.currency in currencies() else None


def _income(receipt: ReceiptRow, total: int) -> tuple[tuple[str, int], ...]:
    """Goods, tip, delivery. Parts that exceed the whole are no parts of it: everything is then goods."""
    goods = total - receipt.tip_amount - receipt.shipping_amount
    if goods < 0 or receipt.shipping_amount < 0:
        return ((SALES, total),)
    parts = ((SALES, goods), (TIPS, receipt.tip_amount), (DELIVERY, receipt.shipping_amount))
    return tuple(part for part in parts if part[1]) or ((SALES, total),)


def entries_of(receipts: Iterable[ReceiptRow], refunds: Iterable[Refund]) -> Iterator[Entry]:
    """The receipts that can be booked, then the money that went back."""
    for receipt in receipts:
        entry = entry_of_receipt(receipt)
        if entry is not None:
            yield entry
    for refund in refunds:
        entry = entry_of_refund(refund)
        if entry is not None:
            yield entry
