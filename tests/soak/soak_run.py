"""Minutes of trade under trouble: the installed program on real sockets, killed, cut off, locked out, and compared.

    python3 bootstrap.py soak --minutes 10
    python3 bootstrap.py soak --minutes 10 --rate 50 --seed 7

Steady buyers press Pay so many times a second; most pay, some late, some twice, some never. Meanwhile, at moments of
chance: `kill -9` of `apay listen`, started again as a service manager with `examples/apay.service` does; 5xx, 429,
resets, lost, slow and silent requests and replies; outages under 5 s and one or two longer ones; another program
that locks the ledger; edits of the stock file, half-written ones and old copies among them. At the end all of it stops,
buyers who meant to pay pay, and the books of the sandbox and the ledger are compared. `soak_time.py` says which late
answer has an excuse. The seed draws what is planned; the machine decides how it meets.

A life that ends by itself is started again after RestartSec (with 9, where the ledger was locked at its start). An exit
code that the unit never restarts is a violation, except 3 while the stock file is half-written.

Prints one line of numbers. Exit code 1 where anything was wrong; the folder is kept then.
"""

import argparse
import os
import resource
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "botapi"))
sys.path.insert(0, str(Path(__file__).parents[1] / "simulation"))
sys.path.insert(0, str(Path(__file__).parents[1] / "crash"))
sys.path.insert(0, str(Path(__file__).parents[1] / "soak"))

from crash_process import Nursery
from soak_judge import shown, summary, violations
from soak_shop import SoakShop

RATE = 50.0


def run(folder: Path, minutes: float, rate: float, seed: int, tell: Callable[[str], None]) -> tuple[str, list[str]]:
    """The line of numbers, and what was wrong."""
    nursery, begun, told = Nursery(), time.monotonic(), 0
    shop = SoakShop(folder, nursery, seed)

    def progress() -> None:
        nonlocal told
        minute = int((time.monotonic() - begun) // 60)
        if minute > told:
            told = minute
            tell(f"{minute} min: {len(shop.world.books.charges)} payments, {shop.kills} kills")

    wrong = []
    used = _core_seconds()
    try:
        with shop:
            market = shop.set_up(rate)
            shop.play(market, minutes, progress)
            played, used = time.monotonic() - begun, _core_seconds(used)
            try:
                shop.finish(market)
            except AssertionError as error:
                wrong = [f"it does not come to rest: {error}"]
    finally:
        nursery.close()
    found = wrong + violations(shop)
    cores = f"sandbox and buyers {used[0] / played:.0%} of a core, listener {used[1] / played:.0%}"
    line = f"{minutes:g} min at {rate:g} buyers a second, seed {seed}: {summary(shop, found)}, {cores}"
    return line, found


def _core_seconds(before: tuple[float, float] = (0.0, 0.0)) -> tuple[float, float]:
    """Used by this process, and by its children that have ended, since `before`."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime - before[0], children.ru_utime + children.ru_stime - before[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bootstrap.py soak", description="Minutes of trade under trouble.")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long faults go on (default 1)")
    parser.add_argument("--rate", type=float, default=RATE, help="buyers a second (default 50)")
    parser.add_argument("--seed", type=int, default=None, help="draw the same plans again")
    given = parser.parse_args()
    if given.minutes <= 0 or given.rate <= 0:
        parser.error("--minutes and --rate take numbers above 0")
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    folder = Path(tempfile.mkdtemp(prefix="apay-soak-"))
    tell(f"seed {seed}, ledger and log in {folder}")
    line, found = run(folder, given.minutes, given.rate, seed, tell)
    for sentence in shown(found):
        tell(sentence)
    sys.stdout.write(f"soak: {line}\n")
    if not found:
        shutil.rmtree(folder)
    return 1 if found else 0


def tell(text: str) -> None:
    sys.stderr.write(f"soak: {text}\n")


if __name__ == "__main__":
    if not hasattr(os, "pidfd_open"):
        sys.exit("soak: this needs Linux: processes are held by pidfd")
    sys.exit(main())
