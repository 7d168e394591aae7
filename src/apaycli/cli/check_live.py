"""`apay check-live`: the live checklist, with evidence.

Knows how to show findings and how to record the owner's statements. Facts are gathered in `checks/facts.py`
and judged in `checks/items.py`.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.target import refuse_target, shown_path, written
from apaycli.errors import ApayError, LedgerError, NotGood, TokenError, UsageError

if TYPE_CHECKING:
    from apaycli.checks.model import BackupFacts, DisputeFacts, Finding, LiveFacts
    from apaycli.cli.output import Style
    from apaycli.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Options:
    only: tuple[str, ...] = ()
    attest: tuple[str, ...] = ()
    offline: bool = False
    rehearse: bool = False
    report: Path | None = None
    force: bool = False


@command
def check_live(
    env: Env,
    only: Annotated[list[str] | None, typer.Option(help="Only this check. Repeat it.")] = None,
    attest: Annotated[
        list[str] | None, typer.Option(help="State that this is so; good for 90 days. Repeat it.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask Telegram.")] = False,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="First play your shop against the sandbox; good for a day.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Also write the findings as one HTML page.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a page that is there.")] = False,
) -> None:
    """Is the bot ready for real money? Each line with what was seen and what to do next.

    Exit code 0 when nothing fails and nothing is left to state, 6 otherwise.

    Examples:

      apay check-live --live

      apay check-live --live --attest two-step

      apay check-live --live --rehearse --report ready.html

      apay check-live --live --only ledger --json
    """
    run(Options(tuple(only or ()), tuple(attest or ()), offline, rehearse, report, force), env)


def run(options: Options, env: Env) -> None:
    from apaycli.checks.items import ATTESTABLE, CHECKS, REHEARSAL
    from apaycli.text import nearest, show

    names = [name for name, _ in CHECKS]
    for given, allowed, option in ((options.only, names, "--only"), (options.attest, ATTESTABLE, "--attest")):
        for name in given:
            if name not in allowed:
                near = nearest(name, allowed) or f"; it takes {', '.join(allowed)}"
                raise UsageError(f"{option} {show(name, 40)!r} is not known{near}")
    if options.report is not None:
        refuse_target(options.report, env, force=options.force, name="--report")
    elif options.force:
        raise UsageError("--force replaces a page: it needs --report FILE")
    if options.rehearse:
        from apaycli.cli.rehearse import rehearse

        rehearse(env)
        _attest((REHEARSAL,), env)
    if options.attest:
        _attest(options.attest, env)
    facts = _gather(options, env)
    found = [(name, check(facts)) for name, check in CHECKS if not options.only or name in options.only]
    findings = [(name, replace(finding, next_step=env.here(finding.next_step))) for name, finding in found]
    if options.report is not None:
        _write_report(options, findings, facts, env)
    _render(findings, facts, env)
    if any(finding.outcome in {"fail", "manual"} for _, finding in findings):
        raise typer.Exit(NotGood.exit_code)


def _write_report(options: Options, findings: "list[tuple[str, Finding]]", facts: "LiveFacts", env: Env) -> None:
    from apaycli.cli.live_report import render_report

    path, partial = options.report or Path(), bool(options.only)
    bot = "@" + facts.telegram.bot_username if facts.telegram and facts.telegram.bot_username else "the bot"
    with written(path, env, force=options.force) as file:
        file.write(render_report(findings, bot, facts.mode, facts.now, partial=partial).encode())
    env.output.say(f"apay: the page is {shown_path(path)}")


def _attest(names: tuple[str, ...], env: Env) -> None:
    store = env.open_store(create=True)
    try:
        with store.transaction() as tx:
            for name in names:
                tx.attest(name, env.clock.now())
    finally:
        store.close()


def _gather(options: Options, env: Env) -> "LiveFacts":
    from apaycli.backups_kept import named_files
    from apaycli.checks.facts import gather_facts

    store: Store | ApayError
    try:
        store = env.open_store(read_only=True)
    except LedgerError as error:
        store = error
    try:
        api = None if options.offline else env.open_api()
    except TokenError:
        api = None
    try:
        backup = _newest_backup(env) if not options.only or "backups" in options.only else None
        disputes = None if isinstance(store, ApayError) else _try_dispute_folder(env, store)
        folder = env.config.values.get("backup.dir")
        backups = named_files(folder) if folder is not None else []
        return gather_facts(env.config, env.mode, api, store, env.clock, backup, disputes, backups)
    finally:
        if api is not None:
            api.close()
        if not isinstance(store, ApayError):
            store.close()


def _try_dispute_folder(env: Env, store: "Store") -> "DisputeFacts":
    """Whoever can answer a dispute has its folder at hand: one is put together, and thrown away."""
    from apaycli.books.dispute_folder import render_folder
    from apaycli.checks.model import DisputeFacts
    from apaycli.cli.disputes import terms_in_force
    from apaycli.core.model import ReceiptFilter
    from apaycli.store.values_cases import Dispute

    now = env.clock.now()
    try:
        with store.snapshot():
            disputes = len(store.disputes(only_open=True))
            newest = next(iter(store.newest_receipts(ReceiptFilter(mode=env.mode), 1)), None)
            dossier = store.dossier(newest.receipt_id) if newest else None
    except LedgerError as error:
        return DisputeFacts(0, error=error.message)
    if dossier is None:
        return DisputeFacts(disputes)
    tried = Dispute(0, dossier.receipt.receipt_id, "check-live", now, None, None)
    files = render_folder(tried, dossier, terms_in_force(env), now)
    return DisputeFacts(disputes, tried.receipt_id, len(files))


def _newest_backup(env: Env) -> "BackupFacts | None":
    """The newest backup, opened and counted: a name in a folder proves nothing."""
    from apaycli.backups_kept import newest_backup
    from apaycli.backups_opening import inspect_backup
    from apaycli.checks.model import BackupFacts

    folder = env.config.values.get("backup.dir")
    if folder is None:
        return None
    every = env.config.values["backup.every"] * 1000
    newest = newest_backup(folder, env.clock.now())
    if newest is None:
        return BackupFacts(every)
    found = inspect_backup(newest.path, env.config.values.get("backup.decrypt"), env.config.folder)
    if isinstance(found, ApayError):
        return BackupFacts(every, newest.made_at, newest.path.name, error=found.message, error_cure=found.hint or "")
    problem = found.problems[0] if found.problems else None
    return BackupFacts(every, newest.made_at, newest.path.name, found.receipts, found.newest_recorded_at, problem)


def _render(findings: "list[tuple[str, Finding]]", facts: "LiveFacts", env: Env) -> None:
    from apaycli.clock import render_instant

    output = env.output
    if output.as_json:
        rows = [
            {
                "name": name,
                "outcome": finding.outcome,
                "seen": finding.seen,
                "seen_at": render_instant(finding.seen_at if finding.seen_at is not None else facts.now),
                "next_step": finding.next_step or None,
            }
            for name, finding in findings
        ]
        output.document({"mode": facts.mode, "checked_at": render_instant(facts.now), "checks": rows})
        return
    if not output.is_terminal(output.stdout):
        for name, finding in findings:
            output.out("\t".join((finding.outcome, name, finding.seen, finding.next_step)))
        return
    styles: dict[str, Style] = {"pass": "green", "warn": "yellow", "fail": "red", "manual": "yellow"}
    for name, finding in findings:
        output.out(f"{output.paint(finding.outcome.ljust(6), styles[finding.outcome], output.stdout)}  {name}")
        when = f" ({render_instant(finding.seen_at)})" if finding.seen_at is not None else ""
        output.paragraph(finding.seen + when)
        if finding.next_step:
            output.paragraph("next: " + finding.next_step)
    counts = {outcome: sum(f.outcome == outcome for _, f in findings) for outcome in styles}
    output.out(", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count))
