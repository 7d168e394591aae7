"""Statistics as one page: charts that read on a phone, print, and need no script and no network.

Knows how the page looks. Never knows where figures come from or what they mean. Everything that is put in is escaped.

Charts are SVG without text, stretched to the width there is: letters in them would shrink with a phone's screen. What
must be read stands beside them as text, and every bar has its figure as a tooltip. Whole numbers only.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from apaycli.clock import render_instant
from apaycli.core.stats import Figures, Refusals, Statistics
from apaycli.money import render_money
from apaycli.text import show

_CHART_HEIGHT = 1000
_BAR_WIDTH, _BAR_STEP = 8, 10
_SLIVER = 4  # of 1000: what is little is not nothing
_ROWS_OPEN_MAX = 31
_BARS_MAX = 120  # more days than that share bars: a phone has some 350 points

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #57606a; --line: #d0d7de; --bar: #0b6bcb;
  --bad: #b35900; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9aa4ae; --line: #30363d;
  --bar: #58a6ff; --bad: #e3a04f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 52rem; padding: 1rem; font: 16px/1.45 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.total { font-size: 2rem; font-weight: 650; line-height: 1.2; overflow-wrap: anywhere; }
section { break-inside: avoid; }
svg { display: block; width: 100%; }
svg.days { height: 9rem; border-bottom: 1px solid var(--line); }
svg.line { height: .7rem; } rect { fill: var(--bar); } .lost rect { fill: var(--bad); }
.axis { display: flex; justify-content: space-between; gap: .8rem; text-align: center; }
.axis { color: var(--soft); font-size: .85rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .4rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; font-size: .85rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.name { overflow-wrap: anywhere; min-width: 6rem; } td.day { white-space: nowrap; }
td.chart { width: 30%; min-width: 4rem; vertical-align: middle; }
thead { display: table-header-group; } tr { break-inside: avoid; }
details summary { cursor: pointer; color: var(--soft); }
@media (max-width: 34rem) { .wide { display: none; } }
@media print { :root { --ink: #000; --paper: #fff; --soft: #444; --line: #bbb; --bar: #333; --bad: #888; }
  body { max-width: none; padding: 0; font-size: 11pt; } .wide { display: table-cell; } }
"""


class Heading(NamedTuple):
    """What stands above the figures. `place` is the time zone in which days were cut."""

    mode: str
    place: str
    made_at: int


def render_statistics(statistics: Statistics, heading: Heading) -> str:
    """A whole HTML document."""
    return "\n".join(_page(statistics, heading)) + "\n"


def _page(statistics: Statistics, heading: Heading) -> Iterator[str]:
    first, last = statistics.names[0], statistics.names[-1]
    days = _text(first if first == last else f"{first} to {last}")
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>Takings, {days}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>Takings, {days}</h1>"
    mode = "real money" if heading.mode == "live" else "test mode, no real money"
    yield f'<p class="soft">{_text(mode)}; days in {_text(heading.place)}; made {render_instant(heading.made_at)}</p>'
    if not statistics.totals:
        yield "<p>Nothing was paid.</p>"
    for code in statistics.totals:
        yield from _currency(code, statistics)
    yield from _products(statistics)
    yield from _refusals(statistics)
    yield from _rest(statistics)
    yield "</body></html>"


def _currency(code: str, statistics: Statistics) -> Iterator[str]:
    total, figures = statistics.totals[code], statistics.series[code]
    yield f"<section><h2>{_text(code)}</h2>"
    yield f'<p class="total">{_money(total.total_amount, code)}</p>'
    yield f"<p>{_text('; '.join(_parts(total, code)))}</p>"
    if len(figures) > 1:  # of a single day the sum says it all
        yield from _course(statistics.names, figures, code)
    yield "</section>"
    yield from _days_table(statistics.names, figures, code)


def _course(names: Sequence[str], figures: Sequence[Figures], code: str) -> Iterator[str]:
    yield _days_chart(names, figures, code)
    yield f'<div class="axis"><span>{_text(names[0])}</span>'
    best = max(range(len(figures)), key=lambda number: figures[number].total_amount)
    if figures[best].total_amount:
        yield f"<span>best day {_text(names[best])}: {_money(figures[best].total_amount, code)}</span>"
    yield f"<span>{_text(names[-1])}</span></div>"


def _parts(total: Figures, code: str) -> list[str]:
    parts = [f"{total.receipts} receipt(s), {total.units} unit(s)"]
    if total.tip_amount:
        parts.append(f"{render_money(total.tip_amount, code)} of that are tips")
    if total.shipping_amount:
        parts.append(f"{render_money(total.shipping_amount, code)} delivery")
    if total.refund_receipts:
        parts.append(f"besides, {render_money(total.refund_amount, code)} of {total.refund_receipts} go or went back")
    return parts


