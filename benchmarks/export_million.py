"""Export of many receipts: time, and memory of the whole process, beside the sqlite3 shell's own CSV.

    python benchmarks/export_million.py [--receipts N] [--xlsx]

Goals: CSV within 3 times the shell's own of the same rows; under 100 MiB, not growing with the number of receipts.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from apaycli.store.digests import DIGESTED_COLUMNS, row_digest
from apaycli.store.sqlite import open_sqlite

APAY = str(Path(sys.executable).with_name("apay"))
# Runs a command as its only child, then prints that child's largest resident size in KiB.
MEASURE = (
    "import resource, subprocess, sys;"
    "code = subprocess.run(sys.argv[2:], stdout=open(sys.argv[1], 'wb')).returncode;"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, default=1_000_000)
    parser.add_argument("--xlsx", action="store_true", help="also as a worksheet, which takes minutes")
    options = parser.parse_args()
    receipts = options.receipts
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = folder / "apay.db"
        for count in (1_000, receipts):
            ledger.unlink(missing_ok=True)
            fill(ledger, count)
            seconds = {}
            for form in ("--csv", "--jsonl", "--preset=hledger", *(["--xlsx"] if options.xlsx else [])):
                seconds[form], mib, size = export(folder, ledger, form)
                print(
                    f"{count:>9} receipts  apay export {form:16} {seconds[form]:6.2f} s  {mib:6.1f} MiB  {size} bytes"
                )
        if shutil.which("sqlite3"):
            started = time.perf_counter()
            query = "SELECT * FROM receipts ORDER BY paid_at, receipt_id"
            with (folder / "shell.csv").open("wb") as out:
                subprocess.run(["sqlite3", "-csv", "-header", str(ledger), query], stdout=out, check=True)
            shell = time.perf_counter() - started
            print(f"{receipts:>9} receipts  sqlite3 -csv                 {shell:6.2f} s")
            print(f"  apay --csv took {seconds['--csv'] / shell:.1f} times that (goal 3)")


def fill(ledger: Path, count: int) -> None:
    """`count` receipts as the listener would write them, in one statement; ids as long as the real ones."""
    store = open_sqlite(ledger)
    with store.transaction() as tx:
        tx.db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO receipts (telegram_payment_charge_id, provider_payment_charge_id, mode, invoice_payload, sku,"
            " title, quantity, booked_units, booked_uses, currency, total_amount, tip_amount, buyer_id, buyer_username,"
            " buyer_name, paid_at, recorded_at, update_id, source, digest, row_digest)"
            " SELECT printf('4280387012_%d_%06d_%d%09d', 1000 + i, i * 7919 % 1000000, i, i * 48271 % 1000000000),"
            " printf('%08x%08x', i * 2654435761 & 0xffffffff, i * 2246822519 & 0xffffffff),"
            " 'test', 'payload-' || i, 'duck', 'Rubber duck', 1, 1, 1,"
            " 'INR', 49900, 0, 1000 + i, 'buyer' || i, 'Rahim Uddin ' || i, 1767261600000 + i * 1000,"
            " 1767261600000 + i * 1000, i, 'polling', printf('%064x', i), '' FROM n",
            (count,),
        )
        tx.db.create_function("row_digest", -1, lambda *values: row_digest(values), deterministic=True)
        tx.db.execute(f"UPDATE receipts SET row_digest = row_digest({', '.join(DIGESTED_COLUMNS)})")
    store.close()


def export(folder: Path, ledger: Path, form: str) -> tuple[float, float, int]:
    """Seconds, MiB at most, bytes written."""
    (folder / "stock.toml").write_text("")
    environ = dict(os.environ) | {"APAY_HOME": str(folder), "APAY_STORE": str(ledger)}
    target = folder / "out"
    command = [sys.executable, "-c", MEASURE, str(target), APAY, "export", form]
    if form == "--xlsx":
        command = [*command[:3], os.devnull, APAY, "export", form, "--force", str(target)]
    started = time.perf_counter()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, int(done.stdout) / 1024, target.stat().st_size


if __name__ == "__main__":
    main()
