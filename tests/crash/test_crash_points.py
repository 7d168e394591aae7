"""The real program, ended at every named moment, when it comes there for the first, second and third time.

Each test dies at its point or fails: the points are covered whole. Afterwards the program is started as always, the
sale is finished, and the judge compares the books. A first time is a start from nothing (`armed.py`), a later one is
a forked child.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from crash_judge import violations
from crash_process import SOURCE, Life, Nursery
from crash_shop import CHANNEL, PATIENCE_SECONDS, TTL_SECONDS, CrashShop

from apaycli.crashpoints import POINTS

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are held by pidfd")

# Reached once in a run: for the nth time means in the nth run, one after the other.
ONCE_A_RUN = (
    "ledger_opened", "run_recorded", "reservations_expired", "notice_sent_before_its_record", "before_stop_recorded",
)  # fmt: skip
OF_SEND_INVOICE = ("invoice_recorded_before_it_is_sent", "invoice_sent_before_its_record")
SPECIAL = (*ONCE_A_RUN, *OF_SEND_INVOICE, "after_commit_before_answer")
RESENT_SECONDS_MAX = 1.0
CHATS = (CHANNEL, "-1001234567890", "-4001")

each_time = pytest.mark.parametrize("time_of_death", [1, 2, 3])


@pytest.fixture
def shop(tmp_path: Path, nursery: Nursery) -> Iterator[CrashShop]:
    with CrashShop(tmp_path, nursery, seed=1, stock=20, hook=True, notify=True) as shop:
        yield shop


def finish(shop: CrashShop) -> None:
    """Start as always, finish the sale, compare the books."""
    shop.settle()
    shop.close()
    assert violations(shop) == []
    assert shop.world.books.charges, "nothing was sold"


def trade(shop: CrashShop, payload: str, *, pay: bool = True) -> None:
    """At one moment everybody who was accepted pays, and one more buyer presses: in the world's thread."""
    with shop.world.polling.held():
        if pay:
            shop.world.buyers.pay_many(shop.unpaid())
        shop.world.buyers.press_pay(payload, 2000 + len(shop.world.books.checkouts))


def is_over(shop: CrashShop, life: Life, condition: Callable[[], bool]) -> bool:
    """Wait for one of both: True when the life has ended, False when something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while life.wait(0.0) is None:
        if shop.call(condition):
            return False
        assert time.monotonic() < deadline, f"neither the point nor quiet was reached\n{shop.said()}"
        threading.Event().wait(0.005)
    return True


def killed_itself(shop: CrashShop, life: Life, point: str) -> None:
    """The life ends at `point`, by nobody's hand but its own."""
    assert life.wait(PATIENCE_SECONDS) == -9, f"{point} was not reached: {life.code}\n{shop.said()}"
    shop.kills += 1


def ordinary_life(shop: CrashShop, payload: str, *, pay: bool) -> None:
    """A life that sells, up to a receipt with `pay`, then dies of something else."""
    life = shop.start("listen")
    shop.call(trade, shop, payload)
    shop.until_quiet(life)
    if pay:
        shop.call(lambda: shop.world.buyers.pay_many(shop.unpaid()))
        shop.until_quiet(life)
    life.kill()
    assert life.wait(PATIENCE_SECONDS) == -9
    shop.kills += 1


@each_time
@pytest.mark.parametrize("point", [point for point in POINTS if point not in SPECIAL])
def test_while_it_trades(shop: CrashShop, point: str, time_of_death: int) -> None:
    payload = shop.sell("unlimited")
    life = shop.start("listen", point=point, time=time_of_death, executed=time_of_death == 1)
    for _ in range(10):
        shop.call(trade, shop, payload)
        if is_over(shop, life, shop.is_quiet):
            break
    killed_itself(shop, life, point)
    finish(shop)


@each_time
@pytest.mark.parametrize("point", ONCE_A_RUN)
def test_in_one_run_after_the_other(shop: CrashShop, point: str, time_of_death: int) -> None:
    payload = shop.sell("unlimited")
    for number in range(time_of_death):
        ordinary_life(shop, payload, pay=point == "notice_sent_before_its_record")
        if point == "reservations_expired":
            shop.let_time_pass(TTL_SECONDS + 5)
        life = shop.start("listen", point=point, time=1, executed=number == 0)
        if point == "before_stop_recorded" and not is_over(shop, life, shop.is_quiet):
            life.kill(15)
        killed_itself(shop, life, point)
    finish(shop)


@each_time
def test_between_the_commit_and_its_answer(shop: CrashShop, time_of_death: int) -> None:
    """The decision is on disk, the buyer waits: the next run answers at once, as it stands there."""
    payload, point = shop.sell("unlimited"), "after_commit_before_answer"
    life = shop.start("listen", point=point, time=time_of_death, executed=time_of_death == 1)
    for _ in range(time_of_death):
        shop.call(lambda: trade(shop, payload, pay=False))
        is_over(shop, life, shop.is_quiet)
    killed_itself(shop, life, point)
    checkout = list(shop.world.books.checkouts.values())[-1]
    assert checkout.outcome is None
    open_answers = shop.rows("SELECT ok, pre_checkout_query_id FROM decisions WHERE answer_outcome IS NULL")
    assert (1, checkout.pre_checkout_query_id) in open_answers
    life = shop.start("listen")
    shop.until(lambda: shop.world.polling.poll is not None, life, "ready")
    ready = time.monotonic()
    shop.until(lambda: checkout.outcome, life, "answered")
    assert time.monotonic() - ready < RESENT_SECONDS_MAX
    assert checkout.outcome == "accepted"
    life.kill()
    assert life.wait(PATIENCE_SECONDS) == -9
    shop.kills += 1
    finish(shop)


@each_time
@pytest.mark.parametrize("point", OF_SEND_INVOICE)
def test_while_invoices_are_sent(shop: CrashShop, point: str, time_of_death: int) -> None:
    """The invoice stands in the ledger as `sending`, never goes out again by itself, and can be paid where it is."""
    chats = [word for chat in CHATS for word in ("--to", chat)]
    arguments = ("send-invoice", "duck", *chats, "--uses", "unlimited")
    life = shop.start(*arguments, point=point, time=time_of_death, executed=time_of_death == 1)
    killed_itself(shop, life, point)
    states = [row[0] for row in shop.rows("SELECT send_state FROM invoices ORDER BY rowid")]
    assert states == ["sent"] * (time_of_death - 1) + ["sending"]
    arrived = time_of_death - (point == "invoice_recorded_before_it_is_sent")
    assert len(shop.world.books.invoices) == arrived
    last = shop.rows("SELECT invoice_payload FROM invoices ORDER BY rowid DESC LIMIT 1")[0][0]
    payload = last if point == "invoice_sent_before_its_record" else shop.sell("unlimited")
    sent = len(shop.world.books.invoices)
    ordinary_life(shop, payload, pay=True)
    finish(shop)
    assert len(shop.world.books.invoices) == sent
    assert shop.rows("SELECT count(*) FROM invoices WHERE send_state = 'sending'") == [(1,)]
    assert [charge.invoice_payload for charge in shop.world.books.charges] == [payload]


def test_every_point_stands_in_the_source_and_no_other() -> None:
    found = set()
    for path in (SOURCE / "apaycli").rglob("*.py"):
        with suppress(UnicodeDecodeError):
            found |= set(re.findall(r'\breach\("(\w+)"\)', path.read_text("utf-8")))
    assert found == set(POINTS)
