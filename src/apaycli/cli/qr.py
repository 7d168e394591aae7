"""QR pictures of links: into a file, or drawn in the terminal.

Knows the library and its formats; never what a link leads to. Imported only where a picture is asked for.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from apaycli.cli.env import Env
from apaycli.cli.target import refuse_target, shown_path, written
from apaycli.errors import UsageError

if TYPE_CHECKING:
    import segno

TERMINAL = "-"
_SUFFIXES = (".png", ".svg", ".pdf")


def check_qr_target(target: str | None, env: Env, *, force: bool = False) -> None:
    """Before anything is sent: the file can be written. Raises UsageError."""
    if target is None:
        if force:
            raise UsageError("--force replaces a picture: it needs --qr FILE")
        return
    if target == TERMINAL:
        return
    path = Path(target)
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"--qr takes - for the terminal, or a file that ends in {', '.join(_SUFFIXES)}")
    refuse_target(path, env, force=force, name="--qr")
    if not os.access(path.absolute().parent, os.W_OK):
        raise UsageError(f"--qr {shown_path(path)} cannot be written: its folder is not yours to write")


def draw_qr(link: str, target: str, env: Env, *, force: bool = False) -> None:
    """Into the file `target`, or on the terminal. Raises UsageError where the file cannot be written."""
    code = _code(link)
    if target == TERMINAL:
        code.terminal(env.output.stderr, compact=True)
        return
    path = Path(target)
    with written(path, env, force=force) as file:
        code.save(file, kind=path.suffix.lower().removeprefix("."), scale=8)


def _code(link: str) -> "segno.QRCode":
    import segno

    return segno.make(link, error="m", micro=False)
