"""`apay refunds`: what must go back, and writing down that it went."""

from typing import Any

import pytest

from apaycli.books.columns import COLUMNS, PERSONAL_COLUMNS
from apaycli.core.model import Flag, User
from ledger_rows import receipt
from shop import Shop

DONE_KEYS = (
    "receipt_id", "mode", "currency", "total_amount", "refund_state", "reason", "reference", "done_at",
)  # fmt: skip


@pytest.fixture
def sold(shop: Shop) -> Shop:
    """1 and 2 must go back, 3 is well, 4 is real money that must go back."""
    changes: tuple[dict[str, Any], ...] = (
        {"flag": Flag.OVERSOLD},
        {"flag": Flag.DUPLICATE, "order_info": None},
        {},
        {"flag": Flag.DUPLICATE, "mode": "live"},
    )
    with shop.store() as store, store.transaction() as tx:
        for number, change in enumerate(changes, 1):
            tx.record_receipt(receipt(number, **change), number, b"%d" % number, 1)
    return shop


def states(shop: Shop) -> list[str | None]:
    with shop.store() as store:
        return [state for (state,) in store.db.execute("SELECT refund_state FROM receipts ORDER BY receipt_id")]


def test_the_list_says_what_why_to_whom_and_how(sold: Shop) -> None:
    done = sold.run("refunds", "due")
    who = "রহিম Uddin (@rahim)"
    assert done.out.splitlines() == [
        f"1\t₹499.00\t{who}, Rahim Uddin, +8801700000000\toversold: no units were left when it was paid\tapay-1",
        f"2\t₹499.00\t{who}\tduplicate: the invoice had been paid already\tapay-2",
    ]
    assert "ask its support with the provider charge id" in done.err
    assert "apay refunds done 1 --reference TEXT" in done.err
    assert "1 more in the other mode" in done.err
    assert [row["receipt_id"] for row in sold.run("refunds", "due", "--live", "--json").json] == ["4"]
    assert [row["receipt_id"] for row in sold.run("refunds", "due", "--mode", "all", "--json").json] == ["1", "2", "4"]


def test_json_has_the_receipt_and_why(sold: Shop) -> None:
    sold.run("refunds", "due", "3", "--reason", "came back broken")
    rows = sold.run("refunds", "due", "--json").json
    assert all(tuple(row) == (*COLUMNS, *PERSONAL_COLUMNS, "why", "reason") for row in rows)
    assert [(row["receipt_id"], row["why"], row["reason"]) for row in rows] == [
        ("1", "oversold: no units were left when it was paid", None),
        ("2", "duplicate: the invoice had been paid already", None),
        ("3", "came back broken", "came back broken"),
    ]


@pytest.mark.parametrize(
    "words", [("due", "4", "--reason", "x"), ("done", "4", "--reference", "x", "--yes")], ids=lambda words: words[0]
)
def test_real_money_is_written_down_with_live_alone(sold: Shop, words: tuple[str, ...]) -> None:
    done = sold.run("refunds", *words)
    assert (done.code, done.out) == (2, "")
    assert "receipt 4 is real money" in done.err
    assert "add --live" in done.err
    assert states(sold) == ["due", "due", None, "due"]
    done = sold.run("refunds", "done", "3", "--reference", "x", "--yes", "--live")
    assert (done.code, "receipt 3 is a test receipt" in done.err) == (2, True)


def test_test_and_live_together_say_which_is_which(sold: Shop) -> None:
    rows = [line.split("\t")[:2] for line in sold.run("refunds", "due", "--mode", "all").out.splitlines()]
    assert rows == [["1", "test"], ["2", "test"], ["4", "live"]]


def test_nothing_due_is_an_empty_list(shop: Shop) -> None:
    with shop.store():
        pass
    assert shop.run("refunds", "due") == (done := shop.run("refunds", "due"))
    assert (done.code, done.out, done.err) == (0, "", "")
    assert shop.run("refunds", "due", "--json").json == []


def test_what_went_back_is_written_down_once(sold: Shop) -> None:
    done = sold.run("refunds", "done", "1", "--reference", "  bKash TrxID 9HJ4K2 ")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("receipt 1: ₹499.00 to রহিম Uddin")
    assert done.out.endswith("went back, bKash TrxID 9HJ4K2\n")
    assert states(sold) == ["done", "due", None, "due"]
    again = sold.run("refunds", "done", "1", "--reference", "TX-2")
    assert (again.code, again.out) == (2, "")
    assert "receipt 1 is refunded already, by bKash TrxID 9HJ4K2" in again.err
    assert 'apay refunds due 1 --reason "came back"' in again.err
    assert "receipt-refund" not in sold.run("verify").out
    shown = sold.run("receipts", "show", "1", "--json").json["refund"]
    assert (shown["reference"], shown["done_at"]) == ("bKash TrxID 9HJ4K2", "2026-01-01T10:00:00Z")


