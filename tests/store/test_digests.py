"""The digest of a receipt's row: canonical, and the same for ever."""

from typing import Any

import pytest

from apaycli.core.model import Flag
from apaycli.store.digests import DIGESTED_COLUMNS, row_digest

ROW: tuple[Any, ...] = (
    *("tg-1", "apay-1", "test", None, "inv_1", 7, "payload", "duck", "হাঁস", 1, 1, 1, "INR", 49900, 0, 0, None),
    *(1001, 1_767_261_600_000, 1_767_261_601_000, 42, "00" * 32),
)


def test_a_digest_never_changes_its_form() -> None:
    """Ledgers in the field hold it: a change of this line would call every one of them wrong."""
    assert len(ROW) == len(DIGESTED_COLUMNS)
    assert row_digest(ROW) == "01c0af6a6b6afd8ccaba5238a6824d7fb7a66d25b88176aa54c2a2ef0eefe0f5"


@pytest.mark.parametrize("place", range(len(DIGESTED_COLUMNS)), ids=DIGESTED_COLUMNS)
def test_every_column_counts(place: int) -> None:
    for other in ("x", 5, b"x", None if ROW[place] is not None else ""):
        changed = [*ROW[:place], other, *ROW[place + 1 :]]
        assert row_digest(changed) != row_digest(ROW)


def test_values_do_not_run_into_each_other() -> None:
    assert row_digest(["ab", "c"]) != row_digest(["a", "bc"])
    assert row_digest(["1"]) != row_digest([1])
    assert row_digest(['a","b']) != row_digest(["a", "b"])


def test_a_word_of_ours_is_its_text() -> None:
    assert row_digest([Flag.LATE]) == row_digest(["late"])


def test_no_personal_column_has_a_part_in_it() -> None:
    """A purge of personal data must leave it valid."""
    assert not [column for column in DIGESTED_COLUMNS if "name" in column or "order" in column]
