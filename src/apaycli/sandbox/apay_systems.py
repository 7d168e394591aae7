"""A-Pay's payment systems: what `payment-systems-info` lists, and a handful to begin with.

Knows names, currencies and limits; the limits are made up, as A-Pay publishes none. Must never know who pays, or
that Telegram has limits of its own.
"""

from dataclasses import dataclass

from apaycli.sandbox.wire import JsonObject


@dataclass(frozen=True)
class PaymentSystem:
    """One method of a project. Limits are decimal texts in major units ("10.00"), as A-Pay writes them."""

    name: str
    currency: str
    min_deposit: str = "10.00"
    max_deposit: str = "10000.00"
    min_withdrawals: str = "10.00"
    max_withdrawals: str = "10000.00"
    deposit: bool = True
    withdrawal: bool = True

    def render(self) -> JsonObject:
        return dict(vars(self))


DEFAULT_SYSTEMS = (
    PaymentSystem("bkash_a", "BDT", "200.00", "25000.00", "500.00", "25000.00"),
    PaymentSystem("bkash_b", "BDT", "200.00", "25000.00", "500.00", "25000.00", withdrawal=False),
    PaymentSystem("nagad_a", "BDT", "100.00", "20000.00", "500.00", "20000.00"),
    PaymentSystem("nagad_b", "BDT", "100.00", "20000.00", "500.00", "20000.00", withdrawal=False),
    PaymentSystem("upi_fast", "INR", "100.00", "50000.00", "1000.00", "50000.00", withdrawal=False),
    PaymentSystem("paytm", "INR", "200.00", "20000.00", "1000.00", "20000.00", withdrawal=False),
    PaymentSystem("phonepe", "INR", "300.00", "20000.00", "1000.00", "20000.00", withdrawal=False),
    PaymentSystem("mpesa", "KES", "150.00", "150000.00", "200.00", "150000.00"),
    PaymentSystem("easypaisa_l", "PKR", "300.00", "50000.00", "500.00", "50000.00"),
    PaymentSystem("esewa", "NPR", "200.00", "50000.00", "500.00", "50000.00"),
)


def system_used(currency: str, number: int) -> str:
    """Through which method a deposit came: one of the currency's, the same for the same number.

    Deposits keep their method when the project's list changes, so this looks at the defaults alone.
    """
    names = [system.name for system in DEFAULT_SYSTEMS if system.currency == currency]
    return names[number % len(names)] if names else f"{currency.lower()}_fast"
