"""`apay verify` over many sales: time, and memory of the whole process.

    python benchmarks/verify_million.py [--receipts N] [--ledger FILE]

Each sale has what the listener leaves: a decision, a posted reservation, a receipt with its evidence and form, and a
hook that is done. `--ledger` keeps the file, and uses it again. Goals: well under two minutes, memory not growing.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from apaycli.core.decide import Shop as Rules
from apaycli.core.decide import decide_payment
from apaycli.core.incoming import PreCheckoutQuery, SuccessfulPayment
from apaycli.core.model import Decision, Invoice, LabeledPrice, Product, Reserve, User
from apaycli.core.update import parse_update
from apaycli.store.sqlite import open_sqlite
from apaycli.store.sqlite_transaction import SqliteTransaction
from export_million import APAY, MEASURE

PRICES = (LabeledPrice("Duck", 49900),)
RULES = Rules("test", {"duck": Product("duck", "Rubber duck", "Yellow, 8 cm.", "INR", PRICES)}, 1800)
BATCH = 2_000
SALES_AN_INVOICE = 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, default=1_000_000)
    parser.add_argument("--ledger", type=Path)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        for count in (1_000, options.receipts):
            kept = options.ledger if count == options.receipts else None
            ledger = kept or Path(name) / f"{count}.db"
            if not ledger.exists():
                fill(ledger, count)
            seconds, mib, said = verify(Path(name), ledger)
            size = ledger.stat().st_size // 2**20
            print(f"{count:>9} receipts  {size:>5} MiB  apay verify {seconds:6.2f} s  {mib:6.1f} MiB  {said}")


def fill(ledger: Path, count: int) -> None:
    store = open_sqlite(ledger)
    for start in range(1, count + 1, BATCH):
        with store.transaction() as tx:
            for number in range(start, min(start + BATCH, count + 1)):
                sell(tx, number)
    store.close()


def sell(tx: SqliteTransaction, number: int) -> None:
    """One sale, with the verbs that the listener uses."""
    now, buyer = 1_767_261_600_000 + number * 1000, User(1000 + number)
    invoice_number = (number - 1) // SALES_AN_INVOICE
    payload = f"payload-{invoice_number:024}"
    invoice_id = f"inv_{invoice_number:016x}"
    if number % SALES_AN_INVOICE == 1:
        tx.record_invoice(invoice(invoice_id, payload, now), "sent")
    query = PreCheckoutQuery(2 * number, f"{number:019}", buyer, "INR", 49900, payload)
    reserve = Reserve(invoice_id, "test", buyer.user_id, "duck", 1, None, now + 1_800_000)
    tx.record_decision(query, Decision(query.pre_checkout_query_id, ok=True, effect=reserve), now)
    raw = update(number, payload, now)
    payment = parse_update(raw)
    assert isinstance(payment, SuccessfulPayment)
    receipt = decide_payment(payment, tx.payment_facts(payment), RULES, now)
    receipt_id = tx.record_receipt(receipt, payment.update_id, raw, now)
    tx.queue_hooks(receipt_id, {"program": "done"}, now)


def invoice(invoice_id: str, payload: str, now: int) -> Invoice:
    return Invoice(invoice_id, "test", payload, "@ducks", "duck", "Rubber duck", "Yellow, 8 cm.", "INR", PRICES, 1,
                   "pay-button", now)  # fmt: skip


def update(number: int, payload: str, now: int) -> bytes:
    """`successful_payment` as Telegram writes it, with a form."""
    who = {"id": 1000 + number, "first_name": "Rahim", "last_name": "Uddin", "username": f"buyer{number}"}
    form = {"name": "Rahim Uddin", "phone_number": "8801712345678", "email": "rahim@example.com"}
    paid = {
        "currency": "INR",
        "total_amount": 49900,
        "invoice_payload": payload,
        "telegram_payment_charge_id": f"4280387012_{1000 + number}_939078_{number:019}",
        "provider_payment_charge_id": f"{number:016x}",
        "order_info": form,
    }
    message = {"message_id": number, "from": {**who, "is_bot": False, "language_code": "bn"},
               "chat": {**who, "type": "private"}, "date": now // 1000, "successful_payment": paid}  # fmt: skip
    return json.dumps({"update_id": 2 * number + 1, "message": message}).encode()


def verify(folder: Path, ledger: Path) -> tuple[float, float, str]:
    """Seconds, MiB at most, and the first line of what it said."""
    (folder / "stock.toml").write_text("")
    environ = dict(os.environ) | {"APAY_HOME": str(folder), "APAY_STORE": str(ledger)}
    target = folder / "out"
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(target), APAY, "verify"], env=environ, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return time.perf_counter() - started, int(done.stdout) / 1024, target.read_text("utf-8").partition("\n")[0]


if __name__ == "__main__":
    main()
