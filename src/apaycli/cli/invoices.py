"""`apay invoices`: what was sent where, how often it was and can be paid, and taking one back.

Knows how an invoice is shown. What a cancelled one means to a buyer is `core/decide.py`'s.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.store.values import InvoiceRow

app = typer.Typer(no_args_is_help=True)
_Id = Annotated[str, typer.Argument(metavar="INVOICE", help="Its id, such as inv_0123456789abcdef.")]


@app.callback()
def invoices() -> None:
    """What was sent where, how often it was and can be paid; take one back.

    Examples:

      apay invoices list

      apay invoices show inv_0123456789abcdef

      apay invoices cancel inv_0123456789abcdef
    """


@app.command("list")
@command
def list_invoices(
    env: Env, limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1_000_000)] = 100
) -> None:
    """The newest first, of the mode (test, or --live).

    Example:

      apay invoices list --limit 20
    """
    store = env.open_store(read_only=True)
    try:
        rows = store.invoices(env.mode, limit)
    finally:
        store.close()
    if env.output.as_json:
        env.output.document([_document(row, env) for row in rows])
        return
    headers = ("INVOICE", "STATE", "PAID", "LEFT", "CHAT", "WHAT", "AMOUNT", "WHERE")
    env.output.table(headers, [_cells(row, env) for row in rows])


@app.command("show")
@command
def show(env: Env, invoice: _Id) -> None:
    """One invoice with everything that is known of it.

    Example:

      apay invoices show inv_0123456789abcdef
    """
    document = _document(_find(env, invoice), env)
    if env.output.as_json:
        env.output.document(document)
        return
    from apaycli.cli.output import cell

    width = max(map(len, document)) + 2 if env.output.is_terminal(env.output.stdout) else 0
    for name, value in document.items():
        shown = cell(value)
        env.output.out(f"{name.ljust(width)}{shown}" if width else f"{name}\t{shown}")


@app.command("cancel")
@command
def cancel(env: Env, invoice: _Id) -> None:
    """From now on whoever presses Pay is declined. A payment that is on its way is still recorded.

    Example:

      apay invoices cancel inv_0123456789abcdef
    """
    row = _find(env, invoice)
    store = env.open_store()
    try:
        with store.transaction() as tx:
            done = tx.cancel_invoice(row.invoice.invoice_id, env.clock.now())
    finally:
        store.close()
    if not done:
        raise UsageError(f"{row.invoice.invoice_id} was cancelled before")
    if row.uses_held:
        env.output.warn(f"{row.uses_held} buyer(s) are paying it right now: their money is still recorded")
    if env.output.as_json:
        env.output.document(_document(_find(env, invoice), env))
    else:
        env.output.out(f"{row.invoice.invoice_id}: cancelled; paid {row.uses_paid} time(s) before")


def _find(env: Env, invoice_id: str) -> "InvoiceRow":
    from apaycli.text import show as shown

    store = env.open_store(read_only=True)
    try:
        row = store.invoice(invoice_id)
    finally:
        store.close()
    if row is None:
        raise UsageError(f"there is no invoice {shown(invoice_id, 60)}", hint="apay invoices list shows what there is")
    return row


def _state(row: "InvoiceRow", env: Env) -> str:
    """The most telling word: what keeps it from being paid, else how it was sent."""
    invoice = row.invoice
    if invoice.cancelled_at is not None:
        return "cancelled"
    if invoice.uses_max is not None and row.uses_paid >= invoice.uses_max:
        return "paid"
    if invoice.expires_at is not None and invoice.expires_at <= env.clock.now():
        return "expired"
    return "unknown" if row.send_state == "sending" else row.send_state


def _uses_left(row: "InvoiceRow", env: Env) -> int | None:
    """How often it can still be paid, save for the stock; None is unlimited."""
    if _state(row, env) in {"cancelled", "expired", "refused"}:
        return 0
    uses_max = row.invoice.uses_max
    return None if uses_max is None else max(0, uses_max - row.uses_paid)


def _cells(row: "InvoiceRow", env: Env) -> tuple[object, ...]:
    from apaycli.money import render_money

    left, invoice = _uses_left(row, env), row.invoice
    return (
        invoice.invoice_id,
        _state(row, env),
        row.uses_paid,
        "any" if left is None else left,
        invoice.chat_id,
        f"{invoice.quantity} x {invoice.sku or invoice.title}",
        render_money(invoice.total_amount, invoice.currency),
        row.link or row.message_id,
    )


def _document(row: "InvoiceRow", env: Env) -> dict[str, Any]:
    from apaycli.clock import render_instant

    invoice, left = row.invoice, _uses_left(row, env)

    def instant(value: int | None) -> str | None:
        return None if value is None else render_instant(value)

    return {
        "invoice_id": invoice.invoice_id,
        "mode": invoice.mode,
        "state": _state(row, env),
        "chat_id": invoice.chat_id,
        "message_id": row.message_id,
        "link": row.link,
        "sku": invoice.sku,
        "title": invoice.title,
        "quantity": invoice.quantity,
        "currency": invoice.currency,
        "total_amount": invoice.total_amount,
        "invoice_payload": invoice.invoice_payload,
        "forwarding": invoice.forwarding,
        "uses": "unlimited" if invoice.uses_max is None else invoice.uses_max,
        "uses_paid": row.uses_paid,
        "uses_held": row.uses_held,
        "uses_left": "unlimited" if left is None else left,
        "buyer_id": None if invoice.buyer_id is None else str(invoice.buyer_id),
        "created_at": instant(invoice.created_at),
        "sent_at": instant(row.sent_at),
        "expires_at": instant(invoice.expires_at),
        "cancelled_at": instant(invoice.cancelled_at),
        "send_error": row.send_error,
    }
