"""`apay refunds`: money that must go back, to whom and why; and writing down that it went.

Knows how that is shown, and that A-Pay has no way to send money back by itself: the merchant does it, this remembers.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.own_text import own_text
from apaycli.cli.receipt_filter import Choice, parse_choice
from apaycli.cli.receipts import Number, buyer_of, money_of, refuse_other_mode
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.core.model import ReceiptRow
    from apaycli.store.values_cases import Dossier, DueRefund

app = typer.Typer(no_args_is_help=True)
HOW = "A-Pay has no button for it: ask its support with the provider charge id, or send the money yourself"
_REFERENCE_CHARACTERS_MAX = 200
_REASON_CHARACTERS_MAX = 1000
_WHY = {
    "oversold": "no units were left when it was paid",
    "duplicate": "the invoice had been paid already",
}
_DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be written down; write nothing.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.callback()
def refunds() -> None:
    """Money to give back.

    Examples:

      apay refunds due

      apay refunds due 17 --reason "came back broken"

      apay refunds done 17 --reference "bKash TrxID 9HJ4K2"
    """


@app.command("due")
@command
def due(
    env: Env,
    receipt: Annotated[
        int | None,
        typer.Argument(metavar="[RECEIPT]", help="Mark this one, with --reason.", min=1, max=2**63 - 1),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why it goes back.", show_default=False)] = None,
    mode: Annotated[str | None, typer.Option(help="test, live or all.")] = None,
    dry_run: _DryRun = False,
    yes: _Yes = False,
) -> None:
    """What must go back, why, to whom; the oldest first. With a number and --reason: mark that receipt.

    A-Pay has no way to send money back by itself: ask its support, or send it yourself, then apay refunds done.

    Examples:

      apay refunds due --live

      apay refunds due 17 --reason "came back broken"
    """
    if receipt is None:
        if reason is not None:
            raise UsageError("--reason is for one receipt", hint='apay refunds due 17 --reason "came back broken"')
        _list(env, mode)
    elif mode is not None:
        raise UsageError("--mode is for the list; a receipt has its mode")
    elif reason is None:
        raise UsageError("--reason is missing", hint=f'apay refunds due {receipt} --reason "came back broken"')
    else:
        _mark(env, receipt, own_text(env, reason, "--reason", _REASON_CHARACTERS_MAX), dry_run=dry_run, yes=yes)


def _list(env: Env, mode: str | None) -> None:
    from apaycli.books.dossier import due_document

    which = parse_choice(Choice(mode=mode), env)
    store = env.open_store(read_only=True)
    try:
        rows = store.refunds_due(which.mode)
        elsewhere = len(store.refunds_due(None)) - len(rows)
    finally:
        store.close()
    if env.output.as_json:
        env.output.document([due_document(row, _why(row)) for row in rows])
    else:
        headers: tuple[str, ...] = ("RECEIPT", "AMOUNT", "TO", "WHY", "PROVIDER CHARGE ID")
        cells = [_cells(row) for row in rows]
        if which.mode is None:
            headers = (headers[0], "MODE", *headers[1:])
            cells = [(cell[0], row.receipt.mode, *cell[1:]) for cell, row in zip(cells, rows, strict=True)]
        env.output.table(headers, cells)
    if rows:
        env.output.say(f"apay: {HOW}; then: apay refunds done {rows[0].receipt.receipt_id} --reference TEXT")
    if elsewhere:
        env.output.say(f"apay: {elsewhere} more in the other mode; --mode all shows them")


def _cells(row: "DueRefund") -> tuple[object, ...]:
    receipt = row.receipt
    return (
        receipt.receipt_id, money_of(receipt), buyer_of(receipt), _why(row), receipt.provider_payment_charge_id
    )  # fmt: skip


def _why(row: "DueRefund") -> str:
    """The merchant's own words first."""
    flag = row.receipt.flag or ""
    return row.reason or (f"{flag}: {_WHY[flag]}" if flag in _WHY else flag)


def _mark(env: Env, receipt_id: int, reason: str, *, dry_run: bool, yes: bool) -> None:
    dossier = _find(env, receipt_id)
    receipt, sent = dossier.receipt, dossier.refund
    refuse_other_mode(env, receipt)
    if receipt.refund_state == "due":
        raise UsageError(f"receipt {receipt_id} is marked already", hint="apay refunds due shows why")
    what = f"receipt {receipt_id}: {money_of(receipt)} to {_shown(receipt)}"
    if dry_run:
        env.output.say(f"apay: would mark {what}")
    else:
        if sent.reference is not None:
            env.output.warn(f"receipt {receipt_id} is refunded already, by {sent.reference}; that is taken back")
            env.confirm(f"Is {what} due again?", yes=yes)
        store = env.open_store()
        try:
            with store.transaction() as tx:
                if not tx.refund_due(receipt_id, reason, env.clock.now()):
                    raise UsageError(f"receipt {receipt_id} was marked in the meantime")
        finally:
            store.close()
    _tell(env, receipt_id, f"{what}: must go back", dry_run=dry_run)


@app.command("done")
@command
def done(
    env: Env,
    receipt: Number,
    reference: Annotated[str, typer.Option(help="What names the money that was sent: a transfer's id, a ticket.")],
    dry_run: _DryRun = False,
    yes: _Yes = False,
) -> None:
    """Write down that the money went back. Asks where nothing was due.

    Example:

      apay refunds done 17 --reference "bKash TrxID 9HJ4K2"
    """
    text = own_text(env, reference, "--reference", _REFERENCE_CHARACTERS_MAX)
    dossier = _find(env, receipt)
    row = dossier.receipt
    refuse_other_mode(env, row)
    if row.refund_state == "done":
        raise UsageError(
            f"receipt {receipt} is refunded already, by {dossier.refund.reference}",
            hint=f'if that money did not arrive: apay refunds due {receipt} --reason "came back"',
        )
    what = f"receipt {receipt}: {money_of(row)} to {_shown(row)}"
    if dry_run:
        env.output.say(f"apay: would write down {what}, by {text}")
    else:
        if row.refund_state is None:
            env.output.warn(f"receipt {receipt} was not due: nothing was wrong with it, and nobody marked it")
            env.confirm(f"Did {what} go back?", yes=yes)
        store = env.open_store()
        try:
            with store.transaction() as tx:
                if not tx.refund_done(receipt, text, env.clock.now()):
                    raise UsageError(f"receipt {receipt} was refunded in the meantime")
        finally:
            store.close()
    _tell(env, receipt, f"{what}: went back, {text}", dry_run=dry_run)


def _find(env: Env, receipt_id: int) -> "Dossier":
    from apaycli.cli.receipts import read_dossier

    return read_dossier(env, receipt_id)


def _shown(receipt: "ReceiptRow") -> str:
    from apaycli.text import show

    return show(buyer_of(receipt))


def _tell(env: Env, receipt_id: int, line: str, *, dry_run: bool) -> None:
    from apaycli.text import show

    if env.output.as_json:
        from apaycli.books.dossier import refund_state_document

        env.output.document(refund_state_document(_find(env, receipt_id)))
    elif not dry_run:
        env.output.out(show(line, 1000))
