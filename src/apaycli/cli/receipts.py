"""`apay receipts`: what was paid, one receipt with all that hangs on it, and each new one as it comes.

Knows how receipts are shown. What a flag means is `core/decide.py`'s; the ledger is only read.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.receipt_filter import Choice, parse_choice
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.core.model import ReceiptFilter, ReceiptRow
    from apaycli.store.protocol import Store
    from apaycli.store.values_cases import Dossier

app = typer.Typer(no_args_is_help=True)
Number = Annotated[int, typer.Argument(metavar="RECEIPT", help="The receipt's number.", min=1, max=2**63 - 1)]
_BUYER_CHARACTERS_MAX = 40
HEADERS = ("RECEIPT", "PAID", "BUYER", "WHAT", "AMOUNT", "STATE", "CHARGE ID")
_LIMIT = 50
_POLL_SECONDS = 1
_BATCH = 500
Wait = Callable[[float], object]


@app.callback()
def receipts() -> None:
    """What was paid.

    Examples:

      apay receipts list --since 2026-11-24

      apay receipts list --follow

      apay receipts show 17
    """


@app.command("list")
@command
def list_receipts(
    env: Env,
    limit: Annotated[
        int | None, typer.Option(help=f"At most so many ({_LIMIT}).", min=1, max=1_000_000, show_default=False)
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print each new one, until Ctrl-C.")] = False,
    since: Annotated[str | None, typer.Option(help="First day, such as 2026-11-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day, included.")] = None,
    sku: Annotated[str | None, typer.Option(help="Only this product.")] = None,
    flag: Annotated[str | None, typer.Option(help="Only receipts with this flag; none: without any.")] = None,
    mode: Annotated[str | None, typer.Option(help="test, live or all.")] = None,
) -> None:
    """The newest first. With --follow new ones as they come (--limit 10: the last ten before).

    Examples:

      apay receipts list --live --limit 10

      apay receipts list --flag oversold --since 2026-11-01

      apay receipts list --follow --json
    """
    which = parse_choice(Choice(since, until, mode, sku, flag=flag), env)
    store = env.open_store(read_only=True)
    try:
        if follow:
            env.runs_until_stopped = True
            follow_receipts(env, store, which, limit or 0, threading.Event().wait)
            return
        asked = limit or _LIMIT
        rows = store.newest_receipts(which, asked + 1)
    finally:
        store.close()
    show_receipts(env, rows[:asked], with_mode=which.mode is None)
    if len(rows) > asked:
        env.output.say(f"apay: there are more than {asked}; --limit shows more of them")


@app.command("show")
@command
def show(env: Env, receipt: Number) -> None:
    """One receipt with everything that is known of it: invoice, decision and answer, hooks, evidence, refund, disputes.

    Example:

      apay receipts show 17
    """
    from apaycli.books.dossier import dossier_document

    document = dossier_document(read_dossier(env, receipt))
    if env.output.as_json:
        env.output.document(document)
    else:
        show_document(env, document)


def follow_receipts(env: Env, store: "Store", which: "ReceiptFilter", before: int, wait: Wait) -> None:
    """Until somebody interrupts `wait`, or the reader goes away. `before`: that many of the old ones first."""
    seen = store.last_receipt_id()
    if before:
        known = [row for row in store.newest_receipts(which, before) if row.receipt_id <= seen]
        _print_lines(env, known[::-1])
    while True:
        store.refuse_lost_files()
        last = store.last_receipt_id()  # first, so that nothing slips between the two reads
        while rows := store.receipts_after(seen, which, _BATCH):
            _print_lines(env, rows)
            seen = rows[-1].receipt_id
        seen = max(seen, last)
        wait(_POLL_SECONDS)


def _print_lines(env: Env, rows: "Sequence[ReceiptRow]") -> None:
    """Line by line, without a table's head: nobody knows how wide the next one is."""
    from apaycli.books.dossier import receipt_documents
    from apaycli.cli.output import cell
    from apaycli.text import json_text

    between = "  " if env.output.is_terminal(env.output.stdout) else "\t"
    for row, document in zip(rows, receipt_documents(rows), strict=True):
        line = json_text(document) if env.output.as_json else between.join(map(cell, receipt_cells(row)))
        env.output.out(line)
    env.output.flush()


