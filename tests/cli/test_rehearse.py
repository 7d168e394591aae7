"""`apay check-live --rehearse` and `--report`: the merchant's own shop against the sandbox, and a page to keep."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from apaycli.checks.model import Finding
from apaycli.cli.live_report import render_report
from apaycli.clock import SystemClock
from apaycli.money import currencies, format_amount
from shop import Shop

GATED = """\
[terms]
version = "7"
text_file = "terms.txt"
require_acceptance = true
[declines.en]
sold_out = "All gone, sorry."
[notify]
chat = 1001
[hooks]
on_paid = ["./hook"]
[listen]
reservation_ttl = "20m"
reserved_per_buyer = 2
"""


@pytest.fixture
def shop(tmp_path: Path, restored_signals: None) -> Shop:
    return Shop(tmp_path, SystemClock())


def test_a_shop_with_terms_and_delivery_is_played_and_counts_for_a_day(shop: Shop) -> None:
    folder = shop.write_config(GATED).parent
    (folder / "terms.txt").write_text("Be kind.")
    hook = folder / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {folder / 'hook-ran'}\n")
    hook.chmod(0o700)
    ways = 'shipping = [{ id = "p", title = "P", price = 60, countries = ["NP"] }]'
    shop.write_stock(shop.stock_file.read_text().replace("stock = 10", f"stock = 10\nmax_per_buyer = 1\n{ways}"))
    before = shop.stock_file.read_bytes()
    done = shop.run("check-live", "--rehearse", "--only", "rehearsal")
    assert done.code == 0, done.err
    assert done.out.startswith("pass\trehearsal\t")
    assert done.err.count("apay: rehearsal: ") == 6
    assert not (folder / "hook-ran").exists()
    assert shop.stock_file.read_bytes() == before
    with shop.store() as store:
        assert store.counts("test").receipts == 0  # the shop's own ledger is left alone
        assert set(store.attestations()) == {"rehearsal"}


def test_a_shop_that_cannot_sell_stops_at_its_step(shop: Shop) -> None:
    too_little = format_amount(currencies()["INR"].min_amount * 3 // 4, "INR")  # near the edge: Telegram's to refuse
    shop.write_stock(shop.stock_file.read_text().replace("price = 499", f"price = {too_little}"))
    done = shop.run("check-live", "--rehearse", "--only", "rehearsal")
    assert done.code == 6
    assert "the rehearsal stopped" in done.err
    with shop.store() as store:
        assert store.attestations() == {}


def test_with_nothing_for_sale_there_is_nothing_to_rehearse(shop: Shop) -> None:
    words = 'title = "D"\ndescription = "D"\nprice = 499\nstock = 1\npaused = true\n'
    shop.write_stock(f'currency = "INR"\n[products.duck]\n{words}')
    done = shop.run("check-live", "--rehearse")
    assert done.code == 2
    assert "nothing for sale" in done.err


class Page(HTMLParser):
    """What a browser would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_has_every_finding_and_runs_nothing(shop: Shop) -> None:
    target = shop.folder / "ready.html"
    done = shop.run("check-live", "--offline", "--report", str(target))
    assert done.code == 6
    page = Page(target.read_text("utf-8"))
    assert "script" not in page.tags
    assert page.tags.count("section") == len(done.out.splitlines())
    assert any("Not ready yet" in words for words in page.words)
    assert target.stat().st_mode & 0o777 == 0o600


def test_strangers_words_in_the_page_are_only_words() -> None:
    hostile = "<script>alert(1)</script>\"'&"
    text = render_report([("bot", Finding("fail", hostile, hostile))], hostile, "live", 0)
    assert "<script" not in text
    assert any(hostile in words for words in Page(text).words)


@pytest.mark.parametrize(
    ("outcomes", "mode", "verdict"),
    [
        (("pass", "warn"), "live", "Ready for real money"),
        (("pass",), "test", "Everything passes"),
        (("pass", "manual"), "live", "Not ready yet"),
        (("fail",), "live", "Not ready yet"),
    ],
)
def test_the_verdict_is_that_of_the_exit_code(outcomes: tuple[str, ...], mode: str, verdict: str) -> None:
    findings = [(f"check-{n}", Finding(outcome, "seen")) for n, outcome in enumerate(outcomes)]  # type: ignore[arg-type]
    assert re.search(rf"<strong>{verdict}</strong>", render_report(findings, "@bot", mode, 0))


def test_a_page_about_a_part_is_called_one(shop: Shop) -> None:
    target = shop.folder / "part.html"
    shop.run("check-live", "--offline", "--only", "disk", "--report", str(target))
    assert "<strong>A part of the checklist</strong>: 1 pass" in target.read_text("utf-8")


def test_a_page_that_cannot_be_written_is_said_before_anything_is_asked(shop: Shop) -> None:
    done = shop.run("check-live", "--report", str(shop.folder / "nowhere" / "x.html"))
    assert done.code == 2
    assert shop.requests() == []


def test_a_file_that_is_there_is_only_replaced_with_force(shop: Shop) -> None:
    target = shop.folder / "config.toml"
    target.write_text("mine")
    done = shop.run("check-live", "--offline", "--report", str(target))
    assert (done.code, done.out, target.read_text()) == (2, "", "mine")
    assert f"--report {target} already exists" in done.err
    assert "--force replaces it" in done.err
    assert shop.run("check-live", "--offline", "--report", str(target), "--force").code == 6
    assert target.read_text().startswith("<!doctype html>")
    done = shop.run("check-live", "--force")
    assert (done.code, done.out) == (2, "")
