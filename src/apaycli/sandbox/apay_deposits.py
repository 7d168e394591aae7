"""A-Pay's deposits: the charges of the world's books, as A-Pay knows them.

Knows under which ids a charge is found, and what a test said about a single one. Must never know HTTP, or what
the bot was told or wrote down.

Theory
------
Whether A-Pay's `order_id` is Telegram's `provider_payment_charge_id` is not documented, nor what
`custom_transaction_id` holds. So it is a setting of the world, `apay_order_id`:

* `provider`: they are the same; no `custom_transaction_id`.
* `custom`: `custom_transaction_id` is the `telegram_payment_charge_id`, `order_id` is an id of A-Pay's own.
* `none`: A-Pay has the money and knows none of our ids.

An `order_id` given to one charge goes before the setting: the charge is known under it and no other order id.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apaycli.sandbox.apay_systems import system_used
from apaycli.sandbox.checkouts import Charge
from apaycli.sandbox.invoices import AMOUNT_MAX, currency_table
from apaycli.sandbox.wire import JsonObject

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

STATUSES = ("Pending", "Success", "Failed", "Rejected")
ORDER_ID_KEYS = ("provider", "custom", "none")


@dataclass
class Override:
    """What a test said about one charge; None leaves it as it is. `amount` is in the smallest unit."""

    status: str | None = None
    amount: int | None = None
    order_id: str | None = None


class Deposits:
    """A-Pay's table `deposit`. Overrides are found by `telegram_payment_charge_id`."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.overrides: dict[str, Override] = {}
        # Every id a charge might be asked for by; whether it is known by that id is decided when asked.
        self._by_any_id: dict[str, Charge] = {}
        self._indexed_count = 0

    def find(self, order_id: str, custom_transaction_id: str = "") -> Charge | None:
        """By `order_id`, then by `custom_transaction_id`; an empty id finds nothing."""
        self._index()
        charge = self._by_any_id.get(order_id)
        if charge is not None and self.order_id_of(charge) == order_id:
            return charge
        charge = self._by_any_id.get(custom_transaction_id)
        if charge is not None and self.custom_transaction_id_of(charge) == custom_transaction_id:
            return charge
        return None

    def order_id_of(self, charge: Charge) -> str | None:
        """None when A-Pay knows this charge under no id of ours."""
        override = self._override_of(charge)
        if override.order_id is not None:
            return override.order_id
        key = self.world.settings.apay_order_id
        if key == "provider":
            return charge.provider_payment_charge_id
        return self._own_order_id(charge) if key == "custom" else None

    def custom_transaction_id_of(self, charge: Charge) -> str | None:
        return charge.telegram_payment_charge_id if self.world.settings.apay_order_id == "custom" else None

    def change(
        self,
        telegram_payment_charge_id: str,
        *,
        status: str | None = None,
        amount: int | None = None,
        order_id: str | None = None,
    ) -> JsonObject:
        """Change what is given, for one charge, and return it as `describe` does.

        Raises LookupError for a charge that never was, ValueError for a value A-Pay cannot have.
        """
        charge = self._charge(telegram_payment_charge_id)
        if status is not None and status not in STATUSES:
            raise ValueError(f"unknown status {status!r}, not one of {', '.join(STATUSES)}")
        if amount is not None and not 0 <= amount <= AMOUNT_MAX:
            raise ValueError(f"amount must be between 0 and {AMOUNT_MAX}")
        if order_id is not None:
            self._check_order_id(order_id, charge)
            self._by_any_id[order_id] = charge
        override = self.overrides.setdefault(telegram_payment_charge_id, Override())
        given = {"status": status, "amount": amount, "order_id": order_id}
        vars(override).update({name: value for name, value in given.items() if value is not None})
        return self.describe(charge)

    def describe(self, charge: Charge) -> JsonObject:
        """For people and tests: the amount in the smallest unit; ids are null where A-Pay knows none."""
        return {
            "telegram_payment_charge_id": charge.telegram_payment_charge_id,
            "order_id": self.order_id_of(charge),
            "custom_transaction_id": self.custom_transaction_id_of(charge),
            "status": self._override_of(charge).status or "Success",
            "amount": self._amount_of(charge),
            "currency": charge.currency,
        }

    def render(self, charge: Charge) -> JsonObject:
        """The fields of deposit-info behind `success`; an absent id is left out."""
        known = self.describe(charge)
        fields: JsonObject = {
            "status": known["status"],
            "order_id": known["order_id"] or self._own_order_id(charge),
            "amount": major_units(known["amount"], charge.currency),
            "currency": charge.currency,
            "payment_system": system_used(charge.currency, self._number("payment_system", charge)),
            "custom_user_id": str(charge.buyer_id),
            "created_at": charge.paid_at // 1000,
        }
        if known["custom_transaction_id"] is not None:
            fields["custom_transaction_id"] = known["custom_transaction_id"]
        return fields

    def _amount_of(self, charge: Charge) -> int:
        amount = self._override_of(charge).amount
        return charge.total_amount if amount is None else amount

    def _override_of(self, charge: Charge) -> Override:
        return self.overrides.get(charge.telegram_payment_charge_id) or Override()

    def _own_order_id(self, charge: Charge) -> str:
        """16 hex digits that Telegram never tells anybody."""
        return f"{self._number('order_id', charge):016x}"

    def _number(self, what: str, charge: Charge) -> int:
        return self.world.derive_number(f"apay {what} {charge.telegram_payment_charge_id}")

    def _charge(self, telegram_payment_charge_id: str) -> Charge:
        self._index()
        charge = self._by_any_id.get(telegram_payment_charge_id)
        if charge is None or charge.telegram_payment_charge_id != telegram_payment_charge_id:
            raise LookupError(f"no such charge: {telegram_payment_charge_id}")
        return charge

    def _check_order_id(self, order_id: str, charge: Charge) -> None:
        if not order_id:
            raise ValueError("order_id must not be empty")
        if self._by_any_id.get(order_id, charge) is not charge:
            raise ValueError(f"the order_id {order_id} belongs to another charge")

    def _index(self) -> None:
        """Take in the charges made since the last look."""
        for charge in self.world.books.charges[self._indexed_count :]:
            ids = (charge.provider_payment_charge_id, charge.telegram_payment_charge_id, self._own_order_id(charge))
            self._by_any_id.update(dict.fromkeys(ids, charge))
        self._indexed_count = len(self.world.books.charges)


def major_units(amount: int, currency: str) -> int | float:
    """`50000` BDT to 500, `600839` INR to 6008.39: whole numbers without a point, as PHP writes them.

    No more than 15 digits, so that the float prints as the decimal number it stands for. A currency that
    Telegram does not know is not scaled.
    """
    entry = currency_table().get(currency)
    unit: int = 10 ** int(entry["exp"]) if entry else 1
    whole, rest = divmod(amount, unit)
    return amount / unit if rest else whole
