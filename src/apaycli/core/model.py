"""The words of apay as frozen values.

Knows what an invoice, a query, a payment, a reservation and a receipt consist of; never where they come
from or go to. Bot API names are verbatim. Instants (`*_at`) are milliseconds since 1970-01-01 UTC; amounts
are integers in the smallest unit of the currency beside them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

Mode = Literal["test", "live"]
Forwarding = Literal["pay-button", "deep-link"]


@dataclass(frozen=True, slots=True)
class LabeledPrice:
    """One line of an invoice (Bot API `LabeledPrice`); `amount` may be negative: a discount."""

    label: str
    amount: int


@dataclass(frozen=True, slots=True)
class Tips:
    """`max_tip_amount` and `suggested_tip_amounts` of an invoice."""

    max_tip_amount: int = 0
    suggested_tip_amounts: tuple[int, ...] = ()


STAND_IN_ID = "apay-no-delivery"  # of a way of delivery that no invoice offers: see `core/delivery.py`


@dataclass(frozen=True, slots=True)
class ShippingOption:
    """One way of delivery (Bot API `ShippingOption`). `countries`: two-letter codes; none means everywhere."""

    option_id: str
    title: str
    prices: tuple[LabeledPrice, ...]
    countries: tuple[str, ...] = ()

    @property
    def total_amount(self) -> int:
        return sum(price.amount for price in self.prices)

    def reaches(self, country_code: str | None) -> bool:
        """None: the country could not be read, and nothing is known against it."""
        return not self.countries or country_code is None or country_code.upper() in self.countries


@dataclass(frozen=True, slots=True)
class Invoice:
    """What was, or is about to be, sent: one message in one chat, a link, or an inline result, with its own payload.

    `chat_id` is the chat, or `link` or `inline` where there is no one chat.
    """

    invoice_id: str
    mode: Mode
    invoice_payload: str
    chat_id: str
    sku: str | None
    title: str
    description: str
    currency: str
    prices: tuple[LabeledPrice, ...]
    quantity: int
    forwarding: Forwarding
    created_at: int
    tips: Tips = Tips()
    photo_url: str | None = None
    need: tuple[str, ...] = ()
    shipping: tuple[ShippingOption, ...] = ()
    provider_data: str | None = None
    start_parameter: str | None = None
    uses_max: int | None = None
    buyer_id: int | None = None
    expires_at: int | None = None
    cancelled_at: int | None = None

    @property
    def total_amount(self) -> int:
        """Price lines alone: what the buyer pays without delivery and tip."""
        return sum(price.amount for price in self.prices)

    def shipping_amount(self, shipping_option_id: str | None) -> int | None:
        """What this way of delivery costs; None where the invoice does not offer it, or asks for one and has none."""
        if not self.shipping:
            return 0 if shipping_option_id is None else None
        return next((option.total_amount for option in self.shipping if option.option_id == shipping_option_id), None)


@dataclass(frozen=True, slots=True)
class Product:
    """One table of the stock file. `stock` is the number of units ever offered; None is unlimited."""

    sku: str
    title: str
    description: str
    currency: str
    prices: tuple[LabeledPrice, ...]
    stock: int | None = None
    max_per_buyer: int | None = None
    sold_out: str | None = None
    photo_url: str | None = None
    need: tuple[str, ...] = ()
    tips: Tips = Tips()
    shipping: tuple[ShippingOption, ...] = ()
    provider_data: str | None = None
    forwarding: Forwarding | None = None
    paused: bool = False

    @property
    def total_amount(self) -> int:
        return sum(price.amount for price in self.prices)


@dataclass(frozen=True, slots=True)
class User:
    """A Telegram `User`, as far as apay keeps it."""

    user_id: int
    first_name: str = ""
    last_name: str = ""
    username: str | None = None
    language_code: str | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class OrderInfo:
    """`order_info`: what the buyer typed. Strangers' text; kept apart from the money."""

    name: str | None = None
    phone_number: str | None = None
    email: str | None = None
    shipping_address: str | None = None  # JSON text of the Bot API's object


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """One of A-Pay's ways to pay that is on now, such as bkash_a, with its limits for one payment."""

    name: str
    currency: str
    min_amount: int
    max_amount: int


class DeclineReason(StrEnum):
    """Why a pre-checkout query is declined. Position is precedence: the first that fits is given."""

    UNKNOWN_INVOICE = "unknown_invoice"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    CURRENCY_MISMATCH = "currency_mismatch"
    AMOUNT_MISMATCH = "amount_mismatch"
    OTHER_BUYER = "other_buyer"
    TERMS_NOT_ACCEPTED = "terms_not_accepted"
    NOT_FOR_SALE = "not_for_sale"
    ALREADY_PAID = "already_paid"
    BEING_PAID = "being_paid"
    BUYER_LIMIT = "buyer_limit"
    SOLD_OUT = "sold_out"
    UNAVAILABLE = "unavailable"


