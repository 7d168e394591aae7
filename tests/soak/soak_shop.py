"""The shop of a soak: three products, a stock file under edit, a ledger that others lock, and a service manager.

Knows what a merchant, other programs and systemd do to a listener. What must be true is `soak_judge.py`.
"""

import asyncio
import re
import sqlite3
import threading
import time
import tomllib
from collections import Counter, deque
from collections.abc import Callable
from math import inf
from pathlib import Path
from random import Random

from crash_process import Life, Nursery
from crash_shop import CHANNEL, TTL_SECONDS, CrashShop
from soak_machine import Machine
from soak_market import Market
from soak_time import Window
from soak_weather import Seasons, Weather

from apaycli.sandbox.request_log import RequestRecord

UNIT = Path(__file__).parents[2] / "examples" / "apay.service"
_REQUESTS_MAX = 500_000
# Whatever is cut off behind a line is a whole TOML document of its own: `stock` stands last on purpose.
_PRODUCT = '[products.{sku}]\ntitle = "{sku}"\ndescription = "Yellow."\nprice = 499\nstock = {stock}\n'
STOCK = {"goose": 60, "swan": 3, "duck": 1_000_000}
WANTED = {"duck": 70, "goose": 20, "swan": 4}  # of a hundred; the rest wants invoices that are for one or two only
FEW_USES = ("1", "1", "2", "2")
_STOP_CODES = {0}
_AFTER_OUTAGE_SECONDS = 15.0
_START_SECONDS_MAX = 5.0  # from reading the stock file to the end, on a busy machine


def _life_seconds(chance: Random) -> float:
    """Many lives are over before the listener is up, or soon after; some are long enough for trouble to add up."""
    kind = chance.choices(("at the start", "short", "long"), (2, 5, 3))[0]
    if kind == "at the start":
        return chance.uniform(0.0, 1.5)
    return chance.uniform(12.0, 30.0) if kind == "long" else chance.expovariate(1 / 3.0)


