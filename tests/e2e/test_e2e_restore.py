"""The drill: buyers come all the while; the ledger is copied, ruined, put back, and asked again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from merchant import Merchant, eventually

BUYERS = 40


@contextmanager
def buying(merchant: Merchant, payload: str, first: int) -> Iterator[None]:
    """One buyer after the other presses Pay and pays, until the block ends; each buys once."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def buy() -> None:
        try:
            for buyer in range(first, first + BUYERS * 100):
                if stop.is_set():
                    return
                merchant.pay(merchant.press(payload, buyer))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=buy)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert failed == []


def test_a_ledger_that_was_ruined_under_load_is_put_back_and_goes_on(merchant: Merchant) -> None:
    merchant.stock_file.write_text(merchant.stock_file.read_text().replace("stock = 10", 'stock = "unlimited"'))
    payload = merchant.sell()
    with merchant.listening() as listener:
        with buying(merchant, payload, 5_000):
            eventually(lambda: len(merchant.receipts()) >= BUYERS)
            merchant.apay("backup", "--to", "backups")
            (backup,) = (merchant.folder / "backups").iterdir()
            copied = len(merchant.receipts())  # at least what the copy has
            eventually(lambda: len(merchant.receipts()) >= copied + BUYERS)
            refused = merchant.apay("restore", str(backup), "--yes", code=7)  # nobody is robbed of a living ledger
            assert str(listener.pid) in "\n".join(refused.err)
        merchant.quiet()
        late = merchant.press(payload, 9_001)  # accepted after the copy: the restored ledger knows nothing of it
        assert late.outcome == "accepted"
        merchant.quiet()
        listener.kill()
    merchant.check_books()
    all_charges = {receipt.telegram_payment_charge_id for receipt in merchant.receipts()}
    merchant.ledger.write_bytes(b"ruined" * 1000)
    for log in ("-wal", "-shm"):
        merchant.ledger.with_name(merchant.ledger.name + log).unlink(missing_ok=True)
    merchant.apay("listen", "--once", code=9)

    merchant.apay("restore", str(backup), code=8)  # it asks
    done = merchant.apay("restore", str(backup), "--yes")
    told = "\n".join(done.err)
    assert "are not in the backup" in told
    assert "count the shelf" in told
    (kept,) = merchant.folder.glob("apay.db.before-*")
    assert kept.read_bytes().startswith(b"ruined")
    restored = {receipt.telegram_payment_charge_id for receipt in merchant.receipts()}
    assert BUYERS <= len(restored) <= copied
    assert restored < all_charges
    merchant.apay("verify")

    merchant.pay(late)  # while nobody listens
    with merchant.listening() as listener, buying(merchant, payload, 20_000):
        eventually(lambda: len(merchant.receipts()) >= len(restored) + BUYERS)
    merchant.apay("listen", "--once")
    receipts = {receipt.telegram_payment_charge_id: receipt for receipt in merchant.receipts()}
    charges = {charge.telegram_payment_charge_id for charge in merchant.world.books.charges}
    assert set(receipts) == restored | (charges - all_charges)  # all that Telegram still had to say
    (charge,) = (charge for charge in merchant.world.books.charges if charge.buyer_id == 9_001)
    assert receipts[charge.telegram_payment_charge_id].flag == "late"  # never refused
    merchant.apay("verify")