class Flag(StrEnum):
    """What is unusual about a receipt. `product.md` 6 says what each one means for hook and refund."""

    LATE = "late"
    OVERSOLD = "oversold"
    DUPLICATE = "duplicate"
    AMOUNT_MISMATCH = "amount_mismatch"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units and one use of an invoice, held for a buyer. pending → posted, voided or expired, once."""

    reservation_id: int
    invoice_id: str
    buyer_id: int
    sku: str | None
    quantity: int
    expires_at: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Reserve:
    """Effect: take one use of the invoice and `quantity` units, if `capacity` still allows it, and if this buyer has
    less than `reserved_max` units of the SKU reserved already (None: as many as they like)."""

    invoice_id: str
    mode: Mode
    buyer_id: int
    sku: str | None
    quantity: int
    capacity: int | None
    expires_at: int
    reserved_max: int | None = None


@dataclass(frozen=True, slots=True)
class Reenter:
    """Effect: the buyer's own reservation lives on until `expires_at`; its units do not grow."""

    reservation_id: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a pre-checkout query. Recorded once, then only ever repeated."""

    pre_checkout_query_id: str
    ok: bool
    reason: DeclineReason | None = None
    error_message: str | None = None
    effect: Reserve | Reenter | None = None


@dataclass(frozen=True, slots=True)
class CheckoutFacts:
    """What the ledger knows about one query, read in the transaction that will hold the decision.

    `uses_held` counts other buyers' reservations and the own one; `buyer_units` are the units of the SKU
    that this buyer has bought or holds, on any invoice, `buyer_reserved` those of them that are reserved on other
    invoices. `buyer_expired`: from when to when this buyer had units of the SKU reserved that were not paid in time,
    the newest of them. `stock_held`/`stock_sold` belong to the invoice's mode: test and live are counted apart.
    """

    invoice: Invoice | None
    uses_held: int = 0
    uses_paid: int = 0
    own_reservation: Reservation | None = None
    buyer_units: int = 0
    stock_held: int = 0
    stock_sold: int = 0
    accepted_versions: frozenset[str] = frozenset()  # of the terms: those that this buyer agreed to
    buyer_reserved: int = 0
    buyer_expired: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """What the ledger knows about one payment: its invoice, and the payer's reservation where one lives."""

    invoice: Invoice | None
    uses_held: int = 0
    uses_paid: int = 0
    own_reservation: Reservation | None = None
    stock_held: int = 0
    stock_sold: int = 0


class Booking(StrEnum):
    """How a receipt meets the stock: through its reservation, directly, or not at all."""

    POST = "post"  # the reservation is posted: its units and its use are paid
    DIRECT = "direct"  # no reservation lives; units and use were free and are taken now
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Our record of a `successful_payment`. `total_amount` is None only where it was unreadable."""

    telegram_payment_charge_id: str
    provider_payment_charge_id: str
    mode: Mode
    flag: Flag | None
    booking: Booking
    invoice_id: str | None
    reservation_id: int | None
    invoice_payload: str
    sku: str | None
    title: str | None
    quantity: int
    currency: str | None
    total_amount: int | None
    tip_amount: int
    buyer: User | None
    paid_at: int
    capacity: int | None = None  # what `stock` allows, for a DIRECT booking
    shipping_amount: int = 0
    shipping_option_id: str | None = None
    order_info: OrderInfo | None = None

    @property
    def refund_due(self) -> bool:
        """The merchant cannot deliver this: the money must go back."""
        return self.flag in {Flag.OVERSOLD, Flag.DUPLICATE}


class ReceiptRow(NamedTuple):
    """A receipt as it stands in the ledger, with its buyer's form: what the books are made of.

    A tuple, because a million of them pass by in one export.
    """

    receipt_id: int
    mode: Mode
    paid_at: int
    recorded_at: int
    flag: str | None
    sku: str | None
    title: str | None
    quantity: int
    currency: str | None
    total_amount: int | None
    tip_amount: int
    shipping_amount: int
    shipping_option_id: str | None
    buyer_id: int | None
    buyer_username: str | None
    buyer_name: str | None
    telegram_payment_charge_id: str
    provider_payment_charge_id: str
    invoice_id: str | None
    invoice_payload: str
    refund_state: str | None
    dispute_state: str | None
    hook_state: str | None
    order_name: str | None
    order_phone: str | None
    order_email: str | None
    order_address: str | None


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """Which receipts; None is "all". `paid_from` is included, `paid_before` is not."""

    mode: Mode | None = None
    paid_from: int | None = None
    paid_before: int | None = None
    sku: str | None = None
    currency: str | None = None
    flag: str | None = None  # "none": only receipts without one
