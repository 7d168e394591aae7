"""`apay day`: everything of one day, and nothing of its neighbours."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger_rows import receipt
from shop import Shop
from sold_ledger import sell_a_day

KINDS = ("takings", "tips", "delivery", "back", "unreadable", "flag", "declined", "answers", "milliseconds", "too_late",
         "unconfirmed", "held_now")  # fmt: skip
HOSTILE = "\x1b[2J\u202eevil"


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    name = str(getattr(request, "param", "UTC"))
    monkeypatch.setenv("TZ", name)
    time.tzset()
    yield name
    monkeypatch.undo()
    time.tzset()


pytestmark = pytest.mark.usefixtures("zone")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def sell(shop: Shop, *receipts: dict[str, Any]) -> None:
    with shop.store() as store, store.transaction() as tx:
        for number, changes in enumerate(receipts, 1):
            tx.record_receipt(receipt(number, **changes), number, b"{}", shop.clock.now())


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A day with one of everything: 1 January 2026, from ten o'clock."""
    with shop.store() as store:
        sell_a_day(store)
    return shop


def test_a_day_has_all_of_it(busy: Shop) -> None:
    lines = [line.split("\t") for line in busy.run("day").out.splitlines()]
    assert {len(line) for line in lines} == {6}
    assert list(dict.fromkeys(line[0] for line in lines)) == list(KINDS)
    said = {tuple(line[:3]): line[3:] for line in lines}
    assert said["takings", "", "INR"] == ["22", "22", "10479.07"]
    assert said["back", "", "INR"] == ["1", "", "499.00"]
    assert said["flag", "amount_mismatch", ""] == ["2", "", ""]
    assert said["declined", "unknown_invoice", "INR"] == ["1", "0", "499.00"]
    assert said["answers", "", ""] == ["20", "", ""]
    assert said["milliseconds", "slowest", ""] == ["5", "", ""]
    assert said["held_now", "duck", ""] == ["", "3", ""]


def test_json_is_one_document(busy: Shop) -> None:
    document = busy.run("day", "--json").json
    assert list(document) == [
        "mode", "day", "from_at", "before_at", "totals", "flags", "unreadable_receipts", "refusals", "answers", "hours",
        "held_now",
    ]  # fmt: skip
    assert document["day"] == "2026-01-01"
    assert (document["from_at"], document["before_at"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert document["held_now"] == [{"sku": "duck", "held": 3}]
    assert {hour["from_at"] for hour in document["hours"]} == {"2026-01-01T10:00:00Z"}
    for code in ("INR", "XTR"):
        (total,) = (each for each in document["totals"] if each["currency"] == code)
        hours = [each for each in document["hours"] if each["currency"] == code]
        assert sum(each["total_amount"] for each in hours) == total["total_amount"]


def test_on_a_terminal_it_is_said_in_words(busy: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = busy.run("day", terminal=True, NO_COLOR="1").out
    lines = text.splitlines()
    assert lines[:3] == [
        "Thursday 2026-01-01, test mode, UTC+00:00", "", "₹10,479.07  22 receipt(s), 22 unit(s)",
    ]  # fmt: skip
    assert "  besides, ₹499.00 of 1 receipt(s) must go back or went back" in lines
    assert "  00:00           █              23:00" in lines
    assert "  being_paid: asked 1 time(s) by 1 buyer(s); nothing lost, they paid later" in lines
    assert "  unknown_invoice: asked 1 time(s) by 1 buyer(s); lost ₹499.00" in lines
    assert "  20, half within 5 ms, 95 of 100 within 5 ms, slowest 5 ms" in lines
    assert lines[-2:] == ["held now", "  3 duck"]
    assert max(map(len, lines)) <= 80


def test_a_quiet_day_says_so(busy: Shop) -> None:
    lines = busy.run("day", "yesterday", terminal=True, NO_COLOR="1").out.splitlines()
    assert lines[:2] == ["Wednesday 2025-12-31, test mode, UTC+00:00", "nothing was paid"]
    assert busy.run("day", "yesterday", "--json").json["totals"] == []


def test_live_is_another_day(busy: Shop) -> None:
    (total,) = busy.run("day", "--live", "--json").json["totals"]
    assert (total["receipts"], total["total_amount"]) == (1, 54900)


@pytest.mark.parametrize(
    ("zone", "day", "amounts"),
    [
        ("UTC", "2026-11-01", [2, 4]),
        ("Asia/Kolkata", "2026-11-01", [1, 2]),
        ("Asia/Kolkata", "2026-11-02", [4, 8]),
        ("America/New_York", "2026-10-31", [1]),
        ("America/New_York", "2026-11-01", [2, 4, 8]),
    ],
    indirect=["zone"],
)
def test_a_day_begins_and_ends_where_the_merchant_lives(shop: Shop, zone: str, day: str, amounts: list[int]) -> None:
    moments = ("2026-10-31T23:00", "2026-11-01T04:00", "2026-11-01T18:30", "2026-11-02T04:59:59")
    sell(shop, *({"paid_at": at(moment), "total_amount": 2**n} for n, moment in enumerate(moments)))
    (total,) = shop.run("day", day, "--json").json["totals"]
    assert total["total_amount"] == sum(amounts)


@pytest.mark.parametrize("zone", ["America/New_York"], indirect=True)
def test_the_hours_of_the_day_on_which_clocks_are_set(shop: Shop, zone: str) -> None:
    """One o'clock comes twice: two hours, two buckets."""
    sell(shop, *({"paid_at": at(moment)} for moment in ("2026-11-01T05:30", "2026-11-01T06:30")))
    hours = shop.run("day", "2026-11-01", "--json").json["hours"]
    assert [hour["from_at"] for hour in hours] == ["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z"]
    title, *_ = shop.run("day", "2026-11-01", terminal=True, NO_COLOR="1").out.splitlines()
    assert title == "Sunday 2026-11-01, test mode, UTC-05:00"


@pytest.mark.parametrize("text", ["2026-02-30", "tomorrow", "", "\x1b[2J"])
def test_what_is_no_day_is_refused(busy: Shop, text: str) -> None:
    done = busy.run("day", text)
    assert (done.code, done.out) == (2, "")
    assert done.err == "apay: error: DATE takes a day such as 2026-11-30, today or yesterday\n"


def test_without_a_ledger_there_is_no_day(shop: Shop) -> None:
    assert shop.run("day").code == 9
    assert not shop.ledger.exists()


def test_strangers_text_does_no_harm(shop: Shop) -> None:
    sell(shop, {"sku": HOSTILE, "currency": HOSTILE, "total_amount": 5})
    with shop.store() as store:
        store.db.execute("INSERT INTO stock VALUES ('test', ?, 1, 0)", (HOSTILE,))
    for words in ((), ("--json",)):
        for terminal in (False, True):
            done = shop.run("day", *words, terminal=terminal, NO_COLOR="1")
            assert done.code == 0
            assert not set("\x1b\u202e") & set(done.out)
