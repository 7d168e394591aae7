"""Receipts → columns, a batch at a time.

Knows the columns, in an order that never changes, and what stands in them. Never knows how they are written, where
receipts come from or who asked.

Why by column: in a million receipts most columns repeat themselves, and what is asked of a whole column (does any
text in it need care?) costs a fraction of asking every cell.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from apaycli.clock import render_instant
from apaycli.core.model import ReceiptRow
from apaycli.money import currencies, format_amount

Value = str | int | Decimal | None
Cells = Sequence[Value]
Fields = Mapping[str, Sequence[Any]]  # a batch: the columns of the ledger by name

_RECEIPTS_PER_BATCH = 256  # few enough that what waits to be written stays small
_DAY_MILLISECONDS = 86_400_000
_MINUTES = tuple(f"{minute // 60:02}:{minute % 60:02}:" for minute in range(1440))
_SECONDS = tuple(f"{second:02}Z" for second in range(60))

COLUMNS = (
    "receipt_id",
    "mode",
    "paid_at",
    "recorded_at",
    "flag",
    "sku",
    "title",
    "quantity",
    "currency",
    "total_amount",
    "amount",
    "tip_amount",
    "shipping_amount",
    "shipping_option_id",
    "buyer_id",
    "buyer_username",
    "buyer_name",
    "telegram_payment_charge_id",
    "provider_payment_charge_id",
    "invoice_id",
    "invoice_payload",
    "refund_state",
    "dispute_state",
    "hook_state",
)
PERSONAL_COLUMNS = ("order_name", "order_phone", "order_email", "order_address")


def columns_of(receipts: Iterable[ReceiptRow], names: Sequence[str]) -> Iterator[list[Cells]]:
    """Batches of columns, in the order of `names`; a batch has all receipts of its time in every column."""
    remaining = iter(receipts)
    while batch := list(islice(remaining, _RECEIPTS_PER_BATCH)):
        fields: Fields = dict(zip(ReceiptRow._fields, zip(*batch, strict=True), strict=True))
        yield [_DERIVED[name](fields) if name in _DERIVED else fields[name] for name in names]


def _ids(name: str) -> Callable[[Fields], Cells]:
    """Ids are text: a spreadsheet would round one of 19 digits."""
    return lambda fields: [None if value is None else str(value) for value in fields[name]]


def _instants(name: str) -> Callable[[Fields], Cells]:
    """What `render_instant` says, put together from what was said before."""

    def read(fields: Fields) -> Cells:
        day, minutes, seconds = _day, _MINUTES, _SECONDS
        return [
            day(instant // _DAY_MILLISECONDS) + minutes[instant // 60_000 % 1440] + seconds[instant // 1000 % 60]
            for instant in fields[name]
        ]

    return read


@functools.lru_cache(maxsize=512)
def _day(number: int) -> str:
    return render_instant(number * _DAY_MILLISECONDS)[:11]


def _amounts(fields: Fields) -> Cells:
    pairs = list(zip(fields["total_amount"], fields["currency"], strict=True))
    shown = {pair: major(*pair) for pair in set(pairs)}
    return [shown[pair] for pair in pairs]


def major(amount: Value, currency: Value) -> str | None:
    """`499.00`; nothing where the currency is unknown: an unscaled number would be read as major units."""
    if not isinstance(amount, int) or not isinstance(currency, str) or currency not in currencies():
        return None
    return format_amount(amount, currency)


_DERIVED: Mapping[str, Callable[[Fields], Cells]] = {
    "receipt_id": _ids("receipt_id"),
    "buyer_id": _ids("buyer_id"),
    "paid_at": _instants("paid_at"),
    "recorded_at": _instants("recorded_at"),
    "amount": _amounts,
}
