"""`apay export`: the payment history for whoever keeps the books.

Knows the options and where the result goes. Columns and formats are `books/`'s, the choice `cli/receipt_filter.py`'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Generic, Literal, TypeVar

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.receipt_filter import Choice, parse_choice
from apaycli.cli.target import refuse_target, shown_path, unwritten, written
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.core.model import ReceiptFilter, ReceiptRow
    from apaycli.core.postings import Refund
    from apaycli.store.protocol import Store

Form = Literal["csv", "json", "jsonl", "xlsx", "preset"]
_Row = TypeVar("_Row")

_BYTE_ORDER_MARK = "\ufeff"
JOURNALS = ("hledger", "beancount")
STATEMENTS = ("zoho", "quickbooks", "xero")


@dataclass(frozen=True, slots=True)
class Options:
    choice: Choice
    file: Path | None = None
    csv: bool = False
    jsonl: bool = False
    xlsx: bool = False
    preset: str | None = None
    columns: str | None = None
    personal: bool = False
    raw: bool = False
    excel: bool = False
    force: bool = False


@command
def export(
    env: Env,
    file: Annotated[Path | None, typer.Argument(help="Where to write; stdout without it.", show_default=False)] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated (the default).")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")] = False,
    xlsx: Annotated[bool, typer.Option("--xlsx", help="A worksheet for Excel; needs FILE.")] = False,
    preset: Annotated[
        str | None, typer.Option(help="For a program: zoho, quickbooks, xero, hledger or beancount.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="First day, such as 2026-11-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day, included.")] = None,
    mode: Annotated[str | None, typer.Option(help="test, live or all.")] = None,
    sku: Annotated[str | None, typer.Option(help="Only this product.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only this currency.")] = None,
    flag: Annotated[str | None, typer.Option(help="Only receipts with this flag; none: without any.")] = None,
    columns: Annotated[str | None, typer.Option(help="These columns, in this order: a,b,c.")] = None,
    personal: Annotated[
        bool, typer.Option("--personal", help="Also what buyers typed: name, phone, e-mail, address.")
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="CSV cells as they are, formulas too.")] = False,
    excel: Annotated[bool, typer.Option("--excel", help="CSV with the byte-order mark that Excel needs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Hand over the receipts, oldest first. Days are those of this machine's time zone.

    Examples:

      apay export --csv receipts.csv

      apay export --live --since 2026-11-01 --until 2026-11-30 --xlsx november.xlsx

      apay export --live --preset hledger november.journal --since 2026-11-01 --until 2026-11-30

      apay export --jsonl --flag oversold
    """
    choice = Choice(since, until, mode, sku, currency, flag)
    run(Options(choice, file, csv, jsonl, xlsx, preset, columns, personal, raw, excel, force), env)


def run(options: Options, env: Env) -> None:
    form = _form(options, env)
    columns = _columns(options)
    which = parse_choice(options.choice, env)
    if form == "preset" and which.mode is None:
        raise UsageError("test receipts are no income: a preset takes --mode live or --mode test")
    file = None if options.file is None or str(options.file) == "-" else options.file
    if file is not None:
        refuse_target(file, env, force=options.force, stream_hint="- writes to stdout, as does leaving FILE out")
    store = env.open_store(read_only=True)
    env.if_interrupted = "its output is not complete" if file is None else unwritten(file)
    try:
        if form == "preset":
            which = _one_book(str(options.preset), which, store, env)
        rows, back = Counted(store.receipts(which)), Counted(store.returned(which))
        if form == "xlsx" and file is not None:
            _write_workbook(file, rows, columns, env, force=options.force)
        else:
            raw = options.raw and (file is not None or not env.output.is_terminal(env.output.stdout))
            pieces = (
                _preset_pieces(str(options.preset), which, rows, back)
                if form == "preset"
                else _pieces(form, columns, rows, raw=raw)
            )
            if file is not None:
                with written(file, env, force=options.force) as target:
                    _write_pieces(target, pieces, excel=options.excel)
            else:
                _write_stdout(env, pieces, excel=options.excel)
    finally:
        store.close()
    if file is not None:
        returned = f" and {back.count} refund(s)" if back.count else ""
        env.output.say(
            f"apay: {rows.count} receipt(s){returned}, {which.mode or 'all modes'}, written to {shown_path(file)}"
        )
    elif not rows.count + back.count:
        env.output.say("apay: no receipt fits")
    if form == "preset":
        _warn_of_length(str(options.preset), rows.count + back.count, env)


class Counted(Generic[_Row]):
    """An iterator that knows how much has passed."""

    def __init__(self, rows: "Iterator[_Row]") -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> "Iterator[_Row]":
        for row in self._rows:
            self.count += 1
            yield row


def _form(options: Options, env: Env) -> Form:
    as_json = env.common.as_json
    if sum((options.csv, options.jsonl, options.xlsx, as_json)) > 1:
        raise UsageError("choose one of --csv, --json, --jsonl and --xlsx")
    if options.preset is not None:
        return _preset_form(options, as_json)
    if options.xlsx and (options.file is None or str(options.file) == "-"):
        raise UsageError("--xlsx needs a file", hint="apay export --xlsx receipts.xlsx")
    form: Form = "jsonl" if options.jsonl else "json" if as_json else "xlsx" if options.xlsx else "csv"
    if form != "csv" and (options.excel or options.raw):
        raise UsageError("--excel and --raw are for CSV; JSON and XLSX are always exact")
    return form


