"""`apay verify`: is the ledger right?

Knows how to show what was found. It is looked for in `checks/verify.py`.
"""

from typing import TYPE_CHECKING

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import NotGood

if TYPE_CHECKING:
    from apaycli.checks.verify import Verdict


@command
def verify(env: Env) -> None:
    """Count everything in the ledger again: file, sums, states, stock, digests, and what was received.

    It reads only, and may run beside the listener. Exit code 0 when all is right, 6 with every problem otherwise.

    Examples:

      apay verify

      apay verify --json
    """
    run(env)


def run(env: Env) -> None:
    from apaycli.checks.verify import verify as verify_ledger

    store = env.open_store(read_only=True, to_verify=True)
    env.if_interrupted = "not everything was checked; nothing was changed"
    try:
        verdict = verify_ledger(store)
    finally:
        store.close()
    if env.output.as_json:
        env.output.document(_document(verdict, env.clock.now()))
    else:
        _render(verdict, env)
    if not verdict.good:
        raise typer.Exit(NotGood.exit_code)


def _render(verdict: "Verdict", env: Env) -> None:
    from apaycli.text import show

    read = f"{verdict.receipts} receipt(s) with their evidence, {verdict.kept} other update(s) that are kept"
    if verdict.good:
        env.output.out(f"good: {read}; file, sums, states, stock and digests agree")
        _render_takings(verdict, env)
        return
    env.output.out(f"not good: {verdict.problem_count} problem(s) in {read}")
    for problem in verdict.problems:
        env.output.out(f"{problem.check}\t{show(problem.what, 1000)}")
    if verdict.problem_count > len(verdict.problems):
        env.output.out(f"and {verdict.problem_count - len(verdict.problems)} more")
    env.output.say("apay: docs/ledger.md says what each means and what to do")


def _render_takings(verdict: "Verdict", env: Env) -> None:
    from apaycli.money import format_amount
    from apaycli.text import show

    for (mode, currency), takings in sorted(verdict.takings.items(), key=str):
        sum_of = f"{format_amount(takings.total_amount, currency)} {show(currency, 8)}" if currency else "no currency"
        env.output.out(f"{mode}\t{sum_of}\t{takings.receipts} receipt(s)")


def _document(verdict: "Verdict", now: int) -> dict[str, object]:
    from apaycli.checks.verify import CHECKS
    from apaycli.clock import render_instant

    return {
        "good": verdict.good,
        "checked_at": render_instant(now),
        "checks": list(CHECKS),
        "receipts": verdict.receipts,
        "kept_updates": verdict.kept,
        "sums": [
            {
                "mode": mode,
                "currency": currency,
                "receipts": takings.receipts,
                "total_amount": takings.total_amount,
            }
            for (mode, currency), takings in sorted(verdict.takings.items(), key=str)
        ],
        "problem_count": verdict.problem_count,
        "problems": [{"check": problem.check, "what": problem.what} for problem in verdict.problems],
    }
