"""Sums over sales, refused queries and answers: what was taken, what went back, what was asked for in vain.

Knows what counts as takings and what as lost demand. Never knows what a day is: whoever asks has cut time into
numbered buckets (days, hours) and names them. Amounts are whole numbers of the smallest unit beside their currency;
two currencies are never added.

Takings are the receipts that stay. A receipt whose money must go back, or went back, is counted apart and is in
no sum of takings, tips, delivery or units.

A buyer who is declined presses Pay again, three times or thirty. So each buyer counts once per bucket, reason and
invoice for units and money; every press counts as a query. Whoever paid for the same product afterwards was no loss:
their units and money are not counted.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from apaycli.core.model import DeclineReason

K = TypeVar("K", bound=Hashable)


class Sales(NamedTuple):
    """Receipts of one bucket that agree in everything named here, counted and added up."""

    bucket: int
    currency: str | None  # None: the receipt could not be read in full
    sku: str | None
    flag: str | None
    refund_state: str | None
    receipts: int
    units: int
    total_amount: int
    tip_amount: int
    shipping_amount: int


class Declined(NamedTuple):
    """A declined query. `paid_later`: this buyer paid for the same product afterwards."""

    decided_at: int
    reason: str
    invoice_id: str | None
    buyer_id: int
    sku: str | None
    quantity: int | None  # None: no such invoice in this ledger
    currency: str | None
    total_amount: int | None
    paid_later: bool


class Figures(NamedTuple):
    """What a group of receipts comes to, in one currency."""

    receipts: int = 0
    units: int = 0
    total_amount: int = 0
    tip_amount: int = 0
    shipping_amount: int = 0
    refund_receipts: int = 0
    refund_amount: int = 0

    def plus(self, sales: Sales) -> "Figures":
        if sales.refund_state is not None:
            return self._replace(
                refund_receipts=self.refund_receipts + sales.receipts,
                refund_amount=self.refund_amount + sales.total_amount,
            )
        return self._replace(
            receipts=self.receipts + sales.receipts,
            units=self.units + sales.units,
            total_amount=self.total_amount + sales.total_amount,
            tip_amount=self.tip_amount + sales.tip_amount,
            shipping_amount=self.shipping_amount + sales.shipping_amount,
        )


class Refusals(NamedTuple):
    """Queries that were declined for one reason (and, where asked for, product), in one currency."""

    queries: int = 0
    buyers: int = 0
    units: int = 0  # asked for and never paid, here and below
    total_amount: int = 0


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """How long Telegram waited for answers that reached it. None: there were none."""

    answers: int
    typical_milliseconds: int | None  # half of them were at least as fast
    slow_milliseconds: int | None  # 95 of 100 were at least as fast
    slowest_milliseconds: int | None
    too_late: int  # answers that Telegram no longer took
    unconfirmed: int = 0  # answers that were sent, and whose reply was lost


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything of a stretch of time that was cut into named buckets. Keys: currency; (sku, currency); (reason,
    currency), "" where the currency is not known; flag."""

    names: tuple[str, ...]
    totals: Mapping[str, Figures]
    series: Mapping[str, Sequence[Figures]]
    products: Mapping[tuple[str | None, str], Figures]
    refusals: Mapping[tuple[str, str], Refusals]
    flags: Mapping[str, int]
    unreadable: int
    answers: AnswerTimes


def summed_up(
    names: Sequence[str],
    edges: Sequence[int],
    sales: Sequence[Sales],
    declined: Iterable[Declined],
    answers: AnswerTimes,
) -> Statistics:
    """`edges` are the beginnings of the buckets that `names` names, and the end of the last one."""
    totals = by_currency(sales)
    return Statistics(
        names=tuple(names),
        totals=totals,
        series=series(sales, len(names), tuple(totals)),
        products=by_product(sales),
        refusals=lost_demand(declined, edges),
        flags=by_flag(sales),
        unreadable=unreadable(sales),
        answers=answers,
    )


