"""Plain-text journals: read by hledger and Beancount themselves, where they are installed."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from apaycli.books.journal import render_beancount, render_hledger
from apaycli.core.model import ReceiptRow
from apaycli.core.postings import Entry, Refund, entries_of
from apaycli.text import storable
from ledger_rows import row

Render = Callable[..., Iterator[str]]
DIGITS = {"INR": 2, "BHD": 3, "JPY": 0}
HOSTILE = (
    "=1+1", "+cmd|' /C calc'!A0", "; comment", "a ; b", "payee | note", "| x", "date:2026-13-45", "[2026-99]", "[=1/2]",
    "(code)", "code) b", "*", "! x", "~ monthly", "= auto", "\\", '"', 'a\\"b', '\\" "x', "{", "}", "#tag ^link",
    ", date:nope", "  two  spaces ", "a\tb", "a\nb", "\n2026-01-01 * x", "\r", "\x1b[2J", "\u202eevil", "রহিম ক্\u200dষ",
    "🦆" * 50, "", " ", "include /etc/passwd", "end comment", "a" * 5000, "%", "1.000,00", "P 2026-01-01 INR 5 USD",
)  # fmt: skip


def utc_day(instant: int) -> date:
    return datetime.fromtimestamp(instant / 1000, UTC).date()


def journal(render: Render, *receipts: ReceiptRow, refunds: tuple[Refund, ...] = ()) -> str:
    return "".join(render(entries_of(receipts, refunds), utc_day, "apay, test receipts"))


def hostile_entries() -> tuple[list[ReceiptRow], list[Refund]]:
    fields = ("buyer_name", "title", "sku", "provider_payment_charge_id", "buyer_username")
    receipts = [
        row(
            receipt_id=number,
            telegram_payment_charge_id=f"tg-{number}",
            currency=list(DIGITS)[number % 3],
            total_amount=100_005 + number,
            tip_amount=5,
            shipping_amount=1000 * (number % 2),
            flag=(None, "late", "unmatched", "oversold")[number % 4],
            refund_state=(None, None, None, "done")[number % 4],
            **{fields[number % len(fields)]: storable(text)},
        )
        for number, text in enumerate(text for text in HOSTILE for _ in fields)
    ]
    returned = [receipt for receipt in receipts if receipt.refund_state == "done"]
    refunds = [Refund(receipt, HOSTILE[n % len(HOSTILE)] or "x", receipt.paid_at) for n, receipt in enumerate(returned)]
    return receipts, refunds


def balances(entries: Iterator[Entry]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        for account, amount in entry.postings:
            found[account, entry.currency] += amount
    return Counter({key: amount for key, amount in found.items() if amount})


def test_what_hledger_gets() -> None:
    text = journal(render_hledger, row(tip_amount=900), row(receipt_id=2, flag="unmatched", title=None, sku=None))
    assert (
        text
        == """\
; apay, test receipts
decimal-mark .

account Assets:A-Pay:Clearing
account Income:Sales
account Income:Tips
account Income:Delivery
account Income:Returns
account Liabilities:Refunds

2026-01-01 * (1) Rahim Uddin | 1 x Rubber duck
    ; charge:tg-1
    ; apay:apay-1
    ; receipt:1
    ; sku:rubber-duck
    Assets:A-Pay:Clearing             499.00 INR
    Income:Sales                     -490.00 INR
    Income:Tips                        -9.00 INR

2026-01-01 ! (2) Rahim Uddin | payment without an invoice
    ; charge:tg-1
    ; apay:apay-1
    ; receipt:2
    ; flag:unmatched
    Assets:A-Pay:Clearing             499.00 INR
    Income:Sales                     -499.00 INR

commodity 0.00 INR
"""
    )


def test_what_beancount_gets() -> None:
    receipt = row(buyer_name='Rahim "R" \\', refund_state="done")
    text = journal(render_beancount, receipt, refunds=(Refund(receipt, "tr-9", receipt.paid_at + 86_400_000),))
    assert (
        text
        == """\
; apay, test receipts
plugin "beancount.plugins.auto_accounts"

2026-01-01 * "Rahim \\"R\\" \\\\" "1 x Rubber duck"
    charge: "tg-1"
    apay: "apay-1"
    receipt: "1"
    sku: "rubber-duck"
    Assets:A-Pay:Clearing             499.00 INR
    Income:Sales                     -499.00 INR

2026-01-02 * "Rahim \\"R\\" \\\\" "refund: 1 x Rubber duck"
    charge: "tg-1"
    apay: "apay-1"
    receipt: "1"
    sku: "rubber-duck"
    reference: "tr-9"
    Income:Returns                    499.00 INR
    Assets:A-Pay:Clearing            -499.00 INR
