"""A flood of 1,000 /start a second for 10 s beside 50 pre-checkout queries a second: are buyers kept waiting?

    python benchmarks/start_flood.py [--seconds N] [--starts N] [--queries N]

`apay listen` runs as a process of its own against the sandbox on loopback, durable (WAL, synchronous=FULL). The same 50
queries a second are first asked without the flood: that is what the figures are multiples of.
"""

import argparse
import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path

from apaycli.clock import SystemClock
from apaycli.sandbox.checkouts import Checkout, percentile
from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.world import World
from pre_checkout_burst import APAY, listen, shop, wait_until

TICKS_A_SECOND = 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--starts", type=int, default=1_000)
    parser.add_argument("--queries", type=int, default=50)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    quiet = measure(options.seconds, 0, options.queries, "without the flood")
    flooded = measure(options.seconds, options.starts, options.queries, f"beside {options.starts} /start a second")
    print(f"  p99 {flooded / max(1, quiet):.1f} times that without the flood")


def measure(seconds: int, starts: int, queries: int, name: str) -> int:
    world = World(SystemClock())
    with tempfile.TemporaryDirectory() as folder, ServerThread(world) as server:
        environ = shop(Path(folder), 10**9, server)
        command = [*APAY, "send-invoice", "duck", "--to", "@sandbox_channel"]
        subprocess.run(command, env=environ, check=True, capture_output=True)
        payload = next(iter(world.books.invoices.values())).form.payload
        checkouts: list[Checkout] = []
        process = listen(Path(folder), environ, server)
        wait_until(lambda: server.call(lambda: world.polling.poll is not None))
        try:
            for tick in range(seconds * TICKS_A_SECOND):
                begun = time.monotonic()

                def one_tick(tick: int = tick) -> None:
                    for number in range(starts // TICKS_A_SECOND):
                        world.buyers.start(1_000_000 + tick * starts + number)
                    for number in range(queries // TICKS_A_SECOND):
                        checkouts.append(world.buyers.press_pay(payload, 9_000_000 + tick * queries + number))

                server.call(one_tick)
                time.sleep(max(0.0, 1 / TICKS_A_SECOND - (time.monotonic() - begun)))
            wait_until(lambda: all(checkout.outcome for checkout in checkouts))
        finally:
            process.terminate()
            process.wait()
    times = sorted(checkout.answer_milliseconds or 10_000 for checkout in checkouts)
    accepted = sum(checkout.outcome == "accepted" for checkout in checkouts)
    p50, p99 = percentile(times, 50), percentile(times, 99)
    print(f"{name}: {len(checkouts)} queries, {accepted} accepted, p50 {p50} ms, p99 {p99} ms, slowest {times[-1]} ms")
    return p99 or 0


if __name__ == "__main__":
    main()
