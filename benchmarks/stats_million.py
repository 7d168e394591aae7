"""`apay stats` and `apay day` over many receipts: time, and memory of the whole process.

    python benchmarks/stats_million.py [--receipts N]

Twice: the receipts of `export_million.py` alone; then with an invoice for every ten receipts, and an answered query for
each receipt of which one in twenty was declined. Goal: a million receipts under 3 s.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from apaycli.store.sqlite import open_sqlite
from export_million import APAY, MEASURE, fill

RANGE = ("--since", "2026-01-01")
RUNS = (
    ("stats", *RANGE, "--by", "day"),
    ("stats", *RANGE, "--by", "product"),
    ("stats", *RANGE, "--by", "reason"),
    ("stats", *RANGE, "--html", "stats.html", "--force"),
    ("day", "2026-01-05"),
)
INVOICES = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    " INSERT INTO invoices (invoice_id, mode, invoice_payload, chat_id, sku, title, description, currency, prices,"
    " total_amount, quantity, max_tip_amount, suggested_tip_amounts, need, shipping, forwarding, created_at,"
    " send_state)"
    " SELECT printf('inv_%016x', i), 'test', 'invoice-' || i, '@ducks', 'duck', 'Rubber duck', 'Yellow', 'INR',"
    " '[[\"Duck\", 49900]]', 49900, 1, 0, '[]', '[]', '[]', 'pay-button', 1767261600000, 'sent' FROM n"
)
DECISIONS = (
    "INSERT INTO decisions (pre_checkout_query_id, update_id, ok, reason, error_message, invoice_id, buyer_id,"
    " currency, total_amount, invoice_payload, decided_at, answer_outcome, answered_at, answer_milliseconds)"
    " SELECT 'query-' || receipt_id, receipt_id, receipt_id % 20 > 0, iif(receipt_id % 20 > 0, NULL, 'sold_out'),"
    " iif(receipt_id % 20 > 0, NULL, 'Sorry'), printf('inv_%016x', (receipt_id + 9) / 10), buyer_id, currency,"
    " total_amount, invoice_payload, paid_at, 'sent', paid_at, receipt_id * 7919 % 40 FROM receipts"
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, default=1_000_000)
    receipts = parser.parse_args().receipts
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        ledger = Path(name) / "apay.db"
        fill(ledger, receipts)
        measure(ledger, receipts, "receipts")
        decide(ledger, receipts)
        measure(ledger, receipts, "receipts, their queries, invoices")


def decide(ledger: Path, receipts: int) -> None:
    store = open_sqlite(ledger)
    with store.transaction() as tx:
        tx.db.execute(INVOICES, ((receipts + 9) // 10,))
        tx.db.execute(DECISIONS)
    store.close()


def measure(ledger: Path, receipts: int, what: str) -> None:
    for words in RUNS:
        seconds, mib = min(run(ledger, *words) for _ in range(3))
        print(f"{receipts:>9} {what:34} apay {' '.join(words):48} {seconds:5.2f} s  {mib:6.1f} MiB")


def run(ledger: Path, *words: str) -> tuple[float, float]:
    """Seconds, and MiB at most."""
    environ = dict(os.environ) | {"APAY_HOME": str(ledger.parent), "APAY_STORE": str(ledger), "TZ": "UTC"}
    command = [sys.executable, "-c", MEASURE, str(ledger.parent / "out"), APAY, *words]
    started = time.perf_counter()
    done = subprocess.run(command, env=environ, cwd=ledger.parent, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, int(done.stdout) / 1024


if __name__ == "__main__":
    main()
