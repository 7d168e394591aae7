"""Files as a careful program reads and writes them.

Knows how to read a small text file without being blocked by a FIFO or drowned by a gigabyte, how to refuse
a secret that others can read, and how to write a file that appears only when it is complete. Never knows
what the files mean. Errors are `FileProblem`: one sentence with the cure.
"""

import errno
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

_TEXT_BYTES_MAX = 1024 * 1024
_DOTS_IN_A_LINE_MAX = 1_000
_BRACKETS_DEEP_MAX = 50  # ours need 4
# Brackets, and what they may stand in without being any. A text that never ends goes on to the end of its line or the
# file: it is looked at once, and the parser complains about it.
_TOML_TOKEN = re.compile(
    r'"""(?:\\.|[^"\\]|"(?!""))*+"{0,5}'
    r"|'''(?:[^']|'(?!''))*+'{0,5}"
    r'|"(?:\\[^\n]|[^"\\\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+"
    r"|[][{}]",
    re.DOTALL,
)
_LONG_NUMBER = re.compile(r"[0-9_]{4301}", re.ASCII)
FREE_BYTES_MIN = 100 * 1024 * 1024  # with less left, a ledger is in danger


class FileProblem(Exception):
    """A file that cannot be used, in one sentence."""


class Real(str):
    """A TOML real as it was written. Amounts are read from the text; a float never exists."""

    __slots__ = ()


def read_text(path: Path, *, private: bool = False, bytes_max: int = _TEXT_BYTES_MAX) -> str:
    """The UTF-8 text of a small regular file; a byte-order mark is passed over.

    `private`: refuse what group or others can read, or what another user owns.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise FileProblem(f"{path}: {error.strerror}") from None
    try:
        _check(path, os.fstat(descriptor), private, bytes_max)
    except FileProblem:
        os.close(descriptor)
        raise
    with open(descriptor, "rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise FileProblem(f"{path}: is larger than {bytes_max} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileProblem(f"{path}: is not UTF-8 text; save it as UTF-8") from None


def _check(path: Path, status: os.stat_result, private: bool, bytes_max: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileProblem(f"{path}: is not a regular file")
    if status.st_size > bytes_max:
        raise FileProblem(f"{path}: is larger than {bytes_max} bytes")
    if private and os.name == "posix":
        refuse_readable_by_others(path, status)


def refuse_readable_by_others(path: Path, status: os.stat_result) -> None:
    """Raise FileProblem, with the chmod line, for a secret that other users of this machine can read."""
    if status.st_mode & 0o077:
        raise FileProblem(f"{path}: holds a secret and can be read by others; run: chmod 600 '{path}'")
    if status.st_uid not in {os.geteuid(), 0}:
        raise FileProblem(f"{path}: holds a secret and belongs to another user")


def make_folder(folder: Path) -> list[Path]:
    """The folder and those missing above it, each its owner's alone whatever the umask is: `mkdir(parents=True)` leaves
    the ones above to the umask. Returns what was made, innermost first. Raises OSError."""
    missing = []
    for path in (folder, *folder.parents):
        if path.exists():
            break
        missing.append(path)
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    return missing


def free_bytes(folder: Path) -> int | None:
    """What is left for this user where `folder` lies, or None where nobody knows."""
    import shutil  # only where somebody asks

    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def can_open(count: int) -> bool:
    """Whether this process may have so many more files and connections open at once."""
    opened: list[int] = []
    try:
        for _ in range(count):
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return False
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return True


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """TOML with its reals left as text (`Real`). The message of a mistake has its line."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.count(".") > _DOTS_IN_A_LINE_MAX:  # a key so deep keeps the parser busy for minutes
            raise FileProblem(f"{path}: line {number} has more than {_DOTS_IN_A_LINE_MAX} dots")
    deep = _too_deep_at(text)
    if deep is not None:
        raise FileProblem(f"{path}: line {deep} has more than {_BRACKETS_DEEP_MAX} brackets inside of each other")
    try:
        return tomllib.loads(text, parse_float=Real)
    except tomllib.TOMLDecodeError as error:
        raise FileProblem(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:  # int() of more than 4300 digits
        long = _LONG_NUMBER.search(text)
        place = f" (at line {_line_at(text, long.start())})" if long else ""
        raise FileProblem(f"{path}: {error}{place}") from None


def _too_deep_at(text: str) -> int | None:
    """The line where values are nested deeper than the parser, which calls itself, could follow; None: nowhere."""
    if text.count("[") + text.count("{") <= _BRACKETS_DEEP_MAX:
        return None
    depth = 0
    for token in _TOML_TOKEN.finditer(text):
        if token.group() in {"[", "{"}:
            depth += 1
        elif token.group() in {"]", "}"}:
            depth = max(0, depth - 1)
        if depth > _BRACKETS_DEEP_MAX:
            return _line_at(text, token.start())
    return None


def _line_at(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


@contextmanager
def complete_file(path: Path, *, replace: bool = True) -> Iterator[BinaryIO]:
    """A file to write, mode 0600, that gets its name only when the block ends well; else nothing is left.

    What had the name is replaced, never written to: a link, hard or symbolic, leaves what it leads to alone. Without
    `replace` FileExistsError is raised where something has the name by then.
    """
    import tempfile  # only where something is written

    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:30]}.", suffix=".part", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(name).replace(path)
        else:
            _name(Path(name), path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _name(file: Path, path: Path) -> None:
    """`path` for the complete `file`, unless something has that name. Raises FileExistsError then."""
    try:
        os.link(file, path)
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links, such as a stick: a look has to do
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        file.replace(path)
    else:
        file.unlink()
