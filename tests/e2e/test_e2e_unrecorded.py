"""Everybody has an answer, or their units go back: a lock with more than a reply holds, a process that was stopped."""

import re
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from merchant import RAHIM, Merchant, Running, eventually
from test_e2e_ledger import UNAVAILABLE, locked

from apaycli.sandbox.checkouts import Checkout

BUYERS = 200


@contextmanager
def payments_kept_in_a_lock(
    merchant: Merchant, count: int
) -> Iterator[tuple[Running, sqlite3.Connection, list[Checkout]]]:
    """A listener whose ledger somebody locks: `count` buyers pay and BUYERS press Pay, more than a reply holds."""
    merchant.stock_file.write_text(merchant.stock_file.read_text().replace("stock = 10", "stock = 1000"))
    payload = merchant.sell()
    world = merchant.world

    def rush() -> list[Checkout]:
        pressed: list[Checkout] = []
        with world.polling.held():
            for number, checkout in enumerate(paid):
                world.buyers.pay(checkout.checkout_id)
                begin = 20_000 + number * BUYERS // len(paid)
                pressed += [
                    world.buyers.press_pay(payload, buyer) for buyer in range(begin, begin + BUYERS // len(paid))
                ]
        return pressed

    with merchant.listening() as listener:
        paid = [merchant.press(payload, buyer) for buyer in range(9000, 9000 + count)]
        merchant.quiet()
        eventually(lambda: merchant.rows("SELECT count(*) FROM decisions WHERE answer_outcome = 'sent'") == [(count,)])
        with closing(locked(merchant.ledger)) as other:
            checkouts = merchant.call(rush)
            eventually(lambda: all(checkout.outcome for checkout in checkouts))
            yield listener, other, checkouts


def test_two_hundred_buyers_and_payments_between_them_in_a_lock_are_all_answered(merchant: Merchant) -> None:
    with payments_kept_in_a_lock(merchant, 10) as (listener, other, checkouts):
        assert {(checkout.outcome, checkout.error_message) for checkout in checkouts} == {("declined", UNAVAILABLE)}
        assert max(checkout.answer_milliseconds for checkout in checkouts) < 8_000
        assert merchant.receipts() == []
        other.execute("ROLLBACK")
        merchant.quiet()
        eventually(lambda: len(merchant.receipts()) == 10)
        assert listener.end() == 0
    merchant.check_books()
    assert [receipt.flag for receipt in merchant.receipts()] == [None] * 10
    assert list(merchant.folder.glob("*-inbox")) == []


@pytest.mark.parametrize("kind", ["moved", "deleted"])
def test_a_ledger_that_is_lost_while_payments_are_kept_beside_it_has_them_when_it_is_back(
    merchant: Merchant, kind: str
) -> None:
    with payments_kept_in_a_lock(merchant, 3) as (listener, other, _):
        inbox = Path(f"{merchant.ledger}-inbox")
        eventually(lambda: inbox.exists() and inbox.stat().st_size > 0)
        away = merchant.folder / "away"
        away.mkdir()
        for path in list(merchant.folder.glob("apay.db*")):
            if kind == "moved":
                path.rename(away / path.name)
            else:
                path.unlink()
        other.execute("ROLLBACK")
        assert listener.wait() == 9
        cure = next(line for line in listener.err if "mv " in line)
    (command,) = re.findall(r"mv (\S+) (\S+);", cure)
    Path(command[0]).rename(command[1])
    with merchant.listening():
        merchant.quiet()
        eventually(lambda: len(merchant.receipts()) == 3)
    merchant.check_books()


# The installed program, which stops itself once between a commit and its answer, as SIGSTOP from outside would.
STOPPED = """\
import os, signal, sys
from apaycli import crashpoints
from apaycli.__main__ import main

def stop(point):
    if point == "before_answer_sent":
        crashpoints.on_reach = None
        os.kill(os.getpid(), signal.SIGSTOP)

crashpoints.on_reach = stop
sys.argv = ["apay", "listen"]
main()
"""


def test_a_process_that_was_stopped_before_it_could_answer_gives_the_units_back(merchant: Merchant) -> None:
    payload = merchant.sell()
    listener = Running([sys.executable, "-c", STOPPED], merchant.environ, merchant.folder)
    try:
        listener.wait_for("ready")
        checkout = merchant.press(payload, RAHIM, wait=False)
        eventually(lambda: merchant.rows("SELECT count(*) FROM decisions") == [(1,)])
        stopped_at = time.monotonic()
        eventually(lambda: time.monotonic() - stopped_at > 8.5)
        listener.process.send_signal(signal.SIGCONT)
        eventually(lambda: merchant.rows("SELECT state FROM reservations") == [("voided",)])
        assert merchant.stock() == (0, 0)
        assert checkout.outcome == "timeout"
        assert merchant.press(payload, RAHIM).outcome == "accepted"
        assert listener.end() == 0
    finally:
        if listener.process.poll() is None:
            listener.kill()
    merchant.check_books()
