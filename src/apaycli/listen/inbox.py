"""Updates that Telegram may forget before the ledger can be written: their bytes, durable in a file beside it.

Knows how to append so that what was said to be kept is on disk, and how to read a file that a crash left half written.
Never knows what is in an update, or when it is let go (`listen/listener.py`).

Only for the one case in which keeping everything at Telegram costs buyers their answer: the ledger is locked, and a
hundred updates wait, so that those behind them cannot be seen. The file is there for seconds, and never empty: it goes
once the ledger has what was in it. One line an update: a digest, a blank, the bytes in base64. A line feed stands
before it, too: whatever a crash has left at the end of the file stays apart from what is written next.
"""

import hashlib
import os
import stat
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from apaycli.errors import LedgerError
from apaycli.files_folder import settle
from apaycli.store.place import INBOX

_DIGEST_CHARACTERS = 16
_BYTES_MAX = 64 << 20  # a lock that lasts this long needs somebody who looks at it
# Telegram has forgotten what stood there, and it was probably money: named so that the dead letter is an alarm.
_DAMAGED = b"a damaged line of the inbox, which may have held a successful_payment: "


def inbox_of(ledger: Path) -> Path:
    """Beside the file that a link leads to: two names of one ledger have one inbox."""
    return Path(os.path.realpath(ledger) + INBOX)


class Inbox:
    """`path` None: nothing can be kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: set[str] = set()

    def read(self) -> list[bytes]:
        """What an earlier run kept. A line that a crash or the disk has damaged is no update: it becomes a dead letter
        with an alarm. Raises LedgerError if the file cannot be read."""
        if self._path is None:
            return []
        try:
            content = _content(self._path)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerError(
                f"{self._path} cannot be read ({error.strerror}): it holds updates that Telegram has forgotten",
                hint="it must be a regular file that this user can read; put that right, then start again",
            ) from None
        raws = [_bytes_of(line) for line in content.split(b"\n") if line]
        self._known = {_digest(raw) for raw in raws}
        return raws

    def keep(self, raws: Sequence[bytes]) -> bool:
        """Whether all of them are on disk now. What is there already is not written again."""
        fresh = {digest: raw for raw in raws if (digest := _digest(raw)) not in self._known}
        if self._path is None or not fresh:
            return self._path is not None
        lines = b"".join(b"\n%s %s\n" % (digest.encode(), b64encode(raw)) for digest, raw in fresh.items())
        try:
            _append(self._path, lines)
        except OSError:
            return False
        self._known.update(fresh)
        return True

    def forget(self) -> None:
        """What was written may be gone: the next `keep` writes all of it."""
        self._known.clear()

    def clear(self) -> None:
        """The ledger has it. A file that cannot be removed is read again by the next start, which repeats nothing."""
        self._known.clear()
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


def _content(path: Path) -> bytes:
    """Of a regular file alone: a FIFO would be waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
        return file.read()


def _append(path: Path, lines: bytes) -> None:
    """All of it, or OSError and nothing of it."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        before = os.fstat(descriptor).st_size
        try:
            if before + len(lines) > _BYTES_MAX or os.write(descriptor, lines) < len(lines):
                raise OSError("no room")
            os.fsync(descriptor)
            settle(path.parent)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)


def _bytes_of(line: bytes) -> bytes:
    digest, _, text = line.partition(b" ")
    with suppress(ValueError):
        raw = b64decode(text, validate=True)
        if _digest(raw).encode() == digest:
            return raw
    return _DAMAGED + line


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:_DIGEST_CHARACTERS]
