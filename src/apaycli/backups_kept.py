"""Which backups there are, and which is the newest: by what each says of itself, not by its name.

Knows the names that backups get, and the mark inside them: a gzip file's own header bears the name of what was packed
and when. A renamed file keeps it; a file without it is none of ours, is never the newest and is never removed. Of an
encrypted one nothing can be read without its key, so its name speaks for it until a restore opens it. What claims to
be from the future is known to be wrong: it stands behind all others.
"""

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from apaycli.clock import render_instant

GZIP_MAGIC = b"\x1f\x8b"
_NAME = re.compile(r"apay-(\d{8}T\d{6}Z)(?:-(\d+))?\.db\.gz(\.enc)?", re.ASCII)
_MARK = re.compile(rb"apay-ledger(?:-of-(\d{1,18}))?\.db\0", re.ASCII)
_GZIP_HEADER_BYTES = 10
_HEAD_BYTES = 64
_WITH_NAME = 0x08  # RFC 1952, FLG: FNAME alone
AHEAD_MILLISECONDS = 86_400_000  # as far as a clock may have been set back since


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """`bot_id`: None where it does not say. `removable`: it is one of ours for certain, or as good as."""

    path: Path
    made_at: int
    number: int  # of those made in one second
    bot_id: int | None
    removable: bool = True

    @property
    def encrypted(self) -> bool:
        return self.path.name.endswith(".enc")


def kept_backups(folder: Path, now: int, bot_id: int | None = None) -> list[KeptBackup]:
    """The newest first; with `bot_id` without those of other bots."""
    there = [each for path in named_files(folder) if (each := _kept(path)) is not None]
    return newest_first((each for each in there if None in (bot_id, each.bot_id) or each.bot_id == bot_id), now)


def newest_first(backups: Iterable[KeptBackup], now: int) -> list[KeptBackup]:
    return sorted(backups, key=lambda each: (not is_ahead(each, now), each.made_at, each.number), reverse=True)


def newest_backup(folder: Path, now: int, bot_id: int | None = None) -> KeptBackup | None:
    """None, too, where all of them claim to be from the future."""
    newest = next(iter(kept_backups(folder, now, bot_id)), None)
    return None if newest is None or is_ahead(newest, now) else newest


def unmarked_files(folder: Path, now: int) -> list[Path]:
    """What bears the name of a backup and does not count as one."""
    counted = {each.path for each in kept_backups(folder, now) if not is_ahead(each, now)}
    return [path for path in named_files(folder) if path not in counted]


def named_files(folder: Path) -> list[Path]:
    """Whatever bears the name of a backup: it may hold what one holds."""
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except OSError:
        return []


def mark_of(bot_id: int | None) -> str:
    """What stands in the header of a backup's gzip file."""
    return "apay-ledger.db" if bot_id is None else f"apay-ledger-of-{bot_id}.db"


def name_of(folder: Path, now: int, *, encrypted: bool) -> Path:
    """A name that no file has yet."""
    stamp = render_instant(now).replace("-", "").replace(":", "")
    ending = ".db.gz" + (".enc" if encrypted else "")
    path, number = folder / f"apay-{stamp}{ending}", 1
    while path.exists():
        number += 1
        path = folder / f"apay-{stamp}-{number}{ending}"
    return path


def claim_of(head: bytes) -> tuple[int, int | None] | None:
    """When the gzip file that begins with `head` was made, by itself, and of which bot's ledger; None: it is none of
    ours."""
    mark = _MARK.match(head, _GZIP_HEADER_BYTES)
    if head[:2] != GZIP_MAGIC or head[3:4] != bytes([_WITH_NAME]) or mark is None:
        return None
    return int.from_bytes(head[4:8], "little") * 1000, int(mark[1]) if mark[1] else None


def _kept(path: Path) -> KeptBackup | None:
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            head = file.read(_HEAD_BYTES) if stat.S_ISREG(status.st_mode) else b""
    except OSError:
        return None
    number = int(match[2] or 1)
    if not match[3]:
        claim = claim_of(head)
        return None if claim is None else KeptBackup(path, claim[0], number, claim[1])
    if not head:
        return None
    private = os.name != "posix" or (status.st_mode & 0o077 == 0 and status.st_uid == os.geteuid())
    return KeptBackup(path, _stamp(match[1]), number, None, removable=private)


def _stamp(text: str) -> int:
    try:
        return int(datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) * 1000
    except ValueError:
        return 0  # the 32nd of a month


def is_ahead(backup: KeptBackup, now: int) -> bool:
    return backup.made_at > now + AHEAD_MILLISECONDS
