"""What the ledger's tests put into it: numbered invoices, queries, decisions, payments and receipts."""

from dataclasses import replace
from typing import Any

from apaycli.core.incoming import PreCheckoutQuery, SuccessfulPayment
from apaycli.core.model import (
    Booking,
    Decision,
    DeclineReason,
    Invoice,
    LabeledPrice,
    Receipt,
    Reenter,
    Reserve,
    Tips,
    User,
)

NOW = 1_767_261_600_000
TTL = 1_800_000
ASHA = User(1001, "Asha", language_code="en")
RAHIM = User(1002, "Rahim", "Uddin", "rahim_demo", "bn")
HOSTILE = "a\x00b\x1b[2J\u202e'); DROP TABLE receipts; -- 🦆\nলাইন"


def invoice(number: int = 1, **changes: Any) -> Invoice:
    """₹499.00 for one duck; anybody may pay it, any number of times."""
    duck = Invoice(
        invoice_id=f"inv-{number}",
        mode="test",
        invoice_payload=f"payload-{number}",
        chat_id="@ducks",
        sku="duck",
        title="Rubber duck",
        description="Yellow, 8 cm.",
        currency="INR",
        prices=(LabeledPrice("Duck", 49900),),
        quantity=1,
        forwarding="pay-button",
        created_at=NOW,
    )
    return replace(duck, **changes)


def full_invoice(number: int = 1) -> Invoice:
    """Every field set, with text that tries to break out."""
    return invoice(
        number,
        mode="live",
        invoice_payload="৳" * 42 + f"{number:02}",
        chat_id="-1001234567890",
        title=HOSTILE[:32],
        description=HOSTILE,
        prices=(LabeledPrice(HOSTILE, 50000), LabeledPrice("Rabatt „x“", -100)),
        quantity=3,
        forwarding="deep-link",
        tips=Tips(5000, (1000, 2000)),
        photo_url="https://shop.example/duck.jpg",
        need=("name", "address"),
        start_parameter=f"link-{number}",
        uses_max=4,
        buyer_id=2**52 - 1,
        expires_at=NOW + TTL,
    )


def query(number: int = 1, **changes: Any) -> PreCheckoutQuery:
    return replace(PreCheckoutQuery(number, f"query-{number}", ASHA, "INR", 49900, "payload-1"), **changes)


def accept(
    asked: PreCheckoutQuery,
    its_invoice: Invoice,
    *,
    capacity: int | None = 10,
    expires_at: int = NOW + TTL,
    reserved_max: int | None = None,
) -> Decision:
    """What the core says to a query that may be charged."""
    reserve = Reserve(
        its_invoice.invoice_id,
        its_invoice.mode,
        asked.buyer.user_id,
        its_invoice.sku,
        its_invoice.quantity,
        capacity,
        expires_at,
        reserved_max,
    )
    return Decision(asked.pre_checkout_query_id, ok=True, effect=reserve)


def reentry(asked: PreCheckoutQuery, reservation_id: int, expires_at: int) -> Decision:
    return Decision(asked.pre_checkout_query_id, ok=True, effect=Reenter(reservation_id, expires_at))


def refusal(asked: PreCheckoutQuery, reason: DeclineReason = DeclineReason.SOLD_OUT) -> Decision:
    return Decision(asked.pre_checkout_query_id, ok=False, reason=reason, error_message=HOSTILE)


def payment(number: int = 1, **changes: Any) -> SuccessfulPayment:
    paid = SuccessfulPayment(
        update_id=number,
        paid_at=NOW,
        buyer=ASHA,
        currency="INR",
        total_amount=49900,
        invoice_payload="payload-1",
        telegram_payment_charge_id=f"charge-{number}",
        provider_payment_charge_id=f"apay-{number}",
    )
    return replace(paid, **changes)


def receipt(number: int = 1, **changes: Any) -> Receipt:
    """The receipt of `payment(number)`, not booked against anything unless it is told to be."""
    usual = Receipt(
        telegram_payment_charge_id=f"charge-{number}",
        provider_payment_charge_id=f"apay-{number}",
        mode="test",
        flag=None,
        booking=Booking.NONE,
        invoice_id=None,
        reservation_id=None,
        invoice_payload="payload-1",
        sku="duck",
        title="Rubber duck",
        quantity=1,
        currency="INR",
        total_amount=49900,
        tip_amount=0,
        buyer=ASHA,
        paid_at=NOW,
        capacity=10,
    )
    return replace(usual, **changes)
