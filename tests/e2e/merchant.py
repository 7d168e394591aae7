"""A merchant who uses the installed program: real processes, real files, a sandbox behind a real socket.

Knows how to run `apay`, how to wait for what it says, and how to end it: politely, or with kill -9. Everything a
process writes is kept, so that the end of a test can look through it for tokens.
"""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from apaycli.core.model import ReceiptFilter, ReceiptRow
from apaycli.sandbox.checkouts import Checkout
from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.world import World
from apaycli.store.sqlite import open_sqlite

PATIENCE_SECONDS = 20.0
RAHIM, ASHA, MALLORY = 1001, 1002, 1003  # MALLORY's name is full of control characters
CHANNEL = "@sandbox_channel"
BOT_TOKEN = "7654321098:AAcanaryCANARYcanaryCANARYcanary0123"
PROVIDER_TOKEN = "5339100000:TEST:canary-provider-CANARY"
CANARIES = ("canaryCANARYcanary", "canary-provider")
STOCK = """\
currency = "INR"

[products.rubber-duck]
title = "Rubber duck"
description = "Yellow, 8 cm."
price = 499
stock = {stock}
"""


def eventually(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not so in time"
        threading.Event().wait(0.005)


class Running:
    """One process of apay; both streams are read as they come."""

    def __init__(self, command: list[str], environ: dict[str, str], folder: Path, **streams: Any) -> None:
        self.process = subprocess.Popen(
            command, env=environ, cwd=folder, stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        )  # fmt: skip
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=_read_lines, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for(self, text: str, stream: str = "err", count: int = 1) -> None:
        """Until `count` lines have `text` in them; the process must live that long."""
        lines: list[str] = getattr(self, stream)
        eventually(lambda: sum(text in line for line in lines) >= count or self.process.poll() is not None)
        assert sum(text in line for line in lines) >= count, "\n".join([*self.out, *self.err])

    def end(self, number: int = signal.SIGTERM, seconds: float = PATIENCE_SECONDS) -> int:
        """Send a signal and wait for the end. Returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.wait()


def _read_lines(stream: IO[bytes], lines: list[str]) -> None:
    for line in stream:
        lines.append(line.decode("utf-8", "surrogateescape").rstrip("\n"))


class Merchant:
    """One shop in one folder."""

    def __init__(self, folder: Path, server: ServerThread, stock: int = 10) -> None:
        self.folder, self.server, self.world = folder, server, server.world
        self.ledger = folder / "apay.db"
        self.stock_file = folder / "stock.toml"
        self.stock_file.write_text(STOCK.format(stock=stock), "utf-8")
        self.runs: list[Running] = []
        self.environ = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PYTHONUTF8": "1",
            "APAY_API_URL": server.address,
            "APAY_BOT_TOKEN": self.world.bot_token,
            "APAY_TEST_PROVIDER_TOKEN": self.world.test_provider_token,
            "APAY_STORE": str(self.ledger),
            "APAY_STOCK": str(self.stock_file),
        }

    # -- the program ----------------------------------------------------------------------------------------------

    def start(self, *arguments: str, **streams: Any) -> Running:
        command = [sys.executable, "-m", "apaycli", *arguments]
        running = Running(command, self.environ, self.folder, **streams)
        self.runs.append(running)
        return running

    def apay(self, *arguments: str, code: int = 0) -> Running:
        """Run a command to its end, which must be `code`."""
        running = self.start(*arguments)
        assert running.wait() == code, "\n".join([*running.out, *running.err])
        return running

    @contextmanager
    def listening(self, *arguments: str, **streams: Any) -> Iterator[Running]:
        """`apay listen`, from "ready" on; killed at the end unless it has ended by then."""
        running = self.start("listen", *arguments, **streams)
        try:
            if "--json" in arguments:
                running.wait_for('"ready"', "out")
            else:
                running.wait_for("ready")
            yield running
        finally:
            if running.process.poll() is None:
                running.kill()
            else:
                running.wait()

    def sell(self, *arguments: str, to: str = CHANNEL) -> str:
        """`apay send-invoice`; returns the payload of the invoice."""
        self.apay("send-invoice", "rubber-duck", "--to", to, *arguments)
        invoices = self.call(lambda: list(self.world.books.invoices.values()))
        return str(invoices[-1].form.payload)

    # -- the world ------------------------------------------------------------------------------------------------

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.server.call(function, *args, **kwargs)

    def press(self, payload: str, buyer: int = RAHIM, *, wait: bool = True) -> Checkout:
        checkout: Checkout = self.call(self.world.buyers.press_pay, payload, buyer)
        if wait:
            eventually(lambda: checkout.outcome)
        return checkout

    def pay(self, checkout: Checkout) -> None:
        self.call(self.world.buyers.pay, checkout.checkout_id)

    def quiet(self) -> None:
        """Until the bot has fetched and confirmed all that waits."""
        eventually(lambda: self.call(self._is_quiet))

    def fetched(self) -> None:
        """Until the bot has been handed what waits; nothing of it need be confirmed."""
        eventually(lambda: self.call(lambda: self.world.polling.poll is None))

    def _is_quiet(self) -> bool:
        return len(self.world.queue) == 0 and self.world.polling.poll is not None

    def outage(self, kind: str, **how: Any) -> None:
        self.call(lambda: self.world.faults.add(kind, self.world.clock.monotonic(), **how))

    # -- what came of it ------------------------------------------------------------------------------------------

    def receipts(self) -> list[ReceiptRow]:
        with closing(open_sqlite(self.ledger, read_only=True)) as store:
            return list(store.receipts(ReceiptFilter()))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchall()

    def stock(self) -> tuple[int, int]:
        """(sold, held) of the duck."""
        rows = self.rows("SELECT sold, held FROM stock WHERE sku = 'rubber-duck'")
        return rows[0] if rows else (0, 0)

    def check_books(self) -> None:
        """Every charge of the world has exactly one receipt, with its amount; the ledger adds up."""
        charges = {(c.telegram_payment_charge_id, c.total_amount, c.buyer_id) for c in self.world.books.charges}
        receipts = self.receipts()
        assert {(r.telegram_payment_charge_id, r.total_amount, r.buyer_id) for r in receipts} == charges
        assert len(receipts) == len(charges)
        with closing(open_sqlite(self.ledger, read_only=True)) as store:
            assert store.integrity_problems() == []

    def written(self) -> dict[str, bytes]:
        """Everything that left a process: what it said, and every file of the folder."""
        said = {
            f"{stream} of {run.process.args}": "\n".join(getattr(run, stream)).encode("utf-8", "surrogateescape")
            for run in self.runs
            for stream in ("out", "err")
        }
        files = {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        return said | files

    def check_secrets(self) -> None:
        for where, content in self.written().items():
            assert not any(canary.encode() in content for canary in CANARIES), f"a token stands in {where}"

    def check_terminal(self) -> None:
        """No control character, no bidi control, no raw byte reached a stream."""
        for run in self.runs:
            for line in [*run.out, *run.err]:
                assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", line), line


def new_world(clock: Any) -> World:
    world = World(clock, bot_token=BOT_TOKEN, test_provider_token=PROVIDER_TOKEN)
    world.settings.conflict_hold_seconds = 0
    world.settings.flood_limits = world.settings.repeated_offset_rule = True  # as the real server has them
    return world