def test_json_has_the_keys_of_the_contract(sold: Shop) -> None:
    document = sold.run("refunds", "done", "1", "--reference", "TX-1", "--json").json
    assert tuple(document) == DONE_KEYS
    assert (document["refund_state"], document["reference"]) == ("done", "TX-1")
    marked = sold.run("refunds", "due", "3", "--reason", "broken", "--json").json
    assert tuple(marked) == DONE_KEYS
    assert (marked["refund_state"], marked["reason"]) == ("due", "broken")


def test_money_that_was_not_due_asks_first(sold: Shop) -> None:
    done = sold.run("refunds", "done", "3", "--reference", "TX")
    assert (done.code, done.out) == (8, "")
    assert "receipt 3 was not due" in done.err
    no = sold.run("refunds", "done", "3", "--reference", "TX", stdin="n\n", terminal=True, errors_terminal=True)
    assert no.code == 8
    assert states(sold)[2] is None
    yes = sold.run("refunds", "done", "3", "--reference", "TX", stdin="y\n", terminal=True, errors_terminal=True)
    assert yes.code == 0
    assert "Did receipt 3: ₹499.00 to রহিম Uddin" in yes.err
    assert states(sold)[2] == "done"


def test_yes_answers_the_question(sold: Shop) -> None:
    assert sold.run("refunds", "done", "3", "--reference", "TX", "--yes").code == 0
    assert states(sold)[2] == "done"


def test_a_receipt_is_marked_by_hand(sold: Shop) -> None:
    done = sold.run("refunds", "due", "3", "--reason", "came back broken")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(": must go back\n")
    assert states(sold)[2] == "due"
    again = sold.run("refunds", "due", "3", "--reason", "x")
    assert (again.code, again.out) == (2, "")
    assert "receipt 3 is marked already" in again.err
    assert sold.run("status", "--json").json["counts"]["refunds_due"] == 3


def test_a_transfer_that_came_back_is_due_again(sold: Shop) -> None:
    sold.run("refunds", "done", "1", "--reference", "TX-1")
    asked = sold.run("refunds", "due", "1", "--reason", "account closed")
    assert (asked.code, asked.out) == (8, "")
    assert "refunded already, by TX-1; that is taken back" in asked.err
    assert states(sold)[0] == "done"
    assert sold.run("refunds", "due", "1", "--reason", "account closed", "--yes").code == 0
    assert states(sold)[0] == "due"
    assert "account closed" in sold.run("refunds", "due").out


@pytest.mark.parametrize("words", [("done", "1", "--reference", "TX-1"), ("due", "3", "--reason", "broken")])
def test_a_dry_run_writes_nothing(sold: Shop, words: tuple[str, ...]) -> None:
    before = sold.ledger.read_bytes()
    done = sold.run("refunds", *words, "--dry-run")
    assert (done.code, done.out) == (0, "")
    assert "apay: would " in done.err
    assert "₹499.00" in done.err
    assert states(sold) == ["due", "due", None, "due"]
    assert sold.run("refunds", *words, "--dry-run", "--json").json["refund_state"] in {"due", None}
    assert sold.ledger.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("done", "9", "--reference", "x"), "there is no receipt 9"),
        (("due", "9", "--reason", "x"), "there is no receipt 9"),
        (("done", "1"), "--reference"),
        (("done", "1", "--reference", "  "), "--reference is empty"),
        (("done", "1", "--reference", "x" * 201), "--reference has 201 characters, at most 200"),
        (("done", "1", "--reference", "\udcff"), "not UTF-8 text"),
        (("done", "1", "--reference", "a\0b"), "--reference has a NUL in it"),
        (("done", "x", "--reference", "y"), "RECEIPT"),
        (("due", "3"), "--reason is missing"),
        (("due", "3", "--reason", ""), "--reason is empty"),
        (("due", "3", "--reason", "x", "--mode", "all"), "--mode is for the list"),
        (("due", "--reason", "x"), "--reason is for one receipt"),
        (("due", "--mode", "real"), "--mode takes"),
    ],
)
def test_what_cannot_be_written_down_is_said(sold: Shop, words: tuple[str, ...], said: str) -> None:
    done = sold.run("refunds", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert states(sold) == ["due", "due", None, "due"]


def test_hostile_names_and_references_are_shown_harmlessly(shop: Shop) -> None:
    with shop.store() as store, store.transaction() as tx:
        evil = User(7, "\x1b[2J\u202eevil", "[red]", "x")
        tx.record_receipt(receipt(1, flag=Flag.OVERSOLD, buyer=evil, order_info=None), 1, b"1", 1)
    shown = shop.run("refunds", "due").out + shop.run("refunds", "done", "1", "--reference", "\x1b[2J\u202e").out
    shown += shop.run("refunds", "done", "1", "--reference", "x").err
    assert "evil" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
