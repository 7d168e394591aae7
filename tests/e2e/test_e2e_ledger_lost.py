"""The ledger is moved or deleted under the real program, which is then started again as the service unit does."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from merchant import ASHA, Merchant, eventually

SALES = 30


@contextmanager
def buying(merchant: Merchant, payload: str) -> Iterator[None]:
    """One buyer after the other presses Pay, and pays where the answer is yes, until the block ends."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def buy() -> None:
        try:
            for buyer in range(5_000, 50_000):
                if stop.is_set():
                    return
                checkout = merchant.press(payload, buyer, wait=False)
                eventually(lambda checkout=checkout: checkout.outcome or stop.is_set())  # type: ignore[misc]
                if checkout.outcome == "accepted":
                    merchant.pay(checkout)
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


def receipts_in(ledger: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db:
        return {charge for (charge,) in db.execute("SELECT telegram_payment_charge_id FROM receipts")}


def charges(merchant: Merchant) -> set[str]:
    return {charge.telegram_payment_charge_id for charge in merchant.call(lambda: list(merchant.world.books.charges))}


def waiting_at_telegram(merchant: Merchant) -> bytes:
    queue = merchant.world.queue
    return b"".join(merchant.call(lambda: [queue._entries[number].template for number in queue.pending_ids()]))


def confirmed(merchant: Merchant) -> set[str]:
    waiting = waiting_at_telegram(merchant)
    return {charge for charge in charges(merchant) if charge.encode() not in waiting}


def beside(merchant: Merchant) -> set[str]:
    return {path.name for path in merchant.folder.iterdir() if path.name.startswith("apay.db")}


def moved(ledger: Path) -> None:
    ledger.rename(ledger.with_name("moved.db"))


def deleted(ledger: Path) -> None:
    ledger.unlink()


@pytest.mark.parametrize(("lose", "found_as"), [(moved, "moved.db"), (deleted, "apay.db.rescued")])
def test_a_ledger_lost_under_load_is_complete_in_one_file_and_no_new_one_is_made(
    merchant: Merchant, lose: Callable[[Path], None], found_as: str
) -> None:
    merchant.stock_file.write_text(merchant.stock_file.read_text().replace("stock = 10", "stock = 100000"))
    payload = merchant.sell()
    whole = merchant.folder / found_as
    with merchant.listening() as listener:
        with buying(merchant, payload):
            eventually(lambda: len(merchant.receipts()) >= SALES)
            lose(merchant.ledger)
            assert listener.wait() == 9
        first = beside(merchant)
        for _ in range(3):
            again = merchant.apay("listen", code=9)  # as the unit does: the same command once more
        assert beside(merchant) == first | {"apay.db.lock"}
    assert confirmed(merchant) <= receipts_in(whole)
    assert len(receipts_in(whole)) >= SALES
    for run in (listener, again):
        assert any(str(whole) in line or "is missing" in line for line in run.err), run.err
    assert any(f"mv {whole} {merchant.ledger}" in line for line in listener.err), "\n".join(listener.err)

    refused = merchant.apay("send-invoice", "rubber-duck", "--to", str(ASHA), code=9)
    assert any("is missing" in line for line in refused.err)
    assert not merchant.ledger.exists()
    alarms = json.loads("\n".join(merchant.apay("status", "--json", code=6).out))["alarms"]
    assert [alarm["name"] for alarm in alarms] == ["ledger"]

    whole.rename(merchant.ledger)  # the cure, as the hint says it
    with merchant.listening():
        merchant.quiet()
        assert charges(merchant) == receipts_in(merchant.ledger)
    merchant.check_books()


def test_killed_before_it_noticed_nothing_of_the_log_is_destroyed_by_the_restart(merchant: Merchant) -> None:
    """Moved and killed at once: what was confirmed since the last checkpoint stands in the `-wal` alone."""
    payload = merchant.sell()
    with merchant.listening() as listener:
        merchant.pay(merchant.press(payload))
        merchant.quiet()
        listener.kill()
    log = merchant.ledger.with_name("apay.db-wal")
    content = log.read_bytes()
    assert content
    moved(merchant.ledger)
    merchant.environ["XDG_STATE_HOME"] = str(merchant.folder / "another-state")  # the -wal alone has to say it
    merchant.ledger.with_name("apay.db.lock").unlink(missing_ok=True)
    refused = merchant.apay("listen", code=9)
    assert any("apay.db-wal" in line for line in refused.err)
    assert log.read_bytes() == content
    (merchant.folder / "moved.db").rename(merchant.ledger)
    with merchant.listening():
        merchant.quiet()
    merchant.check_books()
    assert len(merchant.receipts()) == 1


def test_a_new_ledger_is_made_where_one_is_asked_for_and_what_was_left_is_kept(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as listener:
        merchant.pay(merchant.press(payload))
        merchant.quiet()
        listener.kill()
    content = merchant.ledger.with_name("apay.db-wal").read_bytes()
    merchant.ledger.unlink()
    merchant.apay("listen", "--once", code=9)
    merchant.apay("listen", "--once", "--new-ledger")
    assert merchant.receipts() == []
    kept = [path for path in merchant.folder.iterdir() if path.name.startswith("apay.db.before-")]
    assert content in [path.read_bytes() for path in kept]
    merchant.apay("status", "--max-gap", "1h")
    merchant.apay("listen", "--once")
    # It cannot stay in the service file, where it would make a new ledger after each loss.
    merchant.apay("listen", "--once", "--new-ledger", code=2)


def test_on_a_machine_without_a_trace_the_first_invoice_makes_the_ledger(merchant: Merchant) -> None:
    assert not merchant.ledger.exists()
    merchant.sell()
    assert merchant.ledger.exists()
    merchant.ledger.unlink()
    merchant.apay("send-invoice", "rubber-duck", "--to", str(ASHA), code=9)
    assert not merchant.ledger.exists()
