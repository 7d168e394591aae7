"""`apay receipts`: the list, one receipt with all that hangs on it, and each new one as it comes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest

from apaycli.books.columns import COLUMNS, PERSONAL_COLUMNS
from apaycli.cli.receipts import follow_receipts
from apaycli.core.model import Flag, ReceiptFilter, User
from apaycli.errors import LedgerError
from apaycli.store.sqlite import open_sqlite
from ledger_rows import receipt
from shop import Shop, Stream
from sold_ledger import sell_a_day

HOSTILE = User(1003, "\x1b[2J\u202eevil", "[bold]x[/bold]\n", "x\x1b")
DOSSIER_KEYS = (
    *COLUMNS, *PERSONAL_COLUMNS, "update_id", "source", "digest", "refund", "invoice", "reservation", "decisions",
    "hooks", "evidence", "disputes", "reconciliation", "acceptances",
)  # fmt: skip


def sell(shop: Shop, *numbers: int, **changes: Any) -> None:
    with shop.store() as store, store.transaction() as tx:
        for number in numbers:
            tx.record_receipt(receipt(number, **changes), number, b"%d" % number, shop.clock.now())


def numbers_in(out: str) -> list[int]:
    return [int(line.split("\t")[0]) for line in out.splitlines()]


def test_the_newest_stands_on_top(shop: Shop) -> None:
    sell(shop, 1, 2, 3)
    done = shop.run("receipts", "list")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0].split("\t") == [
        "3", "2026-01-01T10:00:03Z", "রহিম Uddin (@rahim), Rahim Uddin, +8801700000000",
        "1 x rubber-duck", "₹499.00", "", "tg-charge-3",
    ]  # fmt: skip
    assert numbers_in(done.out) == [3, 2, 1]


def test_a_limit_says_that_there_are_more(shop: Shop) -> None:
    sell(shop, *range(1, 53))
    done = shop.run("receipts", "list")
    assert len(done.out.splitlines()) == 50
    assert "there are more than 50" in done.err
    assert numbers_in(shop.run("receipts", "list", "--limit", "2").out) == [52, 51]
    assert shop.run("receipts", "list", "--limit", "52").err == ""


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), [6, 5, 2, 1]),
        (("--live",), [4]),
        (("--mode", "all"), [6, 5, 4, 2, 1]),
        (("--sku", "bear"), [5]),
        (("--flag", "late"), [6]),
        (("--flag", "none", "--sku", "rubber-duck"), [2, 1]),
        (("--since", "2026-01-05"), []),
        (("--until", "2025-12-24"), []),
        (("--since", "2025-12-24", "--until", "2026-01-05", "--limit", "1"), [6]),
    ],
)
def test_receipts_are_chosen_as_for_an_export(shop: Shop, options: tuple[str, ...], numbers: list[int]) -> None:
    sell(shop, 1, 2)
    sell(shop, 3, mode="live")
    sell(shop, 4, sku="bear")
    sell(shop, 5, flag=Flag.LATE)
    charges = [row["telegram_payment_charge_id"] for row in shop.run("receipts", "list", *options, "--json").json]
    names = {1: "tg-charge-1", 2: "tg-charge-2", 4: "tg-charge-3", 5: "tg-charge-4", 6: "tg-charge-5"}
    assert charges == [names[number] for number in numbers]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--flag", "odd"), "--flag takes late"),
        (("--mode", "real"), "--mode takes test, live or all"),
        (("--since", "24.11.2026"), "--since takes a day"),
        (("--since", "2026-02-01", "--until", "2026-01-01"), "--until lies before --since"),
        (("--limit", "0"), "--limit"),
    ],
)
def test_what_cannot_be_meant_is_said(shop: Shop, options: tuple[str, ...], said: str) -> None:
    sell(shop, 1)
    done = shop.run("receipts", "list", *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_what_is_unusual_stands_in_words(shop: Shop) -> None:
    sell(shop, 1, flag=Flag.DUPLICATE)
    sell(shop, 2, total_amount=None, currency=None, buyer=None, order_info=None, sku=None, title=None)
    with shop.store() as store, store.transaction() as tx:
        tx.open_dispute(1, "late", 1)
    second, first = (line.split("\t") for line in shop.run("receipts", "list").out.splitlines())
    assert first[5] == "duplicate, refund due, dispute open"
    assert second[2:6] == ["buyer", "1 x ?", "unreadable", ""]


def test_a_strangers_name_is_harmless_everywhere(shop: Shop) -> None:
    sell(shop, 1, buyer=HOSTILE)
    for words in (("list",), ("show", "1"), ("list", "--json"), ("show", "1", "--json")):
        for terminal in (False, True):
            out = shop.run("receipts", *words, terminal=terminal, NO_COLOR="1").out
            assert "evil" in out
            assert "\x1b" not in out
            assert "\u202e" not in out


def test_json_has_the_columns_of_the_export_and_the_form(shop: Shop) -> None:
    sell(shop, 1)
    (row,) = shop.run("receipts", "list", "--json").json
    assert tuple(row) == (*COLUMNS, *PERSONAL_COLUMNS)
    assert (row["receipt_id"], row["total_amount"], row["amount"], row["order_phone"]) == (
        "1", 49900, "499.00", "+8801700000000",
    )  # fmt: skip


def test_no_ledger_is_exit_code_9(shop: Shop) -> None:
    done = shop.run("receipts", "list")
    assert (done.code, done.out) == (9, "")
    assert "there is no ledger" in done.err


# -- show -------------------------------------------------------------------------------------------------------------


def test_one_receipt_is_shown_with_all_that_hangs_on_it(shop: Shop) -> None:
    with shop.store() as store:
        sell_a_day(store)
        with store.transaction() as tx:
            tx.refund_due(3, "came back broken", 1)
            tx.open_dispute(3, "never came", 1_767_261_600_000)
            tx.record_acceptance(1001, "2026-11", "Be kind.", 1)
    document = shop.run("receipts", "show", "3", "--json").json
    assert tuple(document) == DOSSIER_KEYS
    assert document["invoice"]["prices"] == [{"label": "Duck", "amount": 50000}, {"label": "Less", "amount": -100}]
    (decision,) = document["decisions"]
    assert (decision["ok"], decision["answer_outcome"], decision["answer_milliseconds"]) == (True, "sent", 5)
    assert document["reservation"]["state"] == "posted"
    assert [hook["kind"] for hook in document["hooks"]] == ["program", "url"]
    (evidence,) = document["evidence"]
    assert (evidence["kind"], evidence["state"], evidence["digest"]) == ("receipt", "intact", document["digest"])
    assert document["refund"] == {"reason": "came back broken", "reference": None, "done_at": None}
    assert [(each["state"], each["reason"]) for each in document["disputes"]] == [("open", "never came")]
    (accepted,) = document["acceptances"]
    assert (accepted["version"], accepted["accepted_at"]) == ("2026-11", "1970-01-01T00:00:00Z")
    assert accepted["terms_digest"] == hashlib.sha256(b"Be kind.").hexdigest()
    lines = dict(line.split("\t") for line in shop.run("receipts", "show", "3").out.splitlines())
    assert lines["decisions.1.answer_milliseconds"] == "5"
    assert lines["invoice.prices.2.amount"] == "-100"
    assert lines["flag"] == ""
    assert "\nflag " not in shop.run("receipts", "show", "3", terminal=True).out


def test_bytes_that_changed_or_went_are_called_so(shop: Shop) -> None:
    sell(shop, 1, 2)
    with shop.store() as store:
        store.db.execute("UPDATE evidence SET raw = x'00' WHERE update_id = 1")
        store.db.execute("UPDATE evidence SET raw = x'' WHERE update_id = 2")
    states = [shop.run("receipts", "show", str(n), "--json").json["evidence"][0]["state"] for n in (1, 2)]
    assert states == ["changed", "purged"]


@pytest.mark.parametrize("number", ["2", "0", "-1", "x", str(2**63)])
def test_a_receipt_that_is_not_there_is_said(shop: Shop, number: str) -> None:
    sell(shop, 1)
    done = shop.run("receipts", "show", number)
    assert (done.code, done.out) == (2, "")


# -- follow -----------------------------------------------------------------------------------------------------------


def follow(shop: Shop, steps: list[Any], *, before: int = 0, which: ReceiptFilter | None = None, **how: Any) -> str:
    """What is printed until the last of `steps` is taken: each happens while the command waits."""
    shown, waits = Stream(terminal=how.pop("terminal", False)), iter(steps)
    env = shop.env(shown, Stream(), Stream(), {})
    env.common = env.common.__class__(**how)

    def wait(seconds: float) -> None:
        assert seconds == 1
        step = next(waits, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    store = open_sqlite(shop.ledger, read_only=True)
    try:
        with pytest.raises(KeyboardInterrupt):
            follow_receipts(env, store, which or ReceiptFilter("test"), before, wait)
    finally:
        store.close()
    return shown.getvalue()


def test_following_prints_what_comes_and_nothing_twice(shop: Shop) -> None:
    sell(shop, 1, 2)
    out = follow(shop, [lambda: sell(shop, 3), lambda: None, lambda: sell(shop, 5, 4)])
    assert numbers_in(out) == [3, 4, 5]
    assert [line.split("\t")[-1] for line in out.splitlines()] == ["tg-charge-3", "tg-charge-5", "tg-charge-4"]


def test_following_can_begin_with_the_last_ones_in_their_order(shop: Shop) -> None:
    sell(shop, 1, 2, 3)
    assert numbers_in(follow(shop, [lambda: sell(shop, 4)], before=2)) == [2, 3, 4]


def test_following_passes_over_what_was_not_asked_for(shop: Shop) -> None:
    sell(shop, 1)
    steps = [lambda: sell(shop, 2, mode="live"), lambda: sell(shop, 3, sku="bear"), lambda: sell(shop, 4)]
    assert numbers_in(follow(shop, steps, which=ReceiptFilter("test", sku="bear"))) == [3]


def test_following_with_json_is_an_object_a_line(shop: Shop) -> None:
    sell(shop, 1)
    out = follow(shop, [lambda: sell(shop, 2, buyer=HOSTILE), lambda: sell(shop, 3)], as_json=True)
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["receipt_id"] for row in rows] == ["2", "3"]
    assert tuple(rows[0]) == (*COLUMNS, *PERSONAL_COLUMNS)
    assert "\x1b" not in out


def test_following_takes_more_than_it_reads_at_once(shop: Shop) -> None:
    sell(shop, 1)
    assert numbers_in(follow(shop, [lambda: sell(shop, *range(2, 1203))])) == list(range(2, 1203))


def test_following_a_ledger_that_was_replaced_ends(shop: Shop) -> None:
    sell(shop, 1)

    def replace() -> None:
        copy = shop.ledger.with_suffix(".copy")
        copy.write_bytes(shop.ledger.read_bytes())
        copy.replace(shop.ledger)

    store = open_sqlite(shop.ledger, read_only=True)
    env = shop.env(Stream(), Stream(), Stream(), {})
    try:
        with pytest.raises(LedgerError, match="removed or replaced"):
            follow_receipts(env, store, ReceiptFilter(), 0, lambda seconds: replace())
    finally:
        store.close()


@contextmanager
def following(shop: Shop, *options: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "apaycli", "receipts", "list", "--follow", "--limit", "1", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=shop.environ | {"PATH": os.environ["PATH"], "PYTHONUTF8": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stream(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def test_in_a_pipe_each_line_comes_at_once_and_ctrl_c_is_130(shop: Shop) -> None:
    sell(shop, 1)
    with following(shop, "--json") as process:
        out = stream(process.stdout)
        assert json.loads(out.readline())["receipt_id"] == "1"
        sell(shop, 2)
        assert json.loads(out.readline())["receipt_id"] == "2"
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=30)
    assert (process.returncode, rest, err) == (130, "", "")


def test_a_reader_who_goes_away_ends_it_quietly(shop: Shop) -> None:
    sell(shop, 1)
    with following(shop) as process:
        stream(process.stdout).readline()
        stream(process.stdout).close()
        sell(shop, 2)
        assert process.wait(timeout=30) == 0
        assert stream(process.stderr).read() == ""


def test_a_hint_is_about_the_shop_that_was_asked_about(shop: Shop) -> None:
    config = shop.write_config("")
    with shop.store():
        pass
    done = shop.run("receipts", "show", "99", "--config", str(config))
    assert f"apay: hint: apay --config {config} receipts list, or apay --config {config} find, shows" in done.err
    assert "apay: hint: apay receipts list, or apay find, shows" in shop.run("receipts", "show", "99").err
