"""The files of a shop: what no command may write over that writes a file for its user.

Knows every file that a config names or implies, and by how many names one file can be called: links, other spellings,
capitals. Never knows who wants to write.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from apaycli.config import Config
from apaycli.config_places import state_folder
from apaycli.config_secrets import SECRETS

_FILES = {
    "stock.file": "the stock file",
    "messages.file": "the messages file",
    "terms.text_file": "the terms",
    **{f"{secret.key}_file": f"the {secret.label}" for secret in SECRETS},
}
_PROGRAMS = ("hooks.on_paid", "backup.encrypt", "backup.decrypt", "backup.after")
_KEPT_BY_INIT = r"(\.before(-[0-9]+)?)?"
_ITS_OWN = r"([-.].*)?"  # log, index, lock, mark, and the ledgers that a restore has kept
_BACKUP = r"apay-.*\.db.*"


@dataclass(frozen=True, slots=True)
class _Files:
    """Names in a folder; `pattern` is for names as `_folded` gives them."""

    what: str
    folder: Path
    pattern: str

    def match(self, name: str) -> bool:
        return re.fullmatch(self.pattern, _folded(name), re.DOTALL) is not None


def shop_file(path: Path, config: Config, environ: Mapping[str, str], *, but: str | None = None) -> str | None:
    """What `path` is in this shop, or would be if it were written: "the ledger", "a backup"; None for any other file.

    `but`: what is meant to be written.
    """
    names = [(_same(each.parent), each.name) for each in (path.absolute(), path.resolve())]
    there = _same(path) if path.exists() else None
    for files in _files(config, environ):
        if files.what != but:
            folder = _same(files.folder)
            if any(where == folder and files.match(name) for where, name in names):
                return files.what
            if there is not None and there in _inodes(files):
                return files.what
    return None


def _files(config: Config, environ: Mapping[str, str]) -> Iterator[_Files]:
    yield from _one("the config", config.path or config.folder / "config.toml")
    yield from _one("the ledger", config.store_path)
    for ledger in {config.store_path, config.store_path.resolve()}:
        yield _Files("part of the ledger", ledger.parent, re.escape(_folded(ledger.name)) + _ITS_OWN)
    for key, what in _FILES.items():
        if config.values.get(key) is not None:
            yield from _one(what, Path(config.values[key]))
    for secret in SECRETS:  # where `apay config set-secret` puts it
        yield from _one(f"the {secret.label}", config.folder / secret.file)
    for key in _PROGRAMS:
        for word in config.values.get(key) or ():
            if word and (config.folder / word).is_file():
                yield from _one(f"a file of {key}", config.folder / word)
    if config.values.get("backup.dir") is not None:
        backups = Path(config.values["backup.dir"])
        yield from _one("the backup folder", backups)
        yield _Files("a backup", backups, _BACKUP)
    yield from _one("the state folder", state_folder(environ))
    yield _Files("part of the state", state_folder(environ), ".*")


def _one(what: str, path: Path) -> Iterator[_Files]:
    """One file, also where a link leads, and what `apay init` has kept of it."""
    for each in {path, path.resolve()}:
        yield _Files(what, each.parent, re.escape(_folded(each.name)) + _KEPT_BY_INIT)


def _same(path: Path) -> object:
    """One value for one file or folder, however it is spelled."""
    try:
        status = path.stat()
    except OSError:
        return str(path.resolve())
    return status.st_dev, status.st_ino


def _inodes(files: _Files) -> set[object]:
    try:
        return {_same(each) for each in files.folder.iterdir() if files.match(each.name)}
    except OSError:
        return set()


def _folded(name: str) -> str:
    """Capitals do not count, nor how an accent is written: some disks do not tell them apart."""
    return unicodedata.normalize("NFC", os.fspath(name)).casefold()
