"""A minute of steady trade, a long queue, a large ledger: does the listener keep up, and how much memory does it take?

    python benchmarks/sustained_load.py [--seconds N] [--backlog N] [--receipts N]

`apay listen` runs as a process of its own against the sandbox on loopback, durable (WAL, synchronous=FULL). Every reply
of the sandbox comes 50 ms late: the round trip to Telegram, and what the times below are multiples of. A time is from
the press on Pay to the answer's arrival: the query waits for the poll's round trip first.

1. 100 pre-checkout queries and 100 payments a second. Goals: p99 under 1 s, none over 8 s, memory under 150 MiB.
2. Payments that waited while nobody listened. Goal: 10,000 on disk within 60 s of the start.
3. From the start of the process to its first long poll, with an empty ledger and with a large one. Goal: within 1 s.
"""

import argparse
import os
import platform
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apaycli.clock import SystemClock
from apaycli.sandbox.checkouts import Checkout, percentile
from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.world import World
from export_million import fill
from pre_checkout_burst import APAY, listen, shop, wait_until

ROUND_TRIP_SECONDS = 0.05
A_SECOND = 100
TICKS_A_SECOND = 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--backlog", type=int, default=10_000)
    parser.add_argument("--receipts", type=int, default=1_000_000)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, SQLite {sqlite3.sqlite_version}")
    steady_trade(options.seconds)
    backlog(options.backlog)
    first_poll(options.receipts)


class Market:
    """A sandbox whose replies come late, and a shop with one invoice that anybody may pay."""

    def __init__(self, folder: Path, server: ServerThread) -> None:
        self.folder, self.server, self.world = folder, server, server.world
        self.environ = shop(folder, 10**9, server)
        command = [*APAY, "send-invoice", "duck", "--to", "@sandbox_channel"]
        subprocess.run(command, env=self.environ, check=True, capture_output=True)
        self.payload = next(iter(self.world.books.invoices.values())).form.payload
        now = self.world.clock.monotonic()
        server.call(lambda: self.world.faults.add("delay", now, delay_seconds=ROUND_TRIP_SECONDS))

    @contextmanager
    def listening(self) -> Iterator["subprocess.Popen[bytes]"]:
        process = listen(self.folder, self.environ, self.server)
        try:
            wait_until(lambda: self.server.call(lambda: self.world.polling.poll is not None))
            yield process
        finally:
            process.terminate()
            process.wait()

    def receipts(self) -> int:
        with sqlite3.connect(f"file:{self.folder / 'apay.db'}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM receipts").fetchone()[0])


@contextmanager
def market() -> Iterator[Market]:
    with tempfile.TemporaryDirectory() as name, ServerThread(World(SystemClock())) as server:
        yield Market(Path(name), server)


def steady_trade(seconds: int) -> None:
    checkouts: list[Checkout] = []
    with market() as shop_, shop_.listening() as process:
        waiting: list[Checkout] = []
        begun = time.perf_counter()
        for tick in range(seconds * TICKS_A_SECOND):
            time.sleep(max(0.0, begun + tick / TICKS_A_SECOND - time.perf_counter()))
            pressed = shop_.server.call(_press_and_pay, shop_.world, shop_.payload, 10_000 + len(checkouts), waiting)
            checkouts += pressed
            waiting += pressed
        wait_until(lambda: all(checkout.outcome for checkout in checkouts))
        shop_.server.call(lambda: shop_.world.buyers.pay_many(waiting))
        wait_until(lambda: shop_.receipts() == len(checkouts))
        took = time.perf_counter() - begun
        mib = peak_mib(process)
    times = sorted(c.answer_milliseconds for c in checkouts if c.answer_milliseconds is not None)
    unanswered = len(checkouts) - len(times)
    print(f"{A_SECOND} queries and {A_SECOND} payments a second for {seconds} s; everything on disk after {took:.1f} s")
    for name, milliseconds in (("p50", percentile(times, 50)), ("p99", percentile(times, 99)), ("slowest", times[-1])):
        print(f"  {name:8} {milliseconds:6} ms  {milliseconds / 1000 / ROUND_TRIP_SECONDS:5.1f} round trips")
    print(f"  unanswered {unanswered}, largest resident size {mib:.1f} MiB")


def _press_and_pay(world: World, payload: str, first_buyer: int, waiting: list[Checkout]) -> list[Checkout]:
    """One tick: as many as paid their turn pay, and as many new ones press Pay."""
    count = A_SECOND // TICKS_A_SECOND
    accepted = [checkout for checkout in waiting if checkout.outcome == "accepted"][:count]
    for checkout in accepted:
        world.buyers.pay(checkout.checkout_id)
        waiting.remove(checkout)
    return [world.buyers.press_pay(payload, first_buyer + number) for number in range(count)]


def backlog(payments: int) -> None:
    with market() as shop_:
        checkouts: list[Checkout] = []
        with shop_.listening():
            while len(checkouts) < payments:
                count = min(500, payments - len(checkouts))
                first = 10_000 + len(checkouts)
                new = shop_.server.call(shop_.world.buyers.press_pay_many, shop_.payload, count, first)
                wait_until(lambda new=new: all(checkout.outcome for checkout in new))
                checkouts += new
            wait_until(lambda: shop_.server.call(lambda: len(shop_.world.queue) == 0))
        shop_.server.call(lambda: shop_.world.buyers.pay_many(checkouts))
        begun = time.perf_counter()
        process = listen(shop_.folder, shop_.environ, shop_.server)
        try:
            wait_until(lambda: shop_.receipts() == payments)
            seconds = time.perf_counter() - begun
            mib = peak_mib(process)
        finally:
            process.terminate()
            process.wait()
    print(f"{payments} waiting payments: on disk {seconds:.1f} s after the start, {payments / seconds:.0f} a second,")
    print(f"  largest resident size {mib:.1f} MiB")


def first_poll(receipts: int) -> None:
    seconds = []
    for count in (0, receipts):
        with market() as shop_:
            if count:
                fill(shop_.folder / "apay.db", count)
            begun = time.perf_counter()
            process = listen(shop_.folder, shop_.environ, shop_.server)
            try:
                wait_until(lambda shop_=shop_: shop_.server.call(lambda: shop_.world.polling.poll is not None))
                seconds.append(time.perf_counter() - begun)
            finally:
                process.terminate()
                process.wait()
        print(f"{count:>8} receipts in the ledger: first long poll {seconds[-1]:.2f} s after the start")
    print(f"  {seconds[1] / seconds[0]:.2f} times the empty ledger's")


def peak_mib(process: "subprocess.Popen[bytes]") -> float:
    """The largest resident size so far, where the system says it."""
    status = Path(f"/proc/{process.pid}/status").read_text("ascii", "replace")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
