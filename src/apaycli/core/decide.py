"""Every rule about approving, reserving, posting, expiring and flagging.

These rules live here and nowhere else:

* which pre-checkout queries are accepted, and why the others are declined (`DECLINE_RULES`, in order);
* how many units and uses an accepted query holds, and until when;
* which ways of delivery a buyer's country is offered;
* how a receipt meets its reservation, the stock and the invoice, and which flag it bears.

This file must not know the time (it is handed `now`), the database, the network, the terminal, or chance.

Theory. Two things can run out: the *units* of a SKU and the *uses* of an invoice. Both follow the same
arithmetic, per mode:

    free = offered - paid - held            offered: `stock` of the stock file, or `uses_max` of the invoice

An accepted query moves one use and `quantity` units from free to held: a reservation. A reservation ends
once: posted (held → paid), voided or expired (held → free). Money that finds no reservation takes from
free if it can; whoever holds a reservation was promised something, so it never takes what is held. That
makes flags independent of the order in which two payments are seen.

The same buyer on the same invoice re-enters the reservation that is there. A-Pay's page is left and opened
again every day; a second hold would sell the shop out to one hesitating buyer. What one buyer has reserved and not
paid is bounded in units and in time: `core/reserving.py`.

What no tool can check: that the order of `DECLINE_RULES` equals the order of `DeclineReason` in product.md.
A test compares the two in code; the page itself is prose.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from apaycli.core.hooks import HookKind
from apaycli.core.incoming import PreCheckoutQuery, SuccessfulPayment
from apaycli.core.messages import Messages
from apaycli.core.model import (
    STAND_IN_ID,
    Booking,
    CheckoutFacts,
    Decision,
    DeclineReason,
    Flag,
    Invoice,
    Mode,
    PaymentFacts,
    Product,
    Receipt,
    Reenter,
    Reserve,
)
from apaycli.core.reserving import RESERVED_MILLISECONDS_MIN, is_wanted, life_milliseconds, reserved_until
from apaycli.core.wording import decline_sentence


@dataclass(frozen=True, slots=True)
class Shop:
    """What the merchant has said, as it is in force now: products, mode, times and wordings."""

    mode: Mode
    products: Mapping[str, Product]
    reservation_ttl_seconds: int
    reserved_units_max: int | None = None  # of one product, reserved by one buyer on other invoices; None: no limit
    reservation_life_seconds: int | None = None  # how long one buyer may have units reserved, with all renewals
    messages: Messages = field(default_factory=Messages)
    hooks: tuple[HookKind, ...] = ()
    notify_chat: str | None = None  # where the merchant is told of money
    terms_text: str | None = None
    terms_version: str | None = None
    require_acceptance: bool = False
    close_when_paid: bool = False  # whether the keyboard of an invoice goes with its last use
    support_text: str | None = None
    support_chat: str | None = None  # where buyers' requests are forwarded to


@dataclass(frozen=True, slots=True)
class _Checkout:
    """One query with everything its rules look at; `invoice` is known from the second rule on."""

    query: PreCheckoutQuery
    facts: CheckoutFacts
    invoice: Invoice
    product: Product | None
    shop: Shop
    now: int


def decide_pre_checkout(query: PreCheckoutQuery, facts: CheckoutFacts, shop: Shop, now: int) -> Decision:
    """The answer to one query. The first rule that applies declines; if none does, units are reserved."""
    invoice = facts.invoice
    if invoice is None:
        return decline(query, DeclineReason.UNKNOWN_INVOICE, shop)
    product = shop.products.get(invoice.sku) if invoice.sku else None
    checkout = _Checkout(query, facts, invoice, product, shop, now)
    for reason, applies in DECLINE_RULES:
        if applies(checkout):
            name = "no_delivery" if query.shipping_option_id == STAND_IN_ID else _SENTENCES.get(applies)
            return decline(query, reason, shop, product, name)
    return _accept(checkout)


def decline(
    query: PreCheckoutQuery,
    reason: DeclineReason,
    shop: Shop,
    product: Product | None = None,
    sentence_name: str | None = None,
) -> Decision:
    """A refusal with the sentence the buyer will read: the reason's, unless `sentence_name` is another's."""
    sentence = decline_sentence(reason, shop.messages, query.buyer.language_code, product, sentence_name)
    return Decision(query.pre_checkout_query_id, ok=False, reason=reason, error_message=sentence)


def _accept(checkout: _Checkout) -> Decision:
    expires_at = _reserved_until(checkout)
    own = checkout.facts.own_reservation
    if own is not None:
        effect: Reserve | Reenter = Reenter(own.reservation_id, expires_at)
    else:
        invoice = checkout.invoice
        effect = Reserve(
            invoice_id=invoice.invoice_id,
            mode=invoice.mode,
            buyer_id=checkout.query.buyer.user_id,
            sku=invoice.sku,
            quantity=invoice.quantity,
            capacity=_capacity(invoice, checkout.shop),
            expires_at=expires_at,
            reserved_max=_reserved_max(checkout),
        )
    return Decision(checkout.query.pre_checkout_query_id, ok=True, effect=effect)


def _cancelled(c: _Checkout) -> bool:
    return c.invoice.cancelled_at is not None


def _expired(c: _Checkout) -> bool:
    return c.invoice.expires_at is not None and c.now >= c.invoice.expires_at


def _currency_differs(c: _Checkout) -> bool:
    return c.query.currency != c.invoice.currency


def _amount_differs(c: _Checkout) -> bool:
    return not fits_amount(c.invoice, c.query.total_amount, c.query.shipping_option_id)


def _other_buyer(c: _Checkout) -> bool:
    return c.invoice.buyer_id is not None and c.invoice.buyer_id != c.query.buyer.user_id


def _terms_not_accepted(c: _Checkout) -> bool:
    return c.shop.require_acceptance and c.shop.terms_version not in c.facts.accepted_versions


def _not_for_sale(c: _Checkout) -> bool:
    return c.invoice.sku is not None and (c.product is None or c.product.paused)


def _already_paid(c: _Checkout) -> bool:
    return c.invoice.uses_max is not None and c.facts.uses_paid >= c.invoice.uses_max


def _being_paid(c: _Checkout) -> bool:
    if c.invoice.uses_max is None or c.facts.own_reservation is not None:
        return False
    return c.facts.uses_paid + c.facts.uses_held >= c.invoice.uses_max


def _buyer_limit(c: _Checkout) -> bool:
    if c.product is None or c.product.max_per_buyer is None or c.facts.own_reservation is not None:
        return False
    return c.facts.buyer_units + c.invoice.quantity > c.product.max_per_buyer


def _reserves_too_much(c: _Checkout) -> bool:
    most = _reserved_max(c)
    return c.facts.own_reservation is None and most is not None and c.facts.buyer_reserved >= most


def _reserved_max(c: _Checkout) -> int | None:
    """Where units cannot run out, reserving them takes nothing from others."""
    capacity = _capacity(c.invoice, c.shop)
    return c.shop.reserved_units_max if capacity is not None and is_wanted(c.invoice, capacity) else None


def _reserves_too_long(c: _Checkout) -> bool:
    return _life(c) is not None and _reserved_until(c) - c.now < RESERVED_MILLISECONDS_MIN


def _reserved_until(c: _Checkout) -> int:
    return reserved_until(c.facts.own_reservation, c.shop.reservation_ttl_seconds, _life(c), c.now)


def _life(c: _Checkout) -> int | None:
    return life_milliseconds(c.shop.reservation_life_seconds, c.invoice, c.facts, _capacity(c.invoice, c.shop), c.now)


def _sold_out(c: _Checkout) -> bool:
    capacity = _capacity(c.invoice, c.shop)
    if capacity is None or c.facts.own_reservation is not None:
        return False
    return c.facts.stock_held + c.facts.stock_sold + c.invoice.quantity > capacity


def _other_mode(c: _Checkout) -> bool:
    return c.invoice.mode != c.shop.mode


# In the order of precedence. UNKNOWN_INVOICE comes before all of them, in `decide_pre_checkout`.
DECLINE_RULES: tuple[tuple[DeclineReason, Callable[[_Checkout], bool]], ...] = (
    (DeclineReason.CANCELLED, _cancelled),
    (DeclineReason.EXPIRED, _expired),
    (DeclineReason.CURRENCY_MISMATCH, _currency_differs),
    (DeclineReason.AMOUNT_MISMATCH, _amount_differs),
    (DeclineReason.OTHER_BUYER, _other_buyer),
    (DeclineReason.TERMS_NOT_ACCEPTED, _terms_not_accepted),
    (DeclineReason.NOT_FOR_SALE, _not_for_sale),
    (DeclineReason.ALREADY_PAID, _already_paid),
    (DeclineReason.BEING_PAID, _being_paid),
    (DeclineReason.BUYER_LIMIT, _buyer_limit),
    (DeclineReason.BUYER_LIMIT, _reserves_too_much),
    (DeclineReason.BUYER_LIMIT, _reserves_too_long),
    (DeclineReason.SOLD_OUT, _sold_out),
    (DeclineReason.UNAVAILABLE, _other_mode),
)
# Where a rule wants other words than its reason.
_SENTENCES: Mapping[Callable[[_Checkout], bool], str] = {
    _reserves_too_much: "declined_buyer_reserved",
    _reserves_too_long: "declined_buyer_reserved",
}


def fits_amount(invoice: Invoice, total_amount: int | None, shipping_option_id: str | None) -> bool:
    """Price lines, the chosen delivery, at most the largest tip. That all is inside the total is inferred, not
    documented."""
    shipping_amount = invoice.shipping_amount(shipping_option_id)
    if total_amount is None or shipping_amount is None:
        return False
    least = invoice.total_amount + shipping_amount
    return least <= total_amount <= least + invoice.tips.max_tip_amount


def decide_payment(payment: SuccessfulPayment, facts: PaymentFacts, shop: Shop, now: int) -> Receipt:
    """The receipt of one payment: always one, whatever is wrong with it; what is wrong becomes its flag."""
    invoice = facts.invoice
    if invoice is None:
        return _unmatched_receipt(payment, shop.mode, now)
    booking, flag = _book(invoice, facts, shop)
    # A way of delivery that the invoice never had costs nothing, and is nothing to stop at.
    option_id = payment.shipping_option_id if invoice.shipping else None
    fits = payment.currency == invoice.currency and fits_amount(invoice, payment.total_amount, option_id)
    if flag in {None, Flag.LATE} and not fits:
        flag = Flag.AMOUNT_MISMATCH
    shipping_amount = invoice.shipping_amount(option_id) or 0 if fits else 0
    own = facts.own_reservation
    return Receipt(
        telegram_payment_charge_id=payment.telegram_payment_charge_id,
        provider_payment_charge_id=payment.provider_payment_charge_id,
        mode=invoice.mode,
        flag=flag,
        booking=booking,
        invoice_id=invoice.invoice_id,
        reservation_id=own.reservation_id if own else None,
        invoice_payload=payment.invoice_payload,
        sku=invoice.sku,
        title=invoice.title,
        quantity=invoice.quantity,
        currency=payment.currency,
        total_amount=payment.total_amount,
        tip_amount=(payment.total_amount or 0) - invoice.total_amount - shipping_amount if fits else 0,
        shipping_amount=shipping_amount,
        buyer=payment.buyer,
        paid_at=payment.paid_at if payment.paid_at is not None else now,
        capacity=_capacity(invoice, shop),
        shipping_option_id=payment.shipping_option_id,
        order_info=payment.order_info,
    )


def _capacity(invoice: Invoice, shop: Shop) -> int | None:
    """Units that may be sold at all; None is unlimited. A SKU that left the stock file promises nothing."""
    if invoice.sku is None:
        return None
    product = shop.products.get(invoice.sku)
    return product.stock if product else 0


def _book(invoice: Invoice, facts: PaymentFacts, shop: Shop) -> tuple[Booking, Flag | None]:
    """How the payment meets reservation, uses and units, in this order."""
    if facts.own_reservation is not None:
        return Booking.POST, None
    if invoice.uses_max is not None and facts.uses_paid + facts.uses_held >= invoice.uses_max:
        return Booking.NONE, Flag.DUPLICATE
    if not _units_free(invoice, facts, shop):
        return Booking.NONE, Flag.OVERSOLD
    return Booking.DIRECT, Flag.LATE


def _units_free(invoice: Invoice, facts: PaymentFacts, shop: Shop) -> bool:
    capacity = _capacity(invoice, shop)
    return capacity is None or facts.stock_held + facts.stock_sold + invoice.quantity <= capacity


def _unmatched_receipt(payment: SuccessfulPayment, mode: Mode, now: int) -> Receipt:
    """No invoice of this ledger: another ledger's, a lost backup's, or Telegram Stars (XTR)."""
    return Receipt(
        telegram_payment_charge_id=payment.telegram_payment_charge_id,
        provider_payment_charge_id=payment.provider_payment_charge_id,
        mode=mode,
        flag=Flag.UNMATCHED,
        booking=Booking.NONE,
        invoice_id=None,
        reservation_id=None,
        invoice_payload=payment.invoice_payload,
        sku=None,
        title=None,
        quantity=1,
        currency=payment.currency,
        total_amount=payment.total_amount,
        tip_amount=0,
        buyer=payment.buyer,
        paid_at=payment.paid_at if payment.paid_at is not None else now,
        shipping_option_id=payment.shipping_option_id,
        order_info=payment.order_info,
    )


# What the server's answer to `answerPreCheckoutQuery` means for the reservation behind an accept.
TOO_OLD = "query is too old"


def refusal_releases(description: str, *, first_attempt: bool) -> bool:
    """Whether a refused answer gives the units back at once.

    Only a definite refusal of the very first attempt proves that the accept never took effect; after any
    ambiguity it may have, and the reservation stays until it expires. (A reservation that several queries
    entered belongs to the others, too: the ledger releases only a sole entry.)
    """
    return first_attempt and TOO_OLD in description.lower()
