"""What the core tests start from: one invoice for a duck, its product, two buyers, a shop that sells it."""

from dataclasses import replace
from typing import Any

from apaycli.core.decide import Shop
from apaycli.core.incoming import PreCheckoutQuery, SuccessfulPayment
from apaycli.core.model import CheckoutFacts, Invoice, LabeledPrice, PaymentFacts, Product, Reservation, User

NOW = 1_767_261_600_000
TTL_SECONDS = 1800
ASHA = User(1001, "Asha", language_code="en")
RAHIM = User(1002, "Rahim", "Uddin", "rahim_demo", "bn-BD")


def invoice(**changes: Any) -> Invoice:
    """₹499.00 for one duck, from a channel: anybody may pay it, as often as the stock allows."""
    duck = Invoice(
        invoice_id="inv-1",
        mode="test",
        invoice_payload="payload-1",
        chat_id="@ducks",
        sku="duck",
        title="Rubber duck",
        description="Yellow, 8 cm.",
        currency="INR",
        prices=(LabeledPrice("Duck", 45000), LabeledPrice("GST", 4900)),
        quantity=1,
        forwarding="pay-button",
        created_at=NOW - 1000,
    )
    return replace(duck, **changes)


def product(**changes: Any) -> Product:
    duck = Product(
        sku="duck",
        title="Rubber duck",
        description="Yellow, 8 cm.",
        currency="INR",
        prices=(LabeledPrice("Duck", 45000), LabeledPrice("GST", 4900)),
        stock=10,
    )
    return replace(duck, **changes)


def shop(*products: Product, **changes: Any) -> Shop:
    return replace(
        Shop("test", {each.sku: each for each in products or (product(),)}, reservation_ttl_seconds=TTL_SECONDS),
        **changes,
    )


def query(**changes: Any) -> PreCheckoutQuery:
    return replace(PreCheckoutQuery(7, "query-1", ASHA, "INR", 49900, "payload-1"), **changes)


def payment(**changes: Any) -> SuccessfulPayment:
    paid = SuccessfulPayment(
        update_id=8,
        paid_at=NOW - 5000,
        buyer=ASHA,
        currency="INR",
        total_amount=49900,
        invoice_payload="payload-1",
        telegram_payment_charge_id="charge-1",
        provider_payment_charge_id="apay-1",
    )
    return replace(paid, **changes)


def reservation(**changes: Any) -> Reservation:
    return replace(Reservation(31, "inv-1", ASHA.user_id, "duck", 1, NOW + 60_000, NOW - 60_000), **changes)


def checkout_facts(**changes: Any) -> CheckoutFacts:
    return replace(CheckoutFacts(invoice()), **changes)


def payment_facts(**changes: Any) -> PaymentFacts:
    return replace(PaymentFacts(invoice()), **changes)