def _preset_form(options: Options, as_json: bool) -> Form:
    if options.preset not in (*STATEMENTS, *JOURNALS):
        raise UsageError(f"--preset takes {', '.join((*STATEMENTS, *JOURNALS))}")
    if options.columns is not None or options.personal or options.raw:
        raise UsageError("a preset has its own columns: --columns, --personal and --raw are not for it")
    if options.jsonl or options.xlsx or as_json or (options.preset in JOURNALS and (options.csv or options.excel)):
        raise UsageError(f"--preset {options.preset} is a format of its own")
    return "preset"


def _columns(options: Options) -> list[str]:
    from apaycli.books.export import COLUMNS, PERSONAL_COLUMNS
    from apaycli.text import nearest, show

    allowed = [*COLUMNS, *(PERSONAL_COLUMNS if options.personal else ())]
    if options.columns is None:
        return allowed
    wanted = [name.strip() for name in options.columns.split(",") if name.strip()]
    for name in wanted:
        if name in PERSONAL_COLUMNS and not options.personal:
            raise UsageError(f"column {name} is personal data: add --personal")
        if name not in allowed:
            raise UsageError(f"there is no column {show(name, 40)!r}{nearest(name, allowed)}")
    if not wanted or len(set(wanted)) < len(wanted):
        raise UsageError("--columns takes names like paid_at,amount,currency, each once")
    return wanted


def _one_book(preset: str, which: "ReceiptFilter", store: "Store", env: Env) -> "ReceiptFilter":
    """What may stand in one book: in a bank statement, one currency. Says what is left out."""
    from apaycli.money import currencies

    sums = store.receipt_sums(which)
    readable = {row.currency for row in sums if row.currency in currencies() and row.currency and row.readable}
    unreadable = sum(row.receipts - (row.readable if row.currency in readable else 0) for row in sums)
    if unreadable:
        env.output.warn(
            f"{unreadable} receipt(s) without an amount that can be booked are left out: book them by hand"
            " (apay receipts list shows them)"
        )
    if preset in JOURNALS:
        return which
    back = {refund.receipt.currency for refund in store.returned(which)}
    found = sorted(readable | {currency for currency in back if currency in currencies() and currency})
    if len(found) > 1:
        raise UsageError(
            f"a bank statement has one currency, and these receipts and refunds have {', '.join(found)}",
            hint=f"add --currency {found[0]}, and so on: one file each",
        )
    return replace(which, currency=found[0]) if found else which


def _warn_of_length(preset: str, count: int, env: Env) -> None:
    from apaycli.books.statement import ROWS_MAX

    limit = ROWS_MAX.get(preset)
    if limit is not None and count > limit:
        env.output.warn(f"{preset} takes {limit} rows at a time: split this with --since and --until")


def _pieces(form: Form, columns: list[str], rows: "Counted[ReceiptRow]", *, raw: bool) -> Iterator[str]:
    from apaycli.books.export import render_export

    return render_export(rows, columns, "json" if form == "json" else "jsonl" if form == "jsonl" else "csv", raw=raw)


def _preset_pieces(
    preset: str, which: "ReceiptFilter", rows: "Counted[ReceiptRow]", back: "Counted[Refund]"
) -> Iterator[str]:
    from apaycli.books.journal import render_beancount, render_hledger
    from apaycli.books.statement import render_statement
    from apaycli.cli.days import day_of
    from apaycli.core.postings import entries_of

    entries = entries_of(rows, back)
    heading = f"apay, {which.mode} receipts" + ("" if which.mode == "live" else ": no real money")
    match preset:
        case "hledger":
            return render_hledger(entries, day_of, heading)
        case "beancount":
            return render_beancount(entries, day_of, heading)
    return render_statement(preset, entries, day_of)


def _write_workbook(file: Path, rows: "Counted[ReceiptRow]", columns: list[str], env: Env, *, force: bool) -> None:
    import tempfile

    from apaycli.books.workbook import write_workbook

    with (
        written(file, env, force=force) as target,
        tempfile.TemporaryDirectory(prefix=".apay-export-", dir=file.absolute().parent) as folder,
    ):
        write_workbook(target, rows, columns, Path(folder))


def _write_pieces(target: BinaryIO, pieces: "Iterator[str]", *, excel: bool) -> None:
    target.write(_BYTE_ORDER_MARK.encode() if excel else b"")
    for piece in pieces:
        target.write(piece.encode("utf-8", "replace"))


def _write_stdout(env: Env, pieces: "Iterator[str]", *, excel: bool) -> None:
    stdout = env.output.stdout
    if hasattr(stdout, "reconfigure") and not env.output.is_terminal(stdout):
        stdout.reconfigure(encoding="utf-8")
    if excel:
        stdout.write(_BYTE_ORDER_MARK)
    for piece in pieces:
        stdout.write(piece)
