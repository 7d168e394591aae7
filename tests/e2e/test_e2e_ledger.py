"""The ledger's file in somebody else's hands, while the real program runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

from merchant import ASHA, MALLORY, RAHIM, Merchant, eventually

from apaycli.core.messages import ENGLISH, declined_name
from apaycli.core.model import DeclineReason

UNAVAILABLE = ENGLISH[declined_name(DeclineReason.UNAVAILABLE)]


def locked(path: Path) -> sqlite3.Connection:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


def test_locked_for_a_moment_it_is_waited_for(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as listener:
        with closing(locked(merchant.ledger)) as other:
            checkout = merchant.press(payload, wait=False)
            merchant.fetched()
            other.execute("ROLLBACK")
        eventually(lambda: checkout.outcome)
        assert checkout.outcome == "accepted"
        assert listener.end() == 0


def test_locked_for_long_everybody_is_told_no_in_time_and_service_goes_on_by_itself(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as listener:
        paid = merchant.press(payload, RAHIM)
        eventually(lambda: merchant.rows("SELECT answer_outcome FROM decisions") == [("sent",)])
        with closing(locked(merchant.ledger)) as other:
            for buyer in (ASHA, MALLORY):
                refused = merchant.press(payload, buyer)
                assert (refused.outcome, refused.error_message) == ("declined", UNAVAILABLE)
                assert refused.answer_milliseconds < 8000  # type: ignore[operator]
            merchant.pay(paid)
            eventually(lambda: len(merchant.world.queue) == 3)
            assert merchant.receipts() == []
            other.execute("ROLLBACK")
        merchant.quiet()
        assert merchant.press(payload, ASHA).outcome == "accepted"
        assert listener.end() == 0
    assert any("locked" in line for line in listener.err)
    assert any("can be written again" in line for line in listener.err)
    assert not any("Traceback" in line for line in listener.err)
    merchant.check_books()
    assert [receipt.flag for receipt in merchant.receipts()] == [None]
    assert merchant.stock() == (1, 1)
