"""Everybody has an answer, or their units go back: a lock with more than a reply holds, a process that was stopped."""

import signal
import sys
import time
from contextlib import closing

from merchant import RAHIM, Merchant, Running, eventually
from test_e2e_ledger import UNAVAILABLE, locked

from apaycli.sandbox.checkouts import Checkout

BUYERS = 200


def test_two_hundred_buyers_and_payments_between_them_in_a_lock_are_all_answered(merchant: Merchant) -> None:
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
        paid = [merchant.press(payload, buyer) for buyer in range(9000, 9010)]
        merchant.quiet()
        eventually(lambda: merchant.rows("SELECT count(*) FROM decisions WHERE answer_outcome = 'sent'") == [(10,)])
        with closing(locked(merchant.ledger)) as other:
            checkouts = merchant.call(rush)
            eventually(lambda: all(checkout.outcome for checkout in checkouts))
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
