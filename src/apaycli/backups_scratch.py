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

from apaycli.files_lock import lock

_NAME = re.compile(r"\.apay-(?:backup|restore)-\w+", re.ASCII)
_TRIES_MAX = 10


@contextmanager
def scratch_folder(folder: Path, purpose: str) -> Iterator[Path]:
    """Raises OSError. In `folder` itself, so that what is made in it can be renamed into its place."""
    remove_dead_scratch(folder)
    scratch, descriptor = _new(folder, purpose)
    try:
        yield scratch
    finally:
        _remove(scratch, descriptor)


def _new(folder: Path, purpose: str) -> tuple[Path, int]:
    for _ in range(_TRIES_MAX):
        scratch = Path(tempfile.mkdtemp(prefix=f".apay-{purpose}-", dir=folder))  # 0700
        descriptor = _locked(scratch)
        if descriptor is not None:
            if (scratch / "lock").exists():
                return scratch, descriptor
            os.close(descriptor)
        # Another run took it for a dead one in the moment before it was locked.
    raise OSError(f"no scratch folder can be kept in {folder}")


def _locked(scratch: Path) -> int | None:
    """The locked descriptor, or None: another run is using this folder."""
    try:
        descriptor = os.open(scratch / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        taken = lock(descriptor)
    except OSError:
        taken = False
    if taken:
        return descriptor
    os.close(descriptor)
    return None


def _remove(scratch: Path, descriptor: int) -> None:
    """Closed first: Windows does not remove an open file."""
    os.close(descriptor)
    shutil.rmtree(scratch, ignore_errors=True)


def remove_dead_scratch(folder: Path) -> None:
    """What runs left that were killed. One that is in use stays, and so does everything with another name."""
    try:
        there = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return
    for path in there:
        if not _is_own_folder(path):
            continue
        descriptor = _locked(path)
        if descriptor is not None:
            _remove(path, descriptor)


def _is_own_folder(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return path.is_dir() and not path.is_symlink() and (os.name != "posix" or status.st_uid == os.geteuid())
