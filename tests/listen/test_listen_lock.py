"""One listener per bot: the lock, and whom it names."""

import os
import stat
from pathlib import Path

import pytest

from apaycli.errors import AnotherListener, LedgerError
from apaycli.listen.lock import listener_lock


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}


def test_the_second_one_is_refused_and_told_the_firsts_pid(environ: dict[str, str]) -> None:
    named = pytest.raises(AnotherListener, match=rf"pid {os.getpid()}\b")
    with listener_lock(123, environ), named as caught, listener_lock(123, environ):
        pytest.fail("two listeners hold one lock")
    assert caught.value.exit_code == 7


def test_two_bots_are_two_locks(environ: dict[str, str]) -> None:
    with listener_lock(123, environ), listener_lock(124, environ):
        pass


@pytest.mark.parametrize("error", [None, LedgerError("x"), KeyboardInterrupt()])
def test_the_lock_is_given_back_however_the_run_ends(environ: dict[str, str], error: BaseException | None) -> None:
    try:
        with listener_lock(123, environ):
            if error is not None:
                raise error
    except (LedgerError, KeyboardInterrupt):
        pass
    with listener_lock(123, environ):
        pass


def test_what_a_killed_listener_left_behind_is_no_obstacle(environ: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "state" / "apay"
    folder.mkdir(parents=True)
    (folder / "listener-123.lock").touch()
    (folder / "listener-123.pid").write_text("99999")
    with listener_lock(123, environ):
        assert (folder / "listener-123.pid").read_text() == str(os.getpid())


def test_folder_and_lock_are_private(environ: dict[str, str], tmp_path: Path) -> None:
    with listener_lock(123, environ):
        folder = tmp_path / "state" / "apay"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "listener-123.lock").stat().st_mode) == 0o600


@pytest.mark.parametrize("pid", ["", "\x1b[2J" * 50, "not a number"])
def test_an_odd_pid_file_is_named_harmlessly(environ: dict[str, str], tmp_path: Path, pid: str) -> None:
    with listener_lock(123, environ):
        (tmp_path / "state" / "apay" / "listener-123.pid").write_text(pid)
        with pytest.raises(AnotherListener) as caught, listener_lock(123, environ):
            pass
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 100


@pytest.mark.parametrize("in_the_way", ["state", "state/apay", "state/apay/listener-123.lock/x"])
def test_a_folder_that_cannot_be_used_is_named(environ: dict[str, str], tmp_path: Path, in_the_way: str) -> None:
    path = tmp_path / in_the_way
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with pytest.raises(LedgerError, match="state"), listener_lock(123, environ):
        pass


def test_the_lock_counts_even_where_the_pid_cannot_be_written(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "state" / "apay" / "listener-123.pid").mkdir(parents=True)
    unnamed = pytest.raises(AnotherListener, match="pid unknown")
    with listener_lock(123, environ), unnamed, listener_lock(123, environ):
        pytest.fail("two listeners hold one lock")
