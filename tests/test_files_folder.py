"""A folder appears whole, for its owner alone, and only where nothing lies."""

import os
from pathlib import Path

import pytest

from apaycli.files import FileProblem
from apaycli.files_folder import write_folder

FILES = {"a.txt": b"one\n", "b.bin": b"\x00\xff"}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("there", [False, True], ids=["new", "empty"])
def test_the_folder_holds_the_files_and_is_its_owners_alone(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "evidence"
    if there:
        folder.mkdir()
    before = os.umask(0)
    try:
        write_folder(folder, FILES)
    finally:
        os.umask(before)
    assert content(folder) == FILES
    assert list(tmp_path.iterdir()) == [folder]
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(FileProblem, match="is not empty"):
        write_folder(tmp_path, FILES)
    assert content(tmp_path) == {"mine": b"x"}


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_what_is_no_folder_is_left_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("x")
    else:
        (tmp_path / "real").mkdir()
        place.symlink_to(tmp_path / ("real" if kind == "link" else "nowhere"))
    with pytest.raises(FileProblem, match="is no folder"):
        write_folder(place, FILES)
    assert not list(tmp_path.glob("**/a.txt"))


def test_a_folder_above_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="does not exist"):
        write_folder(tmp_path / "no" / "evidence", FILES)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileProblem, match="No space left on device; no half folder is left"):
        write_folder(tmp_path / "evidence", FILES)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_comes_into_an_empty_folder_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    monkeypatch.setattr(os, "fsync", lambda descriptor: (folder / "mine").write_text("x"))
    with pytest.raises(FileProblem):
        write_folder(folder, FILES)
    assert content(folder) == {"mine": b"x"}
    assert list(tmp_path.iterdir()) == [folder]
