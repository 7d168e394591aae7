"""A file that others can change, or replace by way of a folder or a link, is refused with the line that cures it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from apaycli.files import FileProblem
from apaycli.files_trust import read_own_text, refuse_changeable_by_others

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX")
root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
STRANGER = 54_321  # has no name here


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file two folders deep."""
    path = tmp_path / "shop" / "conf" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("a = 1")
    path.chmod(0o644)
    for folder in (path.parent, path.parent.parent):
        folder.chmod(0o755)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o400, 0o755, 0o444])
def test_what_its_owner_alone_can_change_is_good(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert read_own_text(file) == "a = 1"


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o622, 0o666, 0o620, 0o602])
def test_a_file_that_others_can_change_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(FileProblem) as refusal:
        read_own_text(file)
    assert str(refusal.value) == f"{file}: can be changed by other users; run: chmod go-w '{file}'"
    os.system(str(refusal.value).partition("run: ")[2])
    assert read_own_text(file) == "a = 1"


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o730])
@pytest.mark.parametrize("height", [0, 1])
def test_a_folder_on_the_way_that_others_can_change_is_refused(file: Path, mode: int, height: int) -> None:
    folder = file.parents[height]
    folder.chmod(mode)
    with pytest.raises(FileProblem) as refusal:
        read_own_text(file)
    assert (
        str(refusal.value) == f"{file}: the folder {folder} can be changed by other users; run: chmod go-w '{folder}'"
    )


def test_a_sticky_folder_is_good_for_what_is_ours(file: Path) -> None:
    file.parent.chmod(0o1777)
    assert read_own_text(file) == "a = 1"
    file.parent.parent.chmod(0o1775)
    assert read_own_text(file) == "a = 1"


@root
@pytest.mark.parametrize("place", ["file", "folder", "link"])
def test_what_belongs_to_another_user_is_refused(file: Path, place: str) -> None:
    link = file.parent / "link.toml"
    link.symlink_to(file)
    given = {"file": file, "folder": file.parent, "link": link}[place]
    os.chown(given, STRANGER, -1, follow_symlinks=False)
    with pytest.raises(FileProblem, match=f"belongs to {STRANGER}; run apay as that user, or: chown -h root '{given}'"):
        read_own_text(link)


@root
def test_a_file_of_root_is_good_for_everybody(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    assert read_own_text(file) == "a = 1"
    os.chown(file, STRANGER, -1)
    assert read_own_text(file) == "a = 1"


@root
def test_a_strangers_file_in_a_sticky_folder_is_refused(file: Path) -> None:
    """What nobody is here to replace may have been there first."""
    file.parent.chmod(0o1777)
    os.chown(file, STRANGER, -1)
    with pytest.raises(FileProblem, match="belongs to"):
        read_own_text(file)


def test_a_link_is_as_good_as_every_place_that_it_leads_through(tmp_path: Path, file: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    (open_folder / "second").symlink_to(file)
    first = tmp_path / "first"
    first.symlink_to("open/second")
    with pytest.raises(FileProblem, match=f"the folder {open_folder} can be changed"):
        read_own_text(first)
    open_folder.chmod(0o755)
    assert read_own_text(first) == "a = 1"
    file.chmod(0o666)
    with pytest.raises(FileProblem, match=f"{first}: the file {file} can be changed .* chmod go-w '{file}'"):
        read_own_text(first)


def test_dots_lead_where_the_system_takes_them(tmp_path: Path, file: Path) -> None:
    """`link/..` is the parent of what the link leads to, not of the link."""
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "down").symlink_to(file.parent)
    assert read_own_text(tmp_path / "aside" / "down" / ".." / "conf" / "config.toml") == "a = 1"
    file.parent.parent.chmod(0o777)
    with pytest.raises(FileProblem, match="can be changed"):
        read_own_text(tmp_path / "aside" / "down" / ".." / "conf" / "config.toml")


def test_relative_paths_begin_at_the_current_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert read_own_text(Path("config.toml")) == "a = 1"
    file.parent.chmod(0o777)
    with pytest.raises(FileProblem, match=f"the folder {file.parent} can be changed"):
        read_own_text(Path("config.toml"))


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.symlink_to(path),
        lambda path: [path.with_name(f"l{n}").symlink_to(f"l{n + 1}") for n in range(99)] and path.symlink_to("l0"),
        lambda path: None,
    ],
    ids=["a circle", "too many links", "nothing"],
)
def test_what_leads_nowhere_is_a_problem_and_no_endless_way(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "it")
    with pytest.raises(FileProblem):
        refuse_changeable_by_others(tmp_path / "it")
