"""A private folder for half-made files, which never stays: not after an error, not after Ctrl-C, and after kill -9
until the next run that works there.

Knows the names of these folders and who is still using one: a lock inside each belongs to its process and goes with it.
Never knows what is in them.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

_NAME = re.compile(r"\.apay-(?:backup|restore)-\w+", re.ASCII)
_TRIES_MAX = 10


@contextmanager
def scratch_folder(folder: Path, purpose: str) -> Iterator[Path]:
    """Raises OSError. In `folder` itself, so that what is made in it can be renamed into its place."""
    remove_dead_scratch(folder)
    scratch, lock = _new(folder, purpose)
    try:
        yield scratch
    finally:
        lock.release()
        shutil.rmtree(scratch, ignore_errors=True)


def _new(folder: Path, purpose: str) -> "tuple[Path, BaseFileLock]":
    for _ in range(_TRIES_MAX):
        scratch = Path(tempfile.mkdtemp(prefix=f".apay-{purpose}-", dir=folder))  # 0700
        lock = _locked(scratch)
        if lock is not None and (scratch / "lock").exists():
            return scratch, lock
        # Another run took it for a dead one in the moment before it was locked.
    raise OSError(f"no scratch folder can be kept in {folder}")


def _locked(scratch: Path) -> "BaseFileLock | None":
    from filelock import FileLock, Timeout

    lock = FileLock(scratch / "lock", mode=0o600)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return None
    return lock


def remove_dead_scratch(folder: Path) -> None:
    """What runs left that were killed. One that is in use stays, and so does everything with another name."""
    try:
        there = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return
    for path in there:
        if not _is_own_folder(path):
            continue
        lock = _locked(path)
        if lock is not None:
            lock.release()
            shutil.rmtree(path, ignore_errors=True)


def _is_own_folder(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return path.is_dir() and not path.is_symlink() and (os.name != "posix" or status.st_uid == os.geteuid())
