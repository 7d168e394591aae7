"""A receipt beside what A-Pay says of it → one state.

Knows how the two are compared, exactly; and that silence is no verdict. Never asks anybody and never stores anything.

    confirmed   A-Pay booked the same amount in the same currency
    pending     A-Pay knows it and has not decided
    differs     A-Pay booked something else
    rejected    A-Pay says that it failed, and Telegram said that it was paid
    unknown     cannot be checked: A-Pay knows none of our ids. Never "not paid": under which id A-Pay knows a payment
                of Telegram is not documented.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from apaycli.money import currencies, format_amount

State = Literal["confirmed", "pending", "differs", "rejected", "unknown"]
Key = Literal["order_id", "custom_transaction_id"]
FoundBy = Literal["order_id", "custom_transaction_id", "report"]

STATES: tuple[State, ...] = ("confirmed", "pending", "differs", "rejected", "unknown")
KEYS: tuple[Key, ...] = ("order_id", "custom_transaction_id")
STATUSES = ("Pending", "Success", "Failed", "Rejected")
NOT_FOUND = "cannot check: A-Pay knows neither of our ids"


class Claim(NamedTuple):
    """What our ledger says, and the ids that A-Pay may know it by."""

    receipt_id: int
    telegram_payment_charge_id: str
    provider_payment_charge_id: str
    currency: str | None
    total_amount: int | None
    paid_at: int

    def id_for(self, key: Key) -> str:
        return self.provider_payment_charge_id if key == "order_id" else self.telegram_payment_charge_id


class Deposit(NamedTuple):
    """What A-Pay says. `amount` is in major units, exactly as it was written."""

    order_id: str
    status: str  # one of STATUSES
    amount: Decimal
    currency: str
    custom_transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is recorded about one receipt. `amount` and `fee_amount` are in the smallest unit of `currency`."""

    receipt_id: int
    state: State
    found_by: FoundBy | None = None
    apay_order_id: str | None = None
    currency: str | None = None
    amount: int | None = None
    fee_amount: int | None = None
    detail: str | None = None


def keys_in_order(learned: str | None) -> tuple[Key, ...]:
    """The one that led to a deposit before comes first."""
    return tuple(sorted(KEYS, key=lambda key: key != learned))


def not_found(claim: Claim, detail: str = NOT_FOUND) -> Finding:
    return Finding(claim.receipt_id, "unknown", detail=detail)


def answers(deposit: Deposit, claim: Claim, key: Key) -> bool:
    """Whether this deposit is the one that was asked for, and not another one."""
    asked = claim.id_for(key)
    return (deposit.order_id if key == "order_id" else deposit.custom_transaction_id) == asked


def compare(claim: Claim, deposit: Deposit, found_by: FoundBy) -> Finding:
    state, detail = _verdict(claim, deposit)
    return Finding(
        claim.receipt_id,
        state,
        found_by,
        deposit.order_id or None,
        deposit.currency,
        smallest_units(deposit.amount, deposit.currency),
        detail=detail,
    )


def _verdict(claim: Claim, deposit: Deposit) -> tuple[State, str | None]:
    if deposit.status == "Pending":
        return "pending", None
    if deposit.status != "Success":
        return "rejected", f"A-Pay says {deposit.status}, Telegram said paid"
    difference = difference_between(claim, deposit.amount, deposit.currency)
    return ("confirmed", None) if difference is None else ("differs", difference)


def difference_between(claim: Claim, amount: Decimal, currency: str) -> str | None:
    """In words; None where both say the same."""
    if claim.total_amount is None or claim.currency not in currencies():
        return f"this receipt has no readable amount; A-Pay booked {amount} {currency}"
    ours = format_amount(claim.total_amount, claim.currency)
    if claim.currency != currency or Decimal(ours) != amount:
        return f"receipt {ours} {claim.currency}, A-Pay {amount} {currency}"
    return None


def smallest_units(amount: Decimal, currency: str) -> int | None:
    """Exactly; None where the currency is unknown or has fewer digits than that."""
    known = currencies().get(currency)
    if known is None:
        return None
    scaled = amount.scaleb(known.exponent)
    return int(scaled) if scaled == scaled.to_integral_value() else None
