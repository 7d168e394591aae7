"""`apay find` over many receipts, each with its form: time of the whole command, beside the sqlite3 shell's own scan.

    python benchmarks/find_million.py [--receipts N] [--ledger FILE]

Worst is what nobody has: every receipt is read. `--ledger` keeps the file, and uses it again. Goal: under half a second
for a million receipts.
"""

import argparse
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from apaycli.store.sqlite import open_sqlite
from export_million import APAY, fill

RUNS = 5
QUESTIONS: tuple[tuple[str, ...], ...] = (
    ("rahim",),  # everybody
    ("nobody",),
    ("@buyer999999",),
    ("@nobody",),
    ("01712345678",),
    ("+8801999999999",),
    ("499",),
    ("1234.56",),
    ("95c38c0d",),  # eight characters as the end of a charge id has them
    ("8647531",),
    ("uddin", "777", "499"),
    ("rahim", "uddin", "nobody"),
    ("2026-01-05", "nobody"),
    ("2030-01-01",),
    ("#777777",),
)
SCAN = "SELECT receipt_id FROM receipts NOT INDEXED WHERE buyer_name LIKE '%nobody%'"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, default=1_000_000)
    parser.add_argument("--ledger", type=Path)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, least and most of {RUNS} runs")
    with tempfile.TemporaryDirectory() as name:
        ledger = options.ledger or Path(name) / "apay.db"
        if not ledger.exists():
            fill(ledger, options.receipts)
            fill_forms(ledger)
        (Path(name) / "stock.toml").write_text("")
        environ = dict(os.environ) | {"APAY_HOME": name, "APAY_STORE": str(ledger)}
        bare = measure([APAY, "receipts", "list", "--limit", "1"], environ)
        print(f"{'apay receipts list --limit 1':44}  {bare[0]:.3f} to {bare[1]:.3f} s")
        shell = measure(["sqlite3", "-readonly", str(ledger), SCAN], environ) if shutil.which("sqlite3") else None
        if shell:
            print(f"{'sqlite3, all receipts read for one name':44}  {shell[0]:.3f} to {shell[1]:.3f} s")
        for words in QUESTIONS:
            least, most = measure([APAY, "find", *words], environ)
            times = f"  {least / shell[0]:.1f} times sqlite3" if shell else ""
            print(f"apay find {' '.join(words):34}  {least:.3f} to {most:.3f} s{times}")


def fill_forms(ledger: Path) -> None:
    store = open_sqlite(ledger)
    with store.transaction() as tx:
        tx.db.execute(
            "INSERT INTO order_info SELECT receipt_id, buyer_name,"
            " '8801' || printf('%09d', receipt_id * 7919 % 1000000000),"
            ' \'buyer\' || receipt_id || \'@example.com\', \'{"country_code": "BD", "city": "Dhaka"}\' FROM receipts'
        )
    store.close()


def measure(command: Sequence[str], environ: dict[str, str]) -> tuple[float, float]:
    """Seconds, the least and the most, after one run that warms the system's cache."""
    seconds = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, env=environ, capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:]), max(seconds[1:])


if __name__ == "__main__":
    main()
