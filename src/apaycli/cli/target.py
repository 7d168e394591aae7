"""A file that a command writes for its user.

Knows when a path cannot be one: a file of the shop, a link, what is no file, what already exists. The file appears
whole or not at all, in place of what had its name and never through it, and is its owner's alone. Never knows what is
in it.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from apaycli.cli.ending import cannot_write
from apaycli.cli.env import Env
from apaycli.errors import UsageError
from apaycli.text import show

_SHOWN_MAX = 300


def shown_path(path: Path | str) -> str:
    """A path in a sentence: its characters never command a terminal."""
    return show(str(path), _SHOWN_MAX)


def refuse_target(file: Path, env: Env, *, force: bool, name: str = "", stream_hint: str | None = None) -> None:
    """Before any work is done. Raises UsageError. `name` is the option's, where there is one; `stream_hint` says how to
    write to stdout, where the command can."""
    shown = f"{name} {shown_path(file)}".strip()
    status = _look(file, shown)
    if status is not None:
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{shown} is a folder", hint="name a file in it")
        if not file.is_file() and file.exists():
            raise UsageError(f"{shown} is not a regular file", hint=stream_hint)
        if stat.S_ISLNK(status.st_mode):
            stream = file.absolute().parts[1:2] == ("dev",)  # /dev/stdout, and stdout is a file today
            raise UsageError(f"{shown} is a symbolic link", hint=stream_hint if stream else "name the file itself")
    elif not file.absolute().parent.is_dir():
        raise UsageError(f"the folder of {shown} does not exist")
    refuse_shop_file(file, env, shown)
    if status is not None and not force:
        raise UsageError(f"{shown} already exists", hint="--force replaces it")


def refuse_shop_file(path: Path, env: Env, shown: str, *, but: str | None = None) -> None:
    """Raises UsageError for a file of the shop, by whatever name it is called. `but`: what is meant to be written."""
    from apaycli.config_files import shop_file

    what = shop_file(path, env.config, env.environ, but=but)
    if what is not None:
        raise UsageError(f"{shown} is {what} of this shop, which no output replaces", hint="choose another name")


def _look(file: Path, shown: str) -> os.stat_result | None:
    """What has the name now, itself and not what it leads to. None: nothing."""
    try:
        return file.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{shown} cannot be written: {error.strerror}") from None


def unwritten(file: Path) -> str:
    """What an interruption leaves of it, as the end of a sentence."""
    return f"{shown_path(file)} was not {'changed' if file.exists() else 'written'}"


@contextmanager
def written(file: Path, env: Env, *, force: bool) -> Iterator[BinaryIO]:
    """The file under another name until the block ends well. Raises OutputError where the disk refuses, UsageError
    where another name would do, or where `file` has become one that `refuse_target` refuses."""
    from apaycli.files import complete_file

    try:
        with complete_file(file, replace=force) as target:
            yield target
            refuse_target(file, env, force=force)
    except FileExistsError as error:
        raise UsageError(f"{shown_path(file)} already exists", hint="--force replaces it") from error
    except OSError as error:
        sentence = f"{shown_path(file)} cannot be written: {error.strerror}; no half file is left"
        raise cannot_write(sentence, error) from error
