"""A ledger as the listener leaves it after a busy day: the real processor, fed with updates as Telegram writes them.

Every kind of row is in it, and nothing in it is wrong: what `apay verify` must call good.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from apaycli.clock import ManualClock
from apaycli.core.decide import Shop
from apaycli.core.invoice import Ids
from apaycli.core.model import Invoice, LabeledPrice, Product, Tips
from apaycli.listen.processor import Processor
from apaycli.store.protocol import Store
from apaycli.store.values import AnswerResult

DUCK = Product("duck", "Rubber duck", "Yellow, 8 cm.", "INR", (LabeledPrice("Duck", 49900),), stock=30)
SHOP = Shop("test", {"duck": DUCK}, 1800, hooks=("program", "url"))
BUYERS: tuple[dict[str, Any], ...] = (
    {"id": 1001, "first_name": "Asha"},
    {"id": 1002, "first_name": "রহিম", "last_name": "Uddin", "username": "rahim_demo"},
    {"id": 1003, "first_name": "\u202eevil\x1b[2J", "username": "x"},
)
FORM = {
    "name": "Rahim Uddin",
    "phone_number": "8801712345678",
    "email": "rahim@example.com",
    "shipping_address": {"country_code": "BD", "city": "ঢাকা", "street_line1": "House 12"},
}


def invoice(number: int, **changes: Any) -> Invoice:
    made = Invoice(
        invoice_id=f"inv_{number}",
        mode="test",
        invoice_payload=f"payload-{number}",
        chat_id="@ducks",
        sku="duck",
        title="Rubber duck",
        description="Yellow, 8 cm.",
        currency="INR",
        prices=(LabeledPrice("Duck", 50000), LabeledPrice("Less", -100)),
        quantity=1,
        forwarding="pay-button",
        created_at=1,
        tips=Tips(5000, (1000,)),
        need=("name",),
    )
    return replace(made, **changes)


def query(update_id: int, payload: str, buyer: int, **changes: Any) -> bytes:
    body = {"id": f"query-{update_id}", "from": BUYERS[buyer], "currency": "INR", "total_amount": 49900,
            "invoice_payload": payload, **changes}  # fmt: skip
    return json.dumps({"update_id": update_id, "pre_checkout_query": body}).encode()


def payment(update_id: int, payload: str, buyer: int, **changes: Any) -> bytes:
    paid = {"currency": "INR", "total_amount": 49900, "invoice_payload": payload,
            "telegram_payment_charge_id": f"tg-charge-{update_id}", "provider_payment_charge_id": f"apay-{update_id}",
            **changes}  # fmt: skip
    message = {"message_id": update_id, "date": 1_767_261_600 + update_id, "chat": {"id": 1}, "from": BUYERS[buyer],
               "successful_payment": paid}  # fmt: skip
    return json.dumps({"update_id": update_id, "message": message}, ensure_ascii=False).encode()


BROKEN = b'{"update_id":900,\n"message":{"successful_payment":'
REFUNDED = b'{"update_id":901,"message":{"refunded_payment":{"telegram_payment_charge_id":"stars-1"}}}'


class Day:
    """A processor on a clock of its own, and the day's updates."""

    def __init__(self, store: Store, shop: Shop = SHOP) -> None:
        self.store, self.clock = store, ManualClock()
        self.processor = Processor(store, shop, self.clock, lambda: Ids("inv_inline", "payload-inline"))

    def take(self, *raws: bytes) -> None:
        self.processor.record(self.processor.parse(raws))

    def record(self, *invoices: Invoice) -> None:
        with self.store.transaction() as tx:
            for each in invoices:
                tx.record_invoice(each, "sent")

    def sell(self, numbers: Sequence[int], payload: str = "payload-1") -> None:
        """Asked, answered and paid, one after the other."""
        for number in numbers:
            asked = number * 2
            self.take(query(asked, payload, number % 3))
            with self.store.transaction() as tx:
                tx.record_answers([AnswerResult(f"query-{asked}", "sent", self.clock.now(), 5)])
            form = {"order_info": FORM} if number % 2 else {}
            self.take(payment(asked + 1, payload, number % 3, **form))


def sell_a_day(store: Store, sales: int = 20) -> None:
    """Sales, and one of each thing that is unusual."""
    day = Day(store)
    live = invoice(4, mode="live", sku=None, title="Repair", uses_max=5)
    day.record(invoice(1), invoice(2, uses_max=1), invoice(3, quantity=2), live)
    day.sell(range(1, sales + 1))
    day.take(query(300, "payload-2", 0), query(302, "payload-2", 1))  # held; declined: being paid
    day.take(query(304, "payload-3", 0), query(306, "payload-3", 0))  # entered twice
    day.take(query(308, "payload-3", 1, total_amount=1), query(310, "nobody's", 1))
    day.clock.advance(3600)
    with store.transaction() as tx:
        tx.expire_reservations(day.clock.now())
    day.take(payment(401, "payload-2", 1), payment(403, "payload-2", 0))  # late; duplicate
    day.take(payment(405, "payload-1", 0, total_amount=7), payment(407, "nobody's", 2, currency="XTR"))
    day.take(payment(409, "payload-1", 1, total_amount="many"), payment(411, "payload-4", 1, total_amount=54900))
    day.take(payment(401, "payload-2", 1), payment(401, "payload-2", 1, total_amount=1))  # repeated; a conflict
    day.take(REFUNDED, BROKEN, b"\xff")
    day.take(query(500, "payload-1", 2), query(502, "payload-3", 1))  # these stay pending
    _run_hooks(day)


def _run_hooks(day: Day) -> None:
    with day.store.transaction() as tx:
        now = day.clock.now()
        for hook in tx.claim_hooks(now, now + 60_000, ("program", "url"), 12):
            failure = "ended with 1" if hook.hook_id % 3 == 0 else None
            tx.record_hook(hook.hook_id, failure=failure, again_at=None if hook.hook_id % 2 else now + 1)
