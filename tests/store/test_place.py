"""Is a ledger there, was one there, is it the known one: what remembers a ledger that is gone."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from apaycli.errors import LedgerLost
from apaycli.store.lock import ledger_lock
from apaycli.store.place import LedgerPlace

NOW = 1_767_261_600_000


@pytest.fixture
def place(tmp_path: Path) -> LedgerPlace:
    return LedgerPlace(tmp_path / "apay.db", tmp_path / "state" / "apay")


def test_a_place_without_a_trace_may_get_a_ledger(place: LedgerPlace) -> None:
    assert place.is_empty
    place.refuse_if_lost()
    assert place.known_id() is None
    assert place.doubt("anything") is None


def _locked(place: LedgerPlace) -> None:
    with ledger_lock(place.ledger, "apay listen", NOW) as lock:
        lock.note_ledger("abc")


def _beside(suffix: str) -> Callable[[LedgerPlace], object]:
    return lambda place: Path(f"{place.ledger}{suffix}").touch()


TRACES: list[tuple[Callable[[LedgerPlace], object], str]] = [
    (lambda place: place.remember("abc", NOW), "apay has used it before"),
    (_locked, "apay.db.lock remembers it"),
    (_beside("-wal"), "apay.db-wal was left behind"),
    (_beside("-shm"), "apay.db-shm was left behind"),
    (_beside("-journal"), "apay.db-journal was left behind"),
    (_beside(".rescued"), "apay.db.rescued lies beside it"),
    (_beside(".before-20261124T160000Z"), "apay.db.before-20261124T160000Z lies beside it"),
]


@pytest.mark.parametrize(("leave", "told"), TRACES)
def test_each_trace_alone_tells_of_a_ledger(
    place: LedgerPlace, leave: Callable[[LedgerPlace], object], told: str
) -> None:
    leave(place)
    with pytest.raises(LedgerLost) as caught:
        place.refuse_if_lost()
    assert f"the ledger {place.ledger} is missing, and there was one: " in caught.value.message
    assert told in caught.value.message
    place.ledger.touch()  # a file without a byte is no ledger
    with pytest.raises(LedgerLost):
        place.refuse_if_lost()
    place.ledger.write_bytes(b"x")
    place.refuse_if_lost()


def test_a_lock_that_never_met_a_ledger_is_no_trace(place: LedgerPlace) -> None:
    """A first start that was killed before it made one may be repeated."""
    with ledger_lock(place.ledger, "apay listen", NOW):
        pass
    place.refuse_if_lost()


@pytest.mark.parametrize("name", ["apay.db.beforehand", "apay.db.before-x-wal", "zapay.db.rescued", "apay.db.backup"])
def test_other_files_are_no_trace(place: LedgerPlace, name: str) -> None:
    place.ledger.with_name(name).touch()
    place.refuse_if_lost()


def test_the_cure_names_the_newest_rescued_ledger(place: LedgerPlace) -> None:
    for name in ("apay.db.rescued-10", "apay.db.rescued", "apay.db.rescued-2"):
        place.ledger.with_name(name).touch()
    with pytest.raises(LedgerLost) as caught:
        place.refuse_if_lost()
    assert caught.value.hint == f"put it back: mv {place.ledger}.rescued-2 {place.ledger}"


def test_a_name_with_marks_of_a_pattern_is_no_pattern(tmp_path: Path) -> None:
    place = LedgerPlace(tmp_path / "shop[1]*.db", tmp_path / "state")
    (tmp_path / "shop1x.db.rescued").touch()
    place.refuse_if_lost()
    (tmp_path / "shop[1]*.db.rescued").touch()
    with pytest.raises(LedgerLost) as caught:
        place.refuse_if_lost()
    assert f"mv '{tmp_path}/shop[1]*.db.rescued'" in (caught.value.hint or "")


def test_the_record_is_private_and_by_the_path_that_a_link_leads_to(place: LedgerPlace, tmp_path: Path) -> None:
    place.ledger.write_bytes(b"x")
    place.remember("abc", NOW)
    (record,) = (tmp_path / "state" / "apay" / "ledgers").iterdir()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    for folder in (record.parent, record.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads(record.read_text()) == {
        "ledger": str(place.ledger), "ledger_id": "abc", "known_since": "2026-01-01T10:00:00Z",
    }  # fmt: skip
    link = tmp_path / "link.db"
    link.symlink_to("apay.db")
    linked = LedgerPlace(link, place.state)
    assert linked.known_id() == "abc"
    place.ledger.unlink()  # a link that leads nowhere, as to a disk that is not mounted
    with pytest.raises(LedgerLost):
        linked.refuse_if_lost()


def test_another_ledger_is_doubted_until_it_is_the_known_one(place: LedgerPlace) -> None:
    place.remember("abc", NOW)
    place.refuse_another("abc")
    for other in ("def", None):
        with pytest.raises(LedgerLost, match="is not the ledger that was there before"):
            place.refuse_another(other)
    place.remember("def", NOW)
    place.refuse_another("def")
    place.remember(None, NOW)  # of a damaged one nothing is learned
    assert place.known_id() == "def"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"ledger_id": 1}', "\udc80", "[" * 100_000])
def test_a_damaged_record_knows_nothing(place: LedgerPlace, content: str) -> None:
    place.remember("abc", NOW)
    (record,) = (place.state / "ledgers").iterdir()
    record.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert place.known_id() is None


def test_the_logs_of_a_lost_ledger_get_names_that_no_ledger_has(place: LedgerPlace) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{place.ledger}{suffix}").write_text(suffix)
    first = place.set_aside(NOW, inbox=False)
    assert [path.name for path in first] == [
        "apay.db.before-20260101T100000Z-wal",
        "apay.db.before-20260101T100000Z-shm",
    ]
    place.refuse_if_lost()
    Path(f"{place.ledger}-wal").write_text("again")
    (second,) = place.set_aside(NOW, inbox=False)
    assert second.name == "apay.db.before-20260101T100000Z-2-wal"
    assert [path.read_text() for path in (*first, second)] == ["-wal", "-shm", "again"]


def test_an_inbox_tells_of_a_ledger_and_is_set_aside_for_a_new_one_alone(place: LedgerPlace) -> None:
    inbox = Path(f"{place.real}-inbox")
    inbox.write_text("what Telegram has forgotten")
    with pytest.raises(LedgerLost, match=r"apay\.db-inbox was left behind"):
        place.refuse_if_lost()
    assert place.set_aside(NOW, inbox=False) == []  # a restore: it is still this shop's
    (kept,) = place.set_aside(NOW, inbox=True)
    assert (inbox.exists(), kept.read_text()) == (False, "what Telegram has forgotten")