def _days_chart(names: Sequence[str], figures: Sequence[Figures], code: str) -> str:
    """A bar for each day, or for several where there are many."""
    each = -(-len(names) // _BARS_MAX)
    starts = range(0, len(names), each)
    amounts = [sum(day.total_amount for day in figures[at : at + each]) for at in starts]
    labels = [_days_of(names[at : at + each]) for at in starts]
    largest = max(1, *amounts)
    bars = []
    for number, (label, amount) in enumerate(zip(labels, amounts, strict=True)):
        if amount <= 0:
            continue
        height = max(amount * _CHART_HEIGHT // largest, _SLIVER)
        bars.append(
            f'<rect x="{number * _BAR_STEP + 1}" y="{_CHART_HEIGHT - height}" width="{_BAR_WIDTH}" height="{height}">'
            f"<title>{_text(label)}: {_money(amount, code)}</title></rect>"
        )
    width = len(amounts) * _BAR_STEP
    return (
        f'<svg class="days" viewBox="0 0 {width} {_CHART_HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="Takings a day in {_text(code)}; the figures stand in the table below">{"".join(bars)}</svg>'
    )


def _days_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _days_table(names: Sequence[str], figures: Sequence[Figures], code: str) -> Iterator[str]:
    """A month lies open, so that it prints; more is folded away. Days without a receipt are left out."""
    rows = [(name, each) for name, each in zip(names, figures, strict=True) if each.receipts or each.refund_receipts]
    if not rows:
        return
    state = " open" if len(rows) <= _ROWS_OPEN_MAX else ""
    yield f"<details{state}><summary>{len(rows)} day(s) with receipts, in figures</summary>"
    yield from _table(
        ("Day", "Receipts", "Takings"),
        ("Units", "Tips", "Delivery", "Back"),
        (
            (name, str(each.receipts), render_money(each.total_amount, code), *_further(each, code))
            for name, each in rows
        ),
    )
    yield "</details>"


def _further(each: Figures, code: str) -> tuple[str, ...]:
    amounts = (each.tip_amount, each.shipping_amount, each.refund_amount)
    return (str(each.units), *(render_money(amount, code) if amount else "" for amount in amounts))


def _products(statistics: Statistics) -> Iterator[str]:
    if not statistics.products:
        return
    largest = _largest((code, each.total_amount) for (_, code), each in statistics.products.items())
    yield "<section><h2>Products</h2>"
    yield "<table><thead><tr><th>Product</th><th>Units</th><th>Takings</th><th></th></tr></thead>"
    for (sku, code), each in statistics.products.items():
        name = "without a product" if sku is None else sku
        yield (
            f'<tr><td class="name">{_text(name)}</td><td>{each.units}</td>'
            f"<td>{_money(each.total_amount, code)}</td>{_bar_cell(each.total_amount, largest[code])}</tr>"
        )
    yield "</table></section>"


def _refusals(statistics: Statistics) -> Iterator[str]:
    if not statistics.refusals:
        return
    largest = _largest((code, each.total_amount) for (_, code), each in statistics.refusals.items())
    yield '<section class="lost"><h2>Asked for in vain</h2>'
    yield '<p class="soft">Each buyer once a day and invoice; not those who paid for the same product afterwards.</p>'
    yield '<table><thead><tr><th>Reason</th><th>Asked</th><th class="wide">Buyers</th><th>Lost</th><th></th></tr>'
    yield "</thead>"
    for (reason, code), each in statistics.refusals.items():
        yield (
            f'<tr><td class="name">{_breakable(reason)}</td><td>{each.queries}</td><td class="wide">{each.buyers}</td>'
            f"<td>{_lost(each, code)}</td>{_bar_cell(each.total_amount, largest[code])}</tr>"
        )
    yield "</table></section>"


def _largest(amounts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """By currency: each has a scale of its own, for two cannot be compared."""
    largest: dict[str, int] = {}
    for code, amount in amounts:
        largest[code] = max(largest.get(code, 0), amount)
    return largest


def _lost(each: Refusals, code: str) -> str:
    return _money(each.total_amount, code) if each.total_amount else "nothing"


def _rest(statistics: Statistics) -> Iterator[str]:
    answers = statistics.answers
    yield "<section><h2>The rest</h2>"
    if statistics.flags:
        flags = ", ".join(f"{count} {flag}" for flag, count in statistics.flags.items())
        yield f"<p>Flagged receipts: {_text(flags)}</p>"
    if statistics.unreadable:
        yield f"<p>{statistics.unreadable} receipt(s) could not be read in full and are in no sum.</p>"
    if answers.answers:
        yield (
            f"<p>{answers.answers} answers to buyers: half within {answers.typical_milliseconds} ms, 95 of 100 within"
            f" {answers.slow_milliseconds} ms, the slowest {answers.slowest_milliseconds} ms.</p>"
        )
    if answers.too_late:
        yield f"<p>{answers.too_late} answers came too late for Telegram.</p>"
    if answers.unconfirmed:
        yield f"<p>{answers.unconfirmed} answers were sent, and Telegram's reply was lost.</p>"
    told = (statistics.flags, statistics.unreadable, answers.answers, answers.too_late, answers.unconfirmed)
    if not any(told):
        yield "<p>Nothing else.</p>"
    yield "</section>"


def _bar_cell(value: int, largest: int) -> str:
    """A bar beside its figure; the figure says it, so it is nothing to a reader of screens."""
    width = max(value * 1000 // largest, _SLIVER) if value > 0 and largest > 0 else 0
    return (
        '<td class="chart"><svg class="line" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{width}" height="10"/></svg></td>'
    )


def _table(narrow: Sequence[str], wide: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """Columns behind the narrow ones are left out on a phone."""
    classes = [' class="day"', *[""] * (len(narrow) - 1), *[' class="wide"'] * len(wide)]
    heads = "".join(f"<th{kind}>{_text(name)}</th>" for kind, name in zip(classes, (*narrow, *wide), strict=True))
    yield f"<table><thead><tr>{heads}</tr></thead>"
    for row in rows:
        cells = "".join(f"<td{kind}>{_text(value)}</td>" for kind, value in zip(classes, row, strict=True))
        yield f"<tr>{cells}</tr>"
    yield "</table>"


def _money(amount: int, code: str) -> str:
    return _text(render_money(amount, code))


def _breakable(word: str) -> str:
    """A long name with underscores, which may be broken behind each."""
    return _text(word).replace("_", "_<wbr>")


def _text(text: str) -> str:
    return escape(show(text))
