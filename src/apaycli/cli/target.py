"""A file that a command writes for whoever called it.

Knows when a path cannot be one, and that the file appears whole or not at all. Never knows what stands in it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from apaycli.cli.ending import cannot_write
from apaycli.errors import UsageError


def refuse_target(file: Path, *, force: bool, name: str = "") -> None:
    """Before any work is done. Raises UsageError; `name` is the option's, where there is one."""
    shown = f"{name} {file}".strip()
    if file.is_dir():
        raise UsageError(f"{shown} is a folder", hint="name a file in it")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"the folder of {shown} does not exist")
    if file.exists() and not file.is_file():
        raise UsageError(f"{shown} is no regular file")
    if os.path.lexists(file) and not force:
        raise UsageError(f"{shown} is there already", hint="--force replaces it")


def unwritten(file: Path) -> str:
    """What an interruption leaves of it, as the end of a sentence."""
    return f"{file} was not changed" if file.exists() else f"{file} was not written"


@contextmanager
def written(file: Path) -> Iterator[BinaryIO]:
    """The file under another name until the block ends well. Raises OutputError where the disk refuses, UsageError
    where another name would do."""
    from apaycli.files import complete_file

    try:
        with complete_file(file) as target:
            yield target
    except OSError as error:
        raise cannot_write(f"{file} cannot be written: {error.strerror}; no half file is left", error) from error
