"""Opening a file that is said to be a backup, which may be anything: a device, a bomb, a ledger that somebody changed.

Knows how such a file is unpacked without harm. It is a regular file; what is in it begins as an SQLite file does,
before anything is written; it unpacks to as many bytes as its own header records, and not one more; and for these there
is room. Whether the ledger in it is sound is judged by `store/backup.py` and, before a restore, by `checks/verify.py`.
"""

import gzip
import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from apaycli.backups import CHUNK_BYTES, BackupError, decrypted
from apaycli.backups_kept import GZIP_MAGIC, KeptBackup, claim_of, kept_backups, newest_first
from apaycli.backups_scratch import scratch_folder
from apaycli.errors import ApayError, LedgerError
from apaycli.files import free_bytes
from apaycli.store.backup import Inspection, Judge, inspect_copy, storage_problems

_HEADER_BYTES = 100
_SQLITE_MAGIC = b"SQLite format 3\x00"
_ROOM_BYTES = 16 * 1024 * 1024  # left over for everything else on this disk


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@contextmanager
def opened_backup(
    path: Path, decrypt: Sequence[str] | None, scratch_in: Path, run_in: Path | None = None
) -> Iterator[Path]:
    """The plain copy inside a backup, in a scratch folder in `scratch_in`. A plain ledger copy is taken, too. Raises
    BackupError."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_regular(path))
            scratch = stack.enter_context(scratch_folder(scratch_in, "restore"))
            plain = scratch / "copy.db"
            with _content(path, file, decrypt, run_in) as (content, size):
                _write(plain, content, size, path)
        except (OSError, EOFError, zlib.error) as error:
            raise BackupError(f"{path} cannot be unpacked: {getattr(error, 'strerror', None) or error}") from None
        yield plain


@contextmanager
def _regular(path: Path) -> Iterator[BinaryIO]:
    """Looked at before it is opened, since opening alone can do things to a device; and again, since by then it may be
    another file."""
    if path.exists() and not path.is_file():
        raise BackupError(f"{path} is not a regular file")
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BackupError(f"{path} is not a regular file")
        yield file


@contextmanager
def _content(
    path: Path, file: BinaryIO, decrypt: Sequence[str] | None, run_in: Path | None
) -> "Iterator[tuple[_Readable, int | None]]":
    """What is in the file, and how many bytes that are, where the file system knows."""
    with ExitStack() as stack:
        source, size = file, None
        if path.name.endswith(".enc"):
            if decrypt is None:
                raise BackupError(f"{path} is encrypted", hint="[backup] decrypt names the program that opens it")
            source = stack.enter_context(decrypted(decrypt, file, run_in))
        begin = _Begun(source)
        if begin.head == GZIP_MAGIC:
            yield gzip.GzipFile(fileobj=cast(BinaryIO, begin), mode="rb"), None  # it asks for read() alone
            return
        if source is file:
            size = os.fstat(file.fileno()).st_size
        yield begin, size


class _Begun:
    """A stream whose first two bytes were looked at."""

    def __init__(self, source: BinaryIO) -> None:
        self.head = self._first = source.read(2)
        self._source = source

    def read(self, size: int, /) -> bytes:
        first, self._first = self._first, b""
        return first + self._source.read(size - len(first))


def _write(plain: Path, content: _Readable, size: int | None, path: Path) -> None:
    """The content into the new file `plain`: nothing before its first bytes are an SQLite file's, never more than
    `size`, or what the header records."""
    header = content.read(_HEADER_BYTES)
    if not header.startswith(_SQLITE_MAGIC) or len(header) < _HEADER_BYTES:
        raise BackupError(f"{path} holds no sound ledger: it is no SQLite file", hint="apay backup --list")
    size = _recorded_size(header) if size is None else size
    if size is None:
        raise BackupError(f"{path} holds no sound ledger: it does not record how large it is")
    _refuse_without_room(plain.parent.parent, size, path)
    with open(os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        left = size - file.write(header)
        while chunk := content.read(min(CHUNK_BYTES, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise BackupError(f"{path} unpacks to more than the {size} bytes that it records; do not trust it")
            file.write(chunk)
    if left:
        raise BackupError(f"{path} is cut off: it records {size} bytes and has {size - left}")


def _recorded_size(header: bytes) -> int | None:
    """Page size times pages, by SQLite's own header (its documentation, "The Database Header"); None where it does not
    say."""
    (page_size,) = struct.unpack_from(">H", header, 16)
    changes, pages = struct.unpack_from(">II", header, 24)
    (valid_for,) = struct.unpack_from(">I", header, 92)
    return (65536 if page_size == 1 else page_size) * pages or None if changes == valid_for else None


def _refuse_without_room(folder: Path, size: int, path: Path) -> None:
    free, needed = free_bytes(folder), size + _ROOM_BYTES
    if free is not None and free < needed:
        raise BackupError(
            f"{folder} has {free // 2**20} MiB free; {path} needs {needed // 2**20 + 1} when it is unpacked",
            hint="make room, or see whether this file is yours: it may be made to fill the disk",
        )


def newest_to_restore(
    folder: Path, now: int, bot_id: int, decrypt: Sequence[str] | None, run_in: Path | None = None
) -> Path | None:
    """The newest backup of this bot by what each says of itself; encrypted ones are opened as far as that."""
    there, asked = kept_backups(folder, now, bot_id), set[Path]()
    while there and there[0].encrypted and decrypt is not None and there[0].path not in asked:
        asked.add(there[0].path)
        said = _decrypted_claim(there.pop(0), decrypt, run_in)
        if said is not None and said.bot_id in (None, bot_id):
            there = newest_first([said, *there], now)
    return there[0].path if there else None


def _decrypted_claim(backup: KeptBackup, decrypt: Sequence[str], run_in: Path | None) -> KeptBackup | None:
    with _regular(backup.path) as file, decrypted(decrypt, file, run_in) as opened:
        claim = claim_of(opened.read(64))
        while opened.read(CHUNK_BYTES):
            pass  # a program that is cut short cannot say whether it failed
    return None if claim is None else replace(backup, made_at=claim[0], bot_id=claim[1])


def inspected(plain: Path, path: Path, judge: Judge = storage_problems) -> Inspection:
    """The copy from inside `path`, judged and counted. Raises BackupError, which names the file that the merchant
    knows."""
    try:
        return inspect_copy(plain, judge)
    except LedgerError as error:
        raise BackupError(
            f"{path} holds no sound ledger: {error.message.replace(str(plain), 'it')}", hint="apay backup --list"
        ) from None


def inspect_backup(path: Path, decrypt: Sequence[str] | None, run_in: Path | None = None) -> Inspection | ApayError:
    """What the backup holds, or why that cannot be known."""
    try:
        with opened_backup(path, decrypt, path.parent, run_in) as plain:
            return inspected(plain, path)
    except ApayError as error:
        return error
