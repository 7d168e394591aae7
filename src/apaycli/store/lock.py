"""One process at a time listens with a ledger, replaces it or rewrites it; and which one that is.

Knows the lock file beside the ledger, which is the same for every user and home folder, and what stands in it. The lock
is the system's and belongs to the open file: it is gone with the process, also after kill -9. The file itself stays, so
that two processes never lock two files of one name, and remembers which ledger was there (`store/place.py`).

Never the ledger's own file: SQLite locks it as well, and closing it once would drop SQLite's locks.
"""

import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apaycli.clock import render_instant
from apaycli.errors import AnotherListener, LedgerError
from apaycli.files import make_folder
from apaycli.files_lock import lock
from apaycli.text import show

_CONTENT_BYTES_MAX = 4096
_TRIES_MAX = 10
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(slots=True)
class Lock:
    """A lock that this process holds."""

    descriptor: int
    content: dict[str, Any]

    def note_ledger(self, ledger_id: str | None) -> None:
        """Write down which ledger is in use here: a later start that finds no ledger knows that there was one."""
        self.content["ledger_id"] = ledger_id
        self._write(self.content)

    def _write(self, content: dict[str, Any]) -> None:
        with suppress(OSError):  # the lock counts; what is written is for people
            line = json.dumps(content).encode() + b"\n"
            os.lseek(self.descriptor, 0, os.SEEK_SET)
            os.write(self.descriptor, line)
            os.ftruncate(self.descriptor, len(line))

    def release(self) -> None:
        self._write({"ledger_id": self.content.get("ledger_id")})
        os.close(self.descriptor)


def lock_path(ledger: Path) -> Path:
    """Beside the file that a link leads to, as SQLite's own -wal is: two names of one ledger have one lock."""
    there = os.path.realpath(ledger)
    return Path(f"{there}.lock")


@contextmanager
def ledger_lock(ledger: Path, command: str, now: int) -> Iterator[Lock]:
    """Held while `command` listens with the ledger, replaces it or rewrites it.

    Raises AnotherListener, which names the holder's pid and user, and LedgerError where the lock cannot be used.
    """
    with _held(lock_path(ledger), f"with the ledger {ledger}", ledger, command, now) as lock:
        yield lock


@contextmanager
def bot_lock(bot_id: int, state: Path, ledger: Path, command: str, now: int) -> Iterator[Lock]:
    """Held while this user listens for a bot: two ledgers would each get half of its payments, and the ledger's own
    lock cannot see that."""
    try:
        make_folder(state)
    except OSError as error:
        raise LedgerError(f"the state folder {state} cannot be used: {error.strerror}") from error
    with _held(state / f"listener-{bot_id}.lock", f"for bot {bot_id}", ledger, command, now) as lock:
        yield lock


def locked_ledger_id(ledger: Path) -> str | None:
    """Which ledger was last in use here, as its lock remembers it."""
    try:
        descriptor = os.open(lock_path(ledger), _FLAGS & ~os.O_RDWR)
    except OSError:
        return None
    try:
        ledger_id = _read(descriptor).get("ledger_id")
    finally:
        os.close(descriptor)
    return ledger_id if isinstance(ledger_id, str) else None


@contextmanager
def _held(path: Path, of_what: str, ledger: Path, command: str, now: int) -> Iterator[Lock]:
    descriptor = _locked(path, of_what, ledger, command)
    lock = Lock(descriptor, {})
    try:
        lock.content = {
            "pid": os.getpid(),
            "user": _user_name(),
            "command": command,
            "ledger": str(ledger),
            "started_at": render_instant(now),
        }
        lock.note_ledger(_read(descriptor).get("ledger_id"))
        yield lock
    finally:
        lock.release()


def _locked(path: Path, of_what: str, ledger: Path, command: str) -> int:
    """The descriptor of the locked file that has this name."""
    for _ in range(_TRIES_MAX):
        try:
            descriptor = _opened(path, ledger)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            if not lock(descriptor):
                raise _in_use(_read(descriptor), of_what, ledger, command)
            if _is_named(descriptor, path):
                return descriptor
        except OSError as error:
            os.close(descriptor)
            raise _unusable(path, error) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # removed in between: a lock on it would keep nobody out
    raise LedgerError(f"the lock {path} is removed again and again", hint="stop the program that removes it")


def _opened(path: Path, ledger: Path) -> int:
    try:
        descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        descriptor = os.open(path, _FLAGS)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            os.close(descriptor)
            raise OSError(0, "it is not a plain file") from None
        return descriptor
    if os.name == "posix" and os.geteuid() == 0:
        _give_to_the_owner(descriptor, path, ledger)
    return descriptor


def _give_to_the_owner(descriptor: int, path: Path, ledger: Path) -> None:
    """A lock that root made must not keep the ledger's owner out for ever."""
    with suppress(OSError):
        try:
            owner = ledger.stat()
        except OSError:
            owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        named = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), named)


def _read(descriptor: int) -> dict[str, Any]:
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        content = json.loads(os.read(descriptor, _CONTENT_BYTES_MAX))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _in_use(holder: dict[str, Any], of_what: str, ledger: Path, command: str) -> AnotherListener:
    """Every word of `holder` was read from a file."""
    theirs = show(str(holder.get("command") or "apay"), 40)
    pid, user = (show(str(holder.get(key, "unknown")), 40) for key in ("pid", "user"))
    other = holder.get("ledger")
    where = f", ledger {show(str(other), 200)}" if of_what.startswith("for") and other != str(ledger) else ""
    another = "another " if theirs == command else ""
    return AnotherListener(
        f"{another}{theirs} is running {of_what} (pid {pid}, user {user}{where})",
        hint="stop it first; a ledger and a bot have one listener",
    )


def _unusable(path: Path, error: OSError) -> LedgerError:
    hint = None
    if isinstance(error, PermissionError) and os.path.lexists(path):
        hint = f"let the owner of the ledger own the lock, too: sudo chown --reference={path.parent} {path}"
    if isinstance(error, FileNotFoundError):
        return LedgerError(f"the folder of the ledger does not exist: {path.parent}")
    return LedgerError(f"the lock {path} cannot be used: {error.strerror}", hint=hint)


def _user_name() -> str:
    """The account that runs this process; never what the environment says."""
    if sys.platform == "win32":  # pragma: no cover - not run on Windows
        return os.environ.get("USERNAME", "unknown")
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
