"""Invoices sent, checkouts begun, charges made: the books of Telegram and the provider.

Knows what happened to money in this world; the sandbox's ledger is read from here. Must never know the queue,
HTTP, or who decides.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from apaycli.sandbox.invoices import InvoiceForm
from apaycli.sandbox.timers import Timer
from apaycli.sandbox.wire import JsonObject

MILLISECONDS = 1000


@dataclass
class Invoice:
    """One invoice that can be paid: a message, a copy of one, a link, or an inline result."""

    invoice_id: int
    form: InvoiceForm
    created_at: int
    chat_id: int = 0
    message_id: int = 0
    link: str = ""
    inline_message_id: str = ""
    # For a forwarded copy: the invoice it was copied from.
    original: "Invoice | None" = None
    is_protected: bool = False
    deleted: bool = False
    # False once the bot took the keyboard off; copies are invoices of their own and keep theirs.
    has_pay_button: bool = True
    paid: bool = False

    @property
    def is_single_chat(self) -> bool:
        """Sent with a `start_parameter`: only payable in the chat where it was sent."""
        return bool(self.form.start_parameter)

    def render(self) -> JsonObject:
        return {
            "invoice_id": self.invoice_id,
            "chat_id": self.chat_id or None,
            "message_id": self.message_id or None,
            "link": self.link or None,
            "inline_message_id": self.inline_message_id or None,
            "payload": self.form.payload,
            "title": self.form.title,
            "currency": self.form.currency,
            "total_amount": self.form.total_amount,
            "start_parameter": self.form.start_parameter,
            "created_at": self.created_at,
            "deleted": self.deleted,
        }


@dataclass
class Charge:
    """Money that moved. `update_id` is None when the bot will never hear of it (its kind was not allowed)."""

    telegram_payment_charge_id: str
    provider_payment_charge_id: str
    checkout_id: int
    invoice_payload: str
    total_amount: int
    currency: str
    buyer_id: int
    paid_at: int
    update_id: int | None = None

    def render(self) -> JsonObject:
        return dict(vars(self))


@dataclass
class Checkout:
    """One buyer pressing Pay once, from the press to the money.

    `outcome` is None while the bot is asked, then accepted, declined, timeout, shipping_declined,
    shipping_timeout, invoice_already_paid or url_button. `payment` is None, paid or failed.
    """

    checkout_id: int
    invoice: Invoice
    buyer_id: int
    pressed_at: int
    currency: str
    invoice_payload: str
    tip: int = 0
    total_override: int | None = None
    order_info: JsonObject | None = None
    shipping_option_id: str = ""
    shipping_amount: int = 0
    shipping_query_id: str = ""
    pre_checkout_query_id: str = ""
    asked_monotonic: float = 0.0
    outcome: str | None = None
    buyer_sees: str | None = None
    error_message: str | None = None
    answer_milliseconds: int | None = None
    payment: str | None = None
    charges: list[Charge] = field(default_factory=list)
    watchers: list[Callable[[], None]] = field(default_factory=list)
    # Ends the question the bot is being asked; cancelled by its answer.
    deadline: Timer | None = None

    @property
    def total_amount(self) -> int:
        if self.total_override is not None:
            return self.total_override
        return self.invoice.form.total_amount + self.shipping_amount + self.tip

    def settle(self, outcome: str, buyer_sees: str | None = None) -> None:
        """The bot's part is over; tell whoever waited for that."""
        self.outcome = outcome
        self.buyer_sees = buyer_sees
        if self.deadline is not None:
            self.deadline.cancel()
        watchers, self.watchers = self.watchers, []
        for watcher in watchers:
            watcher()

    def render(self) -> JsonObject:
        return {
            "checkout_id": self.checkout_id,
            "invoice_id": self.invoice.invoice_id,
            "invoice_payload": self.invoice_payload,
            "buyer_id": self.buyer_id,
            "currency": self.currency,
            "total_amount": self.total_amount,
            "pre_checkout_query_id": self.pre_checkout_query_id or None,
            "shipping_query_id": self.shipping_query_id or None,
            "shipping_option_id": self.shipping_option_id or None,
            "outcome": self.outcome,
            "buyer_sees": self.buyer_sees,
            "error_message": self.error_message,
            "answer_milliseconds": self.answer_milliseconds,
            "payment": self.payment,
            "charge_ids": [charge.telegram_payment_charge_id for charge in self.charges],
            "pressed_at": self.pressed_at,
        }