def unit_setting(name: str) -> str:
    """A line of the unit that docs/operations.md recommends."""
    found = re.search(rf"^{name}=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    assert found, f"examples/apay.service has no {name}"
    return found[1]


class SoakShop(CrashShop):
    """Enter it to serve the sandbox, then `set_up`, `play`, `settle`."""

    def __init__(self, folder: Path, nursery: Nursery, seed: int) -> None:
        self.capacity: dict[str, int] = {}
        self.texts: list[str] = []
        super().__init__(folder, nursery, seed, 0, hook=False, notify=False)
        self.seed = seed
        self.requests.records = deque(maxlen=_REQUESTS_MAX)  # the judge reads every answer
        self.windows: list[Window] = []
        self.world.faults = self.weather = Weather(Random(f"{seed}/weather"), self.windows)
        settings = self.world.settings
        settings.flood_limits = settings.repeated_offset_rule = True
        settings.conflict_hold_seconds = 3.0
        self.troubles = Counter[str]()  # what was done to the shop, by kind
        self.complaints: list[str] = []
        self._ended = threading.Event()
        self._down: Window | None = None
        self._half_written_at = -_START_SECONDS_MAX
        self._life: Life | None = None
        self.requests.on_request = self._note_request
        self.restart_seconds = float(unit_setting("RestartSec"))
        self.final_codes = {int(code) for code in unit_setting("RestartPreventExitStatus").split()}

    # -- the stock file -------------------------------------------------------------------------------------------

    def write_stock(self, stock: int) -> None:
        """The first text; `stock` is CrashShop's and not used."""
        self._save('currency = "INR"\n\n' + "\n".join(_PRODUCT.format(sku=sku, stock=n) for sku, n in STOCK.items()))

    def _save(self, text: str) -> None:
        """As an editor saves: beside it, then renamed."""
        beside = self.folder / "stock.toml.new"
        beside.write_text(text)
        beside.rename(self.folder / "stock.toml")
        self._note_capacity()

    def _note_capacity(self) -> None:
        text = (self.folder / "stock.toml").read_text()
        for sku, product in tomllib.loads(text)["products"].items():
            self.capacity[sku] = max(self.capacity.get(sku, 0), product["stock"])
        self.capacity_highest = sum(self.capacity.values())
        self.texts.append(text)

    def edit_stock(self, chance: Random) -> None:
        """One edit from its beginning to its end, by the merchant's hand or by `apay stock add`."""
        kind = chance.choice(("stock add", "saved", "half-written", "old copy"))
        self.troubles[kind] += 1
        if kind == "stock add":
            self._add(chance.randint(10, 60))
        elif kind == "old copy":
            self._save(chance.choice(self.texts))
        else:
            more = self.capacity["goose"] + chance.randint(10, 60)
            text = re.sub(r"(?s)(products.goose.*?stock = )\d+", rf"\g<1>{more}", self.texts[-1])
            self._save(text) if kind == "saved" else self._write_in_halves(text, chance)

    def _add(self, units: int) -> None:
        unarmed = ("", 0, 0)
        life = self.nursery.fork(
            ("stock", "add", "goose", str(units)), self.environ, self.folder, self.folder / "add.log", unarmed
        )
        if life.wait(60) != 0:
            self.complaints.append(f"`apay stock add` ended with {life.code}")
        self._note_capacity()

    def _write_in_halves(self, text: str, chance: Random) -> None:
        """In place, with a pause in which the file ends in the middle of a line, or behind one, or before a `stock`."""
        lines = [match.end() for match in re.finditer("\n", text)]
        stocks = [match.start() for match in re.finditer("stock =", text)]
        cut = chance.choice((chance.choice(stocks), chance.choice(lines), chance.randrange(len(text))))
        self._half_written_at = inf
        with (self.folder / "stock.toml").open("w") as file:
            file.write(text[:cut])
            file.flush()
            self._ended.wait(chance.uniform(0.1, 5.0))
            file.write(text[cut:])
        self._note_capacity()
        self._half_written_at = time.monotonic()

    # -- the ledger -----------------------------------------------------------------------------------------------

    def lock_ledger(self, chance: Random) -> None:
        """Another program writes for some seconds."""
        seconds = chance.uniform(5.0, 8.0) if chance.random() < 0.15 else chance.uniform(0.2, 4.0)
        db = sqlite3.connect(f"file:{self.ledger}?mode=rw", uri=True, isolation_level=None, timeout=10)
        try:
            db.execute(chance.choice(("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")))
            self.troubles["lock"] += 1
            window = Window("lock", time.monotonic())
            self.windows.append(window)
            self._ended.wait(seconds)
            db.execute("ROLLBACK")
            window.end = time.monotonic()
        finally:
            db.close()

    # -- the service manager --------------------------------------------------------------------------------------

    def _note_request(self, _record: RequestRecord) -> None:
        """In the world's thread: the first request of a life ends the time without one."""
        if self._down is not None and self._life is not None:
            self._down.end, self._down = time.monotonic(), None

    def keep_running(self, until: float, chance: Random, tell: Callable[[], None]) -> None:
        """As systemd does with our unit, where the listener does not live long. One life is left at the end."""
        self._begin_down()
        while True:
            self._life = self.start("listen", "--no-input", executed=True)
            code = self._live(self._life, _life_seconds(chance), until)
            if code is None and time.monotonic() >= until:
                return
            self._begin_down()
            life, self._life = self._life, None
            if code is None:
                self._end(life, is_polite=chance.random() < 0.1)
            else:
                self._note_end(code)
            self._ended.wait(self.restart_seconds)
            tell()

    def _live(self, life: Life, seconds: float, until: float) -> int | None:
        """Let it live for so long, and through a long outage, since how it comes back from one is to be seen. Its exit
        code, if it ends before."""
        code = life.wait(max(0.0, min(seconds, until - time.monotonic())))
        left = self.weather.long_outage_until + _AFTER_OUTAGE_SECONDS - time.monotonic()
        return life.wait(left) if code is None and left > 0 else code

    def _end(self, life: Life, *, is_polite: bool) -> None:
        self.troubles["stop" if is_polite else "kill"] += 1
        self.kills += not is_polite
        life.kill(15 if is_polite else 9)
        code = life.wait(60)
        # A stop that comes before the program is up ends it by the signal itself.
        if code not in ((0, -15, 143) if is_polite else (-9,)):
            self._note_end(code or 0)

    def _begin_down(self) -> None:
        if self._down is None:
            self._down = Window("kill", time.monotonic())
            self.windows.append(self._down)

    def _note_end(self, code: int) -> None:
        """It ended by itself. Where the stock file is half written at a start, its writer is about to mend it."""
        self.troubles[f"exit {code}"] += 1
        is_mended = time.monotonic() - self._half_written_at < _START_SECONDS_MAX
        if code in self.final_codes | _STOP_CODES and not (code == 3 and is_mended):
            self.complaints.append(f"no service manager starts it again: exit code {code}\n{self.said()}")

    # -- all of it ------------------------------------------------------------------------------------------------

    def set_up(self, rate: float) -> Market:
        """Invoices sent, and the buyers who will want them."""
        payloads = {}
        for sku, wish in WANTED.items():
            self.run("send-invoice", sku, "--to", CHANNEL, "--uses", "unlimited")
            payloads[self._last_payload()] = wish
        for uses in FEW_USES:
            self.run("send-invoice", "duck", "--to", CHANNEL, "--uses", uses)
            payloads[self._last_payload()] = 1
        return Market(self.world, Random(f"{self.seed}/buyers"), rate, payloads)

    def _last_payload(self) -> str:
        return str(self.call(lambda: list(self.world.books.invoices.values()))[-1].form.payload)

    def play(self, market: Market, minutes: float, tell: Callable[[], None]) -> None:
        """So many minutes of it. At the end faults have stopped and one listener runs."""
        seasons = Seasons(self.weather, Random(f"{self.seed}/seasons"), minutes)
        until = time.monotonic() + minutes * 60
        threads = [
            threading.Thread(target=self._again_and_again, args=(self.edit_stock, "edits", 6.0)),
            threading.Thread(target=self._again_and_again, args=(self.lock_ledger, "locks", 20.0)),
        ]
        self.call(self._open, market, seasons)
        for thread in threads:
            thread.start()
        try:
            with Machine(self.windows, lambda: self._life.pid if self._life else None):
                self.keep_running(until, Random(f"{self.seed}/lives"), tell)
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()
            self.call(market.close)
            self.call(seasons.end)

    def _open(self, market: Market, seasons: Seasons) -> None:
        later = asyncio.get_running_loop().call_later
        market.open(later)
        seasons.begin(later, self.clock.monotonic)

    def _again_and_again(self, act: Callable[[Random], None], name: str, seconds_mean: float) -> None:
        chance = Random(f"{self.seed}/{name}")
        while not self._ended.wait(chance.expovariate(1 / seconds_mean)):
            try:
                act(chance)
            except sqlite3.OperationalError:
                self.troubles["not locked"] += 1

    def finish(self, market: Market) -> None:
        """Quiet: who means to pay pays, in time or late; nothing is left open."""
        if self._life is None or self._life.wait(0.0) is not None:
            self._life = self.start("listen", "--no-input", executed=True)
        life = self._life
        self.until_quiet(life)
        self._let_pay(market, life)
        self._stop(life)
        self.let_time_pass(TTL_SECONDS + 30)
        life = self.start("listen")
        self._let_pay(market, life)
        self.until(lambda: self.is_empty("reservations WHERE state = 'pending'"), life, "all holds have ended")
        self.until_quiet(life)
        self._stop(life)

    def _let_pay(self, market: Market, life: Life) -> None:
        """Whoever means to act within the next half minute does so now; their answers may make them act again."""

        def all_done() -> bool:
            market.go_on(ahead_seconds=30.0)
            return self.is_quiet() and not market.is_due(30.0)

        self.until(lambda: self.call(all_done), life, "all have paid")
