"""QR pictures of links: into a file, or drawn in the terminal.

Knows the library and its formats; never what a link leads to. Imported only where a picture is asked for.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from apaycli.cli.ending import cannot_write
from apaycli.errors import UsageError

if TYPE_CHECKING:
    import segno

TERMINAL = "-"
_SUFFIXES = (".png", ".svg", ".pdf")


def check_qr_target(target: str | None) -> None:
    """Before anything is sent: the library is there, and the file can be written. Raises UsageError."""
    if target is None:
        return
    try:
        import segno as _  # noqa: F401
    except ImportError:
        raise UsageError("--qr needs the segno library", hint="pip install 'apay[qr]'") from None
    if target == TERMINAL:
        return
    path = Path(target)
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"--qr takes - for the terminal, or a file that ends in {', '.join(_SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--qr {path}: the folder is not there")
    if path.is_dir():
        raise UsageError(f"--qr {path}: is a folder")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise UsageError(f"--qr {path}: cannot be written")


def draw_qr(link: str, target: str, terminal: TextIO) -> None:
    """Into the file `target`, or on `terminal`. Raises UsageError where the file cannot be written."""
    code = _code(link)
    if target == TERMINAL:
        code.terminal(terminal, compact=True)
        return
    try:
        code.save(target, scale=8)
    except OSError as error:
        raise cannot_write(f"--qr {target}: {error.strerror}", error) from None


def _code(link: str) -> "segno.QRCode":
    import segno

    return segno.make(link, error="m", micro=False)
