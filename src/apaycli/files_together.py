"""Several small files that appear together or not at all.

Knows how to lay them into a folder beside their places, hand that folder to whoever checks them, and rename them into
place; what goes wrong in the middle, Ctrl-C too, is taken back. All are mode 0600. Never knows what they mean.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from apaycli.files import FileProblem, complete_file, make_folder


@dataclass(frozen=True, slots=True)
class Placed:
    """`before`: the copy of what stood there."""

    path: Path
    before: Path | None


def place_together(folder: Path, texts: Mapping[str, str], check: Callable[[Path], None]) -> list[Placed]:
    """Write each text under its name. `check` gets the folder that holds them first; its error leaves all as it was.

    What stood there stays as NAME.before. Raises FileProblem.
    """
    import shutil
    import tempfile

    made = _make_folder(folder)
    staging: Path | None = None
    try:
        staging = Path(tempfile.mkdtemp(prefix=".apay-init-", suffix=".part", dir=folder))
        _lay_out(staging, texts)
        check(staging)
        return _rename_all(staging, folder, list(texts))
    except OSError as error:
        _remove_folders(made, staging)
        raise FileProblem(f"{error.filename or folder}: {error.strerror}") from error
    except BaseException:
        _remove_folders(made, staging)
        raise
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def check_together(texts: Mapping[str, str], check: Callable[[Path], None]) -> None:
    """Only the check, in a folder that is gone afterwards."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="apay-init-") as folder:
        _lay_out(Path(folder), texts)
        check(Path(folder))


def _lay_out(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        with complete_file(folder / name) as file:
            file.write(text.encode("utf-8"))


def _make_folder(folder: Path) -> list[Path]:
    """The folders that were not there, innermost first."""
    try:
        return make_folder(folder)
    except OSError as error:
        raise FileProblem(f"{error.filename or folder}: {error.strerror}") from error


def _remove_folders(made: list[Path], staging: Path | None) -> None:
    import shutil

    if staging is not None:
        shutil.rmtree(staging, ignore_errors=True)
    for path in made:
        with suppress(OSError):  # somebody has put something there
            path.rmdir()


def _rename_all(staging: Path, folder: Path, names: list[str]) -> list[Placed]:
    placed: list[Placed] = []
    renamed = 0
    try:
        for name in names:
            placed.append(Placed(folder / name, _copy_before(folder / name)))
        for each in placed:
            (staging / each.path.name).replace(each.path)
            renamed += 1
    except BaseException:
        _take_back(placed, renamed, staging)
        raise
    return placed


def _take_back(placed: list[Placed], renamed: int, staging: Path) -> None:
    for number, each in enumerate(placed):
        in_place = number < renamed or not (staging / each.path.name).exists()  # Ctrl-C right behind the rename
        with suppress(OSError):
            if in_place and each.before is None:
                each.path.unlink()
            elif in_place and each.before is not None:
                each.before.replace(each.path)
            elif each.before is not None:
                each.before.unlink()


def _copy_before(path: Path) -> Path | None:
    """A copy of what stands there, under a name that is free; its owner's alone, too."""
    if not path.exists():
        return None
    number, before = 1, path.with_name(f"{path.name}.before")
    while before.exists():
        number += 1
        before = path.with_name(f"{path.name}.before-{number}")
    content = path.read_bytes()
    with complete_file(before) as file:
        file.write(content)
    return before


def write_private(path: Path, text: str) -> None:
    """One file of mode 0600, whole or not at all; its folder is made where there is none. Raises FileProblem."""
    _make_folder(path.parent)
    target = path.resolve()  # a link stays a link
    try:
        with complete_file(target) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise FileProblem(f"{error.filename or path}: {error.strerror}") from error
