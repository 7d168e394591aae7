"""The judge: the sandbox's own books on one side, what a contender recorded on the other.

Knows how each figure is defined, the same for all. Must never know who is being judged.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """One contender's row.

    lost: charges without a record. doubled: records beyond the first of a charge. oversold: paid units beyond the stock
    of their product; noticed: those of them that the contender's own books show. unanswered: buyers who waited ten
    seconds for nothing; swallowed: those of them whose query had been confirmed by then, so that no later start could
    get it (the others still waited at Telegram). invented: records without a charge.
    """

    pressed: int
    accepted: int
    declined: int
    unanswered: int
    swallowed: int
    charges: int
    recorded: int
    lost: int
    doubled: int
    invented: int
    stock: int
    oversold: int
    noticed: int


def judge(
    outcomes: Iterable[str | None],
    sku_of_charge: Mapping[str, str],
    records: Iterable[str],
    stock: Mapping[str, int],
    noticed: int,
    swallowed: int,
) -> Figures:
    """`outcomes` of all checkouts, the product of each charge, the charge id of each record, units of each product."""
    counted = Counter(outcomes)
    if None in counted:
        raise ValueError("a buyer still waits: the run is not over")
    times = Counter(records)
    paid = Counter(sku_of_charge.values())
    known = times.keys() & sku_of_charge.keys()
    return Figures(
        pressed=counted.total(),
        accepted=counted["accepted"],
        declined=counted["declined"],
        unanswered=counted["timeout"],
        swallowed=swallowed,
        charges=len(sku_of_charge),
        recorded=len(known),
        lost=len(sku_of_charge) - len(known),
        doubled=sum(times[charge_id] - 1 for charge_id in known),
        invented=len(times) - len(known),
        stock=sum(stock.values()),
        oversold=sum(max(0, units - stock[sku]) for sku, units in paid.items()),
        noticed=noticed,
    )
