"""Several files appear together or not at all, whatever breaks in the middle."""

import os
from pathlib import Path

import pytest

from apaycli.files import FileProblem
from apaycli.files_together import check_together, place_together, write_private

TEXTS = {"bot-token": "new token\n", "stock.toml": "new stock\n", "config.toml": "new config\n"}


def content(folder: Path) -> dict[str, str]:
    """Everything below the folder."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def good(staging: Path) -> None:
    assert content(staging) == TEXTS


def test_they_appear_in_a_folder_that_is_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    placed = place_together(folder, TEXTS, good)
    assert content(folder) == TEXTS
    assert [(each.path.name, each.before) for each in placed] == [(name, None) for name in TEXTS]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent)} == {0o700}


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    place_together(tmp_path, TEXTS, good)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_what_was_there_stays_beside_them_each_time(tmp_path: Path) -> None:
    (tmp_path / "bot-token").write_text("old")
    (tmp_path / "bot-token").chmod(0o644)
    for before in ("bot-token.before", "bot-token.before-2"):
        placed = place_together(tmp_path, TEXTS, good)
        assert placed[0].before == tmp_path / before
    assert (tmp_path / "bot-token.before").read_text() == "old"
    assert (tmp_path / "bot-token.before-2").read_text() == TEXTS["bot-token"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("error", [FileProblem("bad"), KeyboardInterrupt(), ValueError()])
def test_a_check_that_fails_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def check(_staging: Path) -> None:
        raise error

    with pytest.raises(type(error)):
        place_together(tmp_path / "a" / "b", TEXTS, check)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_breaks_at_a_rename_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, after: bool, error: BaseException
) -> None:
    old = {"stock.toml": "old stock", "other": "not ours"}
    for name, text in old.items():
        (tmp_path / name).write_text(text)
    count = 0
    replace = Path.replace

    def breaking(path: Path, target: Path) -> Path:
        nonlocal count
        if target.name in TEXTS and path.parent.parent == tmp_path:
            count += 1
            if count == at:
                if after:
                    replace(path, target)
                raise error
        return replace(path, target)

    def check(staging: Path) -> None:
        monkeypatch.setattr(Path, "replace", breaking)

    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else FileProblem):
        place_together(tmp_path, TEXTS, check)
    assert content(tmp_path) == old
    assert count == at


def test_a_folder_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(FileProblem, match="Not a directory"):
            place_together(folder, TEXTS, good)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FileProblem, match="Permission denied"):
        place_together(tmp_path, TEXTS, good)


def test_only_checked_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    check_together(TEXTS, good)
    assert list(tmp_path.iterdir()) == []


def test_one_private_file_through_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o644)
    link.symlink_to(real)
    write_private(link, "new\n")
    assert (link.is_symlink(), real.read_text(), real.stat().st_mode & 0o777) == (True, "new\n", 0o600)
    write_private(tmp_path / "a" / "b", "x")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    with pytest.raises(FileProblem):
        write_private(tmp_path / "real" / "x", "x")
