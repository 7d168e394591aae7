"""`apay stats`: takings over a range of days, by day, product, currency or reason.

Knows the options, rows and bars. How figures add up is `core/stats.py`'s, how the page looks `books/report.py`'s.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.target import refuse_target, shown_path, unwritten, written
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.cli.spans import Span
    from apaycli.core.stats import Figures, Statistics
    from apaycli.store.protocol import Store

_BY = ("day", "product", "currency", "reason")
_EMPTY_DAYS_SHOWN_MAX = 31  # on a terminal; beyond that, the line below the table shows them
_BAR_WIDTH_MIN, _BAR_WIDTH_MAX = 4, 40
_REASON_HEADERS = ("REASON", "CURRENCY", "ASKED", "BUYERS", "UNITS LOST", "MONEY LOST")
_LEFT_OUT_FIRST = (
    "DELIVERY",
    "TIPS",
    "CURRENCY",
    "UNITS",
    "BUYERS",
    "UNITS LOST",
    "BACK",
    "RECEIPTS",
    "ASKED",
    "CURRENCY",
)
_MONEY_HEADERS = ("CURRENCY", "RECEIPTS", "UNITS", "TAKINGS", "TIPS", "DELIVERY", "BACK")


@dataclass(frozen=True, slots=True)
class Options:
    since: str | None = None
    until: str | None = None
    by: str = "day"
    html: Path | None = None
    force: bool = False


@command
def stats(
    env: Env,
    since: Annotated[
        str | None, typer.Option(help="First day, such as 2026-11-01; else the last 30 days.", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option(help="Last day, included; else today.", show_default=False)] = None,
    by: Annotated[str, typer.Option(help="day, product, currency or reason (of declines).")] = "day",
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with charts instead.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a page that is there.")] = False,
) -> None:
    """What was taken, what went back, what was asked for in vain: by day, product, currency or reason.

    Days are those of your own time zone (TZ, or the machine's). Money that must go back is in no takings.

    Examples:

      apay stats

      apay stats --live --since 2026-11-01 --until 2026-11-30 --by product

      apay stats --by reason

      apay stats --since 2026-11-01 --html november.html
    """
    run(Options(since, until, by, html, force), env)


def run(options: Options, env: Env) -> None:
    from apaycli.cli.figures import gather_statistics
    from apaycli.text import nearest, show

    if options.by not in _BY:
        near = nearest(options.by, _BY)
        raise UsageError(f"--by takes {', '.join(_BY)}; not {show(options.by, 40)!r}{near}")
    if options.html is not None:
        if env.output.as_json:
            raise UsageError("choose one of --html and --json")
        refuse_target(options.html, env, force=options.force)
    elif options.force:
        raise UsageError("--force replaces a page: it needs --html FILE")
    store = env.open_store(read_only=True)
    try:
        if options.html is not None:
            env.if_interrupted = unwritten(options.html)
        span = _span(options, store, env)
        statistics = gather_statistics(store, env.mode, span)
    finally:
        store.close()
    if options.html is not None:
        _write_page(options.html, span, statistics, env, force=options.force)
    elif env.output.as_json:
        env.output.document(_document(options.by, span, statistics, env))
    else:
        _show(options.by, span, statistics, env)


def _span(options: Options, store: "Store", env: Env) -> "Span":
    """The days that were asked for, without those before anything was in the ledger."""
    from apaycli.cli.days import day_of
    from apaycli.cli.spans import days_from_to, parse_range

    first, last = parse_range(options.since, options.until, env.clock.now())
    began_at = store.first_activity(env.mode)
    if began_at is None:
        return days_from_to(last, last)
    return days_from_to(min(last, max(first, day_of(began_at))), last)


def _write_page(file: Path, span: "Span", statistics: "Statistics", env: Env, *, force: bool) -> None:
    from apaycli.books.report import Heading, render_statistics
    from apaycli.cli.spans import offset_at

    heading = Heading(env.mode, offset_at(span.before_at - 1), env.clock.now())
    with written(file, env, force=force) as target:
        target.write(render_statistics(statistics, heading).encode("utf-8", "replace"))
    env.output.say(f"apay: {span.title}, {env.mode} mode, written to {shown_path(file)}")


def _document(by: str, span: "Span", statistics: "Statistics", env: Env) -> dict[str, Any]:
    from apaycli.cli.figures import shared_document

    return {
        "mode": env.mode,
        "since": span.names[0],
        "until": span.names[-1],
        "by": by,
        "rows": _documents(by, statistics),
        **shared_document(statistics),
    }


def _documents(by: str, statistics: "Statistics") -> list[dict[str, Any]]:
    from apaycli.cli.figures import figures_document, refusal_document

    if by == "reason":
        return [refusal_document(key, each) for key, each in statistics.refusals.items()]
    if by == "product":
        products = statistics.products.items()
        return [{"sku": sku, "currency": code, **figures_document(each)} for (sku, code), each in products]
    if by == "currency":
        return [{"currency": code, **figures_document(each)} for code, each in statistics.totals.items()]
    return [
        {"day": name, "currency": code, **figures_document(each)}
        for code, figures in statistics.series.items()
        for name, each in zip(statistics.names, figures, strict=True)
    ]


def _show(by: str, span: "Span", statistics: "Statistics", env: Env) -> None:
    from apaycli.cli.spans import offset_at

    output = env.output
    terminal = output.is_terminal(output.stdout)
    place = offset_at(span.before_at - 1)
    output.say(f"apay: {span.title} ({place}), {'LIVE' if env.mode == 'live' else 'test'} mode")
    headers, rows, values = _table(by, statistics, exact=not terminal)
    if not rows:
        output.say("apay: nothing was declined" if by == "reason" else "apay: nothing was paid")
    if terminal and rows:
        headers, rows = _with_bars(headers, rows, values, env)
    if rows:
        output.table(headers, rows)
    if terminal:
        _show_whole(statistics, env)


_Table = tuple[tuple[str, ...], list[tuple[str, ...]], list[tuple[str, int]]]


def _table(by: str, statistics: "Statistics", *, exact: bool) -> _Table:
    """Headers, rows, and what the bar of each row stands for: its currency and amount."""
    if by == "reason":
        return _reason_table(statistics, exact=exact)
    from apaycli.cli.figures import amounts

    named = _named(by, statistics, exact=exact)
    own = () if by == "currency" else (by.upper(),)
    rows = [
        (*((name,) if own else ()), code, str(each.receipts), str(each.units), *amounts(each, code, exact=exact))
        for name, code, each in named
    ]
    return (*own, *_MONEY_HEADERS), rows, [(code, each.total_amount) for _, code, each in named]


def _named(by: str, statistics: "Statistics", *, exact: bool) -> "list[tuple[str, str, Figures]]":
    """Name of the row, currency, figures."""
    if by == "currency":
        return [(code, code, each) for code, each in statistics.totals.items()]
    if by == "product":
        none = "" if exact else "(no product)"
        return [(none if sku is None else sku, code, each) for (sku, code), each in statistics.products.items()]
    few = len(statistics.names) <= _EMPTY_DAYS_SHOWN_MAX and len(statistics.series) == 1
    all_days = exact or few
    return [
        (name, code, each)
        for code, figures in statistics.series.items()
        for name, each in zip(statistics.names, figures, strict=True)
        if all_days or any(each)
    ]


def _reason_table(statistics: "Statistics", *, exact: bool) -> _Table:
    from apaycli.money import format_amount, render_money

    write = format_amount if exact else render_money
    rows = [
        (reason, code, *map(str, each[:3]), write(each.total_amount, code))
        for (reason, code), each in statistics.refusals.items()
    ]
    return _REASON_HEADERS, rows, [(code, each.total_amount) for (_, code), each in statistics.refusals.items()]


def _with_bars(
    headers: tuple[str, ...], rows: list[tuple[str, ...]], values: list[tuple[str, int]], env: Env
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """One more column where there is room: each currency has its own scale, for two cannot be compared."""
    from apaycli.cli.bars import bar, columns_left, drawable

    headers, rows = _fitted(headers, rows)
    width = min(_BAR_WIDTH_MAX, columns_left(headers, rows))
    if width < _BAR_WIDTH_MIN or not drawable(env.output.stdout):
        return headers, rows
    largest: dict[str, int] = {}
    for code, amount in values:
        largest[code] = max(largest.get(code, 0), amount)
    drawn = [(*row, bar(amount, largest[code], width)) for row, (code, amount) in zip(rows, values, strict=True)]
    return (*headers, ""), drawn


def _fitted(headers: tuple[str, ...], rows: list[tuple[str, ...]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Without columns that are empty; and where a terminal is too narrow, without the least telling ones."""
    from apaycli.cli.bars import columns_left
    from apaycli.cli.output import cell

    columns = {name: [cell(row[place]) for row in rows] for place, name in enumerate(headers)}
    columns = {name: column for name, column in columns.items() if name == headers[0] or any(column)}
    for place, name in enumerate(_LEFT_OUT_FIRST):
        if columns_left(tuple(columns), list(zip(*columns.values(), strict=True))) >= _BAR_WIDTH_MIN:
            break
        # Symbols of money say the currency, too, but less well: of several it goes last.
        several = name == "CURRENCY" and len(set(columns.get(name, ()))) > 1 and place + 1 < len(_LEFT_OUT_FIRST)
        if name != headers[0] and not several:
            columns.pop(name, None)
    return tuple(columns), list(zip(*columns.values(), strict=True))


def _show_whole(statistics: "Statistics", env: Env) -> None:
    """Below the table: each currency's course, and what is no money."""
    from apaycli.cli.bars import drawable, sparkline, terminal_columns
    from apaycli.cli.figures import answers_sentence
    from apaycli.cli.output import cell
    from apaycli.money import render_money

    output = env.output
    for code, each in statistics.totals.items():
        output.out("")
        back = f"; besides, {render_money(each.refund_amount, code)} back" if each.refund_receipts else ""
        output.paragraph(cell(f"{render_money(each.total_amount, code)} of {each.receipts} receipt(s){back}"), "")
        if drawable(output.stdout) and len(statistics.names) > 1 and each.total_amount:
            output.out(sparkline([day.total_amount for day in statistics.series[code]], terminal_columns()))
    queries = sum(each.queries for each in statistics.refusals.values())
    output.out("")
    if queries:
        output.paragraph(f"declined: {queries} time(s); apay stats --by reason", "")
    output.paragraph(f"answers: {answers_sentence(statistics)}", "")
