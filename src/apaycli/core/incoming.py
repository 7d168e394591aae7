"""What one update of Telegram can be for apay, as frozen values.

Knows the few kinds that apay acts on, and the two for everything else: `Ignored` and `Unreadable`. Bot API
names are verbatim. Never knows how the bytes look (`core/update.py`) or what is done about them.
"""

from dataclasses import dataclass

from apaycli.core.model import OrderInfo, User


@dataclass(frozen=True, slots=True)
class PreCheckoutQuery:
    """`pre_checkout_query`: "may I charge?". `currency`/`total_amount` are None where they were unreadable."""

    update_id: int
    pre_checkout_query_id: str
    buyer: User
    currency: str | None
    total_amount: int | None
    invoice_payload: str
    shipping_option_id: str | None = None


@dataclass(frozen=True, slots=True)
class SuccessfulPayment:
    """`successful_payment`: money arrived. Only the charge id is certain to be readable."""

    update_id: int  # 0: there was none that could be used
    paid_at: int | None
    buyer: User | None
    currency: str | None
    total_amount: int | None
    invoice_payload: str
    telegram_payment_charge_id: str
    provider_payment_charge_id: str
    shipping_option_id: str | None = None
    order_info: OrderInfo | None = None


@dataclass(frozen=True, slots=True)
class RefundedPayment:
    """`refunded_payment`: Telegram Stars only; recorded apart from A-Pay's books."""

    update_id: int
    telegram_payment_charge_id: str
    currency: str | None
    total_amount: int | None


@dataclass(frozen=True, slots=True)
class ChatMigrated:
    """`migrate_to_chat_id`: a basic group became a supergroup; its old id is dead."""

    update_id: int
    chat_id: int
    migrate_to_chat_id: int


@dataclass(frozen=True, slots=True)
class Command:
    """A bot command addressed to this bot, such as `/terms`; `text` is what stood behind it. In a group it names
    the bot."""

    update_id: int
    chat_id: int
    message_id: int
    command: str
    text: str
    user: User | None

    @property
    def is_private(self) -> bool:
        return self.user is not None and self.chat_id == self.user.user_id


@dataclass(frozen=True, slots=True)
class CallbackQuery:
    """`callback_query`: a press on a button of ours. `data` is what the button was given, or what a forger sends."""

    update_id: int
    callback_query_id: str
    user: User
    data: str


@dataclass(frozen=True, slots=True)
class ShippingQuery:
    """`shipping_query`: the address is known, the ways of delivery are asked for."""

    update_id: int
    shipping_query_id: str
    buyer: User
    invoice_payload: str
    country_code: str


@dataclass(frozen=True, slots=True)
class InlineQuery:
    update_id: int
    inline_query_id: str
    user: User
    query: str
    offset: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """An update that apay has no use for: confirmed and passed over."""

    update_id: int
    kind: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no update, or one whose needed parts are broken: a dead letter."""

    update_id: int | None
    reason: str
    mentions_payment: bool
    pre_checkout_query_id: str | None = None  # a buyer waits for an answer, whatever else is broken
    shipping_query_id: str | None = None  # likewise


Update = (
    PreCheckoutQuery
    | SuccessfulPayment
    | RefundedPayment
    | ChatMigrated
    | Command
    | CallbackQuery
    | ShippingQuery
    | InlineQuery
    | Ignored
    | Unreadable
)
