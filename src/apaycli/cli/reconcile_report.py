"""`apay reconcile --report FILE`: our receipts beside A-Pay's CSV report, with fees and net.

Knows how the file is opened, which days it is about, and how pairs are shown. How rows find receipts is
`core/apay_report.py`'s.
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import typer

from apaycli.cli.env import Env
from apaycli.cli.reconcile import money
from apaycli.errors import NotGood, UsageError

if TYPE_CHECKING:
    from apaycli.core.apay_report import Pair, Report, Total
    from apaycli.core.model import Mode, ReceiptFilter
    from apaycli.store.protocol import Store

_REPORT_BYTES_MAX = 256 * 1024 * 1024


def compare_report(file: Path, which: "ReceiptFilter", env: Env, *, dry_run: bool) -> None:
    from apaycli.core.apay_report import match_report

    report = _read(file)
    since, until = _span(report, which)
    store = env.open_store(read_only=dry_run)
    try:
        days = _days(since, until)
        env.output.say(f"apay: {file}, {which.mode} receipts {days}, ledger {env.config.store_path}")
        # All of them may stand in it: a report's days are those of deposits, ours those of payments.
        claims = store.claims(replace(which, paid_from=None, paid_before=None))
        pairs = list(match_report(report, claims, since, until))
        elsewhere = _known_in_the_other_mode(pairs, which, store)
        if not dry_run:
            _record(pairs, store, env)
    finally:
        store.close()
    _show(pairs, elsewhere, env)


def _known_in_the_other_mode(pairs: "list[Pair]", which: "ReceiptFilter", store: "Store") -> int:
    """How many of the rows without a receipt have one that is not asked about: a report does not know of modes."""
    strangers = {id_ for pair in pairs if pair.match == "only_there" and pair.row for id_ in pair.row.ids}
    if not strangers:
        return 0
    other: Mode = "test" if which.mode == "live" else "live"
    claims = store.claims(replace(which, mode=other, paid_from=None, paid_before=None))
    known = {id_ for claim in claims for id_ in (claim.provider_payment_charge_id, claim.telegram_payment_charge_id)}
    return sum(
        pair.match == "only_there" and pair.row is not None and not known.isdisjoint(pair.row.ids) for pair in pairs
    )


def _read(file: Path) -> "Report":
    from apaycli.core.apay_report import ReportProblem, parse_report
    from apaycli.files import FileProblem, read_text

    try:
        return parse_report(read_text(file, bytes_max=_REPORT_BYTES_MAX))
    except FileProblem as problem:
        raise UsageError(str(problem)) from None
    except ReportProblem as problem:
        raise UsageError(f"{file}: {problem}", hint="docs/reconcile.md says which columns a report needs") from None


def _span(report: "Report", which: "ReceiptFilter") -> tuple[int | None, int | None]:
    """The days that were named, else the merchant's days from the report's first instant to its last."""
    from apaycli.cli.days import day_of, midnight

    if which.paid_from is not None or which.paid_before is not None:
        return which.paid_from, which.paid_before
    instants = [instant for text in report.instants if (instant := _instant(text)) is not None]
    if not instants:
        raise UsageError("the report does not say which days it is about", hint="name them with --since and --until")
    last = min(day_of(max(instants)), date.max - timedelta(days=2))  # a day that has another behind it
    return midnight(min(day_of(min(instants)), last)), midnight(last + timedelta(days=1))


def _days(since: int | None, until: int | None) -> str:
    from apaycli.cli.days import day_of

    first = "" if since is None else f"from {day_of(since)} "
    return first + ("on" if until is None else f"until {day_of(until - 1)}")


def _instant(text: str) -> int | None:
    """ISO 8601, UTC where no zone is named."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 1000


