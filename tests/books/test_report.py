"""The page of figures: well-formed, alone, escaped; its bars as long as its money."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from apaycli.books.report import Heading, render_statistics
from apaycli.core.stats import AnswerTimes, Figures, Refusals, Statistics

HEADING = Heading("live", "UTC+05:30", 1_767_261_600_000)
VOID = {"meta", "wbr"}


def days(*amounts: int) -> Statistics:
    total = sum(amounts)
    return Statistics(
        names=tuple(f"2026-11-{number + 1:02}" for number in range(len(amounts))),
        totals={"INR": Figures(3, 4, total, 0, 0)},
        series={"INR": [Figures(1, 1, amount) for amount in amounts]},
        products={("duck", "INR"): Figures(2, 3, total), (None, "INR"): Figures(1, 1, total // 4)},
        refusals={("sold_out", "INR"): Refusals(9, 2, 3, 150), ("unknown_invoice", ""): Refusals(1, 1, 0, 0)},
        flags={"late": 1},
        unreadable=0,
        answers=AnswerTimes(20, 5, 9, 31, 0),
    )


class Nesting(HTMLParser):
    """Tags as they open and close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.addresses += [str(value) for name, value in attrs if name in {"src", "href", "xlink:href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def rects(page: str, kind: str) -> list[list[dict[str, str]]]:
    """The bars of each chart of that class."""
    charts = re.findall(rf'<svg class="{kind}".*?</svg>', page, re.DOTALL)
    return [[dict(rect.attrib) for rect in ElementTree.fromstring(chart).iter("rect")] for chart in charts]


def test_a_page_is_well_formed_and_needs_nothing_from_elsewhere() -> None:
    page = render_statistics(days(100, 0, 300), HEADING)
    nesting = Nesting()
    nesting.feed(page)
    assert nesting.open == []
    assert page.startswith("<!doctype html>")
    assert not nesting.seen & {"script", "link", "img", "iframe", "object", "form"}
    assert nesting.addresses == []
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_it_reads_on_a_phone_in_the_dark_and_on_paper() -> None:
    page = render_statistics(days(100), HEADING)
    assert 'name="viewport"' in page
    for query in ("prefers-color-scheme: dark", "@media print", "max-width: 34rem"):
        assert query in page


def test_each_day_has_a_bar_as_high_as_its_money() -> None:
    (bars,) = rects(render_statistics(days(100, 0, 50, 200, 1), HEADING), "days")
    assert [(bar["x"], bar["height"]) for bar in bars] == [("1", "500"), ("21", "250"), ("31", "1000"), ("41", "5")]
    assert all(int(bar["y"]) + int(bar["height"]) == 1000 for bar in bars)


def test_a_little_is_not_nothing() -> None:
    (bars,) = rects(render_statistics(days(1, 10**9), HEADING), "days")
    assert [bar["height"] for bar in bars] == ["4", "1000"]


def test_many_days_share_bars_and_no_money_is_lost() -> None:
    amounts = [number % 7 + 1 for number in range(1000)]
    statistics = replace(days(*amounts), names=tuple(f"day-{number}" for number in range(1000)))
    page = render_statistics(statistics, HEADING)
    (bars,) = rects(page, "days")
    assert len(bars) <= 120
    titles = re.findall(r"<title>day-\d+(?: to day-\d+)?: ₹([0-9.]+)</title>", page)
    shown = [int(text.replace(".", "")) for text in titles]
    assert sum(shown) == sum(amounts)
    assert "<title>day-0 to day-8: " in page


def test_products_and_refusals_have_bars_on_their_own_scale() -> None:
    lines = rects(render_statistics(days(400), HEADING), "line")
    assert [bar["width"] for chart in lines for bar in chart] == ["1000", "250", "1000", "0"]


def test_what_is_said_in_words() -> None:
    statistics = days(100, 300)
    statistics = replace(
        statistics, totals={"INR": Figures(3, 4, 40000, 1000, 6000, 2, 99800)}, unreadable=2,
        answers=AnswerTimes(20, 5, 9, 31, 1),
    )  # fmt: skip
    page = render_statistics(statistics, HEADING)
    for words in (
        "Takings, 2026-11-01 to 2026-11-02", "real money; days in UTC+05:30; made 2026-01-01T10:00:00Z", "₹400.00",
        "3 receipt(s), 4 unit(s); ₹10.00 of that are tips; ₹60.00 delivery; besides, ₹998.00 of 2 go or went back",
        "best day 2026-11-02: ₹3.00", "without a product", "sold_<wbr>out", "Flagged receipts: 1 late",
        "2 receipt(s) could not be read", "half within 5 ms, 95 of 100 within 9 ms, the slowest 31 ms",
        "1 answers came too late",
    ):  # fmt: skip
        assert words in page
    assert "test mode, no real money" in render_statistics(days(1), HEADING._replace(mode="test"))


def test_one_day_has_one_name_and_nothing_is_said_of_nothing() -> None:
    nothing = Statistics(("2026-11-01",), {}, {}, {}, {}, {}, 0, AnswerTimes(0, None, None, None, 0))
    page = render_statistics(nothing, HEADING)
    assert "<h1>Takings, 2026-11-01</h1>" in page
    assert "Nothing was paid." in page
    assert "Products" not in page
    assert "Asked for in vain" not in page


def test_money_that_only_went_back_makes_no_bar_and_no_best_day() -> None:
    back = {"INR": Figures(refund_receipts=1, refund_amount=5)}
    statistics = replace(days(0, 0), totals=back, products={}, refusals={})
    page = render_statistics(statistics, HEADING)
    assert rects(page, "days") == [[]]
    assert "best day" not in page


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "a\x1b[2Jb", "\u202eevil", "&lt;"]
)
def test_strangers_text_is_escaped_wherever_it_stands(text: str) -> None:
    hostile = Statistics(
        names=(text, text),
        totals={text: Figures(1, 1, 5)},
        series={text: [Figures(1, 1, 5), Figures()]},
        products={(text, text): Figures(1, 1, 5)},
        refusals={(text, text): Refusals(1, 1, 1, 1)},
        flags={text: 1},
        unreadable=0,
        answers=AnswerTimes(0, None, None, None, 0),
    )
    page = render_statistics(hostile, Heading("live", text, 0))
    assert not re.search(r"<(script|img)", page)
    assert not set("\x1b\u202e") & set(page)
    nesting = Nesting()
    nesting.feed(page)
    assert nesting.open == []
    if text.startswith("&"):
        assert "&amp;lt;" in page


def test_a_single_day_is_a_sum_and_no_chart() -> None:
    assert rects(render_statistics(days(100), HEADING), "days") == []
    assert len(rects(render_statistics(days(100, 200), HEADING), "days")) == 1
