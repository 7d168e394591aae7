"""`apay status`: is the listener alive, since when has nobody heard Telegram, what must be looked at.

Knows how to gather what stands in files and how to show it; never asks Telegram, so that a monitor may ask each
minute. What rings is `checks/status.py`.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.missing_receipts import missing_document, missing_line
from apaycli.cli.options import command
from apaycli.errors import ConfigError, NotGood, UsageError

if TYPE_CHECKING:
    from apaycli.checks.status import Alarm, Status
    from apaycli.errors import LedgerLost
    from apaycli.store.protocol import Store
    from apaycli.store.values import LedgerCounts

_MISSING_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Options:
    gap_seconds_max: int
    acknowledge: bool = False


@command
def status(
    env: Env,
    max_gap: Annotated[str, typer.Option(metavar="TIME", help="How long nobody may have heard Telegram.")] = "6h",
    acknowledge: Annotated[
        bool,
        typer.Option("--acknowledge", help="You have compared: gaps, conflicts and restores up to now are settled."),
    ] = False,
) -> None:
    """How the shop stands. Exit code 0 when nothing needs you, 6 otherwise.

    Examples:

      apay status --live

      apay status --live --max-gap 15m --quiet || mail-me

      apay status --live --acknowledge
    """
    from apaycli.config_values import BadValue, parse_duration

    try:
        seconds = parse_duration(max_gap)
    except BadValue as bad:
        raise UsageError(f"--max-gap {bad}") from None
    run(Options(seconds, acknowledge), env)


def run(options: Options, env: Env) -> None:
    from apaycli.checks.status import alarms_of

    if options.acknowledge:
        _acknowledge(env)
    found = _gather(options, env)
    alarms = [replace(alarm, next_step=env.here(alarm.next_step)) for alarm in alarms_of(found)]
    if env.output.as_json:
        env.output.document(_document(found, alarms, env))
    else:
        _render(found, alarms, env)
    if alarms:
        raise typer.Exit(NotGood.exit_code)


def _acknowledge(env: Env) -> None:
    store = env.open_store()
    try:
        with store.transaction() as tx:
            tx.acknowledge(env.clock.now())
    finally:
        store.close()


def _gather(options: Options, env: Env) -> "Status":
    from apaycli.checks.status import Status
    from apaycli.files import free_bytes
    from apaycli.listen.inbox import Inbox, inbox_of

    store, lost = _open(env)
    try:
        return Status(
            now=env.clock.now(),
            mode=env.mode,
            run=store.last_run(),
            counts=store.counts(env.mode),
            gaps=tuple(store.gaps()),
            free_bytes=free_bytes(env.config.store_path.parent),
            gap_milliseconds_max=options.gap_seconds_max * 1000,
            ledger_doubt=lost.message if lost else env.ledger_place.doubt(store.ledger_id()),
            ledger_missing=lost is not None,
            restores=tuple(store.restores()),
            missing_receipts=tuple(store.missing_receipts()),
            reserved=tuple(store.reserved_units(env.mode, env.config.values["listen.reserved_alarm"])),
            reservation_ttl_milliseconds=env.config.reservation_ttl_seconds * 1000,
            updates_kept=len(Inbox(inbox_of(env.config.store_path)).read()),
            **_stock(env, store.stock_counts(env.mode)),
            **_backups(env, store.bot_id()),
        )
    finally:
        store.close()


def _open(env: Env) -> "tuple[Store, LedgerLost | None]":
    """The ledger; where the known one is missing, an empty one and what was found in its place."""
    from apaycli.errors import LedgerLost
    from apaycli.store.sqlite import open_in_memory

    try:
        return env.open_store(read_only=True), None
    except LedgerLost as lost:
        return open_in_memory(), lost


def _backups(env: Env, bot_id: int | None) -> dict[str, Any]:
    from apaycli.backups_kept import newest_backup

    folder = env.config.values.get("backup.dir")
    if folder is None:
        return {}
    newest = newest_backup(folder, env.clock.now(), bot_id)
    return {
        "backup_every": env.config.values["backup.every"] * 1000,
        "backup_made_at": None if newest is None else newest.made_at,
    }


def _stock(env: Env, counts: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """What is wrong with the stock file; else how its products stand."""
    from apaycli.core.stock import stock_level
    from apaycli.stockfile import read_stock_file

    try:
        products = read_stock_file(env.config.stock_file).products
    except ConfigError as error:
        return {"stock_problems": error.problems or (error.message,)}
    levels = (stock_level(product, *counts.get(product.sku, (0, 0))) for product in products.values())
    return {"stock_problems": (), "levels": tuple(levels)}


def _render(found: "Status", alarms: "list[Alarm]", env: Env) -> None:
    from apaycli.clock import render_instant

    counts = found.counts
    heard = "never" if found.heard_at is None else render_instant(found.heard_at)
    rows: list[tuple[str, object]] = [
        ("listener", _listener(found)),
        ("last contact", heard),
        ("mode", found.mode),
        ("ledger", env.config.store_path),
        ("receipts", counts.receipts),
        ("flagged", counts.receipts_flagged),
        ("refunds due", counts.refunds_due),
        ("units held", counts.units_held),
        ("hooks waiting", counts.hooks_waiting),
        ("hooks failed", counts.hooks_failed),
        ("dead letters", counts.dead_letters),
        ("untold notices", counts.notices),
        ("support requests", counts.support_requests),
        ("secrets", _secrets(env)),
    ]
    if found.ledger_missing:
        rows = [("mode", found.mode), ("ledger", f"{env.config.store_path} (missing)"), ("secrets", _secrets(env))]
    width = max(len(name) for name, _ in rows) + 2 if env.output.is_terminal(env.output.stdout) else 0
    for name, value in rows:
        env.output.out(f"{name.ljust(width)}{value}" if width else f"{name}\t{value}")
    for alarm in alarms:
        head = env.output.paint(f"ALARM {alarm.name}", "red", env.output.stdout)
        if width:
            env.output.out(head)
            env.output.paragraph(_shown(alarm.sentence))
            env.output.paragraph(f"next: {alarm.next_step}")
        else:
            env.output.out(f"ALARM\t{alarm.name}\t{_shown(alarm.sentence)}\t{alarm.next_step}")
    for missing in found.missing_receipts[:_MISSING_SHOWN_MAX]:
        env.output.out(f"MISSING\t{missing_line(missing)}")
    if len(found.missing_receipts) > _MISSING_SHOWN_MAX:
        env.output.out(f"and {len(found.missing_receipts) - _MISSING_SHOWN_MAX} more: apay status --json")


def _shown(sentence: str) -> str:
    from apaycli.text import show

    return show(sentence, 1000)


def _listener(found: "Status") -> str:
    from apaycli.clock import render_instant

    run = found.run
    if run is None:
        return "has never run"
    if found.listening:
        return f"running in {run.mode} mode since {render_instant(run.started_at)} (pid {run.pid})"
    if run.stopped_at is not None:
        return f"stopped at {render_instant(run.stopped_at)}"
    return (
        f"not running; it ended by an error, was killed, or the machine went down after {render_instant(run.alive_at)}"
    )


def _document(found: "Status", alarms: "list[Alarm]", env: Env) -> dict[str, Any]:
    from dataclasses import asdict

    from apaycli.clock import render_instant

    run, gap = found.run, found.gap_milliseconds
    return {
        "mode": found.mode,
        "ledger": str(env.config.store_path),
        "checked_at": render_instant(found.now),
        "listening": found.listening,
        "pid": run.pid if run is not None and found.listening else None,
        "listener_mode": run.mode if run else None,
        "started_at": render_instant(run.started_at) if run else None,
        "stopped_at": render_instant(run.stopped_at) if run and run.stopped_at is not None else None,
        "last_contact_at": None if found.heard_at is None else render_instant(found.heard_at),
        "gap_seconds": None if gap is None else gap // 1000,
        "free_bytes": found.free_bytes,
        "counts": None if found.ledger_missing else _counts(found.counts),
        "restores": [
            {
                "backup_ends_at": render_instant(each.backup_ends_at) if each.backup_ends_at else None,
                "restored_at": render_instant(each.restored_at),
                "kept_as": each.kept_as,
                "replaced_read": each.replaced_read,
            }
            for each in found.restores
        ],
        "missing_receipts": [missing_document(each) for each in found.missing_receipts],
        "secrets": [
            {"secret": each.secret.name, "place": each.found.place if each.found else None, "problem": each.problem}
            | {"origin": each.origin if each.found else None, "last_four": each.found.last_four if each.found else None}
            for each in env.config.secret_whereabouts()
        ],
        "alarms": [asdict(alarm) for alarm in alarms],
    }


def _secrets(env: Env) -> str:
    """`bot-token …1234 (file bot-token)`: where each lies that is there, and which cannot be used."""
    told = []
    for each in env.config.secret_whereabouts():
        if each.found is not None:
            where = {"file": Path(each.found.origin).name, "environment": each.found.origin, "keyring": ""}
            place = f"{each.found.place} {where.get(each.found.place, '')}".strip()
            told.append(f"{each.secret.name} {each.found.last_four} ({place})")
        elif each.problem is not None:
            told.append(f"{each.secret.name}: cannot be used, see apay config show")
    return _shown(", ".join(told) or "none")


def _counts(counts: "LedgerCounts") -> dict[str, Any]:
    from dataclasses import asdict

    from apaycli.clock import render_instant

    oldest_at = counts.support_oldest_at
    return asdict(counts) | {"support_oldest_at": None if oldest_at is None else render_instant(oldest_at)}
