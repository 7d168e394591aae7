"""A backup in the ledger's place. Nothing of what it replaces is lost, and the books say that it was done.

Knows the order: what the replaced ledger knows beyond the backup is written into the backup, then the ledger gets a
second name, then the backup takes the first one. Until that last step the ledger is what it was. A ledger behind a
symbolic link stays behind it. Never knows what a backup holds (`backups_opening.py`), or the tables
(`store/replaced.py`).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from apaycli.backups import BackupError
from apaycli.clock import render_instant
from apaycli.errors import LedgerError
from apaycli.files_folder import settle
from apaycli.store.backup import Inspection, settle_log
from apaycli.store.replaced import Replaced, read_replaced, record_restore

_LOGS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Restored:
    """`kept`: where the ledger lies that was replaced, None where there was none. New receipts are numbered above
    `receipt_id_floor`."""

    inspection: Inspection
    kept: Path | None
    replaced: Replaced | None
    receipt_id_floor: int
    restored_at: int


def ledger_file(ledger: Path) -> Path:
    """The file itself, where the path is a symbolic link. Raises BackupError where it is no file."""
    try:
        place = ledger.resolve()
        if place.exists() and not place.is_file():
            raise BackupError(f"the ledger {ledger} is not a file")
    except (OSError, RuntimeError):
        raise BackupError(f"the ledger {ledger} cannot be reached: its link leads nowhere") from None
    return place


def replaced_by(plain: Path, ledger: Path) -> Replaced | None:
    """What the ledger knows that the opened copy `plain` does not; None: there is none."""
    return read_replaced(ledger, plain) if ledger.exists() else None


def restore_backup(plain: Path, inspection: Inspection, ledger: Path, replaced: Replaced | None, now: int) -> Restored:
    """Put the opened copy `plain`, which must lie in a folder beside it, in the place of the file `ledger`. The caller
    has locked the ledger. Raises BackupError; then the ledger is what it was."""
    kept = _free_name(ledger, now)
    try:
        floor = record_restore(plain, replaced, inspection.newest_at or 0, kept.name if replaced else None, now)
    except LedgerError as error:
        raise BackupError(f"the backup cannot be restored: {error.message.replace(str(plain), 'it')}") from None
    try:
        with plain.open("rb") as file:
            os.fsync(file.fileno())
        _set_aside(ledger, kept)  # everything that may fail has been done; the new file takes the name next
        plain.replace(ledger)
        settle(ledger.parent)
    except OSError as error:
        raise BackupError(f"the ledger {ledger} cannot be replaced: {error.strerror}") from None
    return Restored(inspection, kept if replaced is not None else None, replaced, floor, now)


def ledgers_set_aside(ledger: Path) -> list[Path]:
    """Those that a restore has kept beside it, the oldest first."""
    place = ledger.resolve()
    there = place.parent.glob(f"{place.name}.before-*")
    return sorted(path for path in there if not path.name.endswith(_LOGS))


def _free_name(ledger: Path, now: int) -> Path:
    stamp = render_instant(now).replace("-", "").replace(":", "")
    kept, number = ledger.with_name(f"{ledger.name}.before-{stamp}"), 1
    while any(os.path.lexists(f"{kept}{suffix}") for suffix in ("", *_LOGS)):
        number += 1
        kept = ledger.with_name(f"{ledger.name}.before-{stamp}-{number}")
    return kept


def _set_aside(ledger: Path, kept: Path) -> None:
    """A second name for the ledger: nothing of it is ever thrown away. Its log is worked off first, since a log must
    never meet another ledger; a ledger that cannot be opened moves away whole, and so does a log without its ledger."""
    if ledger.exists() and settle_log(ledger):
        try:
            os.link(ledger, kept)
        except OSError:  # a disk without second names: for a moment there is no ledger
            ledger.rename(kept)
        return
    for suffix in ("", *_LOGS):
        beside = Path(f"{ledger}{suffix}")
        if beside.exists():
            beside.rename(f"{kept}{suffix}")
