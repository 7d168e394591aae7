"""How long commands take to start, as multiples of `python -c pass`, in one run.

    python benchmarks/start_up.py [--runs N]

Interleaved: each round runs every command once, so that a busy moment hits all alike. The least of N counts.
Goals: `--version` under 2.5, `--help` and a local command under 9.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STOCK = 'currency = "INR"\n[products.duck]\ntitle = "Duck"\ndescription = "Yellow"\nprice = 499\nstock = 3\n'
APAY = str(Path(sys.executable).with_name("apay"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "apay --version": [APAY, "--version"],
    "apay --help": [APAY, "--help"],
    "apay export --help": [APAY, "export", "--help"],
    "apay stock": [APAY, "stock"],
    "apay export --csv": [APAY, "export", "--csv"],
    "apay send-invoice --dry-run": [APAY, "send-invoice", "duck", "--to", "1001", "--dry-run"],
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        environ = shop(Path(folder))
        least = dict.fromkeys(COMMANDS, float("inf"))
        for _ in range(runs):
            for name, command in COMMANDS.items():
                started = time.perf_counter()
                subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                least[name] = min(least[name], time.perf_counter() - started)
    floor = least["python -c pass"]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, least of {runs}")
    for name, seconds in least.items():
        print(f"{name:30} {seconds * 1000:7.1f} ms  {seconds / floor:5.1f} x")


def shop(folder: Path) -> dict[str, str]:
    """A shop with a ledger, so that every command has something to read."""
    (folder / "stock.toml").write_text(STOCK)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("APAY_")} | {
        "APAY_HOME": str(folder),
        "APAY_STOCK": str(folder / "stock.toml"),
        "APAY_STORE": str(folder / "apay.db"),
        "APAY_BOT_TOKEN": "123456789:" + "A" * 35,
        "APAY_TEST_PROVIDER_TOKEN": "1:TEST:benchmark",
    }
    subprocess.run(  # makes the ledger; ends with 6, for a shop that is not ready
        [APAY, "check-live", "--offline", "--attest", "two-step"], env=environ, capture_output=True, check=False
    )
    return environ


if __name__ == "__main__":
    main()
