"""Receipts for tests of the books: one of our own values, and what stands in the ledger."""

import json
from dataclasses import replace
from typing import Any

from apaycli.core.model import Booking, OrderInfo, Receipt, ReceiptRow, User
from apaycli.core.reconcile import Finding
from apaycli.store.protocol import Store

BUYER = User(1001, "রহিম", "Uddin", "rahim")


def receipt(number: int, **changes: Any) -> Receipt:
    """A paid duck without an invoice of its own; each number is another charge."""
    made = Receipt(
        telegram_payment_charge_id=f"tg-charge-{number}",
        provider_payment_charge_id=f"apay-{number}",
        mode="test",
        flag=None,
        booking=Booking.NONE,
        invoice_id=None,
        reservation_id=None,
        invoice_payload=f"payload-{number}",
        sku="rubber-duck",
        title="Rubber duck",
        quantity=1,
        currency="INR",
        total_amount=49900,
        tip_amount=0,
        buyer=BUYER,
        paid_at=1_767_261_600_000 + number * 1000,
        order_info=OrderInfo("Rahim Uddin", "+8801700000000", "rahim@example.org", '{"city": "Dhaka"}'),
    )
    return replace(made, **changes)


def update_of(made: Receipt, update_id: int) -> bytes:
    """The update that such a receipt is read from."""
    buyer, form = made.buyer, made.order_info
    assert buyer is not None
    names = {"first_name": buyer.first_name, "last_name": buyer.last_name, "username": buyer.username}
    paid: dict[str, Any] = {
        "currency": made.currency,
        "total_amount": made.total_amount,
        "invoice_payload": made.invoice_payload,
        "telegram_payment_charge_id": made.telegram_payment_charge_id,
        "provider_payment_charge_id": made.provider_payment_charge_id,
    }
    if form is not None:
        paid["order_info"] = {
            "name": form.name,
            "phone_number": form.phone_number,
            "email": form.email,
            "shipping_address": json.loads(form.shipping_address or "{}"),
        }
    message = {
        "message_id": update_id,
        "date": made.paid_at // 1000,
        "chat": {"id": buyer.user_id, "type": "private"},
        "from": {"id": buyer.user_id, "is_bot": False} | {name: word for name, word in names.items() if word},
        "successful_payment": paid,
    }
    return json.dumps({"update_id": update_id, "message": message}, ensure_ascii=False).encode()


def row(**changes: Any) -> ReceiptRow:
    """A receipt as it comes out of the ledger."""
    made = ReceiptRow(
        receipt_id=1,
        mode="test",
        paid_at=1_767_261_600_000,
        recorded_at=1_767_261_601_000,
        flag=None,
        sku="rubber-duck",
        title="Rubber duck",
        quantity=1,
        currency="INR",
        total_amount=49900,
        tip_amount=0,
        shipping_amount=0,
        shipping_option_id=None,
        buyer_id=1001,
        buyer_username="rahim",
        buyer_name="Rahim Uddin",
        telegram_payment_charge_id="tg-1",
        provider_payment_charge_id="apay-1",
        invoice_id="inv_1",
        invoice_payload="payload-1",
        refund_state=None,
        dispute_state=None,
        hook_state=None,
        order_name="Rahim Uddin",
        order_phone="+8801700000000",
        order_email="rahim@example.org",
        order_address='{"city": "Dhaka"}',
    )
    return made._replace(**changes)


def finding_of(store: Store, receipt_id: int) -> Finding | None:
    """What A-Pay last said of a receipt."""
    dossier = store.dossier(receipt_id)
    assert dossier is not None
    return dossier.finding
