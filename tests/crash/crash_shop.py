"""A shop for crashes: a folder, a sandbox on a socket whose time can be moved, and lives of the program.

Knows how to start the program, what the sandbox sees of it, and when all is quiet. What must be true is
`crash_judge.py`.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from crash_process import Life, Nursery

from apaycli.clock import SystemClock
from apaycli.sandbox.checkouts import Checkout
from apaycli.sandbox.request_log import RequestLog, RequestRecord
from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.wire import Params
from apaycli.sandbox.world import World

T = TypeVar("T")
PATIENCE_SECONDS = 30.0
TTL_SECONDS = 300
CHANNEL = "-1009876543210"
STOCK = """\
currency = "INR"

[products.duck]
title = "Duck"
description = "Yellow."
price = 499
stock = {stock}
"""
# One line of the receipt's JSON for each run, written at once. A run whose apay was killed before it wrote the document
# reads nothing, and counts as none.
HOOK = """\
IFS= read -r document
[ -n "$document" ] || exit 1
printf '%s\\n' "$document" >> hook-runs.jsonl
"""


class MovedClock(SystemClock):
    """The machine's clock, `ahead` of it by some seconds: the time that passed while nobody listened."""

    ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead * 1000

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class WatchedLog(RequestLog):
    """The request log, which tells of each request as it comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.on_request: Callable[[RequestRecord], None] = lambda record: None

    def add(self, at: int, method: str, params: Params) -> RequestRecord:
        record = super().add(at, method, params)
        self.on_request(record)
        return record


class CrashShop:
    """One ledger and one sandbox, and what happened to them. Enter it to serve the sandbox."""

    def __init__(self, folder: Path, nursery: Nursery, seed: int, stock: int, *, hook: bool, notify: bool) -> None:
        self.folder, self.nursery = folder, nursery
        self.clock = MovedClock()
        self.world = World(self.clock, seed)
        self.world.settings.conflict_hold_seconds = 0
        self.world.requests = self.requests = WatchedLog()
        self.server = ServerThread(self.world)
        self.ledger, self.log = folder / "apay.db", folder / "apay.log"
        self.lives: list[Life] = []
        self.listened = self.kills = 0
        self.hook, self.capacity_highest = hook, stock
        self.write_stock(stock)
        (folder / "hook.sh").write_text(HOOK)
        config = f'[listen]\nreservation_ttl = "{TTL_SECONDS}s"\n'
        config += '[hooks]\non_paid = ["/bin/sh", "hook.sh"]\n' if hook else ""
        config += f'[notify]\nchat = "{CHANNEL}"\n' if notify else ""
        (folder / "config.toml").write_text(config)

    def __enter__(self) -> "CrashShop":
        self.server.__enter__()
        self.served = True
        self.environ = self.nursery.environ | {
            "HOME": str(self.folder),
            "APAY_CONFIG": str(self.folder / "config.toml"),
            "APAY_API_URL": self.server.address,
            "APAY_BOT_TOKEN": self.world.bot_token,
            "APAY_TEST_PROVIDER_TOKEN": self.world.test_provider_token,
            "APAY_STORE": str(self.ledger),
            "APAY_STOCK": str(self.folder / "stock.toml"),
        }
        return self

    def __exit__(self, *_error: Any) -> None:
        self.close()

    def close(self) -> None:
        """Nobody lives on, nothing is served any more. What happened stays in `world`."""
        for life in self.lives:
            life.kill()
            life.wait(PATIENCE_SECONDS)
        if self.served:
            self.served = False
            self.server.__exit__(None, None, None)

    # -- the program ----------------------------------------------------------------------------------------------

    def start(self, *arguments: str, executed: bool = False, point: str = "", time: int = 0) -> Life:
        """One command, while no other is there."""
        self.call(self._forget_the_dead)
        begin = self.nursery.execute if executed else self.nursery.fork
        life = begin(arguments, self.environ, self.folder, self.log, (point, time, self.clock.ahead))
        self.lives.append(life)
        self.listened += arguments[0] == "listen"
        return life

    def run(self, *arguments: str) -> None:
        life = self.start(*arguments)
        assert life.wait(PATIENCE_SECONDS) == 0, self.said()

    def sell(self, uses: str) -> str:
        """`apay send-invoice`; the payload of the invoice."""
        self.run("send-invoice", "duck", "--to", CHANNEL, "--uses", uses)
        return str(self.call(lambda: list(self.world.books.invoices.values()))[-1].form.payload)

    def write_stock(self, stock: int) -> None:
        """As an editor saves: beside it, then renamed."""
        self.capacity_highest = max(self.capacity_highest, stock)
        beside = self.folder / "stock.toml.new"
        beside.write_text(STOCK.format(stock=stock))
        beside.rename(self.folder / "stock.toml")

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""

    # -- the world ------------------------------------------------------------------------------------------------

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        return self.server.call(function, *arguments)

    def _forget_the_dead(self) -> None:
        """A long poll that waits belongs to a life that is over; its socket may not be closed yet."""
        if self.world.polling.poll is not None:
            self.world.polling.abandon(self.world.polling.poll.waiting)

    def let_time_pass(self, seconds: int) -> None:
        """While no life is there."""
        self.call(self._move, seconds)

    def _move(self, seconds: int) -> None:
        self.clock.ahead += seconds
        self.world.tick()

    def unpaid(self) -> list[Checkout]:
        """Checkouts whose buyer stands before the payment page. In the world's thread."""
        return [c for c in self.world.books.checkouts.values() if c.outcome == "accepted" and not c.charges]

    def is_quiet(self) -> bool:
        """Everything was fetched and confirmed, and everybody was answered. In the world's thread."""
        answered = all(checkout.outcome for checkout in self.world.books.checkouts.values())
        return answered and len(self.world.queue) == 0 and self.world.polling.poll is not None

    def until(self, condition: Callable[[], object], life: Life, what: str) -> None:
        """Look again and again until something is so; the life must last that long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert life.wait(0.0) is None, f"ended with {life.code} before {what}\n{self.said()}"
            assert time.monotonic() < deadline, f"not in time: {what}\n{self.said()}"
            threading.Event().wait(0.005)

    def until_quiet(self, life: Life) -> None:
        self.until(lambda: self.call(self.is_quiet), life, "quiet")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchall()

    def is_empty(self, condition: str) -> bool:
        """Whether no row is as `condition`, "TABLE WHERE ...", says."""
        return self.rows(f"SELECT count(*) FROM {condition}") == [(0,)]

    # -- the end --------------------------------------------------------------------------------------------------

    def settle(self, *, everybody_pays: bool = True) -> None:
        """Quiet: nobody is killed, whoever was accepted pays, hooks end; later the holds are over, all is told."""
        life = self.start("listen")
        self.until_quiet(life)
        if everybody_pays:
            self.call(lambda: self.world.buyers.pay_many(self.unpaid()))
        self.until_quiet(life)
        self.until(lambda: self.is_empty("hooks WHERE state = 'pending'"), life, "all hooks ran")
        self._stop(life)
        self.let_time_pass(TTL_SECONDS + 30)
        life = self.start("listen")
        self.until(lambda: self.is_empty("notices"), life, "all was told")
        self.until(lambda: self.is_empty("reservations WHERE state = 'pending'"), life, "all holds have ended")
        self.until_quiet(life)
        self._stop(life)

    def _stop(self, life: Life) -> None:
        life.kill(15)
        assert life.wait(PATIENCE_SECONDS) == 0, f"a polite stop ended with {life.code}\n{self.said()}"
