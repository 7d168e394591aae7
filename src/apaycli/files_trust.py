"""Whether a file says what its owner wrote: nobody else may change it, or put another in its place.

Knows modes and owners, of the file and of each folder and link on the way to it. Never knows what the file is for.
What others can write runs as its owner: a hook in a config, a script that a hook names.
"""

import os
import stat
from pathlib import Path
from typing import Any

from apaycli.files import FileProblem, read_text

_LINKS_MAX = 40
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def read_own_text(path: Path, **how: Any) -> str:
    """`read_text` for what the merchant has decided: config, products, sentences, secrets. Raises FileProblem."""
    text = read_text(path, **how)
    refuse_changeable_by_others(path)
    return text


def refuse_changeable_by_others(path: Path) -> None:
    """Raise FileProblem, with the line that cures it, where another user of this machine could change the file `path`,
    or put another file in its place.

    Everything on the way belongs to this user or to root, and neither group nor others may write it. A folder in which
    all may write is good enough where only an entry's owner may rename it (the sticky bit, as in /tmp). An access list
    (ACL) that lets somebody write shows in the mode of the group.
    """
    if os.name != "posix":
        return
    here, links = "/", 0
    way = [part for part in reversed(path.absolute().parts) if part != "/"]
    try:
        _check(path, here, os.lstat(here))
        while way:
            name = way.pop()
            if name == "..":
                here = os.path.dirname(here)  # noqa: PTH120 - text: it was checked on the way down
                continue
            there = f"{here.rstrip('/')}/{name}"
            status = os.lstat(there)
            _check(path, there, status)
            if not stat.S_ISLNK(status.st_mode):
                here = there
                continue
            links += 1
            if links > _LINKS_MAX:
                raise FileProblem(f"{path}: more than {_LINKS_MAX} links lead to it")
            target = os.readlink(there)  # noqa: PTH115 - text, as above
            here = "/" if target.startswith("/") else here
            way += [part for part in reversed(target.split("/")) if part not in {"", "."}]
    except OSError as error:
        raise FileProblem(f"{path}: {error.strerror}") from None


def _check(path: Path, place: str, status: os.stat_result) -> None:
    folder = stat.S_ISDIR(status.st_mode)
    what = f"{path}: " + (f"the folder {place} " if folder else "" if place == str(path) else f"the file {place} ")
    if status.st_uid not in {os.geteuid(), 0}:
        raise FileProblem(f"{what}belongs to {_name(status.st_uid)}; run apay as that user, or: {_chown(place)}")
    if stat.S_ISLNK(status.st_mode) or not status.st_mode & _OTHERS_WRITE:
        return
    if not (folder and status.st_mode & stat.S_ISVTX):
        raise FileProblem(f"{what}can be changed by other users; run: chmod go-w '{place}'")


def _chown(place: str) -> str:
    return f"chown -h {_name(os.geteuid())} '{place}'"


def _name(number: int) -> str:
    import pwd  # only for a refusal

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
