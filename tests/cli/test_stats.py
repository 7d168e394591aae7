"""`apay stats`: rows in a pipe, bars on a terminal, one document as JSON, one page as HTML; days of the merchant."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from apaycli.core.model import DeclineReason, Flag
from apaycli.text import redact
from ledger_rows import receipt
from shop import Shop
from sold_ledger import sell_a_day

HOSTILE = '"><script>alert(1)</script>\x1b[2J\u202e&amp;'
FIGURES = ("receipts", "units", "total_amount", "tip_amount", "shipping_amount", "refund_receipts", "refund_amount")


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from zone(monkeypatch, "UTC")


def zone(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def sell(shop: Shop, *receipts: dict[str, Any]) -> None:
    with shop.store() as store, store.transaction() as tx:
        (last,) = tx.db.execute("SELECT count(*) FROM receipts").fetchone()
        for number, changes in enumerate(receipts, last + 1):
            tx.record_receipt(receipt(number, **changes), number, b"{}", shop.clock.now())


def rows(shop: Shop, *options: str) -> list[list[str]]:
    return [line.split("\t") for line in shop.run("stats", *options).out.splitlines()]


@pytest.fixture
def november(shop: Shop) -> Shop:
    """Three days of a shop that sells in two currencies; today is the 4th of November."""
    shop.clock.jump((at("2026-11-04T12:00") - shop.clock.now()) / 1000)
    sell(
        shop,
        {"paid_at": at("2026-11-01T10:00"), "total_amount": 55900, "shipping_amount": 6000},
        {"paid_at": at("2026-11-01T11:00"), "total_amount": 50000, "tip_amount": 100, "quantity": 2, "sku": "bear"},
        {"paid_at": at("2026-11-03T10:00"), "total_amount": 10000, "currency": "BDT"},
        {"paid_at": at("2026-11-03T23:59:59"), "flag": Flag.OVERSOLD},
        {"paid_at": at("2026-11-03T12:00"), "mode": "live", "total_amount": 1},
    )
    return shop


def test_each_day_of_each_currency_is_a_row(november: Shop) -> None:
    done = november.run("stats")
    assert done.out.splitlines() == [
        "2026-11-01\tINR\t2\t3\t1059.00\t1.00\t60.00\t0.00",
        "2026-11-02\tINR\t0\t0\t0.00\t0.00\t0.00\t0.00",
        "2026-11-03\tINR\t0\t0\t0.00\t0.00\t0.00\t499.00",
        "2026-11-04\tINR\t0\t0\t0.00\t0.00\t0.00\t0.00",
        "2026-11-01\tBDT\t0\t0\t0.00\t0.00\t0.00\t0.00",
        "2026-11-02\tBDT\t0\t0\t0.00\t0.00\t0.00\t0.00",
        "2026-11-03\tBDT\t1\t1\t100.00\t0.00\t0.00\t0.00",
        "2026-11-04\tBDT\t0\t0\t0.00\t0.00\t0.00\t0.00",
    ]
    assert done.err == "apay: 2026-11-01 to 2026-11-04 (UTC+00:00), test mode\n"


def test_by_product_and_currency(november: Shop) -> None:
    assert [row[:5] for row in rows(november, "--by", "product")] == [
        ["rubber-duck", "BDT", "1", "1", "100.00"],
        ["rubber-duck", "INR", "1", "1", "559.00"],
        ["bear", "INR", "1", "2", "500.00"],
    ]
    assert rows(november, "--by", "currency") == [
        ["INR", "2", "3", "1059.00", "1.00", "60.00", "499.00"],
        ["BDT", "1", "1", "100.00", "0.00", "0.00", "0.00"],
    ]


def test_only_the_days_that_were_asked_for(november: Shop) -> None:
    days = [row[0] for row in rows(november, "--since", "2026-11-02", "--until", "2026-11-03")]
    assert days == 2 * ["2026-11-02", "2026-11-03"]
    document = november.run("stats", "--since", "2026-11-03", "--until", "2026-11-03", "--json").json
    assert [(row["day"], row["currency"], row["total_amount"]) for row in document["rows"]] == [
        ("2026-11-03", "BDT", 10000),
        ("2026-11-03", "INR", 0),
    ]


def test_test_and_live_are_counted_apart(november: Shop) -> None:
    (total,) = november.run("stats", "--live", "--json").json["totals"]
    assert (total["receipts"], total["total_amount"]) == (1, 1)


def test_json_is_one_document_with_all_of_it(november: Shop) -> None:
    document = november.run("stats", "--json").json
    assert list(document) == [
        "mode", "since", "until", "by", "rows", "totals", "flags", "unreadable_receipts", "refusals", "answers",
    ]  # fmt: skip
    assert (document["mode"], document["since"], document["until"]) == ("test", "2026-11-01", "2026-11-04")
    assert tuple(document["rows"][0]) == ("day", "currency", *FIGURES)
    assert document["totals"][0] == {
        "currency": "INR", "receipts": 2, "units": 3, "total_amount": 105900, "tip_amount": 100,
        "shipping_amount": 6000, "refund_receipts": 1, "refund_amount": 49900,
    }  # fmt: skip
    assert document["flags"] == {"oversold": 1}
    for by, key in (("product", "sku"), ("currency", "currency"), ("reason", "reason")):
        listed = november.run("stats", "--json", "--by", by).json
        assert listed["by"] == by
        assert all(next(iter(row)) == key for row in listed["rows"])


def test_the_sums_are_those_of_the_export(shop: Shop) -> None:
    """Two programs over the same rows: what stays in takings is what has no refund state."""
    with shop.store() as store:
        sell_a_day(store)
    exported = shop.run("export", "--json").json
    for total in shop.run("stats", "--json").json["totals"]:
        kept = [r for r in exported if r["currency"] == total["currency"] and r["total_amount"] is not None]
        back = [r for r in kept if r["refund_state"]]
        kept = [r for r in kept if not r["refund_state"]]
        assert total["total_amount"] == sum(r["total_amount"] for r in kept)
        assert total["refund_amount"] == sum(r["total_amount"] for r in back)
        assert (total["receipts"], total["refund_receipts"]) == (len(kept), len(back))


# -- days --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("UTC", {"2026-11-01": 2, "2026-11-02": 1}),
        ("Asia/Kolkata", {"2026-11-01": 1, "2026-11-02": 2}),
        ("America/New_York", {"2026-10-31": 1, "2026-11-01": 2}),
    ],
)
def test_a_sale_belongs_to_the_day_on_the_merchants_wall(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, days: dict[str, int]
) -> None:
    """In New York the 1st of November 2026 has 25 hours: 04:00 to 05:00 of the next day in UTC."""
    shop.clock.jump((at("2026-11-04T12:00") - shop.clock.now()) / 1000)
    moments = ("2026-11-01T03:59:59", "2026-11-01T18:30", "2026-11-02T04:59:59")
    sell(shop, *({"paid_at": at(moment)} for moment in moments))
    for _ in zone(monkeypatch, name):
        listed = shop.run("stats", "--json").json["rows"]
        assert {row["day"]: row["receipts"] for row in listed if row["receipts"]} == days


def test_days_before_the_first_sale_are_left_out_and_today_is_the_last(november: Shop) -> None:
    document = november.run("stats", "--since", "1999-01-01", "--until", "2099-12-31", "--json").json
    assert (document["since"], document["until"]) == ("2026-11-01", "2026-11-04")


def test_without_a_range_it_is_the_last_30_days(november: Shop) -> None:
    november.clock.advance(86400 * 40)
    document = november.run("stats", "--json").json
    assert (document["since"], document["until"]) == ("2026-11-15", "2026-12-14")
    assert document["rows"] == document["totals"] == []
    done = november.run("stats")
    assert (done.code, done.out) == (0, "")
    assert done.err.endswith("apay: nothing was paid\n")


def test_an_empty_ledger_is_no_error(shop: Shop) -> None:
    with shop.store():
        pass
    for words in ((), ("--by", "reason"), ("--since", "1971-01-01"), ("--json",)):
        assert shop.run("stats", *words).code == 0


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_refusals_are_counted_by_reason(shop: Shop) -> None:
    with shop.store() as store:
        sell_a_day(store)
    listed = {row[0]: row[1:] for row in rows(shop, "--by", "reason")}
    assert set(listed) == {"unknown_invoice", "amount_mismatch", "being_paid"}
    assert listed["unknown_invoice"] == ["INR", "1", "1", "0", "499.00"]
    assert listed["being_paid"] == ["INR", "1", "1", "0", "0.00"]  # this buyer paid an hour later
    assert list(listed) == [reason for reason in DeclineReason if reason in listed]


# -- a terminal --------------------------------------------------------------------------------------------------------


def on_terminal(shop: Shop, monkeypatch: pytest.MonkeyPatch, columns: int, *options: str) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    return shop.run("stats", *options, terminal=True, NO_COLOR="1").out.splitlines()


def test_on_a_terminal_each_row_has_a_bar_on_the_scale_of_its_currency(
    november: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    heading, first, back, other, *_ = on_terminal(november, monkeypatch, 100)
    assert heading.split() == ["DAY", "CURRENCY", "RECEIPTS", "UNITS", "TAKINGS", "TIPS", "DELIVERY", "BACK"]
    assert first.split()[4] == "₹1,059.00"
    assert back.count("█") == 0
    assert first.count("█") == other.count("█") > 20
    assert len(first.rstrip()) <= 100


def test_below_it_stand_the_course_and_the_rest(november: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_terminal(november, monkeypatch, 100)
    place = lines.index("₹1,059.00 of 2 receipt(s); besides, ₹499.00 back")
    assert lines[place + 1] == "█   "
    assert lines[-1] == "answers: none reached Telegram"


@pytest.mark.parametrize("columns", [34, 44, 60, 80, 200])
@pytest.mark.parametrize("by", ["day", "product", "currency", "reason"])
def test_it_fits_whatever_the_width(november: Shop, monkeypatch: pytest.MonkeyPatch, columns: int, by: str) -> None:
    lines = on_terminal(november, monkeypatch, columns, "--by", by)
    assert max(len(line.rstrip()) for line in lines) <= columns
    if by == "product":
        assert any("₹559.00" in line for line in lines)


def test_empty_days_of_a_long_time_are_left_to_the_line_below(november: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    november.clock.advance(86400 * 90)
    lines = on_terminal(november, monkeypatch, 100, "--since", "2026-01-01")
    assert [line[:10] for line in lines if line.startswith("2026-")] == ["2026-11-01", "2026-11-03", "2026-11-03"]


def test_quiet_leaves_the_rows_alone(november: Shop) -> None:
    assert november.run("stats", "-q").err == ""


# -- wrong usage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--by", "dya"), "--by takes day, product, currency, reason; not 'dya' (did you mean 'day'?)"),
        (("--by", "\x1b[2J"), "--by takes"),
        (("--since", "2026-02-30"), "--since takes a day such as 2026-11-30"),
        (("--since", "2026-11-03", "--until", "2026-11-02"), "--until lies before --since"),
        (("--since", "2027-01-01"), "--since lies in the future"),
        (("--force",), "--force replaces a page: it needs --html FILE"),
        (("--html", "x.html", "--json"), "choose one of --html and --json"),
        (("--html", "."), "is a folder"),
        (("--html", "nowhere/x.html"), "does not exist"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    november: Shop, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(november.folder)
    done = november.run("stats", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "\x1b" not in done.err
    assert not (november.folder / "x.html").exists()


def test_without_a_ledger_there_is_nothing_to_count(shop: Shop) -> None:
    assert shop.run("stats").code == 9
    assert not shop.ledger.exists()


# -- the page ----------------------------------------------------------------------------------------------------------


def test_a_page_is_written_whole_and_never_over_another(november: Shop) -> None:
    page = november.folder / "stats.html"
    done = november.run("stats", "--html", str(page))
    assert (done.code, done.out) == (0, "")
    assert done.err == f"apay: 2026-11-01 to 2026-11-04, test mode, written to {page}\n"
    text = page.read_text("utf-8")
    assert "₹1,059.00" in text
    assert "test mode" in text
    page.write_text("mine")
    done = november.run("stats", "--html", str(page))
    assert done.code == 2
    assert done.err.splitlines()[-1] == "apay: hint: --force replaces it"
    assert page.read_text() == "mine"
    assert november.run("stats", "--html", str(page), "--force").code == 0
    assert page.read_text("utf-8") == text


def test_a_page_that_cannot_be_written_leaves_nothing(november: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    page = november.folder / "stats.html"
    done = november.run("stats", "--html", str(page))
    assert done.code == 9
    assert "cannot be written: No space left on device" in done.err
    assert {path.name for path in november.folder.iterdir() if "html" in path.name} == set()


def test_strangers_text_does_no_harm(shop: Shop) -> None:
    sell(shop, {"sku": HOSTILE, "currency": "<b>", "total_amount": 5}, {"sku": HOSTILE})
    page = shop.folder / "x.html"
    for words in (("--by", "product"), ("--by", "day"), ("--json",)):
        for terminal in (False, True):
            done = shop.run("stats", *words, terminal=terminal, NO_COLOR="1")
            assert done.code == 0
            assert not set("\x1b\u202e") & set(done.out + done.err)
    assert shop.run("stats", "--html", str(page)).code == 0
    text = page.read_text("utf-8")
    assert "<script" not in text.lower()
    assert "<b>" not in text
    assert not set("\x1b\u202e") & set(text)
    assert redact(text) == text


def test_the_folder_of_a_page_may_be_anywhere(november: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    assert november.run("stats", "--html", str(folder / "ページ.html")).code == 0
    assert (folder / "ページ.html").exists()
