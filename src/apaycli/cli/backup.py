"""`apay backup`: a copy of the ledger that was opened again and counted; and which ones there are.

Knows the options and what is said. How a backup is made is `backups.py`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.missing_receipts import counted
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.backups import Backup, BackupSetting
    from apaycli.store.backup import Inspection


@command
def backup(
    env: Env,
    to: Annotated[Path | None, typer.Option(help="The folder, in place of [backup] dir.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Make none; show those that are there.")] = False,
) -> None:
    """Copy the ledger, open the copy, count it again, compress it. Safe while the listener runs.

    Examples:

      apay backup

      apay backup --to /mnt/usb

      apay backup --list
    """
    setting = setting_of(env, to)
    if listed:
        _list(env, setting)
        return
    from apaycli.backups import BackupError, make_backup
    from apaycli.text import show

    env.ledger_place.refuse_if_lost()
    env.if_interrupted = "no backup was made"
    try:
        made = make_backup(env.config.store_path, setting, env.clock.now())
    except OSError as error:
        raise BackupError(f"no backup could be made in {setting.folder}: {error.strerror}") from error
    env.if_interrupted = f"the backup {made.path} is made"
    if env.output.as_json:
        env.output.document(_document(made))
    else:
        env.output.out(f"{show(str(made.path), 300)}\t{counted(made.inspection.receipts, 'receipt')}")
    for path in made.removed:
        env.output.detail(f"apay: removed {show(str(path), 300)}")
    if made.after_failure is not None:
        env.output.warn(f"the backup is made, but [backup] after failed: {made.after_failure}")


def setting_of(env: Env, to: Path | None = None) -> "BackupSetting":
    """`[backup]` of the config. Raises UsageError where no folder is named."""
    from apaycli.backups import BackupSetting

    values = env.config.values
    folder = to if to is not None else values.get("backup.dir")
    if folder is None:
        raise UsageError("there is no backup folder", hint="apay backup --to FOLDER, or set [backup] dir in the config")
    return BackupSetting(
        folder=Path(folder),
        keep=values["backup.keep"],
        encrypt=values.get("backup.encrypt"),
        decrypt=values.get("backup.decrypt"),
        after=values.get("backup.after"),
        run_in=env.config.folder,
    )


def _list(env: Env, setting: "BackupSetting") -> None:
    from apaycli.backups_kept import kept_backups, unmarked_files
    from apaycli.clock import render_instant

    now = env.clock.now()
    kept = kept_backups(setting.folder, now)
    rows = [(each.path, render_instant(each.made_at), each.path.stat().st_size) for each in kept]
    for path in unmarked_files(setting.folder, now):
        env.output.warn(f"{path} does not count: it does not say that apay made it, or says that it is from the future")
    if env.output.as_json:
        env.output.document([{"path": str(path), "made_at": at, "size_bytes": size} for path, at, size in rows])
        return
    env.output.table(("BACKUP", "MADE", "BYTES"), rows)


def _document(made: "Backup") -> dict[str, Any]:
    from apaycli.clock import render_instant

    return {
        "path": str(made.path),
        "made_at": render_instant(made.made_at),
        **inspection_document(made.inspection),
        "removed": [str(path) for path in made.removed],
        "after_failure": made.after_failure,
    }


def inspection_document(inspection: "Inspection") -> dict[str, Any]:
    """What a backup holds, for `backup` and `restore`."""
    from apaycli.clock import render_instant

    newest = inspection.newest_recorded_at
    return {
        "receipts": inspection.receipts,
        "newest_receipt_at": None if newest is None else render_instant(newest),
        "sums": [
            {"mode": mode, "currency": currency, "total_amount": total} for mode, currency, total in inspection.sums
        ],
    }
