"""One invoice to 10,000 chats with --to-file, killed at random twenty times and run again.

    python benchmarks/many_chats.py [--chats N] [--kills N] [--seed S]

The sandbox enforces Telegram's limits (429 beyond them) and counts what it sees; every reply comes 50 ms late. Told:
how long it took beside what the limits allow (30 messages a second), how many chats have the invoice by the
sandbox's own books, and the largest number of messages in any second.
"""

import argparse
import os
import platform
import random
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from apaycli.clock import SystemClock
from apaycli.sandbox.chats import User
from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.world import World
from pre_checkout_burst import APAY, shop

LIMIT_A_SECOND = 30
ROUND_TRIP_SECONDS = 0.05
FIRST_USER = 5_000_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--chats", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    world = World(SystemClock())
    world.settings.flood_limits = True
    chats = range(FIRST_USER, FIRST_USER + options.chats)
    for chat in chats:
        world.chats.add_user(User(chat, "Buyer", started=True))
    with tempfile.TemporaryDirectory() as folder, ServerThread(world) as server:
        now = world.clock.monotonic()
        server.call(lambda: world.faults.add("delay", now, delay_seconds=ROUND_TRIP_SECONDS))
        environ = shop(Path(folder), 10**9, server)
        listed = Path(folder) / "chats.txt"
        listed.write_text("".join(f"{chat}\n" for chat in chats))
        command = [*APAY, "send-invoice", "duck", "--to-file", str(listed)]
        seconds, kills, last = send_through(command, environ, options.chats, options.kills, random.Random(options.seed))
        report(world, options.chats, seconds, kills, last)


def send_through(
    command: list[str], environ: dict[str, str], chats: int, kills: int, chance: random.Random
) -> tuple[float, int, str]:
    """Run, kill, run again; the last run is left alone. Returns the seconds, the kills, and what the last one said."""
    begun = time.monotonic()
    lives = [2 * chance.random() * chats / LIMIT_A_SECOND / (kills + 1) for _ in range(kills)]
    struck = 0
    for life in lives:
        process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(life)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            struck += 1
    last = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    return time.monotonic() - begun, struck, last.stderr


def report(world: World, chats: int, seconds: float, kills: int, last: str) -> None:
    got = Counter(invoice.chat_id for invoice in world.books.invoices.values())
    peaks = world.flood.peaks()
    allowed = chats / LIMIT_A_SECOND
    sums = next(line for line in last.splitlines() if " had it already" in line)
    print(f"{chats} chats, killed {kills} times: {seconds:.0f} s, {seconds / allowed:.2f} times what the limits allow")
    print(f"  by the sandbox: {len(got)} chats have it, {sum(count > 1 for count in got.values())} have it twice,")
    print(f"  {chats - len(got)} have none; most messages in a second: {peaks.overall_1_second} (30 are allowed)")
    print(f"  the last run says: {sums.removeprefix('apay: ')}")


if __name__ == "__main__":
    main()
