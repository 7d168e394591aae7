"""`apay reconcile`: receipts beside A-Pay's books, one question a second, or against its CSV report.

Knows the options and how findings are shown. Who asks is `reconciling.py`, what differs is `core/reconcile.py`'s, the
report's side `cli/reconcile_report.py`'s. Nothing here stands in the path of an answer to a buyer.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.receipt_filter import Choice, parse_choice
from apaycli.errors import ApayError, ConfigError, NotGood, UsageError

if TYPE_CHECKING:
    from apaycli.core.model import ReceiptFilter
    from apaycli.core.reconcile import Claim, Finding
    from apaycli.reconciling import Inquiry, Span
    from apaycli.store.protocol import Store

_UNKNOWN_IN_A_ROW = 20


@dataclass(frozen=True, slots=True)
class Options:
    choice: Choice
    again: bool = False
    report: Path | None = None
    per_minute: int = 60
    dry_run: bool = False


@command
def reconcile(
    env: Env,
    since: Annotated[str | None, typer.Option(help="First day, such as 2026-11-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day, included.")] = None,
    mode: Annotated[str, typer.Option(help="live, or test to practise with the sandbox.")] = "live",
    again: Annotated[bool, typer.Option("--again", help="Ask about confirmed receipts, too.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="A-Pay's CSV report instead of questions; also fees and net.", show_default=False),
    ] = None,
    per_minute: Annotated[int, typer.Option(help="Questions a minute at most.", min=1, max=600)] = 60,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say how many; ask and write nothing.")] = False,
) -> None:
    """Compare live receipts with A-Pay's books. What is found is written down at once: stop and go on as you like.

    Examples:

      apay reconcile

      apay reconcile --since 2026-11-01 --until 2026-11-30

      apay reconcile --report november.csv
    """
    run(Options(Choice(since, until, mode), again, report, per_minute, dry_run), env)


def run(options: Options, env: Env) -> None:
    if options.choice.mode not in {"live", "test"}:
        raise UsageError("--mode takes live or test")
    which = parse_choice(options.choice, env)
    if options.report is not None:
        from apaycli.cli.reconcile_report import compare_report

        if options.again:
            raise UsageError("--again is about questions; a report is read whole each time")
        compare_report(options.report, which, env, dry_run=options.dry_run)
        return
    _ask(options, which, env)


def _ask(options: Options, which: "ReceiptFilter", env: Env) -> None:
    from apaycli.reconciling import Span

    account = env.config.apay_account()
    if account is None:
        raise ConfigError(
            "A-Pay's own API is not set up",
            hint="[apay] base_url, project_id and api_key_file in the config; or --report FILE",
        )
    span = Span(which.mode or "live", which.paid_from, which.paid_before, options.again)
    store = env.open_store(read_only=options.dry_run)
    try:
        count = store.unreconciled_count(span.mode, span[1:3], env.clock.now() + 1, again=span.again)
        _say_what(count, span, options, account, env)
        found: list[tuple[Claim, Finding]] = []
        if count and not options.dry_run:
            found = _inquire(_inquiry(account, store, options, env), span, count, env)
    finally:
        store.close()
    if options.dry_run:
        _show_plan(count, span, env)
    else:
        _show(found, span, env)


def _inquiry(account: tuple[str, str, str], store: "Store", options: Options, env: Env) -> "Inquiry":
    from apaycli.apayapi import APay
    from apaycli.botapi.http_httpx import get_once
    from apaycli.cli.apay_limits import methods_now
    from apaycli.reconciling import Inquiry

    # "I do not know this deposit" and "wrong key" sound the same: first a question that every right key may ask.
    methods_now(account, store, env)
    return Inquiry(APay(*account, get_once), store, env.clock, 60 / options.per_minute, env.output.warn)


def _say_what(count: int, span: "Span", options: Options, account: tuple[str, str, str], env: Env) -> None:
    env.output.say(f"apay: project {account[2]} at {account[0]}, {span.mode} receipts, ledger {env.config.store_path}")
    if not count:
        env.output.say("apay: every receipt is confirmed, or there is none; --again asks once more")
        return
    minutes = -(-count // options.per_minute)
    env.output.say(f"apay: {count} receipt(s) to ask about, about {minutes} min; Ctrl-C keeps what was found")


def _inquire(inquiry: "Inquiry", span: "Span", count: int, env: Env) -> "list[tuple[Claim, Finding]]":
    found: list[tuple[Claim, Finding]] = []

    def so_far() -> str:
        return f"{len(found)} of {count} asked about; that is kept, apay reconcile goes on"

    env.if_interrupted = so_far()
    try:
        for claim, finding in inquiry.ask_about(span):
            found.append((claim, finding))
            env.if_interrupted = so_far()
            env.output.detail(f"apay: {len(found)}/{count} receipt {claim.receipt_id}: {finding.state}")
            if len(found) == _UNKNOWN_IN_A_ROW and all(each.state == "unknown" for _, each in found):
                env.output.warn(
                    f"A-Pay knows none of the first {len(found)} receipts by our ids: ask its support under which id it"
                    " keeps payments of Telegram, or use --report"
                )
    except ApayError:
        env.output.say(f"apay: {so_far()}")
        raise
    if len(found) < count:
        env.output.say(f"apay: {so_far()}")
    return found


def _show_plan(count: int, span: "Span", env: Env) -> None:
    if env.output.as_json:
        env.output.document({"mode": span.mode, "to_ask": count})
    else:
        env.output.out(f"{count} receipt(s) would be asked about")


def _show(found: "list[tuple[Claim, Finding]]", span: "Span", env: Env) -> None:
    from apaycli.core.reconcile import STATES

    counts = Counter(finding.state for _, finding in found)
    if env.output.as_json:
        env.output.document(
            {
                "mode": span.mode,
                "counts": {state: counts[state] for state in STATES},
                "receipts": [_document(claim, finding) for claim, finding in found],
            }
        )
    elif found:
        headers = ("RECEIPT", "STATE", "AMOUNT", "A-PAY", "FOUND BY", "A-PAY'S ID", "WHAT")
        env.output.table(headers, [_cells(claim, finding) for claim, finding in found])
        env.output.say("apay: " + ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state]))
    bad = counts["differs"] + counts["rejected"]
    if bad:
        env.output.warn(
            f"{bad} receipt(s) differ from A-Pay's books or were rejected there; docs/reconcile.md says what to do"
        )
        raise typer.Exit(NotGood.exit_code)


def _cells(claim: "Claim", finding: "Finding") -> tuple[object, ...]:
    return (
        claim.receipt_id,
        finding.state,
        money(claim.total_amount, claim.currency),
        money(finding.amount, finding.currency),
        finding.found_by,
        finding.apay_order_id,
        finding.detail,
    )


def money(amount: int | None, currency: str | None) -> str | None:
    from apaycli.money import render_money

    return None if amount is None or currency is None else render_money(amount, currency)


def _document(claim: "Claim", finding: "Finding") -> dict[str, object]:
    return {
        "receipt_id": str(claim.receipt_id),
        "state": finding.state,
        "currency": claim.currency,
        "total_amount": claim.total_amount,
        "found_by": finding.found_by,
        "apay_order_id": finding.apay_order_id,
        "apay_currency": finding.currency,
        "apay_amount": finding.amount,
        "detail": finding.detail,
        "telegram_payment_charge_id": claim.telegram_payment_charge_id,
        "provider_payment_charge_id": claim.provider_payment_charge_id,
    }