def grouped(sales: Iterable[Sales], key: Callable[[Sales], K]) -> dict[K, Figures]:
    """Figures by key; the key must hold the currency."""
    figures: dict[K, Figures] = {}
    for each in sales:
        name = key(each)
        figures[name] = figures.get(name, Figures()).plus(each)
    return figures


def by_currency(sales: Iterable[Sales]) -> dict[str, Figures]:
    """Readable money only, the currency with the most receipts first."""
    figures = grouped((each for each in sales if each.currency), lambda each: each.currency or "")
    return dict(sorted(figures.items(), key=lambda item: (-item[1].receipts, item[0])))


def by_product(sales: Iterable[Sales]) -> dict[tuple[str | None, str], Figures]:
    """(sku, currency), the largest takings of each currency first."""
    figures = grouped((each for each in sales if each.currency), lambda each: (each.sku, each.currency or ""))
    return dict(sorted(figures.items(), key=lambda item: (item[0][1], -item[1].total_amount, item[0][0] or "")))


def series(sales: Iterable[Sales], buckets: int, currencies: Sequence[str]) -> dict[str, list[Figures]]:
    """Per currency a figure for each bucket, empty ones too, so that a chart has no holes."""
    figures = grouped(sales, lambda each: (each.currency, each.bucket))
    return {code: [figures.get((code, number), Figures()) for number in range(buckets)] for code in currencies}


def by_flag(sales: Iterable[Sales]) -> dict[str, int]:
    """How many receipts bear each flag, whatever became of their money."""
    counted: Counter[str] = Counter()
    for each in sales:
        if each.flag is not None:
            counted[each.flag] += each.receipts
    return dict(counted.most_common())


def unreadable(sales: Iterable[Sales]) -> int:
    """Receipts without a currency: they count nowhere else."""
    return sum(each.receipts for each in sales if each.currency is None)


def lost_demand(declined: Iterable[Declined], edges: Sequence[int]) -> dict[tuple[str, str], Refusals]:
    """(reason, currency), in the order of `DeclineReason`; `edges` are the beginnings of the buckets."""
    sums: dict[tuple[str, str], Refusals] = {}
    lost_already: set[tuple[object, ...]] = set()
    buyers: set[tuple[object, ...]] = set()
    for each in declined:
        key = (each.reason, each.currency or "")
        so_far = sums.get(key, Refusals())
        new_buyer = (*key, each.buyer_id) not in buyers
        buyers.add((*key, each.buyer_id))
        asking = (*key, bisect_right(edges, each.decided_at), each.invoice_id, each.buyer_id)
        lost = asking not in lost_already and not each.paid_later
        if lost:
            lost_already.add(asking)
        sums[key] = Refusals(
            so_far.queries + 1,
            so_far.buyers + new_buyer,
            so_far.units + (each.quantity or 0) * lost,
            so_far.total_amount + (each.total_amount or 0) * lost,
        )
    places: dict[str, int] = {reason: place for place, reason in enumerate(DeclineReason)}
    return dict(sorted(sums.items(), key=lambda item: (places.get(item[0][0], len(places)), item[0])))


def answer_times(histogram: Mapping[int, int], too_late: int, unconfirmed: int = 0) -> AnswerTimes:
    """`histogram` says how many answers took so many milliseconds."""
    return AnswerTimes(
        answers=sum(histogram.values()),
        typical_milliseconds=_reached(histogram, 50),
        slow_milliseconds=_reached(histogram, 95),
        slowest_milliseconds=max(histogram, default=None),
        too_late=too_late,
        unconfirmed=unconfirmed,
    )


def _reached(histogram: Mapping[int, int], percent: int) -> int | None:
    """The time within which so many of 100 answers were given."""
    needed, so_far = -(-sum(histogram.values()) * percent // 100), 0
    for milliseconds in sorted(histogram):
        so_far += histogram[milliseconds]
        if so_far >= needed:
            return milliseconds
    return None
