"""The ledger's file is moved or replaced under the listener: from then on nothing is accepted or confirmed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from rig import RAHIM, Rig

from apaycli.errors import LedgerLost
from apaycli.listen.listener import Listener
from apaycli.store.sqlite import open_sqlite

GROUP = "-1001234567890"


def put_away(ledger: Path) -> None:
    ledger.rename(ledger.with_name("away.db"))


def replaced(ledger: Path) -> None:
    content = ledger.read_bytes()
    put_away(ledger)
    ledger.write_bytes(content)


@pytest.fixture
def ledger(rig: Rig, tmp_path: Path) -> Path:
    """The rig's ledger in a file, with an invoice that anybody may pay."""
    rig.store.close()
    rig.store = open_sqlite(tmp_path / "apay.db")
    rig.offer(stock=50)
    rig.invoice(chat_id=GROUP)
    return tmp_path / "apay.db"


def read_what_was_lost(rig: Rig, ledger: Path) -> set[str]:
    """The receipts in the file itself, wherever its name went; no log is beside it."""
    with pytest.raises(LedgerLost, match=r"away\.db"):
        rig.store.close()
    rig.store = open_sqlite(ledger.with_name("away.db"))
    return {receipt.telegram_payment_charge_id for receipt in rig.receipts()}


def confirmed(rig: Rig) -> set[str]:
    queue = rig.world.queue
    waiting = b"".join(queue._entries[number].template for number in queue.pending_ids())
    charges = (charge.telegram_payment_charge_id for charge in rig.world.books.charges)
    return {charge for charge in charges if charge.encode() not in waiting}


async def buyers_come(rig: Rig, first: int) -> None:
    """A press each half second; whoever was told yes pays."""
    for buyer in range(first, first + 20):
        rig.world.buyers.press_pay("order-1001", buyer)
        await asyncio.sleep(0.5)
        for checkout in list(rig.world.books.checkouts.values()):
            if checkout.outcome == "accepted" and not checkout.charges:
                rig.world.buyers.pay(checkout.checkout_id)


@pytest.mark.parametrize("lose", [put_away, replaced])
@pytest.mark.parametrize("at", ["before commit", "after commit", "before getUpdates", "after getUpdates"])
@pytest.mark.parametrize("occurrence", [1, 2, 3, 4])
def test_at_whichever_step_it_is_lost_nothing_more_is_confirmed_or_accepted(
    rig: Rig, ledger: Path, lose: Callable[[Path], None], at: str, occurrence: int
) -> None:
    passed = 0
    requests_before: int | None = None

    def step(name: str) -> None:
        nonlocal passed, requests_before
        passed += name == at
        if passed == occurrence and requests_before is None:
            lose(ledger)
            requests_before = len(rig.http.requests)

    async def story(_listener: Listener) -> None:
        for buyer in (RAHIM, RAHIM + 1):
            await rig.buy(buyer=buyer)
        rig.at_step = step
        await buyers_come(rig, 5_000)
        await rig.until(lambda: False, 600)

    with pytest.raises(LedgerLost):
        rig.listen(story)
    assert requests_before is not None
    later = rig.http.requests[requests_before:]
    if at != "before commit":
        later = later[1:]  # this one was on its way when the file was lost: it had been looked for a moment before
    assert not [each for each in later if each.method == "getUpdates" and "offset" in each.params]
    assert not [each for each in later if each.method == "answerPreCheckoutQuery" and each.params["ok"]]
    receipts = read_what_was_lost(rig, ledger)
    assert confirmed(rig) <= receipts
    assert len(receipts) >= 2


def test_one_that_was_replaced_before_the_first_look_is_not_taken_for_the_open_one(rig: Rig, ledger: Path) -> None:
    """What was opened counts, not what is there when something looks for the first time."""
    replaced(ledger)

    async def story(_listener: Listener) -> None:
        await rig.until(lambda: False, 600)

    with pytest.raises(LedgerLost, match=r"apay\.db was removed or replaced"):
        rig.listen(story, ready=False)
    assert rig.http.asked("getUpdates") == []
    assert rig.clock.monotonic() < 3
    read_what_was_lost(rig, ledger)


def test_lost_while_nobody_buys_it_is_noticed_within_seconds(rig: Rig, ledger: Path) -> None:
    lost_at = 0.0

    async def story(_listener: Listener) -> None:
        nonlocal lost_at
        await rig.quiet()
        put_away(ledger)
        lost_at = rig.clock.monotonic()
        await rig.until(lambda: False, 600)

    with pytest.raises(LedgerLost):
        rig.listen(story)
    assert rig.clock.monotonic() - lost_at < 5
    read_what_was_lost(rig, ledger)


def test_the_last_confirmation_of_a_stop_is_left_out(rig: Rig, ledger: Path) -> None:
    async def story(listener: Listener) -> None:
        checkout = await rig.press()
        await rig.quiet()

        def stop_and_lose(name: str) -> None:
            if name == "after commit" and rig.receipts() and ledger.exists():
                put_away(ledger)
                listener.stop()

        rig.at_step = stop_and_lose
        rig.world.buyers.pay(checkout.checkout_id)
        await rig.until(lambda: False, 600)

    with pytest.raises(LedgerLost):
        rig.listen(story)
    assert confirmed(rig) == set()
    assert len(read_what_was_lost(rig, ledger)) == 1