class Books:
    """Every invoice, checkout and charge, found by whatever key they are asked for."""

    def __init__(self) -> None:
        self.invoices: dict[int, Invoice] = {}
        self.checkouts: dict[int, Checkout] = {}
        self.charges: list[Charge] = []
        self.by_pre_checkout_query_id: dict[str, Checkout] = {}
        self.by_shipping_query_id: dict[str, Checkout] = {}
        self._by_message: dict[tuple[int, int], Invoice] = {}
        self._by_slug: dict[str, Invoice] = {}
        self._by_inline_message: dict[str, Invoice] = {}
        self._by_payload: dict[str, Invoice] = {}

    def add_invoice(self, form: InvoiceForm, created_at: int, **place: Any) -> Invoice:
        invoice = Invoice(len(self.invoices) + 1, form, created_at, **place)
        self.invoices[invoice.invoice_id] = invoice
        self._by_payload[form.payload] = invoice
        if invoice.message_id:
            self._by_message[invoice.chat_id, invoice.message_id] = invoice
        if invoice.link:
            self._by_slug[slug_of(invoice.link)] = invoice
        if invoice.inline_message_id:
            self._by_inline_message[invoice.inline_message_id] = invoice
        return invoice

    def invoice_of_message(self, chat_id: int, message_id: int) -> Invoice | None:
        return self._by_message.get((chat_id, message_id))

    def find_invoice(self, reference: "Reference") -> Invoice:
        """The invoice meant by an id, a link, an inline message id, a (chat id, message id) or a payload.

        Raises LookupError.
        """
        found: Invoice | None
        if isinstance(reference, Invoice):
            return reference
        if isinstance(reference, int):
            found = self.invoices.get(reference)
        elif isinstance(reference, tuple):
            found = self._by_message.get(reference)
        elif "$" in reference:
            found = self._by_slug.get(slug_of(reference))
        else:
            found = self._by_inline_message.get(reference) or self._by_payload.get(reference)
        if found is None:
            raise LookupError(f"no such invoice: {reference!r}")
        return found

    def new_checkout(self, invoice: Invoice, buyer_id: int, pressed_at: int) -> Checkout:
        form = invoice.form
        checkout = Checkout(len(self.checkouts) + 1, invoice, buyer_id, pressed_at, form.currency, form.payload)
        self.checkouts[checkout.checkout_id] = checkout
        return checkout

    def find_checkout(self, checkout_id: int) -> Checkout:
        """Raises LookupError."""
        if checkout_id not in self.checkouts:
            raise LookupError(f"no such checkout: {checkout_id}")
        return self.checkouts[checkout_id]

    def render(self) -> JsonObject:
        return {
            "charges": [charge.render() for charge in self.charges],
            "checkouts": [checkout.render() for checkout in self.checkouts.values()],
            "invoices": [invoice.render() for invoice in self.invoices.values()],
        }


Reference = Invoice | int | str | tuple[int, int]


def slug_of(link: str) -> str:
    """What follows the `$`: the domain in front of it has changed before (python-telegram-bot issue 5296)."""
    return link.rpartition("$")[2]


def summarize(checkouts: list[Checkout]) -> JsonObject:
    """Counts by outcome, how often each error_message was given, and how fast the answers came."""
    outcomes: dict[str, int] = {}
    messages: dict[str, int] = {}
    for checkout in checkouts:
        outcomes[checkout.outcome or "open"] = outcomes.get(checkout.outcome or "open", 0) + 1
        if checkout.error_message:
            messages[checkout.error_message] = messages.get(checkout.error_message, 0) + 1
    times = sorted(c.answer_milliseconds for c in checkouts if c.answer_milliseconds is not None)
    return {
        "count": len(checkouts),
        "accepted": outcomes.get("accepted", 0),
        "declined": outcomes.get("declined", 0),
        "timeout": outcomes.get("timeout", 0),
        "outcomes": outcomes,
        "error_messages": messages,
        "answer_milliseconds": {
            "p50": percentile(times, 50),
            "p95": percentile(times, 95),
            "p99": percentile(times, 99),
            "slowest": times[-1] if times else None,
        },
    }


def percentile(times: list[int], percent: int) -> int | None:
    """Nearest rank over sorted values; None when there are none."""
    return times[max(0, math.ceil(len(times) * percent / 100) - 1)] if times else None
