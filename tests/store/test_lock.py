"""One process at a time: the lock of a ledger and of a bot, whom it names, and which ledger it remembers."""

import errno
import getpass
import json
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from apaycli.errors import AnotherListener, LedgerError
from apaycli.store.lock import bot_lock, ledger_lock, lock_path, locked_ledger_id

NOW = 1_767_261_600_000
ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "apay.db"


def refused(ledger: Path, command: str = "apay listen") -> str:
    with pytest.raises(AnotherListener) as caught, ledger_lock(ledger, command, NOW):
        pytest.fail("two processes hold one lock")
    assert caught.value.exit_code == 7
    return caught.value.message


def test_the_second_one_is_refused_and_told_the_firsts_pid_and_user(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "mallory")
    assert getpass.getuser() == "mallory"  # what the environment says is not what is told
    with ledger_lock(ledger, "apay listen", NOW):
        assert refused(ledger) == (
            f"another apay listen is running with the ledger {ledger} (pid {os.getpid()}, user {ME})"
        )
        assert refused(ledger, "apay restore").startswith("apay listen is running with the ledger")
        assert json.loads(lock_path(ledger).read_text())["started_at"] == "2026-01-01T10:00:00Z"


def test_a_link_has_the_lock_of_the_file_that_it_leads_to(ledger: Path, tmp_path: Path) -> None:
    ledger.touch()
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "shop.db"
    link.symlink_to("../apay.db")
    with ledger_lock(ledger, "apay listen", NOW):
        assert str(link) in refused(link)
    assert lock_path(link) == Path(f"{ledger}.lock")


def test_two_ledgers_are_two_locks(ledger: Path) -> None:
    with ledger_lock(ledger, "apay listen", NOW), ledger_lock(ledger.with_name("b.db"), "apay listen", NOW):
        pass


@pytest.mark.parametrize("error", [None, LedgerError("x"), KeyboardInterrupt()])
def test_the_lock_is_given_back_however_the_run_ends(ledger: Path, error: BaseException | None) -> None:
    try:
        with ledger_lock(ledger, "apay listen", NOW):
            if error is not None:
                raise error
    except (LedgerError, KeyboardInterrupt):
        pass
    assert json.loads(lock_path(ledger).read_text()) == {"ledger_id": None}
    with ledger_lock(ledger, "apay listen", NOW):
        pass


