"""A folder of files that appears whole or not at all.

Knows how to make it beside its place, each file for its owner alone, and to name it last. Never knows what is in it.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from apaycli.files import FileProblem


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Raises FileProblem where something lies there already, or nothing can be written."""
    import shutil

    place = folder.absolute()
    _refuse_taken(folder, place)
    staging: Path | None = None
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{place.name[:30]}.", suffix=".part", dir=place.parent))  # 0700
        for name, content in files.items():
            _write(staging / name, content)
        if place.is_dir():
            place.rmdir()  # empty, as we have seen; if that has changed, this fails and nothing is lost
        staging.rename(place)
        staging = None
        settle(place.parent)
    except OSError as error:
        raise FileProblem(f"{folder} cannot be written: {error.strerror}; no half folder is left") from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def _refuse_taken(folder: Path, place: Path) -> None:
    try:
        if not place.parent.is_dir():
            raise FileProblem(f"the folder that {folder} shall lie in does not exist")
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise FileProblem(f"{folder} is no folder; name one that is not there yet")
        if place.is_dir() and any(place.iterdir()):
            raise FileProblem(f"{folder} is not empty; name a folder that is not there yet")
    except OSError as error:
        raise FileProblem(f"{folder} cannot be looked at: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def settle(folder: Path) -> None:
    """The new name itself is on disk, too, where a system lets one say so."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
