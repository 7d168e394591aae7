"""The contenders: how each is set up, started, and asked afterwards what it recorded.

Knows commands, environments and the tables of each. Must never know the schedule's moments or the judge's figures.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import bot_shop

from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.wire import JSON_TYPE, Answer

HERE = Path(__file__).parent
CHANNEL = "@sandbox_channel"
CURRENCY, AMOUNT, PRICE = "INR", 49_900, 499  # AMOUNT in the smallest unit, PRICE as the stock file writes it
PRODUCT = '[products.{sku}]\ntitle = "{sku}"\ndescription = "A few units"\nprice = {price}\nstock = {units}\n'


class Contender:
    """One listener in one folder, before one sandbox."""

    def __init__(self, name: str, folder: Path, server: ServerThread) -> None:
        self.name, self.folder, self.server = name, folder, server
        self.log = folder / "log.txt"

    def start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command(), env=self.environ(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def prepare(self, stock: Mapping[str, int]) -> dict[str, str]:
        """Fill the shop and send one invoice for each product. Returns the product of each invoice's payload."""
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def environ(self) -> dict[str, str]:
        raise NotImplementedError

    def records(self) -> list[str]:
        """The charge id of every receipt it has, as often as it has it."""
        raise NotImplementedError

    def noticed(self) -> int:
        """Units sold beyond the stock, as far as its own books show them."""
        raise NotImplementedError

    def rows(self, database: str, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.folder / database}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()

    def environ_of_the_machine(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("APAY_")}


class FrameworkBot(Contender):
    """ptb_bot.py or aiogram_bot.py; `name` is `ptb`, `aiogram`, or one of them with `-careful` behind it."""

    def __init__(self, name: str, folder: Path, server: ServerThread, python: str) -> None:
        super().__init__(name, folder, server)
        self.python = python

    def prepare(self, stock: Mapping[str, int]) -> dict[str, str]:
        bot_shop.create(str(self.folder / "shop.db"), stock)
        for sku in stock:
            self._send_invoice(sku)
        return {sku: sku for sku in stock}

    def _send_invoice(self, sku: str) -> None:
        world = self.server.world
        invoice = {
            "chat_id": CHANNEL, "title": sku, "description": "A few units", "payload": sku, "currency": CURRENCY,
            "provider_token": world.test_provider_token, "prices": [{"label": sku, "amount": AMOUNT}],
        }  # fmt: skip
        path = f"/bot{world.bot_token}/sendInvoice"
        answer = self.server.call(world.handle, path, JSON_TYPE, json.dumps(invoice).encode())
        if not isinstance(answer, Answer) or answer.status != 200:
            raise RuntimeError(f"sendInvoice was refused: {answer}")

    def command(self) -> list[str]:
        framework, _, careful = self.name.partition("-")
        return [self.python, str(HERE / f"{framework}_bot.py"), *(["--careful"] if careful else [])]

    def environ(self) -> dict[str, str]:
        return self.environ_of_the_machine() | {
            "BOT_TOKEN": self.server.world.bot_token,
            "API_URL": self.server.address,
            "SHOP_DB": str(self.folder / "shop.db"),
        }

    def records(self) -> list[str]:
        return [charge_id for (charge_id,) in self.rows("shop.db", "SELECT telegram_payment_charge_id FROM receipts")]

    def noticed(self) -> int:
        """A stock below zero shows it."""
        query = "SELECT coalesce(sum(-units_left), 0) FROM stock WHERE units_left < 0"
        return int(self.rows("shop.db", query)[0][0])


class Apay(Contender):
    """`apay listen` of the interpreter that runs the comparison."""

    def prepare(self, stock: Mapping[str, int]) -> dict[str, str]:
        products = [PRODUCT.format(sku=sku, price=PRICE, units=units) for sku, units in stock.items()]
        (self.folder / "stock.toml").write_text("\n".join([f'currency = "{CURRENCY}"', *products]))
        for sku in stock:
            command = [sys.executable, "-m", "apaycli", "send-invoice", sku, "--to", CHANNEL, "--quiet"]
            subprocess.run(command, env=self.environ(), cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        return dict(self.rows("apay.db", "SELECT invoice_payload, sku FROM invoices"))

    def command(self) -> list[str]:
        return [sys.executable, "-m", "apaycli", "listen", "--json"]

    def environ(self) -> dict[str, str]:
        world = self.server.world
        return self.environ_of_the_machine() | {
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "APAY_API_URL": self.server.address,
            "APAY_BOT_TOKEN": world.bot_token,
            "APAY_TEST_PROVIDER_TOKEN": world.test_provider_token,
            "APAY_STORE": str(self.folder / "apay.db"),
            "APAY_STOCK": str(self.folder / "stock.toml"),
        }

    def records(self) -> list[str]:
        return [charge_id for (charge_id,) in self.rows("apay.db", "SELECT telegram_payment_charge_id FROM receipts")]

    def noticed(self) -> int:
        query = "SELECT coalesce(sum(quantity), 0) FROM receipts WHERE flag = 'oversold'"
        return int(self.rows("apay.db", query)[0][0])
