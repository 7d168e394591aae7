"""The shop behind both bots: one SQLite file with stock and receipts, used in the same way by each.

Knows two ways to keep a shop. `Shop` is what follows when the payment examples of the manuals are given a stock: look
at pre-checkout, write when the money has come. `CarefulShop` is what an author does who has thought about repeats and
about buyers who pay later: one receipt per charge, and a hold for everybody who was told yes. Must never know Telegram.

Every write is committed before the method returns. SQLite's own settings are untouched: a rollback journal with
synchronous=FULL, which is safer than a comparison of kill -9 asks for.
"""

import sqlite3
import time
from collections.abc import Mapping

HOLD_SECONDS = 30 * 60  # the default of apay's `reservation_ttl`

TABLES = """
CREATE TABLE stock (sku TEXT PRIMARY KEY, units_left INTEGER NOT NULL);
CREATE TABLE receipts (
    telegram_payment_charge_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    buyer_id INTEGER NOT NULL,
    total_amount INTEGER NOT NULL
);
CREATE TABLE charges_seen (telegram_payment_charge_id TEXT PRIMARY KEY);
CREATE TABLE holds (sku TEXT, buyer_id INTEGER, until REAL NOT NULL, PRIMARY KEY (sku, buyer_id));
"""


def create(path: str, stock: Mapping[str, int]) -> None:
    """A new shop with these units of each product."""
    db = sqlite3.connect(path)
    db.executescript(TABLES)
    db.executemany("INSERT INTO stock VALUES (?, ?)", stock.items())
    db.commit()
    db.close()


class Shop:
    """As the manuals' reader would write it."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path)

    def has_product(self, sku: str) -> bool:
        return self.db.execute("SELECT 1 FROM stock WHERE sku = ?", (sku,)).fetchone() is not None

    def units_left(self, sku: str) -> int:
        return int(self.db.execute("SELECT units_left FROM stock WHERE sku = ?", (sku,)).fetchone()[0])

    def may_pay(self, sku: str, buyer_id: int) -> bool:
        """Whether the buyer is told yes."""
        return self.units_left(sku) > 0

    def record(self, charge_id: str, sku: str, buyer_id: int, total_amount: int) -> None:
        """Money has come: one receipt more, one unit less."""
        self.db.execute("INSERT INTO receipts VALUES (?, ?, ?, ?)", (charge_id, sku, buyer_id, total_amount))
        self.db.execute("UPDATE stock SET units_left = units_left - 1 WHERE sku = ?", (sku,))
        self.db.commit()


class CarefulShop(Shop):
    """The same with holds, and with each charge counted once."""

    def may_pay(self, sku: str, buyer_id: int) -> bool:
        """A yes holds one unit for the buyer, on disk before it is said; a repeat renews it."""
        now = time.time()
        self.db.execute("DELETE FROM holds WHERE until < ?", (now,))
        query = "SELECT count(*) FROM holds WHERE sku = ? AND buyer_id <> ?"
        held_for_others = self.db.execute(query, (sku, buyer_id)).fetchone()[0]
        may = self.units_left(sku) > int(held_for_others)
        if may:
            self.db.execute("INSERT OR REPLACE INTO holds VALUES (?, ?, ?)", (sku, buyer_id, now + HOLD_SECONDS))
        self.db.commit()
        return may

    def record(self, charge_id: str, sku: str, buyer_id: int, total_amount: int) -> None:
        """The second time a charge comes, nothing happens."""
        if self.db.execute("INSERT OR IGNORE INTO charges_seen VALUES (?)", (charge_id,)).rowcount == 1:
            self.db.execute("DELETE FROM holds WHERE sku = ? AND buyer_id = ?", (sku, buyer_id))
            super().record(charge_id, sku, buyer_id, total_amount)
        self.db.commit()
