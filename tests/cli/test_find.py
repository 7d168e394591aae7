"""`apay find`: "did they pay?" as a merchant asks it. What a word may mean: tests/core/test_search.py."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from apaycli.books.columns import COLUMNS, PERSONAL_COLUMNS
from apaycli.core.model import OrderInfo, User
from ledger_rows import receipt
from shop import Shop

ASHA = User(1002, "Asha", "Rao")
EVENING = 1_796_150_400_000  # 2026-12-01T20:00:00Z: the day after in India


@pytest.fixture
def in_india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def sell(shop: Shop, *receipts: dict[str, Any]) -> None:
    with shop.store() as store, store.transaction() as tx:
        for number, changes in enumerate(receipts, 1):
            tx.record_receipt(receipt(number, **changes), number, b"%d" % number, 1)


def numbers(shop: Shop, *words: str) -> list[int]:
    done = shop.run("find", *words)
    assert done.code == 0, done.err
    return [int(line.split("\t")[0]) for line in done.out.splitlines()]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("rahim",), [3, 1]),
        (("asha",), [2]),
        (("asha", "rao"), [2]),
        (("asha rao",), [2]),
        (("asha", "asha@example.org"), [2]),
        (("@rahim",), [3, 1]),
        (("01700000000",), [3, 2, 1]),
        (("150",), [2]),
        (("150.00", "INR"), [2]),
        (("rahim", "150"), []),
        (("charge-3",), [3]),
        (("#3",), [3]),
    ],
)
def test_several_words_must_all_fit(shop: Shop, words: tuple[str, ...], found: list[int]) -> None:
    form = {"order_info": OrderInfo(phone_number="8801700000000")}
    ashas = {"order_info": OrderInfo("A. Rao", "8801700000000", "asha@example.org")}
    sell(shop, form, {"buyer": ASHA, "total_amount": 15000, **ashas}, form)
    assert numbers(shop, *words) == found


def test_a_name_is_found_as_it_is_seen(shop: Shop) -> None:
    sell(shop, {"buyer": User(7, "Ra\u200bh\U000e0041im")}, {"buyer": ASHA, "order_info": OrderInfo()})
    for words in (("rahim",), ("Ra\u200bhim",), ("r\u00adahi\u2060m", "\ufeff"), ("Ra\u200bh\U000e0041im",)):
        assert numbers(shop, *words) == [1]
    assert r"Ra\u200bh\U000e0041im" in shop.run("find", "rahim").out
    nothing = shop.run("find", "\u200b")
    assert (nothing.code, "whom or what to look for is missing" in nothing.err) == (2, True)
    assert "receipt-search" not in shop.run("verify").out


def test_a_day_is_the_merchants_own(shop: Shop, in_india: None) -> None:
    sell(shop, {"paid_at": EVENING}, {"paid_at": EVENING - 3 * 3_600_000})
    assert numbers(shop, "2026-12-02") == [1]
    assert numbers(shop, "2026-12-01") == [2]
    assert numbers(shop, "2026-12-03") == []


def test_nothing_found_is_said_and_no_failure(shop: Shop) -> None:
    sell(shop, {"mode": "live"})
    done = shop.run("find", "rahim")
    assert (done.code, done.out) == (0, "")
    assert "no receipt fits, in test mode; --live looks among real money" in done.err
    assert shop.run("find", "rahim", "--json").json == []
    assert len(shop.run("find", "rahim", "--live", "--json").json) == 1
    assert "among live payments" in shop.run("find", "nobody", "--live").err
    assert "no receipt fits, test or live" in shop.run("find", "nobody", "--mode", "all").err


def test_more_than_asked_for_is_said(shop: Shop) -> None:
    sell(shop, *({} for _ in range(21)))
    done = shop.run("find", "rahim")
    assert len(done.out.splitlines()) == 20
    assert "more than 20 fit" in done.err
    assert shop.run("find", "rahim", "--limit", "21").err == ""


def test_json_has_the_keys_of_the_receipts(shop: Shop) -> None:
    sell(shop, {})
    (row,) = shop.run("find", "rahim", "--json").json
    assert tuple(row) == (*COLUMNS, *PERSONAL_COLUMNS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "missing"),
        (("",), "whom or what to look for is missing"),
        (("  ", "\t"), "whom or what to look for is missing"),
        (("2026-02-30",), "takes a day such as"),
        (("x" * 201,), "at most 10 words of at most 200 characters"),
        (("x",) * 11, "at most 10 words"),
        (("\udcff",), "not UTF-8 text"),
        (("rahim", "--mode", "real"), "--mode takes test, live or all"),
    ],
)
def test_what_cannot_be_looked_for_is_said(shop: Shop, words: tuple[str, ...], said: str) -> None:
    sell(shop, {})
    done = shop.run("find", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize("text", ["%", "_", "\\", "'", '"', "%_%", "' OR 1=1 --", "\x1b[2J", "*", "NULL", "1e400"])
def test_nothing_that_is_typed_is_more_than_text(shop: Shop, text: str) -> None:
    sell(shop, {"buyer": ASHA, "order_info": None})
    assert numbers(shop, text) == []


def test_a_percent_sign_is_found_where_it_stands(shop: Shop) -> None:
    sell(shop, {"buyer": User(7, "100%", "a_b\\c")}, {})
    for text in ("%", "_b", "\\c", "100%"):
        assert numbers(shop, text) == [1], text
