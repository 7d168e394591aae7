"""`apay reconcile` over a socket: what is asked, shown and kept; and against a report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apaycli import reconciling
from apaycli.clock import SystemClock
from apaycli.sandbox.checkouts import Charge
from ledger_rows import finding_of, receipt
from shop import RAHIM, Done, Shop


class Books(Shop):
    """A shop whose charges stand in the sandbox's A-Pay and in the ledger."""

    charges: list[Charge]

    def sell(self, count: int = 1, mode: str = "live", **changes: Any) -> None:
        for _ in range(count):
            if not self.invoices():
                assert self.run("send-invoice", "rubber-duck", "--to", RAHIM, "--uses", "unlimited").code == 0
            assert self.server is not None
            payload = self.invoices()[0]["invoice_payload"]
            checkout = self.server.call(self.world.buyers.press_pay, payload, int(RAHIM))
            charge = self.server.call(self.world.buyers.pay, checkout.checkout_id, force=True)
            self.charges.append(charge)
            number = len(self.charges)
            told = {
                "telegram_payment_charge_id": charge.telegram_payment_charge_id,
                "provider_payment_charge_id": charge.provider_payment_charge_id,
                "total_amount": charge.total_amount,
                "mode": mode,
            }
            with self.store() as store, store.transaction() as tx:
                tx.record_receipt(receipt(number, **(told | changes)), number, b"{}", 1)

    def change(self, number: int, **what: Any) -> None:
        self.world.apay.deposits.change(self.charges[number - 1].telegram_payment_charge_id, **what)

    def fail(self, kind: str, **how: Any) -> None:
        self.world.faults.add(kind, self.world.clock.monotonic(), methods=["deposit-info"], **how)

    def report(self, *lines: str) -> str:
        head = "order_id;amount;amount_after_commision;status;created_at"
        (self.folder / "report.csv").write_text("\n".join((head, *lines)) + "\n", "utf-8")
        return str(self.folder / "report.csv")

    def line(self, number: int, amount: str = "499.00", net: str = "484.03", status: str = "success") -> str:
        order_id = self.charges[number - 1].provider_payment_charge_id
        return f"{order_id};{amount};{net};{status};2026-01-01T10:00:0{number}Z"

    def states(self) -> list[tuple[int, str, str | None]]:
        with self.store() as store:
            return store.db.execute("SELECT receipt_id, state, found_by FROM reconciliations ORDER BY 1").fetchall()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No test waits; how long it would have is kept."""
    waits: list[float] = []
    monkeypatch.setattr(reconciling.time, "sleep", waits.append)
    return waits


@pytest.fixture
def books(tmp_path: Path, restored_signals: None, slept: list[float]) -> Iterator[Books]:
    shop = Books(tmp_path, SystemClock())
    shop.charges = []
    with shop.served() as server:
        shop.write_config(f'[apay]\nbase_url = "{server.address}/apay"\nproject_id = "{shop.world.apay.project_id}"\n')
        shop.environ["APAY_API_KEY"] = shop.world.apay.api_key
        yield shop


def asked(books: Books) -> int:
    return books.world.apay.request_counts["deposit-info"]


def rows(done: Done) -> list[list[str]]:
    return [line.split("\t") for line in done.out.splitlines()]


def test_what_agrees_is_confirmed(books: Books) -> None:
    books.sell(2)
    done = books.run("reconcile")
    assert done.code == 0, done.err
    first = books.charges[0].provider_payment_charge_id
    assert rows(done)[0] == ["1", "confirmed", "₹499.00", "₹499.00", "order_id", first, ""]
    assert "live receipts" in done.err
    assert "2 receipt(s) to ask about, about 1 min; Ctrl-C keeps what was found" in done.err
    assert done.err.endswith("apay: 2 confirmed\n")
    assert books.states() == [(1, "confirmed", "order_id"), (2, "confirmed", "order_id")]


def test_what_differs_or_was_rejected_is_not_good(books: Books) -> None:
    books.sell(4)
    books.change(1, status="Pending")
    books.change(2, amount=49_000)
    books.change(3, status="Rejected")
    done = books.run("reconcile")
    assert done.code == 6
    assert [row[1] for row in rows(done)] == ["pending", "differs", "rejected", "confirmed"]
    assert rows(done)[1][6] == "receipt 499.00 INR, A-Pay 490 INR"
    assert "2 receipt(s) differ from A-Pay's books or were rejected there" in done.err
    assert "apay: 1 confirmed, 1 pending, 1 differs, 1 rejected" in done.err


@pytest.mark.parametrize(("changes", "code"), [({"status": "Pending"}, 0), ({"amount": 1}, 6)])
def test_json_is_one_document(books: Books, changes: dict[str, Any], code: int) -> None:
    books.sell(1)
    books.change(1, **changes)
    done = books.run("reconcile", "--json")
    assert done.code == code
    document = done.json
    assert document["mode"] == "live"
    assert sum(document["counts"].values()) == 1
    (row,) = document["receipts"]
    charge = books.charges[0]
    assert row == {
        "receipt_id": "1",
        "state": "pending" if code == 0 else "differs",
        "currency": "INR",
        "total_amount": 49_900,
        "found_by": "order_id",
        "apay_order_id": charge.provider_payment_charge_id,
        "apay_currency": "INR",
        "apay_amount": 49_900 if code == 0 else 1,
        "detail": None if code == 0 else "receipt 499.00 INR, A-Pay 0.01 INR",
        "telegram_payment_charge_id": charge.telegram_payment_charge_id,
        "provider_payment_charge_id": charge.provider_payment_charge_id,
    }


def test_only_what_is_not_confirmed_is_asked_about_again(books: Books) -> None:
    books.sell(2)
    books.change(1, status="Pending")
    books.run("reconcile")
    assert asked(books) == 2
    books.run("reconcile")
    assert asked(books) == 3
    books.change(1, status="Success")
    books.run("reconcile")
    done = books.run("reconcile")
    assert (done.code, done.out, asked(books)) == (0, "", 4)
    assert "every receipt is confirmed, or there is none" in done.err
    assert books.run("reconcile", "--again").out.count("confirmed") == 2


def test_live_receipts_unless_it_is_practice(books: Books) -> None:
    books.sell(1, mode="test")
    assert books.run("reconcile").out == ""
    assert books.run("reconcile", "--mode", "test").out.startswith("1\tconfirmed")


def test_days_are_the_merchants_own(books: Books) -> None:
    books.sell(1)
    assert books.run("reconcile", "--since", "2026-01-05").out == ""
    assert books.run("reconcile", "--until", "2025-12-30").out == ""
    assert books.run("reconcile", "--since", "2025-12-30", "--until", "2026-01-03").out != ""


@pytest.mark.parametrize(("options", "pause"), [((), 1.0), (("--per-minute", "30"), 2.0)])
def test_at_most_one_question_a_second_or_as_said(
    books: Books, slept: list[float], options: tuple[str, ...], pause: float
) -> None:
    books.sell(3)
    books.run("reconcile", *options)
    assert len(slept) == 2
    assert 0 < slept[0] <= pause  # what is left of it: a busy machine has spent some


def test_the_methods_are_asked_for_at_most_every_five_minutes(books: Books) -> None:
    books.sell(1)
    for _ in range(3):
        books.run("reconcile", "--again")
    assert books.world.apay.request_counts["payment-systems-info"] == 1  # of sending the invoice


def test_a_wrong_key_is_no_silence(books: Books) -> None:
    books.sell(1)
    with books.store() as store, store.transaction() as tx:
        tx.remember("apay_methods", "{}")
    done = books.run("reconcile", APAY_API_KEY="wrong-canary-key")
    assert (done.code, done.out) == (5, "")
    assert "A-Pay refused payment-systems-info: Invalid request" in done.err
    assert "canary" not in done.err
    assert (asked(books), books.states()) == (0, [])


def test_an_outage_ends_it_and_says_how_to_go_on(books: Books, slept: list[float]) -> None:
    books.sell(3)
    books.fail("500")
    done = books.run("reconcile")
    assert (done.code, done.out) == (5, "")
    assert "A-Pay failed 5 times in a row: A-Pay refused deposit-info: Internal server error" in done.err
    assert "0 of 3 asked about; that is kept, apay reconcile goes on" in done.err
    assert [round(wait) for wait in slept] == [2, 5, 15, 60]
    books.world.faults.clear()
    assert books.run("reconcile").out.count("confirmed") == 3


@pytest.mark.parametrize("kind", ["429", "reset", "502-html"])
def test_a_short_outage_is_waited_out(books: Books, kind: str) -> None:
    books.sell(1)
    books.fail(kind, count=2)
    done = books.run("reconcile")
    assert (done.code, done.out.split("\t")[1]) == (0, "confirmed")
    assert "; next try in 5 s" in done.err


@pytest.mark.parametrize(("asked_for", "waited"), [(44, 44), (1, 2)])
def test_a_pause_that_a_pay_asks_for_is_kept(books: Books, slept: list[float], asked_for: int, waited: int) -> None:
    books.sell(1)
    books.fail("429", count=1, retry_after=asked_for)
    done = books.run("reconcile")
    assert (done.code, done.out.split("\t")[1]) == (0, "confirmed")
    assert f"; next try in {waited} s" in done.err
    assert round(max(slept)) == waited


def test_ctrl_c_keeps_what_is_done(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.sell(3)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reconciling.time, "sleep", interrupt)
    done = books.run("reconcile")
    assert (done.code, done.out) == (130, "")
    assert "1 of 3 asked about; that is kept, apay reconcile goes on" in done.err
    assert books.states() == [(1, "confirmed", "order_id")]


def test_a_dry_run_asks_and_writes_nothing(books: Books) -> None:
    books.sell(2)
    done = books.run("reconcile", "--dry-run")
    assert (done.code, done.out) == (0, "2 receipt(s) would be asked about\n")
    assert books.run("reconcile", "--dry-run", "--json").json == {"mode": "live", "to_ask": 2}
    assert (asked(books), books.states()) == (0, [])


def test_when_nothing_is_ever_found_it_is_said_once(books: Books) -> None:
    books.world.settings.apay_order_id = "none"
    books.sell(22)
    done = books.run("reconcile")
    assert done.code == 0
    assert done.err.count("A-Pay knows none of the first 20 receipts by our ids") == 1
    assert {row[1] for row in rows(done)} == {"unknown"}
    assert "paid" not in done.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--mode", "all"), "--mode takes live or test"),
        (("--since", "yesterday"), "--since takes a day"),
        (("--per-minute", "0"), "--per-minute"),
        (("--report", "r.csv", "--again"), "--again is about questions"),
        (("--report", "no-such.csv"), "no-such.csv: No such file"),
    ],
)
def test_a_wrong_option_is_refused(shop: Shop, options: tuple[str, ...], said: str) -> None:
    done = shop.run("reconcile", *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_without_an_account_it_says_what_to_set(shop: Shop) -> None:
    done = shop.run("reconcile")
    assert (done.code, done.out) == (3, "")
    assert "A-Pay's own API is not set up" in done.err
    assert "or --report FILE" in done.err


# -- against a report --------------------------------------------------------------------------------------------------


def test_a_report_with_fees_and_net(books: Books) -> None:
    books.sell(2)
    done = books.run("reconcile", "--report", books.report(books.line(1), books.line(2)))
    assert done.code == 0, done.err
    order_id = books.charges[0].provider_payment_charge_id
    assert rows(done) == [
        ["matched", "1", "₹499.00", "499.00 INR", "₹14.97", order_id, "2", ""],
        ["matched", "2", "₹499.00", "499.00 INR", "₹14.97", books.charges[1].provider_payment_charge_id, "3", ""],
    ]
    assert "apay: 2 matched: ₹998.00, fees ₹29.94, net ₹968.06" in done.err
    assert asked(books) == 0
    assert books.states() == [(1, "confirmed", "report"), (2, "confirmed", "report")]
    with books.store() as store:
        recorded = finding_of(store, 1)
    assert recorded is not None
    assert (recorded.amount, recorded.fee_amount) == (49_900, 1497)


def test_a_report_that_differs(books: Books) -> None:
    books.sell(4)
    lines = (books.line(1, amount="490.00"), books.line(2, status="failed"), books.line(4), "stranger;5.00;4;success;")
    done = books.run("reconcile", "--report", books.report(*lines))
    assert done.code == 6
    assert [row[0] for row in rows(done)] == ["differs", "rejected", "only_here", "matched", "only_there"]
    assert "1 matched, 1 rejected, 1 differs, 1 only here, 1 only there" in done.err
    assert "1 payment(s) stand in the report and not in this ledger" in done.err
    assert books.states() == [(1, "differs", "report"), (2, "rejected", "report"), (4, "confirmed", "report")]


def test_a_report_as_json(books: Books) -> None:
    books.sell(1)
    document = books.run("reconcile", "--json", "--report", books.report(books.line(1), "stranger;5;4;;")).json
    assert document["counts"] == {
        "matched": 1, "pending": 0, "rejected": 0, "differs": 0, "only_here": 0, "only_there": 1,
    }  # fmt: skip
    assert document["totals"] == [
        {"currency": "INR", "receipts": 1, "amount": 49_900, "fee_amount": 1497, "net_amount": 48_403}
    ]
    order_id = books.charges[0].provider_payment_charge_id
    assert document["rows"][0] == {
        "match": "matched", "receipt_id": "1", "currency": "INR", "total_amount": 49_900, "apay_amount": "499.00",
        "fee_amount": 1497, "apay_ids": [order_id], "line": 2, "detail": None,
    }  # fmt: skip
    assert document["rows"][1]["apay_ids"] == ["stranger"]


def test_the_days_of_a_report_are_its_own_unless_they_are_named(books: Books) -> None:
    books.sell(4)
    file = books.report(books.line(2), books.line(3))
    whole_day = [["only_here", "1"], ["matched", "2"], ["matched", "3"], ["only_here", "4"]]
    done = books.run("reconcile", "--report", file)
    assert [row[:2] for row in rows(done)] == whole_day
    assert "live receipts from 2026-01-01 until 2026-01-01, ledger" in done.err
    named = books.run("reconcile", "--report", file, "--since", "2025-12-31", "--until", "2026-01-02")
    assert [row[:2] for row in rows(named)] == whole_day
    other = books.run("reconcile", "--report", file, "--until", "2025-12-31")
    assert [row[:2] for row in rows(other)] == [["matched", "2"], ["matched", "3"]]
    assert "live receipts until 2025-12-31, ledger" in other.err


def test_a_report_about_the_other_mode_says_so(books: Books) -> None:
    books.sell(2)
    done = books.run("reconcile", "--report", books.report(books.line(1), "stranger;5;4;success;"), "--mode", "test")
    assert [row[0] for row in rows(done)] == ["only_there"] * 2
    assert "1 payment(s) of the report are receipts of the other mode" in done.err
    assert "1 payment(s) stand in the report and not in this ledger" in done.err


@pytest.mark.parametrize("day", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59+14:00"])
def test_a_report_with_a_date_beyond_every_calendar_is_compared(books: Books, day: str) -> None:
    books.sell(1)
    row = f"{books.charges[0].provider_payment_charge_id};499.00;{day}"
    (books.folder / "r.csv").write_text(f"order_id;amount;created_at\n{row}\n", "utf-8")
    done = books.run("reconcile", "--report", str(books.folder / "r.csv"))
    assert done.code == 0, done.err
    assert rows(done)[0][:2] == ["matched", "1"]


def test_one_row_pays_for_one_receipt(books: Books) -> None:
    books.sell(2)
    first, second = books.charges
    ids = f"{first.provider_payment_charge_id};{second.telegram_payment_charge_id}"
    row = f"{ids};499.00;484.00;success;2026-01-01T10:00:00"
    names = "order_id;custom_transaction_id;amount;amount_after_commision;status;created_at"
    (books.folder / "r.csv").write_text(f"{names}\n{row}\n", "utf-8")
    done = books.run("reconcile", "--report", str(books.folder / "r.csv"))
    assert done.code == 6
    assert [each[:2] for each in rows(done)] == [["matched", "1"], ["differs", "2"]]
    assert rows(done)[1][-1] == "its line names receipt 1, too"
    assert "apay: 1 matched: ₹499.00, fees ₹15.00, net ₹484.00" in done.err


@pytest.mark.parametrize("options", [(), ("--report", "r.csv")])
def test_a_mistyped_ledger_is_not_made_and_nothing_is_confirmed(books: Books, options: tuple[str, ...]) -> None:
    (books.folder / "r.csv").write_text("order_id;amount;created_at\n1;5;2026-01-01T10:00:00\n", "utf-8")
    typo = books.folder / "typo.db"
    books.environ["APAY_STORE"] = str(typo)
    options = tuple(str(books.folder / each) if each.endswith(".csv") else each for each in options)
    done = books.run("reconcile", *options)
    assert (done.code, done.out) == (9, "")
    assert f"there is no ledger at {typo}" in done.err
    assert not typo.exists()


def test_another_key_is_tried_before_anything_is_believed(books: Books) -> None:
    books.sell(1)
    assert books.run("reconcile").code == 0
    books.environ["APAY_API_KEY"] = "f" * 32
    done = books.run("reconcile", "--again")
    assert (done.code, done.out) == (5, "")
    assert "A-Pay refused payment-systems-info" in done.err


def test_a_report_without_days_needs_them_named(books: Books) -> None:
    books.sell(1)
    order_id = books.charges[0].provider_payment_charge_id
    (books.folder / "r.csv").write_text(f"order_id;amount\n{order_id};499\n", "utf-8")
    done = books.run("reconcile", "--report", str(books.folder / "r.csv"))
    assert (done.code, done.out) == (2, "")
    assert "apay: hint: name them with --since and --until" in done.err
    done = books.run("reconcile", "--report", str(books.folder / "r.csv"), "--since", "2026-01-01")
    assert rows(done)[0][:2] == ["matched", "1"]
    assert "fees not known: not each row has its amount_after_commision" in done.err


def test_a_report_that_cannot_be_read_is_refused_with_its_line(books: Books) -> None:
    books.sell(1)
    done = books.run("reconcile", "--report", books.report(books.line(1, amount="1,5")))
    assert (done.code, done.out) == (2, "")
    assert "report.csv: line 2: amount '1,5' is no number such as 150.50" in done.err
    assert "apay: hint: docs/reconcile.md says which columns a report needs" in done.err
    assert books.states() == []


def test_a_dry_run_of_a_report_writes_nothing(books: Books) -> None:
    books.sell(1)
    assert books.run("reconcile", "--dry-run", "--report", books.report(books.line(1))).code == 0
    assert books.states() == []


def test_a_fee_that_is_known_stays_when_a_pay_is_asked(books: Books) -> None:
    books.sell(1)
    books.run("reconcile", "--report", books.report(books.line(1)))
    books.run("reconcile", "--again")
    with books.store() as store:
        recorded = finding_of(store, 1)
    assert recorded is not None
    assert (recorded.found_by, recorded.fee_amount) == ("order_id", 1497)


def test_hostile_text_of_a_report_is_harmless(books: Books) -> None:
    books.sell(1)
    lines = ("\x1b[2J;5;4;success;", books.line(1, status="\u202eevil"))
    done = books.run("reconcile", "--report", books.report(*lines))
    assert "\x1b" not in done.out + done.err
    assert "\\x1b[2J" in done.out
    assert "\u202e" not in done.out
