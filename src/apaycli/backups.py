"""Backups of the ledger: made, opened again and checked, compressed, kept for a while.

Knows what is done in which order, and the merchant's own programs (to encrypt, to copy elsewhere). Which backups there
are is `backups_kept.py`'s, opening one `backups_opening.py`'s. Never knows the ledger's tables (`store/backup.py`) or
who wants a backup now.

A backup gets its name only when it is complete and was read back. Order: copy, open and count, compress, read the
compressed file back, encrypt, name it, remove the oldest, tell the `after` program.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from apaycli.backups_kept import kept_backups, mark_of, name_of
from apaycli.backups_scratch import remove_dead_scratch, scratch_folder
from apaycli.errors import LedgerError
from apaycli.files import free_bytes, make_folder
from apaycli.files_folder import settle
from apaycli.programs import child_environ
from apaycli.store.backup import Inspection, copy_ledger, inspect_copy
from apaycli.text import redact, show

CHUNK_BYTES = 1024 * 1024
_PROGRAM_SECONDS_MAX = 600


class BackupError(LedgerError):
    """No backup was made, or one that cannot be trusted."""

    slug = "backup"


@dataclass(frozen=True, slots=True)
class BackupSetting:
    """`[backup]`: `encrypt` and `decrypt` are filters (stdin to stdout); `after` gets the file's path as last word."""

    folder: Path
    keep: int
    encrypt: tuple[str, ...] | None = None
    decrypt: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None
    run_in: Path | None = None  # the config's folder: names of files in these commands are relative to it


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished one."""

    path: Path
    made_at: int
    inspection: Inspection
    removed: tuple[Path, ...] = ()
    after_failure: str | None = None


def make_backup(ledger: Path, setting: BackupSetting, now: int) -> Backup:
    """Raises BackupError (or LedgerError); what was there before stays."""
    _prepare(ledger, setting.folder)
    remove_dead_scratch(ledger.resolve().parent)  # what a restore left that was killed
    with scratch_folder(setting.folder, "backup") as scratch:
        copy, packed = scratch / "copy.db", scratch / "copy.db.gz"
        copy_ledger(ledger, copy)
        inspection = _inspected(copy, ledger)
        _compress(copy, packed, mark_of(inspection.bot_id), now)
        if _digest(_unpacked(packed)) != _digest(_plain(copy)):
            raise BackupError("the compressed backup does not read back as it was written; is the disk sound?")
        kept = packed if setting.encrypt is None else _encrypted(packed, setting)
        path = name_of(setting.folder, now, encrypted=setting.encrypt is not None)
        kept.chmod(0o600)
        with kept.open("rb") as file:
            os.fsync(file.fileno())
        kept.rename(path)
        settle(setting.folder)
    removed = _remove_the_oldest(setting, path, inspection.bot_id, now)
    return Backup(path, now, inspection, removed, _run_after(setting.after, path, setting.run_in))


def _inspected(copy: Path, ledger: Path) -> Inspection:
    try:
        inspection = inspect_copy(copy)
    except LedgerError as error:
        raise BackupError(error.message.replace(str(copy), str(ledger)), hint=error.hint) from None
    if inspection.problems:
        raise BackupError(f"the copy of the ledger is not sound: {inspection.problems[0]}", hint="apay verify")
    return inspection


def _encrypted(packed: Path, setting: BackupSetting) -> Path:
    """A program that writes nothing ends with 0, too. Where it can be opened again, it must be what went in."""
    made = packed.with_suffix(".enc")
    with made.open("xb") as file:
        _filter(setting.encrypt or (), packed, file.fileno(), "encrypt", setting.run_in)
    if not made.stat().st_size:
        raise BackupError("[backup] encrypt wrote nothing")
    if setting.decrypt is not None:
        with made.open("rb") as source, decrypted(setting.decrypt, source, setting.run_in) as opened:
            given_back = _digest(_chunks(opened))
        if given_back != _digest(_plain(packed)):
            raise BackupError("[backup] decrypt does not give back what encrypt was given")
    return made


def _prepare(ledger: Path, folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise BackupError(f"the backup folder {folder} cannot be made: {error.strerror}") from None
    if not ledger.exists():
        raise BackupError(f"there is no ledger at {ledger} yet")
    free, needed = free_bytes(folder), ledger.stat().st_size * 2
    if free is not None and free < needed:
        raise BackupError(f"{folder} has {free // 2**20} MiB free, a backup needs about {needed // 2**20 + 1}")


def _compress(source: Path, target: Path, mark: str, now: int) -> None:
    """The header of a gzip file has a name and a time: by these the backup says what it is, whatever it is called."""
    seconds = min(max(now // 1000, 0), 2**32 - 1)
    with (
        source.open("rb") as plain,
        target.open("xb") as file,
        gzip.GzipFile(mark, "wb", compresslevel=6, fileobj=file, mtime=seconds) as packed,
    ):
        shutil.copyfileobj(plain, packed, CHUNK_BYTES)


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from _chunks(file)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _unpacked(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except (OSError, EOFError) as error:
        raise BackupError(f"{path} cannot be unpacked: {error}") from None


def _digest(chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _filter(command: Sequence[str], source: Path, target: int, name: str, run_in: Path | None) -> None:
    """`command` reads `source` and writes to the descriptor `target`."""
    with source.open("rb") as file:
        try:
            done = subprocess.run(  # noqa: S603 - the merchant's own program, no shell
                command,
                stdin=file,
                stdout=target,
                stderr=subprocess.PIPE,
                timeout=_PROGRAM_SECONDS_MAX,
                cwd=run_in,
                env=child_environ(os.environ),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BackupError(f"[backup] {name} cannot be run: {type(error).__name__}") from None
    if done.returncode != 0:
        said = show(redact(done.stderr.decode("utf-8", "replace").strip()), 200)
        raise BackupError(f"[backup] {name} ended with {done.returncode}: {said}")


@contextmanager
def decrypted(command: Sequence[str], source: BinaryIO, run_in: Path | None = None) -> Iterator[BinaryIO]:
    """What the program `command` makes of `source`, as it comes. The block may stop reading at any byte: the program
    ends with it. Raises BackupError where the program failed by itself."""
    with tempfile.TemporaryFile() as said:
        try:
            program = subprocess.Popen(  # noqa: S603 - the merchant's own program, no shell
                command,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=said,
                cwd=run_in,
                env=child_environ(os.environ),
            )
        except OSError as error:
            raise BackupError(f"[backup] decrypt cannot be run: {type(error).__name__}") from None
        made = cast(BinaryIO, program.stdout)
        limit = threading.Timer(_PROGRAM_SECONDS_MAX, program.kill)
        limit.daemon = True
        limit.start()
        try:
            try:
                yield made
            except BackupError:
                if not made.read(1):  # all of it was read, and it was too little: the program says why
                    _refuse_failure(program.wait(), said)
                raise
            _refuse_failure(program.wait(), said)
        finally:
            limit.cancel()
            program.kill()
            made.close()
            program.wait()


def _refuse_failure(code: int, said: BinaryIO) -> None:
    if code != 0:
        said.seek(0)
        words = show(redact(said.read(10_000).decode("utf-8", "replace").strip()), 200)
        raise BackupError(f"[backup] decrypt ended with {code}: {words}") from None


def _run_after(command: Sequence[str] | None, path: Path, run_in: Path | None) -> str | None:
    """None when it was good; the backup is there in any case."""
    if command is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - the merchant's own program, no shell
            [*command, str(path.absolute())],
            cwd=run_in,
            env=child_environ(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROGRAM_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it cannot be run: {type(error).__name__}"
    said = show(redact(done.stderr.decode("utf-8", "replace").strip()), 200)
    return None if done.returncode == 0 else f"it ended with {done.returncode}: {said}"


def _remove_the_oldest(setting: BackupSetting, made: Path, bot_id: int | None, now: int) -> tuple[Path, ...]:
    """Those that say of themselves that they are the oldest. Never the one that was just made, another bot's, or a file
    that only bears the name of a backup."""
    there = [each for each in kept_backups(setting.folder, now, bot_id) if each.path != made]
    old = [each.path for each in there[setting.keep - 1 :] if each.removable]
    for path in old:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return tuple(old)
