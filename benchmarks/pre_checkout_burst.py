"""Many buyers press Pay at once: how long until each has an answer, beside a bare loop in the same run.

    python benchmarks/pre_checkout_burst.py [--queries N] [--stock N] [--runs N]

`apay listen` runs as a process of its own against the sandbox on loopback. The baseline is the shortest program that
keeps the same promise: getUpdates and answers over aiohttp, and one durable commit (WAL, synchronous=FULL) for each
query before its answer leaves; it checks nothing else. Runs alternate, so that a busy moment hits both; the median of
each counts. Goals: none over 8 s, nothing unanswered, exactly the stock accepted.
"""

import argparse
import asyncio
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from apaycli.clock import SystemClock
from apaycli.sandbox.checkouts import percentile
from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.world import World

STOCK = 'currency = "INR"\n[products.duck]\ntitle = "Duck"\ndescription = "Yellow"\nprice = 499\nstock = {}\n'
APAY = [sys.executable, "-m", "apaycli"]
PATIENCE_SECONDS = 60


@dataclass
class Figures:
    """One burst: seconds from the press to the last answer, and milliseconds from each query to its answer."""

    seconds: float
    milliseconds: list[int]
    accepted: int
    unanswered: int


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--stock", type=int, default=700)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--bare-loop", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare_loop:
        asyncio.run(bare_loop(*options.bare_loop))
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, SQLite {sqlite3.sqlite_version}")
    print(f"{options.queries} pre-checkout queries at once, stock {options.stock}, median of {options.runs} runs")
    apay, bare = [], []
    for _ in range(options.runs):
        apay.append(burst(options.queries, options.stock, listen))
        bare.append(burst(options.queries, options.stock, run_bare_loop))
    show("apay listen", apay)
    show("bare aiohttp loop, 1 commit per query", bare)
    ratio = median_seconds(apay) / median_seconds(bare)
    print(f"apay listen needs {ratio:.2f} x the time of the bare loop")
    wrong = [run for run in apay if run.unanswered or run.accepted != min(options.stock, options.queries)]
    sys.exit("apay listen did not accept exactly the stock, or left somebody without an answer" if wrong else 0)


def median_seconds(runs: list[Figures]) -> float:
    return statistics.median(run.seconds for run in runs)


def show(name: str, runs: list[Figures]) -> None:
    times = sorted(millisecond for run in runs for millisecond in run.milliseconds)
    seconds = median_seconds(runs)
    print(
        f"{name:38} {seconds:5.2f} s  {len(times) / len(runs) / seconds:6.0f}/s  p50 {percentile(times, 50)} ms"
        f"  p99 {percentile(times, 99)} ms  slowest {times[-1]} ms  accepted {runs[-1].accepted}"
        f"  unanswered {sum(run.unanswered for run in runs)}"
    )


def burst(queries: int, stock: int, start: Any) -> Figures:
    """One burst against a fresh sandbox and a fresh ledger."""
    world = World(SystemClock())
    with tempfile.TemporaryDirectory() as name, ServerThread(world) as server:
        folder = Path(name)
        environ = shop(folder, stock, server)
        subprocess.run(
            [*APAY, "send-invoice", "duck", "--to", "@sandbox_channel"], env=environ, check=True, capture_output=True
        )
        payload = next(iter(world.books.invoices.values())).form.payload
        process = start(folder, environ, server)
        try:
            wait_until(lambda: server.call(lambda: world.polling.poll is not None))
            begun = time.perf_counter()
            checkouts = server.call(world.buyers.press_pay_many, payload, queries, 10_000)
            wait_until(lambda: all(checkout.outcome for checkout in checkouts))
            seconds = time.perf_counter() - begun
        finally:
            process.terminate()
            process.wait()
    times = [c.answer_milliseconds for c in checkouts if c.answer_milliseconds is not None]
    outcomes = [checkout.outcome for checkout in checkouts]
    return Figures(seconds, times, outcomes.count("accepted"), outcomes.count("timeout"))


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("not so in time")
        time.sleep(0.002)


def shop(folder: Path, stock: int, server: ServerThread) -> dict[str, str]:
    (folder / "stock.toml").write_text(STOCK.format(stock))
    return {name: value for name, value in os.environ.items() if not name.startswith("APAY_")} | {
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "APAY_API_URL": server.address,
        "APAY_BOT_TOKEN": server.world.bot_token,
        "APAY_TEST_PROVIDER_TOKEN": server.world.test_provider_token,
        "APAY_STORE": str(folder / "apay.db"),
        "APAY_STOCK": str(folder / "stock.toml"),
    }


def listen(folder: Path, environ: dict[str, str], server: ServerThread) -> "subprocess.Popen[bytes]":
    return quiet([*APAY, "listen", "--json"], folder, environ)


def run_bare_loop(folder: Path, environ: dict[str, str], server: ServerThread) -> "subprocess.Popen[bytes]":
    base = f"{server.address}/bot{server.world.bot_token}/"
    own = [sys.executable, __file__, "--bare-loop", base, str(folder / "bare.db"), (folder / "stock.toml").read_text()]
    return quiet(own, folder, environ)


def quiet(command: list[str], folder: Path, environ: dict[str, str]) -> "subprocess.Popen[bytes]":
    null = subprocess.DEVNULL
    return subprocess.Popen(command, env=environ, cwd=folder, stdin=null, stdout=null, stderr=null)


async def bare_loop(base: str, path: str, stock_text: str) -> None:
    """The baseline: poll; for each query one commit; answer without waiting for the reply; confirm."""
    left = int(stock_text.rpartition("=")[2])
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE decisions (id TEXT PRIMARY KEY, ok INTEGER NOT NULL)")
    answers: set[asyncio.Task[None]] = set()
    async with aiohttp.ClientSession() as session:

        async def call(method: str, **params: Any) -> Any:
            async with session.post(base + method, json=params) as response:
                return (await response.json())["result"]

        async def answer(query_id: str, ok: bool) -> None:
            error = {} if ok else {"error_message": "Sold out."}
            await call("answerPreCheckoutQuery", pre_checkout_query_id=query_id, ok=ok, **error)

        offset = 0
        while True:
            for update in await call("getUpdates", offset=offset, timeout=50):
                offset = update["update_id"] + 1
                query_id = update["pre_checkout_query"]["id"]
                ok, left = left > 0, max(0, left - 1)
                db.execute("INSERT INTO decisions VALUES (?, ?)", (query_id, ok))
                task = asyncio.create_task(answer(query_id, ok))
                answers.add(task)
                task.add_done_callback(answers.discard)


if __name__ == "__main__":
    main()
