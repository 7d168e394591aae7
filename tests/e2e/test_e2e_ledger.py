"""The ledger's file in somebody else's hands, while the real program runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

from merchant import ASHA, RAHIM, Merchant, eventually

from apaycli.core.model import DeclineReason
from apaycli.core.wording import DECLINE_SENTENCES

UNAVAILABLE = DECLINE_SENTENCES[DeclineReason.UNAVAILABLE]


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


def test_locked_for_long_the_buyer_is_told_no_in_time_and_the_next_start_decides_from_disk(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as listener:
        paid = merchant.press(payload, RAHIM)
        eventually(lambda: merchant.rows("SELECT answer_outcome FROM decisions") == [("sent",)])
        with closing(locked(merchant.ledger)) as other:
            refused = merchant.press(payload, ASHA)
            assert (refused.outcome, refused.error_message) == ("declined", UNAVAILABLE)
            assert refused.answer_milliseconds < 8000  # type: ignore[operator]
            merchant.pay(paid)
            assert listener.wait() == 9
            other.execute("ROLLBACK")
    assert any("locked" in line for line in listener.err)
    assert not any("Traceback" in line or "never" in line for line in listener.err)
    assert len(merchant.world.queue) == 2
    assert merchant.receipts() == []
    with merchant.listening() as listener:
        merchant.quiet()
        assert listener.end() == 0
    merchant.check_books()
    assert [receipt.flag for receipt in merchant.receipts()] == [None]
    assert merchant.stock() == (1, 0)  # the late yes was refused by Telegram for certain: its unit is free again
