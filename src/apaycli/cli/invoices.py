"""`apay invoices`: what was sent where, how often it was and can be paid, and taking one back.

Knows how an invoice is shown. What a cancelled one means to a buyer is `core/decide.py`'s.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from apaycli.core.stock import Prices
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

      apay invoices cancel --old-price
    """


@app.command("list")
@command
def list_invoices(
    env: Env, limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1_000_000)] = 100
) -> None:
    """The newest first, of the mode (test, or --live). Behind the amount: whether it is an old price.

    Example:

      apay invoices list --limit 20
    """
    store = env.open_store(read_only=True)
    try:
        rows = store.invoices(env.mode, limit)
    finally:
        store.close()
    _show_rows(rows, env)


def _show_rows(rows: "list[InvoiceRow]", env: Env) -> None:
    prices = _prices(env)
    if env.output.as_json:
        env.output.document([_document(row, prices, env) for row in rows])
        return
    headers = ("INVOICE", "STATE", "PAID", "LEFT", "CHAT", "WHAT", "AMOUNT", "WHERE")
    env.output.table(headers, [_cells(row, prices, env) for row in rows])


def _prices(env: Env) -> "Prices":
    """What the products cost now; nothing where the stock file cannot be read: what was sent can be shown without."""
    from apaycli.core.stock import prices_of
    from apaycli.stockfile import read_stock_file

    try:
        return prices_of(read_stock_file(env.config.stock_file).products)
    except ConfigError:
        return {}


@app.command("show")
@command
def show(env: Env, invoice: _Id) -> None:
    """One invoice with everything that is known of it.

    Example:

      apay invoices show inv_0123456789abcdef
    """
    document = _document(_find(env, invoice), _prices(env), env)
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
def cancel(
    env: Env,
    invoice: Annotated[
        str | None, typer.Argument(metavar="INVOICE", help="Its id, such as inv_0123456789abcdef.", show_default=False)
    ] = None,
    old_price: Annotated[
        bool,
        typer.Option("--old-price", help="All open invoices with another price or currency than the product has now."),
    ] = False,
    sku: Annotated[
        str | None, typer.Option(metavar="SKU", help="With --old-price: only this product's.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would be cancelled.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation of --old-price.")] = False,
) -> None:
    """Decline these invoices from now on. A payment that is on its way is still recorded.

    Examples:

      apay invoices cancel inv_0123456789abcdef

      apay invoices cancel --old-price --dry-run

      apay invoices cancel --old-price --sku rubber-duck --yes
    """
    if (invoice is None) is not old_price or (sku is not None and not old_price):
        raise UsageError("give either an INVOICE, or --old-price with or without --sku")
    if invoice is None:
        _cancel_old_prices(env, sku, dry_run=dry_run, yes=yes)
    else:
        _cancel_one(env, invoice, dry_run=dry_run)


def _cancel_one(env: Env, invoice_id: str, *, dry_run: bool) -> None:
    row = _find(env, invoice_id)
    if row.invoice.cancelled_at is not None or not _cancelled(env, [row], dry_run=dry_run):
        raise UsageError(f"{row.invoice.invoice_id} was cancelled before")
    if env.output.as_json:
        env.output.document(_document(_find(env, invoice_id), _prices(env), env))
    else:
        would = "would be cancelled" if dry_run else "cancelled"
        times = "1 time" if row.uses_paid == 1 else f"{row.uses_paid} times"
        env.output.out(f"{row.invoice.invoice_id}: {would}; paid {times} before")


def _cancel_old_prices(env: Env, sku: str | None, *, dry_run: bool, yes: bool) -> None:
    from apaycli.core.stock import prices_of
    from apaycli.text import nearest
    from apaycli.text import show as shown

    products = env.stock.products
    if sku is not None and sku not in products:
        raise UsageError(f"there is no product {shown(sku)!r} in {env.config.stock_file}{nearest(sku, products)}")
    prices = prices_of({name: product for name, product in products.items() if sku in (None, name)})
    store = env.open_store(read_only=True)
    try:
        rows = store.old_price_invoices(env.mode, prices, env.clock.now())
    finally:
        store.close()
    many = "1 open invoice" if len(rows) == 1 else f"{len(rows)} open invoices"
    if rows and not dry_run:
        env.confirm(f"Cancel {many} with an old price?", yes=yes)
        _cancelled(env, rows, dry_run=False)
    if env.output.as_json:
        store = env.open_store(read_only=True)
        try:
            found = (store.invoice(row.invoice.invoice_id) for row in rows)
            env.output.document([_document(row, prices, env) for row in found if row is not None])
        finally:
            store.close()
        return
    if dry_run:
        _show_rows(rows, env)
    if not rows:
        env.output.say("apay: No open invoice has an old price.")
    elif dry_run:
        env.output.say(f"apay: {many} with an old price would be cancelled.")
    else:
        env.output.out(f"Cancelled {many} with an old price.")


def _cancelled(env: Env, rows: "list[InvoiceRow]", *, dry_run: bool) -> bool:
    """Cancel them all or none. False: the only one was cancelled elsewhere a moment ago."""
    done = dry_run
    if not dry_run:
        store = env.open_store()
        try:
            with store.transaction() as tx:
                for row in rows:
                    done |= tx.cancel_invoice(row.invoice.invoice_id, env.clock.now())
        finally:
            store.close()
    held = sum(row.uses_held for row in rows)
    if done and held:
        buyers = "1 buyer is" if held == 1 else f"{held} buyers are"
        env.output.warn(f"{buyers} paying right now: what they pay is still recorded")
    return done


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


def _has_old_price(row: "InvoiceRow", prices: "Prices", env: Env) -> bool | None:
    """None where there is no product to compare with."""
    from apaycli.core.stock import has_old_price

    if row.invoice.sku not in prices:
        return None
    return _uses_left(row, env) != 0 and has_old_price(row.invoice, prices)


def _cells(row: "InvoiceRow", prices: "Prices", env: Env) -> tuple[object, ...]:
    from apaycli.money import render_money

    left, invoice = _uses_left(row, env), row.invoice
    return (
        invoice.invoice_id,
        _state(row, env),
        row.uses_paid,
        "any" if left is None else left,
        invoice.chat_id,
        f"{invoice.quantity} x {invoice.sku or invoice.title}",
        render_money(invoice.total_amount, invoice.currency)
        + (" (old price)" if _has_old_price(row, prices, env) else ""),
        row.link or row.message_id,
    )


def _document(row: "InvoiceRow", prices: "Prices", env: Env) -> dict[str, Any]:
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
        "old_price": _has_old_price(row, prices, env),
    }