"""
    )


@pytest.mark.parametrize(
    ("changes", "payee"),
    [
        ({"buyer_name": " "}, "@rahim"),
        ({"buyer_name": None, "buyer_username": None}, "buyer 1001"),
        ({"buyer_name": None, "buyer_username": None, "buyer_id": None}, "unknown buyer"),
        ({"buyer_name": "a ; b | c"}, "a / b / c"),
    ],
)
def test_who_paid_has_always_a_name(changes: dict[str, str | None], payee: str) -> None:
    assert f"2026-01-01 * (1) {payee} | 1 x Rubber duck\n" in journal(render_hledger, row(**changes))


@pytest.mark.parametrize("render", [render_hledger, render_beancount])
def test_every_line_is_ours_whatever_a_name_says(render: Render) -> None:
    receipts, refunds = hostile_entries()
    plain = [receipt._replace(buyer_name="R", title="T", sku="s", buyer_username="u") for receipt in receipts]
    text = journal(render, *receipts, refunds=tuple(refunds))
    lines = journal(render, *plain, refunds=tuple(refunds)).splitlines()
    assert all(character.isprintable() or character in "\n\u200c\u200d" for character in text)
    assert len([line for line in text.splitlines() if line.startswith("2026-")]) == len(
        [line for line in lines if line.startswith("2026-")]
    )


@pytest.mark.parametrize("render", [render_hledger, render_beancount])
def test_an_empty_book_is_a_journal(render: Render) -> None:
    assert journal(render).startswith("; apay, test receipts\n")


# -- the programs themselves -------------------------------------------------------------------------------------------


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


def test_hledger_reads_it_strictly_and_counts_the_same(tmp_path: Path) -> None:
    hledger = program("hledger")
    receipts, refunds = hostile_entries()
    file = tmp_path / "apay.journal"
    file.write_text(journal(render_hledger, *receipts, refunds=tuple(refunds)), "utf-8")
    check = subprocess.run([hledger, "-f", file, "check", "--strict"], capture_output=True, text=True, check=False)
    assert (check.returncode, check.stderr) == (0, "")
    printed = subprocess.run([hledger, "-f", file, "print", "-O", "json"], capture_output=True, check=True)
    entries = json.loads(printed.stdout)
    assert len(entries) == len(receipts) + len(refunds)
    found: Counter[tuple[str, str]] = Counter()
    for posting in (posting for entry in entries for posting in entry["tpostings"]):
        (amount,) = posting["pamount"]
        quantity, currency = amount["aquantity"], amount["acommodity"]
        scale = DIGITS[currency] - quantity["decimalPlaces"]
        found[posting["paccount"], currency] += quantity["decimalMantissa"] * 10**scale
    assert Counter({key: amount for key, amount in found.items() if amount}) == balances(entries_of(receipts, refunds))
    charges = [value for entry in entries for name, value in entry["ttags"] if name == "charge"]
    assert charges[: len(receipts)] == [receipt.telegram_payment_charge_id for receipt in receipts]


def test_hledger_reads_two_months_together(tmp_path: Path) -> None:
    hledger = program("hledger")
    for number in (1, 2):
        text = journal(render_hledger, row(receipt_id=number, paid_at=1_767_261_600_000 * number))
        (tmp_path / f"{number}.journal").write_text(text, "utf-8")
    files = ["-f", str(tmp_path / "1.journal"), "-f", str(tmp_path / "2.journal")]
    shown = subprocess.run([hledger, *files, "balance", "-N", "Income"], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["-998.00", "INR", "Income:Sales"]


def test_beancount_accepts_it_and_it_balances(tmp_path: Path) -> None:
    check = program("bean-check")
    receipts, refunds = hostile_entries()
    for name in ("apay", "later"):
        text = journal(render_beancount, *receipts, refunds=tuple(refunds))
        (tmp_path / f"{name}.beancount").write_text(text, "utf-8")
    checked = subprocess.run([check, tmp_path / "apay.beancount"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    both = tmp_path / "both.beancount"
    both.write_text('plugin "beancount.plugins.auto_accounts"\ninclude "apay.beancount"\ninclude "later.beancount"\n')
    checked = subprocess.run([check, both], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_beancount_sees_what_does_not_balance(tmp_path: Path) -> None:
    """The program really looks: a paisa too much is told."""
    check = program("bean-check")
    text = journal(render_beancount, row()).replace("-499.00", "-498.98")
    (tmp_path / "wrong.beancount").write_text(text, "utf-8")
    assert subprocess.run([check, tmp_path / "wrong.beancount"], capture_output=True, check=False).returncode == 1