def _record(pairs: "list[Pair]", store: "Store", env: Env) -> None:
    from apaycli.core.apay_report import finding_of

    now = env.clock.now()
    findings = [finding for pair in pairs if (finding := finding_of(pair)) is not None]
    for start in range(0, len(findings), 500):  # short transactions: a listener may be waiting
        with store.transaction() as tx:
            for finding in findings[start : start + 500]:
                tx.record_finding(finding, now)


def _totals(pairs: "list[Pair]") -> "dict[str, Total]":
    from apaycli.core.apay_report import Total

    totals: dict[str, Total] = {}
    for pair in pairs:
        if pair.match == "matched":
            totals.setdefault(pair.currency, Total()).add(pair)
    return totals


def _show(pairs: "list[Pair]", elsewhere: int, env: Env) -> None:
    from apaycli.core.apay_report import Match

    counts, totals = Counter(pair.match for pair in pairs), _totals(pairs)
    kinds: tuple[Match, ...] = get_args(Match)
    if env.output.as_json:
        env.output.document(
            {
                "counts": {kind: counts[kind] for kind in kinds},
                "totals": [_total_document(currency, total) for currency, total in totals.items()],
                "rows": [_document(pair) for pair in pairs],
            }
        )
    else:
        headers = ("MATCH", "RECEIPT", "AMOUNT", "A-PAY", "FEE", "A-PAY'S ID", "LINE", "WHAT")
        if pairs:
            env.output.table(headers, [_cells(pair) for pair in pairs])
        for currency, total in totals.items():
            env.output.say(f"apay: {_total_sentence(currency, total)}")
        said = ", ".join(f"{counts[kind]} {kind.replace('_', ' ')}" for kind in kinds if counts[kind])
        env.output.say(f"apay: {said or 'nothing to compare'}")
    if elsewhere:
        env.output.warn(f"{elsewhere} payment(s) of the report are receipts of the other mode: --mode test, or live")
    if counts["only_there"] > elsewhere:
        env.output.warn(
            f"{counts['only_there'] - elsewhere} payment(s) stand in the report and not in this ledger: another shop of"
            " the same project, or a receipt that was missed; apay verify and apay deadletters list may know more"
        )
    bad = counts["differs"] + counts["rejected"]
    if bad:
        env.output.warn(
            f"{bad} receipt(s) differ from A-Pay's report or were rejected there; docs/reconcile.md says what to do"
        )
        raise typer.Exit(NotGood.exit_code)


def _total_sentence(currency: str, total: "Total") -> str:
    amount, fee, net = (money(each, currency) for each in (total.amount, total.fee_amount, total.net_amount))
    known = (
        f"fees {fee}, net {net}" if fee is not None else "fees not known: not each row has its amount_after_commision"
    )
    return f"{total.receipts} matched: {amount}, {known}"


def _total_document(currency: str, total: "Total") -> dict[str, object]:
    return {
        "currency": currency,
        "receipts": total.receipts,
        "amount": total.amount,
        "fee_amount": total.fee_amount,
        "net_amount": total.net_amount,
    }


def _cells(pair: "Pair") -> tuple[object, ...]:
    claim, row = pair.claim, pair.row
    return (
        pair.match,
        claim.receipt_id if claim else None,
        money(claim.total_amount, claim.currency) if claim else None,
        f"{row.amount} {pair.currency}".strip() if row else None,
        money(pair.fee_amount, pair.currency),
        row.ids[0] if row and row.ids else None,
        row.line if row else None,
        pair.detail,
    )


def _document(pair: "Pair") -> dict[str, object]:
    claim, row = pair.claim, pair.row
    return {
        "match": pair.match,
        "receipt_id": str(claim.receipt_id) if claim else None,
        "currency": pair.currency or None,
        "total_amount": claim.total_amount if claim else None,
        "apay_amount": str(row.amount) if row else None,
        "fee_amount": pair.fee_amount,
        "apay_ids": list(row.ids) if row else [],
        "line": row.line if row else None,
        "detail": pair.detail,
    }
