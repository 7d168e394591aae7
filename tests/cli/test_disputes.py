"""`apay disputes`: opened, noted, closed, and the folder of evidence on a disk."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from apaycli.core.model import User
from ledger_rows import receipt
from shop import Shop
from sold_ledger import sell_a_day

KEYS = ("dispute_id", "receipt_id", "state", "reason", "opened_at", "closed_at", "notes")
HOSTILE = "\x1b[2J\u202eevil"


@pytest.fixture
def sold(shop: Shop) -> Shop:
    with shop.store() as store:
        sell_a_day(store)
    return shop


def opened(shop: Shop, number: int = 1, reason: str = "bank asks: never came") -> str:
    done = shop.run("disputes", "open", str(number), "--reason", reason, "--json")
    assert done.code == 0, done.err
    dispute_id: str = done.json["dispute_id"]
    return dispute_id


def state(shop: Shop, number: int = 1) -> Any:
    return shop.run("receipts", "show", str(number), "--json").json["dispute_state"]


def test_a_dispute_from_its_opening_to_its_end(sold: Shop) -> None:
    done = sold.run("disputes", "open", "1", "--reason", "bank asks: never came")
    assert (done.code, done.out) == (0, "dispute 1: open, receipt 1, ₹499.00\n")
    assert "apay disputes folder 1 DIR" in done.err
    assert state(sold) == "open"
    assert sold.run("disputes", "note", "1", "parcel 4711").out == "dispute 1: noted, 1 note(s)\n"
    assert sold.run("disputes", "note", "1", "-", stdin="the bank\nwrote\n").out == "dispute 1: noted, 2 note(s)\n"
    closed = sold.run("disputes", "close", "1", "--outcome", "won")
    assert (closed.code, closed.out, closed.err) == (0, "dispute 1: won\n", "")
    assert state(sold) == "won"
    (dispute,) = sold.run("receipts", "show", "1", "--json").json["disputes"]
    assert tuple(dispute) == KEYS
    assert [note["text"] for note in dispute["notes"]] == ["parcel 4711", "the bank\nwrote"]
    assert sold.run("verify").code == 0


@pytest.mark.parametrize("outcome", ["won", "lost", "withdrawn"])
def test_the_receipts_state_follows(sold: Shop, outcome: str) -> None:
    number = opened(sold)
    document = sold.run("disputes", "close", number, "--outcome", outcome, "--json").json
    assert tuple(document) == KEYS
    assert (document["state"], document["closed_at"], state(sold)) == (outcome, "2026-01-01T10:00:00Z", outcome)
    assert opened(sold) == "2"  # disputes come back
    assert state(sold) == "open"


def test_a_lost_one_says_what_to_do_about_the_money(sold: Shop) -> None:
    opened(sold)
    done = sold.run("disputes", "close", "1", "--outcome", "lost")
    assert "apay refunds done 1 --reference TEXT" in done.err
    assert "apay refunds due 1 --reason TEXT" in done.err
    sold.run("refunds", "done", "2", "--reference", "TX", "--yes")
    opened(sold, 2)
    assert sold.run("disputes", "close", "2", "--outcome", "lost").err == ""


def test_the_list_has_open_ones_first(sold: Shop) -> None:
    for number in (1, 2, 3):
        opened(sold, number, f"reason {number}")
    sold.run("disputes", "close", "2", "--outcome", "withdrawn")
    rows = [line.split("\t") for line in sold.run("disputes", "list").out.splitlines()]
    assert [(row[0], row[1], row[3], row[4], row[5], row[7]) for row in rows] == [
        ("3", "open", "3", "test", "₹499.00", "reason 3"),
        ("1", "open", "1", "test", "₹499.00", "reason 1"),
        ("2", "withdrawn", "2", "test", "₹499.00", "reason 2"),
    ]
    assert [row["dispute_id"] for row in sold.run("disputes", "list", "--open", "--json").json] == ["3", "1"]
    assert all(tuple(row) == KEYS[:-1] for row in sold.run("disputes", "list", "--json").json)


def test_one_of_real_money_is_listed_in_test_mode_too(shop: Shop) -> None:
    with shop.store() as store, store.transaction() as tx:
        tx.record_receipt(receipt(1, mode="live"), 1, b"1", 1)
    assert shop.run("disputes", "open", "1", "--reason", "never came", "--live").code == 0
    assert "\tlive\t" in shop.run("disputes", "list").out


@pytest.mark.parametrize(
    "words", [("open", "1", "--reason", "x"), ("note", "1", "x"), ("close", "1", "--outcome", "won")]
)
@pytest.mark.parametrize("mode", ["live", "test"])
def test_nothing_is_written_in_the_other_mode(shop: Shop, words: tuple[str, ...], mode: Any) -> None:
    other = () if mode == "live" else ("--live",)
    with shop.store() as store, store.transaction() as tx:
        tx.record_receipt(receipt(1, mode=mode), 1, b"1", 1)
        if words[0] != "open":
            assert tx.open_dispute(1, "never came", 1)
    before = shop.run("disputes", "list", "--json").json
    done = shop.run("disputes", *words, *other)
    assert (done.code, done.out) == (2, "")
    assert f"receipt 1 is {'real money' if mode == 'live' else 'a test receipt'}" in done.err
    assert shop.run("disputes", "list", "--json").json == before


def test_no_disputes_are_an_empty_list(sold: Shop) -> None:
    done = sold.run("disputes", "list")
    assert (done.code, done.out) == (0, "")
    assert sold.run("disputes", "list", "--json").json == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("open", "99", "--reason", "x"), "there is no receipt 99"),
        (("open", "1"), "--reason"),
        (("open", "2", "--reason", " "), "--reason is empty"),
        (("open", "2", "--reason", "x" * 1001), "at most 1000 are allowed"),
        (("open", "1", "--reason", "x"), "a dispute about receipt 1 is open already"),
        (("note", "9", "x"), "there is no dispute 9"),
        (("note", "1", ""), "the note is empty"),
        (("note", "1", "\udcff"), "not UTF-8 text"),
        (("close", "9", "--outcome", "won"), "there is no dispute 9"),
        (("close", "1"), "--outcome"),
        (("close", "1", "--outcome", "lots"), "--outcome takes won, lost, withdrawn, not lots (did you mean 'lost'?)"),
        (("close", "2", "--outcome", "won"), "dispute 2 is closed already: lost"),
        (("folder", "9", "x"), "there is no dispute 9"),
        (("folder", "1"), "DIR"),
    ],
)
def test_what_cannot_be_done_is_said(sold: Shop, words: tuple[str, ...], said: str) -> None:
    opened(sold)
    opened(sold, 3)
    sold.run("disputes", "close", "2", "--outcome", "lost")
    before = sold.run("disputes", "list").out
    done = sold.run("disputes", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert sold.run("disputes", "list").out == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("open", "2", "--reason", "x"), "would open a dispute about receipt 2, ₹499.00"),
        (("note", "1", "four"), "would add a note of 4 characters to dispute 1"),
        (("close", "1", "--outcome", "won"), "would close dispute 1: won"),
    ],
)
def test_a_dry_run_writes_nothing(sold: Shop, words: tuple[str, ...], said: str) -> None:
    opened(sold)
    before = sold.run("receipts", "show", "1").out + sold.run("disputes", "list").out
    done = sold.run("disputes", *words, "--dry-run")
    assert (done.code, done.out) == (0, "")
    assert said in done.err
    assert sold.run("disputes", *words, "--dry-run", "--json").code == 0
    assert sold.run("receipts", "show", "1").out + sold.run("disputes", "list").out == before


def test_hostile_text_is_shown_harmlessly(shop: Shop) -> None:
    with shop.store() as store, store.transaction() as tx:
        tx.record_receipt(receipt(1, buyer=User(7, HOSTILE, "", HOSTILE)), 1, b"1", 1)
    opened(shop, reason=HOSTILE)
    shop.run("disputes", "note", "1", HOSTILE)
    for words in (("list",), ("list", "--json"), ("note", "1", HOSTILE, "--json")):
        out = shop.run("disputes", *words).out
        assert "evil" in out
        assert not {"\x1b", "\u202e"} & set(out)


# -- the folder -------------------------------------------------------------------------------------------------------


def with_terms(shop: Shop) -> None:
    path = shop.write_config('[terms]\nversion = "2026-11"\ntext_file = "terms.txt"\n')
    (path.parent / "terms.txt").write_text("Money back within 7 days.", "utf-8")


def test_the_folder_is_whole_and_its_sums_are_right(sold: Shop, tmp_path: Path) -> None:
    with_terms(sold)
    with sold.store() as store, store.transaction() as tx:
        tx.record_acceptance(1002, "2026-11", "Money back within 7 days.", 1_767_000_000_000)
    opened(sold)
    target = tmp_path / "dispute-1"
    done = sold.run("disputes", "folder", "1", str(target))
    assert done.code == 0, done.err
    files = {path.name: path.read_bytes() for path in target.iterdir()}
    assert done.out.splitlines() == [str(target / name) for name in sorted(files)]
    assert {"terms.txt", "evidence-1-receipt.json", "decisions.json", "summary.html", "README.txt"} <= set(files)
    for line in files["SHA256SUMS"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(files.pop(name)).hexdigest() == digest
    assert set(files) == {"SHA256SUMS"}
    assert json.loads((target / "dispute.json").read_bytes())["reason"] == "bank asks: never came"
    assert "Money back within 7 days." in (target / "terms.txt").read_text("utf-8")
    assert "consent" not in (target / "README.txt").read_text("utf-8")
    if os.name == "posix":
        assert target.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in target.iterdir()} == {0o600}


def test_json_names_each_file_with_its_digest(sold: Shop, tmp_path: Path) -> None:
    opened(sold)
    document = sold.run("disputes", "folder", "1", str(tmp_path / "x"), "--json").json
    assert tuple(document) == ("dispute_id", "folder", "files")
    assert all(tuple(row) == ("name", "sha256", "size_bytes") for row in document["files"])
    assert {row["name"]: row["size_bytes"] for row in document["files"]} == {
        path.name: path.stat().st_size for path in (tmp_path / "x").iterdir()
    }


def test_a_folder_that_holds_something_is_refused(sold: Shop, tmp_path: Path) -> None:
    opened(sold)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_text("x")
    done = sold.run("disputes", "folder", "1", str(tmp_path / "x"))
    assert (done.code, done.out) == (2, "")
    assert "is not empty; name a folder that is not there yet" in done.err
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["mine"]


def test_a_closed_dispute_has_a_folder_too(sold: Shop, tmp_path: Path) -> None:
    opened(sold)
    sold.run("disputes", "close", "1", "--outcome", "lost")
    assert sold.run("disputes", "folder", "1", str(tmp_path / "x")).code == 0
    assert json.loads((tmp_path / "x" / "dispute.json").read_bytes())["state"] == "lost"
