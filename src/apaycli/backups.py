"""Backups of the ledger: made, opened again and checked, compressed, kept for a while.

Knows the names of the files, what is done in which order, and the merchant's own programs (to encrypt, to copy
elsewhere). Never knows the ledger's tables (`store/backup.py`) or who wants a backup now.

A backup gets its name only when it is complete and was read back. Order: copy, open and count, compress, read the
compressed file back, encrypt, name it, remove the oldest, tell the `after` program.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apaycli.clock import render_instant
from apaycli.errors import ApayError, LedgerError
from apaycli.files import complete_file, free_bytes, make_folder
from apaycli.store.backup import Inspection, copy_ledger, inspect_copy, receipts_not_in, settle_log
from apaycli.text import redact, show

_NAME = re.compile(r"apay-(\d{8}T\d{6}Z)(?:-\d+)?\.db\.gz(\.enc)?", re.ASCII)
_CHUNK_BYTES = 1024 * 1024
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
    with tempfile.TemporaryDirectory(prefix=".apay-backup-", dir=setting.folder) as scratch:
        copy, packed = Path(scratch) / "copy.db", Path(scratch) / "copy.db.gz"
        copy_ledger(ledger, copy)
        inspection = inspect_copy(copy)
        if inspection.problems:
            raise BackupError(f"the copy of the ledger is not sound: {inspection.problems[0]}", hint="apay verify")
        _compress(copy, packed)
        if _digest(_unpacked(packed)) != _digest(_plain(copy)):
            raise BackupError("the compressed backup does not read back as it was written; is the disk sound?")
        kept = packed if setting.encrypt is None else _encrypted(packed, setting)
        path = _named(setting, now)
        with complete_file(path) as file, kept.open("rb") as source:
            shutil.copyfileobj(source, file, _CHUNK_BYTES)
    removed = _remove_the_oldest(setting)
    return Backup(path, now, inspection, removed, _run_after(setting.after, path, setting.run_in))


def _encrypted(packed: Path, setting: BackupSetting) -> Path:
    """A program that writes nothing ends with 0, too. Where it can be opened again, it must be what went in."""
    made = packed.with_suffix(".enc")
    with made.open("xb") as file:
        _filter(setting.encrypt or (), packed, file.fileno(), "encrypt", setting.run_in)
    if not made.stat().st_size:
        raise BackupError("[backup] encrypt wrote nothing")
    if setting.decrypt is not None:
        opened = packed.with_suffix(".opened")
        with opened.open("xb") as file:
            _filter(setting.decrypt, made, file.fileno(), "decrypt", setting.run_in)
        if _digest(_plain(opened)) != _digest(_plain(packed)):
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


def _named(setting: BackupSetting, now: int) -> Path:
    stamp = render_instant(now).replace("-", "").replace(":", "")
    ending = ".db.gz" + (".enc" if setting.encrypt else "")
    path, number = setting.folder / f"apay-{stamp}{ending}", 1
    while path.exists():
        number += 1
        path = setting.folder / f"apay-{stamp}-{number}{ending}"
    return path


def _compress(source: Path, target: Path) -> None:
    with source.open("rb") as plain, gzip.open(target, "wb", compresslevel=6) as packed:
        shutil.copyfileobj(plain, packed, _CHUNK_BYTES)


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _unpacked(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
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
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BackupError(f"[backup] {name} cannot be run: {type(error).__name__}") from None
    if done.returncode != 0:
        said = show(redact(done.stderr.decode("utf-8", "replace").strip()), 200)
        raise BackupError(f"[backup] {name} ended with {done.returncode}: {said}")


def _run_after(command: Sequence[str] | None, path: Path, run_in: Path | None) -> str | None:
    """None when it was good; the backup is there in any case."""
    if command is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - the merchant's own program, no shell
            [*command, str(path.absolute())],
            cwd=run_in,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROGRAM_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it cannot be run: {type(error).__name__}"
    said = show(redact(done.stderr.decode("utf-8", "replace").strip()), 200)
    return None if done.returncode == 0 else f"it ended with {done.returncode}: {said}"


def kept_backups(folder: Path) -> list[Path]:
    """The newest first."""
    try:
        there = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(there, key=lambda path: (made_at(path), path.name), reverse=True)


def made_at(path: Path) -> int:
    """The instant in a backup's name, in milliseconds."""
    from datetime import UTC, datetime

    match = _NAME.fullmatch(path.name)
    if match is None:
        return 0
    return int(datetime.strptime(match.group(1), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) * 1000


def _remove_the_oldest(setting: BackupSetting) -> tuple[Path, ...]:
    old = kept_backups(setting.folder)[setting.keep :]
    for path in old:
        path.unlink(missing_ok=True)
    return tuple(old)


@contextmanager
def opened_backup(
    path: Path, decrypt: Sequence[str] | None, scratch_in: Path, run_in: Path | None = None
) -> Iterator[Path]:
    """The plain copy inside a backup, in a scratch file beside `scratch_in`. A plain ledger copy is taken, too."""
    with tempfile.TemporaryDirectory(prefix=".apay-restore-", dir=scratch_in) as scratch:
        packed, plain = Path(scratch) / "copy.db.gz", Path(scratch) / "copy.db"
        try:
            if path.name.endswith(".enc"):
                if decrypt is None:
                    raise BackupError(f"{path} is encrypted", hint="[backup] decrypt names the program that opens it")
                with packed.open("wb") as file:
                    _filter(decrypt, path, file.fileno(), "decrypt", run_in)
                path = packed
            with plain.open("xb") as target:
                for chunk in _unpacked(path) if _is_gzip(path) else _plain(path):
                    target.write(chunk)
        except OSError as error:
            raise BackupError(f"{path} cannot be read: {error.strerror}") from None
        plain.chmod(0o600)
        yield plain


def inspected(plain: Path, path: Path) -> Inspection:
    """The copy from inside `path`, counted. Raises BackupError, which names the file that the merchant knows."""
    try:
        return inspect_copy(plain)
    except LedgerError as error:
        raise BackupError(
            f"{path} holds no sound ledger: {error.message.replace(str(plain), 'it')}", hint="apay backup --list"
        ) from None


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def inspect_backup(path: Path, decrypt: Sequence[str] | None, run_in: Path | None = None) -> Inspection | ApayError:
    """What the backup holds, or why nobody can know."""
    try:
        with opened_backup(path, decrypt, path.parent, run_in) as plain:
            return inspected(plain, path)
    except ApayError as error:
        return error
    except OSError as error:
        return BackupError(f"{path} cannot be opened: {error.strerror}")


@dataclass(frozen=True, slots=True)
class Restored:
    """`kept` is where the ledger lies that was replaced, and how many receipts it has that the backup has not; None
    where there was none, or it cannot be read."""

    inspection: Inspection
    kept: Path | None
    receipts_missing: int | None


def restore_backup(plain: Path, inspection: Inspection, ledger: Path, now: int) -> Restored:
    """Put the opened copy `plain` in the ledger's place. Nobody may be using the ledger. Raises BackupError."""
    missing = receipts_missing(plain, ledger)
    with complete_file(ledger) as file, plain.open("rb") as source:
        shutil.copyfileobj(source, file, _CHUNK_BYTES)
        kept = _set_aside(ledger, now)  # everything that may fail has been done; the new file takes the name next
    return Restored(inspection, kept, missing)


def receipts_missing(plain: Path, ledger: Path) -> int | None:
    """How many receipts the ledger has that the copy has not; None: there is no ledger, or it cannot be read."""
    if not ledger.exists():
        return None
    try:
        return receipts_not_in(plain, ledger)
    except LedgerError:
        return None  # it cannot be read: that may be why somebody restores


def ledgers_set_aside(ledger: Path) -> list[Path]:
    """Those that a restore has kept beside it, the oldest first."""
    there = ledger.parent.glob(f"{ledger.name}.before-*")
    return sorted(path for path in there if not path.name.endswith(("-wal", "-shm")))


def _set_aside(ledger: Path, now: int) -> Path | None:
    """A second name for the ledger: nothing of it is ever thrown away. Its log is worked off first, since a log must
    never meet another ledger; a ledger that cannot be opened moves away whole."""
    if not ledger.exists():
        return None
    stamp = render_instant(now).replace("-", "").replace(":", "")
    kept, number = ledger.with_name(f"{ledger.name}.before-{stamp}"), 1
    while kept.exists():
        number += 1
        kept = ledger.with_name(f"{ledger.name}.before-{stamp}-{number}")
    try:
        if settle_log(ledger):
            os.link(ledger, kept)
            return kept
        ledger.rename(kept)
        for suffix in ("-wal", "-shm"):
            beside = ledger.with_name(ledger.name + suffix)
            if beside.exists():
                beside.rename(kept.with_name(kept.name + suffix))
    except OSError as error:
        raise BackupError(f"the ledger {ledger} cannot be set aside: {error.strerror}") from None
    return kept