def show_receipts(env: Env, rows: "Sequence[ReceiptRow]", *, with_mode: bool) -> None:
    """`with_mode`: test and live stand together, and each row says which it is."""
    if env.output.as_json:
        from apaycli.books.dossier import receipt_documents

        env.output.document(receipt_documents(rows))
    else:
        from apaycli.text import show as shorten  # `show` is a command here

        cells = [receipt_cells(row) for row in rows]
        if env.output.is_terminal(env.output.stdout):  # a name of 64 letters would break every row
            cells = [(*row[:2], shorten(str(row[2]), _BUYER_CHARACTERS_MAX), *row[3:]) for row in cells]
        if with_mode:
            cells = [(cell[0], row.mode, *cell[1:]) for cell, row in zip(cells, rows, strict=True)]
        env.output.table((HEADERS[0], "MODE", *HEADERS[1:]) if with_mode else HEADERS, cells)


def receipt_cells(row: "ReceiptRow") -> tuple[object, ...]:
    from apaycli.clock import render_instant

    return (
        row.receipt_id,
        render_instant(row.paid_at),
        buyer_of(row),
        f"{row.quantity} x {row.sku or row.title or '?'}",
        money_of(row),
        state_of(row),
        row.telegram_payment_charge_id,
    )


def buyer_of(row: "ReceiptRow") -> str:
    """`Rahim (@rahim), Rahim Uddin, 8801712345678`: what the buyer is called, in Telegram and on the form."""
    name = row.buyer_name or "buyer"
    mark = f"@{row.buyer_username}" if row.buyer_username else row.buyer_id
    who = name if mark is None else f"{name} ({mark})"
    typed = (None if row.order_name == row.buyer_name else row.order_name, row.order_phone)
    return ", ".join(part for part in (who, *typed) if part)


def money_of(row: "ReceiptRow") -> str:
    from apaycli.money import render_money

    if row.total_amount is None or row.currency is None:
        return "unreadable"
    return render_money(row.total_amount, row.currency)


def state_of(row: "ReceiptRow") -> str:
    """What is unusual about it, in the merchant's words; empty for nearly all."""
    words = (
        row.flag,
        row.refund_state and f"refund {row.refund_state}",
        row.dispute_state and f"dispute {row.dispute_state}",
        "hook failed" if row.hook_state == "failed" else None,
    )
    return ", ".join(word for word in words if word)


def read_dossier(env: Env, receipt_id: int) -> "Dossier":
    store = env.open_store(read_only=True)
    try:
        with store.snapshot():
            found = store.dossier(receipt_id)
    finally:
        store.close()
    if found is None:
        raise no_receipt(receipt_id)
    return found


def refuse_other_mode(env: Env, receipt: "ReceiptRow") -> None:
    """Nothing is written down about real money unless that was said, nor about a test in its place."""
    if receipt.mode != env.mode:
        what = "real money" if receipt.mode == "live" else "a test receipt"
        cure = "add --live" if receipt.mode == "live" else "run it without --live (or APAY_LIVE)"
        raise UsageError(f"receipt {receipt.receipt_id} is {what}", hint=cure)


def no_receipt(receipt_id: int) -> UsageError:
    return UsageError(f"there is no receipt {receipt_id}", hint="apay receipts list, or apay find, shows what there is")


def show_document(env: Env, document: Mapping[str, Any]) -> None:
    """One value a line, with its place: `invoice.title`, `hooks.1.state`. On a terminal without what is empty."""
    from apaycli.cli.output import cell

    terminal = env.output.is_terminal(env.output.stdout)
    lines = [(name, value) for name, value in _flat(document) if value is not None or not terminal]
    width = max(len(name) for name, _ in lines) + 2 if terminal else 0
    for name, value in lines:
        env.output.out(f"{name.ljust(width)}{cell(value)}" if terminal else f"{name}\t{cell(value)}")


def _flat(value: Any, name: str = "") -> "list[tuple[str, Any]]":
    if isinstance(value, Mapping):
        pairs: list[tuple[str, Any]] = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list):
        pairs = [(str(number), inner) for number, inner in enumerate(value, 1)]
    else:
        return [(name, value)]
    return [line for key, inner in pairs for line in _flat(inner, f"{name}.{key}" if name else key)]
