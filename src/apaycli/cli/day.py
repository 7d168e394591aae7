"""`apay day`: one day of the shop.

Knows how a day is shown. How it adds up is `core/stats.py`'s.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from apaycli.cli.spans import Span
    from apaycli.core.stats import Statistics


@command
def day(
    env: Env,
    on: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATE]", help="Such as 2026-11-30, or yesterday. Without it: today.", show_default=False
        ),
    ] = None,
) -> None:
    """One day: what was taken, what must go back, what was asked for in vain, how fast the answers were.

    A day is one of your own time zone (TZ, or the machine's).

    Examples:

      apay day

      apay day yesterday --live

      apay day 2026-11-30 --json
    """
    from apaycli.cli.figures import gather_statistics
    from apaycli.cli.spans import hours_of, parse_one_day

    chosen = parse_one_day(on, env.clock.now())
    span = hours_of(chosen)
    store = env.open_store(read_only=True)
    try:
        statistics = gather_statistics(store, env.mode, span)
        held = {sku: held for sku, (_, held) in sorted(store.stock_counts(env.mode).items()) if held}
    finally:
        store.close()
    if env.output.as_json:
        env.output.document(_document(chosen, span, statistics, held, env))
    elif env.output.is_terminal(env.output.stdout):
        _show(chosen, span, statistics, held, env)
    else:
        for row in _rows(statistics, held):
            env.output.out("\t".join(row))


def _document(chosen: "date", span: "Span", statistics: "Statistics", held: dict[str, int], env: Env) -> dict[str, Any]:
    from apaycli.cli.figures import figures_document, shared_document
    from apaycli.clock import render_instant

    return {
        "mode": env.mode,
        "day": chosen.isoformat(),
        "from_at": render_instant(span.from_at),
        "before_at": render_instant(span.before_at),
        **shared_document(statistics),
        "hours": [
            {"from_at": render_instant(at), "currency": code, **figures_document(each)}
            for code, series in statistics.series.items()
            for at, each in zip(span.edges, series, strict=False)
            if any(each)
        ],
        "held_now": [{"sku": sku, "held": units} for sku, units in held.items()],
    }


def _rows(statistics: "Statistics", held: dict[str, int]) -> "Iterator[tuple[str, ...]]":
    """What, of what, currency, how many, units, amount: the same six cells for every kind of figure."""
    from apaycli.cli.output import cell
    from apaycli.money import format_amount

    for code, each in statistics.totals.items():
        yield "takings", "", cell(code), str(each.receipts), str(each.units), format_amount(each.total_amount, code)
        yield "tips", "", cell(code), "", "", format_amount(each.tip_amount, code)
        yield "delivery", "", cell(code), "", "", format_amount(each.shipping_amount, code)
        yield "back", "", cell(code), str(each.refund_receipts), "", format_amount(each.refund_amount, code)
    if statistics.unreadable:
        yield "unreadable", "", "", str(statistics.unreadable), "", ""
    for flag, count in statistics.flags.items():
        yield "flag", cell(flag), "", str(count), "", ""
    for (reason, code), refusals in statistics.refusals.items():
        amount = format_amount(refusals.total_amount, code)
        yield "declined", cell(reason), cell(code), str(refusals.queries), str(refusals.units), amount
    answers = statistics.answers
    yield "answers", "", "", str(answers.answers), "", ""
    for name in ("typical", "slow", "slowest"):
        milliseconds = getattr(answers, f"{name}_milliseconds")
        yield "milliseconds", name, "", "" if milliseconds is None else str(milliseconds), "", ""
    yield "too_late", "", "", str(answers.too_late), "", ""
    yield "unconfirmed", "", "", str(answers.unconfirmed), "", ""
    for sku, units in held.items():
        yield "held_now", cell(sku), "", "", str(units), ""


def _show(chosen: "date", span: "Span", statistics: "Statistics", held: dict[str, int], env: Env) -> None:
    from apaycli.cli.figures import answers_sentence, refusal_sentence
    from apaycli.cli.output import cell
    from apaycli.cli.spans import offset_at

    output = env.output
    mode = "LIVE" if env.mode == "live" else "test"
    title = f"{chosen:%A} {chosen.isoformat()}, {mode} mode, {offset_at(span.before_at - 1)}"
    output.out(output.paint(title, "bold", output.stdout))
    if not statistics.totals:
        output.out("nothing was paid")
    for code in statistics.totals:
        _show_currency(code, span, statistics, env)
    if statistics.unreadable:
        output.paragraph(
            f"{statistics.unreadable} receipt(s) could not be read in full and are in no sum:"
            " apay receipts list --flag unmatched",
            "",
        )
    flags = ", ".join(f"{count} {cell(flag)}" for flag, count in statistics.flags.items())
    _section("flags", [flags] if flags else [], env)
    _section("declined", [cell(refusal_sentence(*item)) for item in statistics.refusals.items()], env)
    _section("answers", [answers_sentence(statistics)], env)
    _section("held now", [", ".join(f"{units} {cell(sku)}" for sku, units in held.items())] if held else [], env)


def _show_currency(code: str, span: "Span", statistics: "Statistics", env: Env) -> None:
    from apaycli.cli.bars import drawable, sparkline
    from apaycli.cli.output import cell
    from apaycli.money import render_money

    output, each = env.output, statistics.totals[code]
    money = cell(render_money(each.total_amount, code))
    output.out("")
    output.out(f"{output.paint(money, 'bold', output.stdout)}  {each.receipts} receipt(s), {each.units} unit(s)")
    parts = [("tips", each.tip_amount), ("delivery", each.shipping_amount)]
    within = ", ".join(f"{name} {cell(render_money(amount, code))}" for name, amount in parts if amount)
    if within:
        output.out(f"  of that {within}")
    if each.refund_receipts:
        back = cell(render_money(each.refund_amount, code))
        output.out(f"  besides, {back} of {each.refund_receipts} receipt(s) must go back or went back")
    if drawable(output.stdout) and each.total_amount:
        line = sparkline([figures.total_amount for figures in statistics.series[code]], len(span.names))
        output.out(f"  {span.names[0]} {line} {span.names[-1]}")


def _section(name: str, lines: list[str], env: Env) -> None:
    if not lines:
        return
    env.output.out("")
    env.output.out(env.output.paint(name, "bold", env.output.stdout))
    for line in lines:
        env.output.paragraph(line, "  ")
