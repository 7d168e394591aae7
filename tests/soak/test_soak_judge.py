"""The judge of a soak can fail: a quiet sale is right, and each thing that is wrong with its books is named."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import crash_judge
import pytest
import simulation_checker
from crash_process import Nursery
from soak_judge import summary, violations
from soak_shop import SoakShop
from soak_time import Window

from apaycli.core.model import ReceiptFilter
from apaycli.sandbox.checkouts import Checkout
from apaycli.store.sqlite import open_sqlite

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are held by pidfd")
BUYERS = 6


@pytest.fixture(scope="module")
def sold(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> SoakShop:
    """Two geese and four ducks, pressed, paid and recorded without any trouble."""
    shop = SoakShop(tmp_path_factory.mktemp("soak"), nursery, 1)
    with shop:
        market = shop.set_up(rate=1.0)
        invoices = shop.call(lambda: {i.form.title: i for i in shop.world.books.invoices.values() if i.invoice_id <= 3})
        shop.start("listen")
        for number in range(BUYERS):
            shop.call(shop.world.buyers.press_pay, invoices["goose" if number < 2 else "duck"], 5000 + number)
        shop.until_quiet(shop.lives[-1])
        shop.call(lambda: shop.world.buyers.pay_many(shop.unpaid()))
        shop.until_quiet(shop.lives[-1])
        shop._life = shop.lives[-1]
        shop.finish(market)
    return shop


@contextmanager
def doctored(shop: SoakShop, *statements: str) -> Iterator[None]:
    """As if the listener had left this behind."""
    kept, shop.ledger = shop.ledger, shop.folder / "doctored.db"
    shutil.copyfile(kept, shop.ledger)
    try:
        with closing(sqlite3.connect(shop.ledger, isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)
        yield
    finally:
        shop.ledger.unlink()
        shop.ledger = kept


def kinds(shop: SoakShop) -> set[str]:
    return {sentence.partition(":")[0] for sentence in violations(shop)}


def test_a_quiet_sale_is_right(sold: SoakShop) -> None:
    assert violations(sold) == []
    line = summary(sold, [])
    assert f"{BUYERS} payments, {BUYERS} receipts, 0 lost, 0 doubled, 0 oversold, {BUYERS} accepted, 0 declined" in line
    assert "0 late (without excuse 0), 0 unanswered" in line


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("DELETE FROM receipts WHERE receipt_id = 3", "lost"),
        ("UPDATE receipts SET telegram_payment_charge_id = 'another' WHERE receipt_id = 3", "invented"),
        ("UPDATE receipts SET total_amount = 49901 WHERE receipt_id = 3", "changed"),
        ("UPDATE receipts SET sku = 'swan'", "oversold"),
        ("UPDATE decisions SET ok = 0, reason = 'sold_out', error_message = 'x'", "an answer is not the record's"),
        ("UPDATE decisions SET ok = 0, reason = 'sold_out', error_message = 'x'", "accepted without a record"),
    ],
)
def test_a_doctored_ledger_is_found_out(sold: SoakShop, statement: str, kind: str) -> None:
    with doctored(sold, statement):
        assert kind in kinds(sold)


def test_a_doubled_receipt_is_found_out(sold: SoakShop) -> None:
    """The ledger's own keys do not let this be written: the judge gets the receipts twice."""
    with closing(open_sqlite(sold.ledger, read_only=True)) as store:
        story = crash_judge._story(sold, store)
        receipts = list(store.receipts(ReceiptFilter()))
        found = list(simulation_checker._exactly_once(story, [*receipts, receipts[0]]))  # type: ignore[arg-type]
    assert found == [f"doubled: {receipts[0].telegram_payment_charge_id}"]


@contextmanager
def other_outcome(shop: SoakShop, outcome: str | None) -> Iterator[Checkout]:
    checkout = next(iter(shop.world.books.checkouts.values()))
    kept, checkout.outcome = checkout.outcome, outcome
    try:
        yield checkout
    finally:
        checkout.outcome = kept


def test_a_late_answer_needs_an_excuse(sold: SoakShop) -> None:
    with other_outcome(sold, "timeout") as checkout:
        assert "late" in kinds(sold)
        assert "1 late (without excuse 1), 0 unanswered" in summary(sold, [])
        sold.windows.append(Window("kill", checkout.asked_monotonic, checkout.asked_monotonic + 4.9))
        assert "late" in kinds(sold)
        sold.windows[-1].end += 0.2
        assert "late" not in kinds(sold)
        assert "1 late (without excuse 0; kill 1)" in summary(sold, [])
        sold.windows.clear()


def test_a_query_that_is_still_open_is_found_out(sold: SoakShop) -> None:
    with other_outcome(sold, None):
        assert "without an outcome" in kinds(sold)


@pytest.mark.parametrize(
    ("note", "kind"),
    [
        (lambda shop: shop._note_end(3), "no service manager starts it again"),
        (lambda shop: shop._note_end(0), "no service manager starts it again"),
        (lambda shop: shop._note_end(9), None),
        (lambda shop: shop._add(-1), "`apay stock add` ended with 2"),
    ],
)
def test_what_nobody_may_see_happen_is_a_violation(
    sold: SoakShop, note: Callable[[SoakShop], None], kind: str | None
) -> None:
    note(sold)
    assert kinds(sold) == ({kind} if kind else set())
    sold.complaints.clear()


def test_the_numbers_of_the_unit_are_read(sold: SoakShop) -> None:
    assert (sold.restart_seconds, sold.final_codes) == (2.0, {2, 3, 4, 7, 8})
    assert (Path(__file__).parents[2] / "examples" / "apay.service").exists()
