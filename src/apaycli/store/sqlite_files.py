"""The files behind an open connection: which ones they are, and whether their names still lead to them.

Knows devices, inodes and descriptors; never SQL, and never opens a file of the ledger (closing it again would drop
SQLite's locks on it).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from apaycli.errors import LedgerLost

_SUFFIXES = ("", "-wal", "-shm")
_DESCRIPTORS = "/dev/fd"  # Linux, macOS, BSD
_STOP = "stop the program that moves or replaces it, then start again"
Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the open database lies now. `path` is None where it was deleted, or the system does not tell."""

    path: Path | None
    in_place: bool


class OpenFiles:
    """Make it when SQLite has opened its files: they are compared with the descriptors of this very process, so that a
    file which was put there in between is not taken for the open one. Raises LedgerLost."""

    def __init__(self, path: Path, *, writes: bool, spare_folder: Path | None = None) -> None:
        self.path, self.writes, self.spare_folder = path, writes, spare_folder
        self.real = Path(os.path.realpath(path))  # SQLite follows links, too, before it names the -wal
        self._names = [f"{self.real}{suffix}" for suffix in _SUFFIXES]
        self._known = [_identity(name) for name in self._names]
        opened = {identity for _, identity, _ in _descriptors()}
        for index, known in enumerate(self._known):
            if opened and known is not None and known not in opened:
                if writes or index == 0:
                    raise LedgerLost(f"{self._names[index]} was replaced while it was opened", hint=_STOP)
                self._known[index] = None  # of a ledger in one file, a reader opens no log

    def lost(self) -> str | None:
        """The first name that does not lead to the open file any more. Three calls of stat, and no lock."""
        for index, name in enumerate(self._names):
            there = _identity(name)
            known = self._known[index]
            if known is None:
                self._known[index] = there  # a reader may open a ledger without a log, and somebody writes then
            elif there != known:
                return name
        return None

    def whereabouts(self) -> Whereabouts:
        if _identity(self._names[0]) == self._known[0]:
            return Whereabouts(self.real, in_place=True)
        for descriptor, identity, links in _descriptors():
            if identity == self._known[0] and links:
                try:
                    path = Path(_DESCRIPTORS, descriptor).readlink()
                except OSError:
                    continue
                if _identity(str(path)) == identity:
                    return Whereabouts(path, in_place=False)
        return Whereabouts(None, in_place=False)


def _identity(name: str) -> Identity | None:
    try:
        status = os.stat(name)  # noqa: PTH116 - the name is SQLite's own
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _descriptors() -> list[tuple[str, Identity, int]]:
    """Every open descriptor of this process: its number, what it leads to, how many names that has."""
    try:
        numbers = [path.name for path in Path(_DESCRIPTORS).iterdir()]
    except OSError:
        return []
    found = []
    for number in numbers:
        try:
            status = os.fstat(int(number))
        except (OSError, ValueError):
            continue  # the one that listed them
        found.append((number, (status.st_dev, status.st_ino), status.st_nlink))
    return found