def test_what_a_killed_holder_left_behind_is_no_obstacle_and_is_named_no_more(ledger: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from apaycli.store.lock import ledger_lock\n"
        "with ledger_lock(Path(sys.argv[1]), 'apay listen', 0) as lock:\n"
        "    lock.note_ledger('abc'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(ledger)], check=False)
    assert done.returncode == -9
    assert json.loads(lock_path(ledger).read_text())["pid"] != os.getpid()
    with ledger_lock(ledger, "apay purge", NOW):
        assert f"apay purge is running with the ledger {ledger} (pid {os.getpid()}," in refused(ledger)
        assert locked_ledger_id(ledger) == "abc"  # who came later has not forgotten it


def test_looking_at_the_lock_does_not_open_it(ledger: Path) -> None:
    with ledger_lock(ledger, "apay listen", NOW) as lock:
        lock.note_ledger("abc")
        assert locked_ledger_id(ledger) == "abc"
        refused(ledger)
    assert locked_ledger_id(ledger) == "abc"
    assert locked_ledger_id(ledger.with_name("none.db")) is None


def test_the_lock_is_private(ledger: Path) -> None:
    with ledger_lock(ledger, "apay listen", NOW):
        assert stat.S_IMODE(lock_path(ledger).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", ["", "\x1b[2J" * 50, "[1]", '{"pid": "\\u001b[2J", "user": ["\\u202e"]}', "9" * 9000]
)
def test_an_odd_content_is_named_harmlessly(ledger: Path, content: str) -> None:
    with ledger_lock(ledger, "apay listen", NOW):
        lock_path(ledger).write_text(content)
        message = refused(ledger)
    assert not any(mark in message for mark in "\x1b\u202e")
    assert len(message) < 150 + len(str(ledger))


@pytest.mark.parametrize("odd", ["link", "hard link", "folder", "pipe"])
def test_a_lock_that_is_no_plain_file_is_refused_and_nothing_behind_it_changes(ledger: Path, odd: str) -> None:
    """Root must not write where another user's link leads."""
    precious = ledger.with_name("precious")
    precious.write_text("precious")
    before = precious.stat()
    path = lock_path(ledger)
    {
        "link": lambda: path.symlink_to(precious),
        "hard link": lambda: path.hardlink_to(precious),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
    }[odd]()
    with pytest.raises(LedgerError, match="the lock"), ledger_lock(ledger, "apay listen", NOW):
        pytest.fail("this is no lock")
    assert (precious.read_text(), precious.stat().st_mode) == ("precious", before.st_mode)


def test_a_lock_whose_name_was_taken_away_keeps_out_whoever_comes_in_between(ledger: Path) -> None:
    """The name must lead to what was locked: a lock on a removed file keeps nobody out."""
    real, removed = os.open, []

    def remove_once(path: Path, *more: int) -> int:
        descriptor = real(path, *more)
        if Path(path) == lock_path(ledger) and not removed:
            removed.append(Path(path).rename(ledger.with_name("removed")))
        return descriptor

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", remove_once)
        with ledger_lock(ledger, "apay listen", NOW):
            refused(ledger)
    assert removed


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    ledger = tmp_path / "gone" / "apay.db"
    named = pytest.raises(LedgerError, match=r"the folder of the ledger does not exist: .*gone$")
    with named, ledger_lock(ledger, "apay listen", NOW):
        pass


# -- one user, one bot, two ledgers -----------------------------------------------------------------------------------


def test_one_bot_with_two_ledgers_is_refused_and_told_where_the_other_one_is(ledger: Path, tmp_path: Path) -> None:
    state = tmp_path / "state" / "apay"
    other = ledger.with_name("b.db")
    with bot_lock(123, state, ledger, "apay listen", NOW):
        with pytest.raises(AnotherListener) as caught, bot_lock(123, state, other, "apay listen", NOW):
            pytest.fail("two listeners share one bot")
        with bot_lock(124, state, other, "apay listen", NOW):
            pass
    assert caught.value.message == (
        f"another apay listen is running for bot 123 (pid {os.getpid()}, user {ME}, ledger {ledger})"
    )
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


@pytest.mark.parametrize("in_the_way", ["state", "state/apay", "state/apay/listener-123.lock/x"])
def test_a_state_folder_that_cannot_be_used_is_named(tmp_path: Path, in_the_way: str) -> None:
    path = tmp_path / in_the_way
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    state = tmp_path / "state" / "apay"
    with pytest.raises(LedgerError, match="state"), bot_lock(123, state, tmp_path / "a.db", "apay listen", NOW):
        pass


# -- what systems and strangers do to it -----------------------------------------------------------------------------


def unusable(ledger: Path) -> LedgerError:
    with pytest.raises(LedgerError) as caught, ledger_lock(ledger, "apay listen", NOW):
        pytest.fail("there is no lock to hold")
    assert not isinstance(caught.value, AnotherListener)
    return caught.value


def test_where_there_are_no_locks_it_is_said(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("apaycli.store.lock.lock", refuse)
    assert unusable(ledger).message == f"the lock {ledger}.lock cannot be used: No locks available"


def test_a_lock_that_is_removed_again_and_again_is_given_up(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apaycli.store.lock._is_named", lambda *_: False)
    assert "is removed again and again" in unusable(ledger).message


def test_a_lock_that_may_not_be_opened_names_its_cure(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock_path(ledger).touch()

    def forbid(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("apaycli.store.lock._opened", forbid)
    assert (unusable(ledger).hint or "").endswith(f"sudo chown --reference={ledger.parent} {ledger}.lock")


def test_a_user_without_a_name_is_a_number_and_gives_nothing_away(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999)
    with ledger_lock(ledger, "apay listen", NOW):
        assert "user 3999999)" in refused(ledger)
