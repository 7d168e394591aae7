"""`apay verify`: 0 and a summary, 6 and every problem, 9 where nothing can be read."""

import random

import pytest

from apaycli.checks import verify as judge
from apaycli.checks.verify import CHECKS
from shop import Shop
from sold_ledger import Day, payment, sell_a_day


@pytest.fixture
def sold(shop: Shop) -> Shop:
    with shop.store() as store:
        sell_a_day(store)
    return shop


def tamper(shop: Shop, sql: str) -> None:
    with shop.store() as store:
        store.db.execute("PRAGMA foreign_keys = OFF")
        store.db.execute("PRAGMA ignore_check_constraints = ON")
        store.db.execute(sql)


def test_a_good_ledger_is_summed_up_by_mode_and_currency(sold: Shop) -> None:
    done = sold.run("verify")
    assert (done.code, done.err) == (0, "")
    first, *sums = done.out.splitlines()
    assert first.startswith("good: 26 receipt(s) with their evidence, 4 other update(s)")
    assert sums == [
        "live\t549.00 INR\t1 receipt(s)",
        "test\t10978.07 INR\t24 receipt(s)",
        "test\t49900 XTR\t1 receipt(s)",
    ]


def test_json_has_what_was_looked_at_and_found(sold: Shop) -> None:
    document = sold.run("verify", "--json").json
    assert (document["good"], document["receipts"], document["kept_updates"]) == (True, 26, 4)
    assert document["checks"] == list(CHECKS)
    assert (document["problem_count"], document["problems"]) == (0, [])
    assert document["sums"][0] == {"mode": "live", "currency": "INR", "receipts": 1, "total_amount": 54900}
    tamper(sold, "UPDATE stock SET sold = sold + 1")
    done = sold.run("verify", "--json")
    assert done.code == 6
    assert (done.json["good"], done.json["problem_count"]) == (False, 1)
    assert done.json["problems"] == [
        {
            "check": "units-sold",
            "what": "units sold of a SKU differ from its receipts: mode test, sku duck, sold 24, counted 23",
        }
    ]


def test_every_problem_is_named(sold: Shop) -> None:
    tamper(sold, "UPDATE receipts SET total_amount = total_amount + 1 WHERE receipt_id IN (3, 5)")
    done = sold.run("verify")
    assert done.code == 6
    first, *problems = done.out.splitlines()
    assert first == "not good: 4 problem(s) in 26 receipt(s) with their evidence, 4 other update(s) that are kept"
    assert [line.partition("\t")[0] for line in problems] == ["receipt-digest", "receipt-evidence"] * 2
    assert "receipt 3 (tg-charge-7): total_amount is 49901, received: 49900" in problems[1]
    assert "docs/ledger.md" in done.err
    assert sold.run("verify", "-q").err == ""


def test_what_is_too_much_to_name_is_counted(sold: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "_PROBLEMS_KEPT_MAX", 2)
    tamper(sold, "UPDATE receipts SET row_digest = 'x'")
    assert sold.run("verify").out.splitlines()[-1] == "and 24 more"
    document = sold.run("verify", "--json").json
    assert (document["problem_count"], len(document["problems"])) == (26, 2)


def test_strangers_text_in_a_problem_is_harmless(sold: Shop) -> None:
    tamper(sold, "UPDATE receipts SET invoice_payload = 'a' || char(27) || '[2J' || char(10) || 'good: all'")
    done = sold.run("verify")
    assert "\x1b" not in done.out
    assert "\\x1b[2J\\x0agood: all" in done.out


def test_receipts_without_a_currency_are_summed_up_apart(shop: Shop) -> None:
    with shop.store() as store:
        Day(store).take(payment(1, "nobody's", 1, currency=5, total_amount="x"))
    assert shop.run("verify").out.splitlines()[1:] == ["test\tno currency\t1 receipt(s)"]


def test_without_a_ledger_or_with_another_file_it_is_an_error(shop: Shop) -> None:
    done = shop.run("verify")
    assert (done.code, done.out) == (9, "")
    shop.ledger.write_bytes(b"no database, " * 100)
    done = shop.run("verify", "--json")
    assert (done.code, done.out, done.error["code"]) == (9, "", "ledger")


def test_it_writes_nothing(sold: Shop) -> None:
    before = sold.ledger.read_bytes()
    assert sold.run("verify").code == 0
    assert sold.ledger.read_bytes() == before
    assert not sold.ledger.with_name("apay.db-wal").read_bytes()  # SQLite makes an empty one to read


def test_a_damaged_file_ends_in_a_named_problem_or_an_error_of_the_ledger(sold: Shop) -> None:
    sound, chance, codes = sold.ledger.read_bytes(), random.Random(7), set[int]()
    for _ in range(40):
        damaged = bytearray(sound)
        for _ in range(8):
            damaged[chance.randrange(len(damaged))] ^= chance.randrange(1, 256)
        sold.ledger.write_bytes(damaged)
        done = sold.run("verify")
        codes.add(done.code)
        assert "Traceback" not in done.err
        assert done.out.startswith({0: "good: ", 6: "not good: ", 9: ""}[done.code])
    assert codes == {0, 6, 9}
