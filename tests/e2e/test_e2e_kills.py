"""kill -9 of the real program: nothing lost, nothing doubled, stock exact."""

import threading
from random import Random

import pytest
from merchant import RAHIM, Merchant, eventually

KILLS = 24
CAPACITY = 12


def sale_finished(merchant: Merchant, payload: str, checkouts: int = 1) -> None:
    """Listen again, let everybody who was accepted pay, and compare."""
    with merchant.listening() as listener:
        merchant.quiet()
        for checkout in list(merchant.world.books.checkouts.values()):
            if checkout.outcome == "accepted" and not checkout.payment:
                merchant.pay(checkout)
        merchant.quiet()
        assert listener.end() == 0
    merchant.check_books()
    assert {receipt.flag for receipt in merchant.receipts()} <= {None}
    assert merchant.stock()[0] == len(merchant.world.books.charges)
    assert merchant.rows("SELECT count(*) FROM decisions")[0][0] <= checkouts


def test_killed_right_after_the_press(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as listener:
        merchant.press(payload, wait=False)
        listener.kill()
    sale_finished(merchant, payload)


def test_killed_between_the_decision_and_its_answer(merchant: Merchant) -> None:
    # The answer hangs on the wire; the next start sends it again, with the value on disk.
    payload = merchant.sell()
    merchant.outage("hang", methods=["answerPreCheckoutQuery"], count=1)
    with merchant.listening() as listener:
        checkout = merchant.press(payload, wait=False)
        eventually(lambda: merchant.rows("SELECT count(*) FROM decisions") == [(1,)])
        listener.kill()
    assert checkout.outcome is None
    with merchant.listening():
        eventually(lambda: checkout.outcome)
    assert checkout.outcome == "accepted"
    sale_finished(merchant, payload)
    assert len(merchant.receipts()) == 1


def test_killed_between_the_answer_and_the_payment(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as listener:
        checkout = merchant.press(payload)
        listener.kill()
    merchant.pay(checkout)
    sale_finished(merchant, payload)
    assert len(merchant.receipts()) == 1


def test_killed_between_the_receipt_and_its_confirmation(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as listener:
        checkout = merchant.press(payload)
        merchant.quiet()  # the query is confirmed: the next poll is the receipt's
        merchant.outage("hang", methods=["getUpdates"])  # strikes the poll that would confirm
        merchant.pay(checkout)
        eventually(lambda: len(merchant.receipts()) == 1)
        listener.kill()
    merchant.call(merchant.world.faults.clear)
    assert len(merchant.world.queue) == 1
    sale_finished(merchant, payload)
    assert len(merchant.receipts()) == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_at_moments_of_chance(merchant: Merchant, seed: int) -> None:
    chance = Random(seed)
    text = merchant.stock_file.read_text()
    merchant.stock_file.write_text(text.replace("stock = 10", f"stock = {CAPACITY}"))
    payload = merchant.sell()
    merchant.apay("listen", "--once")
    next_buyer, killed = 5000, 0
    while killed < KILLS:
        running = merchant.start("listen")
        for _ in range(chance.randrange(1, 4)):
            next_buyer += 1
            merchant.press(payload, next_buyer, wait=False)
        # Half of the deaths come while the program starts, half while it works.
        if chance.random() < 0.7:
            running.wait_for("ready")
        accepted = [c for c in merchant.world.books.checkouts.values() if c.outcome == "accepted" and not c.payment]
        for checkout in accepted[: chance.randrange(0, 3)]:
            merchant.pay(checkout)
        threading.Event().wait(chance.uniform(0, 0.03))
        running.kill()
        killed += 1
    sale_finished(merchant, payload, checkouts=next_buyer - 5000)
    outcomes = [c.outcome for c in merchant.world.books.checkouts.values()]
    assert outcomes.count("accepted") == len(merchant.receipts()) <= CAPACITY
    assert RAHIM not in {receipt.buyer_id for receipt in merchant.receipts()}
