"""`apay export`: the payment history for whoever keeps the books.

Knows the options and where the text goes. Columns and formats are `books/export.py`.
"""

import os
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apaycli.books.export import Format
    from apaycli.core.model import Mode, ReceiptFilter, ReceiptRow

_BYTE_ORDER_MARK = "\ufeff"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Options:
    file: Path | None = None
    csv: bool = False
    jsonl: bool = False
    since: str | None = None
    until: str | None = None
    mode: str | None = None
    sku: str | None = None
    currency: str | None = None
    flag: str | None = None
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
    """Hand over the receipts, oldest first.

    Examples:

      apay export --csv receipts.csv

      apay export --live --since 2026-11-01 --until 2026-11-30 --csv november.csv --excel

      apay export --jsonl --flag oversold
    """
    options = Options(file, csv, jsonl, since, until, mode, sku, currency, flag, columns, personal, raw, excel, force)
    run(options, env)


def run(options: Options, env: Env) -> None:
    from apaycli.books.export import render_export

    form, columns, which = _format(options, env), _columns(options), _filter(options, env)
    to_file = options.file is not None and str(options.file) != "-"
    raw = options.raw and (to_file or not env.output.is_terminal(env.output.stdout))
    _refuse_target(options)
    store = env.open_store(read_only=True)
    try:
        rows = _Counted(store.receipts(which))
        pieces = render_export(rows, columns, form, raw=raw)
        if to_file and options.file is not None:
            _write_file(options.file, pieces, excel=options.excel)
            env.output.say(f"apay: {rows.count} receipt(s), {which.mode or 'all modes'}, written to {options.file}")
        else:
            _write_stdout(env, pieces, excel=options.excel)
    finally:
        store.close()


class _Counted:
    """An iterator that knows how much has passed."""

    def __init__(self, rows: "Iterator[ReceiptRow]") -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> "Iterator[ReceiptRow]":
        for row in self._rows:
            self.count += 1
            yield row


def _format(options: Options, env: Env) -> "Format":
    if sum((options.csv, options.jsonl, env.common.as_json)) > 1:
        raise UsageError("choose one of --csv, --json and --jsonl")
    form: Format = "jsonl" if options.jsonl else "json" if env.common.as_json else "csv"
    if form != "csv" and (options.excel or options.raw):
        raise UsageError("--excel and --raw are for CSV; JSON is always exact")
    return form


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


def _filter(options: Options, env: Env) -> "ReceiptFilter":
    from apaycli.core.model import Flag, ReceiptFilter

    flags = [*Flag, "none"]
    if options.flag is not None and options.flag not in flags:
        raise UsageError(f"--flag takes {', '.join(flags)}")
    since = _day(options.since, "--since")
    until = _day(options.until, "--until")
    if since and until and until < since:
        raise UsageError("--until lies before --since")
    return ReceiptFilter(
        mode=_mode(options, env),
        paid_from=_midnight(since) if since else None,
        paid_before=_midnight(until + timedelta(days=1)) if until else None,
        sku=options.sku,
        currency=options.currency,
        flag=options.flag,
    )


def _mode(options: Options, env: Env) -> "Mode | None":
    match options.mode:
        case None:
            return env.mode
        case "all":
            return None
        case "test" | "live" as mode:
            return mode
    raise UsageError("--mode takes test, live or all")


def _day(text: str | None, name: str) -> date | None:
    if text is None:
        return None
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        day = date.fromisoformat(text)
        _midnight(day)
        _midnight(day + timedelta(days=1))
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{name} takes a day such as 2026-11-30") from None
    return day


def _midnight(day: date) -> int:
    """The first millisecond of a day in the merchant's own time zone."""
    return round(datetime(day.year, day.month, day.day).timestamp()) * 1000  # noqa: DTZ001 - local time is meant


def _refuse_target(options: Options) -> None:
    file = options.file
    if file is None or str(file) == "-":
        return
    if file.is_dir():
        raise UsageError(f"{file} is a folder")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"the folder of {file} does not exist")
    if file.exists() and not file.is_file():
        raise UsageError(f"{file} is no regular file")
    if os.path.lexists(file) and not options.force:
        raise UsageError(f"{file} is there already", hint="--force replaces it")


def _write_file(file: Path, pieces: "Iterator[str]", *, excel: bool) -> None:
    from apaycli.files import complete_file

    try:
        with complete_file(file) as target:
            target.write(_BYTE_ORDER_MARK.encode() if excel else b"")
            for piece in pieces:
                target.write(piece.encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}; no half file is left") from error


def _write_stdout(env: Env, pieces: "Iterator[str]", *, excel: bool) -> None:
    stdout = env.output.stdout
    if hasattr(stdout, "reconfigure") and not env.output.is_terminal(stdout):
        stdout.reconfigure(encoding="utf-8")
    if excel:
        stdout.write(_BYTE_ORDER_MARK)
    for piece in pieces:
        stdout.write(piece)
