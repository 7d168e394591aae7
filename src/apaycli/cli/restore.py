"""`apay restore`: a backup in the ledger's place; what it replaces is kept.

Knows what is asked and said. What is done in which order is `backups_restore.py`.
"""

import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.missing_receipts import counted, missing_document, missing_line
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apaycli.backups_restore import Restored
    from apaycli.store.backup import Inspection
    from apaycli.store.lock import Lock
    from apaycli.store.replaced import Replaced
    from apaycli.store.sqlite import SqliteStore
    from apaycli.store.values import Problem

_LISTED_MAX = 20


@command
def restore(
    env: Env,
    file: Annotated[Path | None, typer.Argument(help="A backup; without it the newest of [backup] dir.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Open and count it; change nothing.")] = False,
) -> None:
    """Open a backup, count it, and put it in the ledger's place. The ledger that was there is kept beside it.

    Examples:

      apay restore

      apay restore backups/apay-20261124T160000Z.db.gz --dry-run
    """
    from apaycli.backups import BackupError
    from apaycli.backups_opening import inspected, opened_backup
    from apaycli.backups_restore import ledger_file, replaced_by, restore_backup
    from apaycli.store.lock import ledger_lock

    path = file if file is not None else _newest(env)
    if not path.exists():
        raise BackupError(f"there is no {path}", hint="apay backup --list")
    bot_id = env.config.bot_id()
    ledger = ledger_file(env.config.store_path)
    env.if_interrupted = "the ledger was not changed"
    decrypt = env.config.values.get("backup.decrypt")
    with (
        nullcontext() if dry_run else ledger_lock(ledger, "apay restore", env.clock.now()) as lock,
        opened_backup(path, decrypt, ledger.parent, env.config.folder) as plain,
    ):
        inspection = inspected(plain, path, _all_problems)
        _say(inspection, path, env)
        if inspection.problems:
            raise BackupError(
                f"{path} is not sound: {inspection.problems[0]}", hint="take an older one: apay backup --list"
            )
        if inspection.bot_id not in (None, bot_id):
            raise UsageError(
                f"{path} is the ledger of bot {inspection.bot_id}, and the bot token belongs to bot {bot_id}"
            )
        replaced = replaced_by(plain, ledger)
        _warn(replaced, ledger, env)
        if dry_run:
            return
        env.confirm(f"Put it in the place of {ledger}?", yes=yes)
        if env.ledger_place.is_empty:
            env.ledger_place.set_aside(
                env.clock.now(), inbox=False
            )  # a log that was left behind must never meet another ledger
        env.if_interrupted = f"look whether {ledger} is there; the one before is kept beside it"
        done = restore_backup(plain, inspection, ledger, replaced, env.clock.now())
        env.if_interrupted = "the backup is in the ledger's place"
        _remember(env, lock)
    _report(done, ledger, env)


def _all_problems(store: "SqliteStore") -> "Iterator[Problem]":
    """What `apay verify` would say: each receipt beside its digest and its evidence, too."""
    from apaycli.checks.verify import verify

    yield from verify(store).problems


def _remember(env: Env, lock: "Lock | None") -> None:
    """What was restored on purpose is the known ledger from now on."""
    from contextlib import closing

    from apaycli.store.sqlite import open_sqlite

    with closing(open_sqlite(env.config.store_path, read_only=True)) as store:
        ledger_id = store.ledger_id()
    env.remember_ledger(ledger_id)
    if lock is not None:
        lock.note_ledger(ledger_id)


def _newest(env: Env) -> Path:
    from apaycli.backups_kept import unmarked_files
    from apaycli.backups_opening import newest_to_restore

    values, now = env.config.values, env.clock.now()
    folder = values.get("backup.dir")
    if folder is None:
        raise UsageError(
            "there is no backup folder", hint='name the file, or set [backup] dir = "backups" in the config'
        )
    for path in unmarked_files(folder, now):
        env.output.warn(f"{path} is passed over: it does not say that apay made it, or says that it is from the future")
    newest = newest_to_restore(folder, now, env.config.bot_id(), values.get("backup.decrypt"), env.config.folder)
    if newest is None:
        raise UsageError(f"there is no backup in {folder}")
    return newest


def _say(inspection: "Inspection", path: Path, env: Env) -> None:
    from apaycli.clock import render_instant
    from apaycli.money import render_money
    from apaycli.text import show

    newest = inspection.newest_recorded_at
    until = "" if newest is None else f", the newest of {render_instant(newest)}"
    env.output.say(f"apay: {path}: {counted(inspection.receipts, 'receipt')}{until}")
    for mode, currency, total in inspection.sums:
        shown = render_money(total, show(currency, 12)) if currency else f"{total} of an unknown currency"
        env.output.say(f"apay: {mode}: {shown}")


def _warn(replaced: "Replaced | None", ledger: Path, env: Env) -> None:
    """Before it is asked: what the ledger has that the backup does not."""
    if replaced is None:
        return
    if replaced.missing:
        env.output.warn(f"{ledger} knows of {counted(len(replaced.missing), 'receipt')} that this backup does not have")
    if not replaced.whole:
        env.output.warn(f"{ledger} cannot be read whole, or does not go on from this backup: it may have had more")


def _report(done: "Restored", ledger: Path, env: Env) -> None:
    from apaycli.clock import render_instant

    missing = done.replaced.missing if done.replaced is not None else []
    if env.output.as_json:
        env.output.document(_document(done))
    else:
        env.output.out(f"{ledger}\t{counted(done.inspection.receipts, 'receipt')}")
    if done.kept is not None:
        env.output.say(f"apay: the replaced ledger is kept as {done.kept}")
    if missing:
        env.output.warn(f"{counted(len(missing), 'receipt')} known only from the replaced ledger:")
        for each in missing[:_LISTED_MAX]:
            env.output.say(f"apay:   {missing_line(each)}")
        if len(missing) > _LISTED_MAX:
            env.output.say(f"apay:   and {len(missing) - _LISTED_MAX} more: apay status --json")
        env.output.say("apay: to see what is kept of them:")
        env.output.advise(f"APAY_STORE={shlex.quote(str(done.kept))} {env.here('apay receipts list --mode all')}")
    since = done.inspection.newest_at
    if since is not None:
        env.output.say(
            f"apay: payments from {render_instant(since)} on are not in the backup. Telegram repeats only what was not"
            " confirmed; compare the rest with the A-Pay dashboard, then:"
        )
        env.output.advise(env.here("apay status --acknowledge"))
        env.output.say(
            "apay: what was sold since then counts as unsold again: count the shelf before you listen; per product:"
        )
        env.output.advise(env.here("apay stock count SKU UNITS"))
    env.output.say(f"apay: new receipts are numbered from {done.receipt_id_floor + 1}")


def _document(done: "Restored") -> dict[str, Any]:
    from apaycli.cli.backup import inspection_document
    from apaycli.clock import render_instant

    since, replaced = done.inspection.newest_at, done.replaced
    return inspection_document(done.inspection) | {
        "kept": str(done.kept) if done.kept else None,
        "receipts_missing": None if replaced is None else len(replaced.missing),
        "missing_receipts": [] if replaced is None else [missing_document(each) for each in replaced.missing],
        "replaced_read": replaced is not None and replaced.whole,
        "backup_ends_at": None if since is None else render_instant(since),
        "restored_at": render_instant(done.restored_at),
        "receipt_id_floor": done.receipt_id_floor,
    }
