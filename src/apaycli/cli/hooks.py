"""`apay hooks`: what ran for which receipt, what failed, what waits; and the merchant's word about it.

Knows how to show the outbox. Who runs it is `listen/hooks.py`.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.core.hooks import HookState
    from apaycli.store.values import HookRow

app = typer.Typer(no_args_is_help=True)
_STATES = ("pending", "waiting", "done", "failed")


@app.callback()
def hooks() -> None:
    """What ran for which receipt, what failed, what waits.

    Examples:

      apay hooks list --state failed

      apay hooks retry 17

      apay hooks release 18
    """


@app.command("list")
@command
def list_hooks(
    env: Env,
    state: Annotated[str | None, typer.Option(help="Only these: pending, waiting, done or failed.")] = None,
) -> None:
    """The outbox, newest receipt first.

    Example:

      apay hooks list --state waiting
    """
    from apaycli.clock import render_instant

    store = env.open_store(read_only=True)
    try:
        rows = store.hooks(_state(state))
    finally:
        store.close()
    if env.output.as_json:
        env.output.document([_document(row) for row in rows])
        return
    headers = ("RECEIPT", "KIND", "STATE", "TRIES", "LAST", "FLAG", "WHAT WENT WRONG")
    cells = [
        (
            row.receipt_id,
            row.kind,
            row.state,
            row.attempts,
            render_instant(row.last_attempt_at) if row.last_attempt_at is not None else None,
            row.flag,
            row.failure,
        )
        for row in rows
    ]
    env.output.table(headers, cells)


@app.command("retry")
@command
def retry(env: Env, receipt: Annotated[int, typer.Argument(help="The receipt's number.")]) -> None:
    """Run a failed hook again, with all its tries. The listener does it within a second.

    Example:

      apay hooks retry 17
    """
    _rerun(env, receipt, ("failed", "pending"), "failed or due")


@app.command("release")
@command
def release(env: Env, receipt: Annotated[int, typer.Argument(help="The receipt's number.")]) -> None:
    """Let the hook of a flagged receipt run: you have looked at it, and it is to be delivered.

    Example:

      apay hooks release 18
    """
    _rerun(env, receipt, ("waiting",), "waiting")


def _rerun(env: Env, receipt: int, states: "tuple[HookState, ...]", meaning: str) -> None:
    store = env.open_store()
    try:
        with store.transaction() as tx:
            count = tx.rerun_hooks(receipt, states, env.clock.now())
        rows = store.hooks(receipt_id=receipt)
    finally:
        store.close()
    if not count:
        raise UsageError(f"receipt {receipt} has no hook that is {meaning}", hint="apay hooks list shows what there is")
    if env.output.as_json:
        env.output.document([_document(row) for row in rows])
    else:
        env.output.out(f"receipt {receipt}: {count} hook(s) due now; the listener runs them")


def _state(text: str | None) -> "HookState | None":
    for state in _STATES:
        if text == state:
            return state  # type: ignore[return-value]
    if text is not None:
        raise UsageError(f"--state takes {', '.join(_STATES)}")
    return None


def _document(row: "HookRow") -> dict[str, object]:
    from apaycli.clock import render_instant

    return {
        "receipt_id": str(row.receipt_id),
        "kind": row.kind,
        "state": row.state,
        "attempts": row.attempts,
        "due_at": render_instant(row.due_at),
        "last_attempt_at": render_instant(row.last_attempt_at) if row.last_attempt_at is not None else None,
        "failure": row.failure,
        "flag": row.flag,
        "telegram_payment_charge_id": row.telegram_payment_charge_id,
    }
