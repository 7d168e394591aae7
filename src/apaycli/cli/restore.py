"""`apay restore`: a backup in the ledger's place; what it replaces is kept.

Knows what is asked and said. What is done in which order is `backups.py`.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.backups import Restored
    from apaycli.store.backup import Inspection


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
    from apaycli.backups import BackupError, inspected, opened_backup, receipts_missing, restore_backup
    from apaycli.listen.lock import listener_lock

    path = file if file is not None else _newest(env)
    if not path.exists():
        raise BackupError(f"there is no {path}", hint="apay backup --list")
    bot_id = env.config.bot_id()
    ledger = env.config.store_path
    env.if_interrupted = "the ledger was not changed"
    decrypt = env.config.values.get("backup.decrypt")
    with (
        nullcontext() if dry_run else listener_lock(bot_id, env.environ),
        opened_backup(path, decrypt, ledger.parent, env.config.folder) as plain,
    ):
        inspection = inspected(plain, path)
        _say(inspection, path, env)
        if inspection.problems:
            raise BackupError(
                f"{path} is not sound: {inspection.problems[0]}", hint="take an older one: apay backup --list"
            )
        if inspection.bot_id not in (None, bot_id):
            raise UsageError(
                f"{path} is the ledger of bot {inspection.bot_id}, and the bot token belongs to bot {bot_id}"
            )
        missing = receipts_missing(plain, ledger)
        if missing:
            env.output.warn(f"{ledger} has {missing} receipt(s) that this backup has not")
        if dry_run:
            return
        env.confirm(f"Put it in the place of {ledger}?", yes=yes)
        env.if_interrupted = f"look whether {ledger} is there; the one before is kept beside it"
        done = restore_backup(plain, inspection, ledger, env.clock.now())
        env.if_interrupted = "the backup is in the ledger's place"
    _report(done, env)


def _newest(env: Env) -> Path:
    from apaycli.backups import kept_backups

    folder = env.config.values.get("backup.dir")
    if folder is None:
        raise UsageError(
            "there is no backup folder", hint='name the file, or set [backup] dir = "backups" in the config'
        )
    there = kept_backups(folder)
    if not there:
        raise UsageError(f"there is no backup in {folder}")
    return there[0]


def _say(inspection: "Inspection", path: Path, env: Env) -> None:
    from apaycli.clock import render_instant
    from apaycli.money import render_money
    from apaycli.text import show

    newest = inspection.newest_recorded_at
    until = "" if newest is None else f", the newest of {render_instant(newest)}"
    env.output.say(f"apay: {path}: {inspection.receipts} receipt(s){until}")
    for mode, currency, total in inspection.sums:
        shown = render_money(total, show(currency, 12)) if currency else f"{total} of an unknown currency"
        env.output.say(f"apay: {mode}: {shown}")


def _report(done: "Restored", env: Env) -> None:
    from apaycli.cli.backup import inspection_document
    from apaycli.clock import render_instant

    if env.output.as_json:
        document = inspection_document(done.inspection)
        document |= {"kept": str(done.kept) if done.kept else None, "receipts_missing": done.receipts_missing}
        env.output.document(document)
    else:
        env.output.out(f"{env.config.store_path}\t{done.inspection.receipts} receipt(s)")
    if done.kept is not None:
        env.output.say(f"apay: the ledger that was there is kept: {done.kept}")
    if done.receipts_missing:
        env.output.warn(
            f"it has {done.receipts_missing} receipt(s) that the backup has not;"
            f" APAY_STORE={done.kept} apay receipts list shows them"
        )
    since = done.inspection.last_contact_at or done.inspection.newest_recorded_at
    if since is not None:
        env.output.say(
            f"apay: receipts from {render_instant(since)} on are not in the backup. Telegram repeats only what was not"
            " confirmed; compare the rest with the A-Pay dashboard"
        )
        env.output.say(
            "apay: what was sold since then is offered again: count the shelf (apay stock count) before you listen"
        )
