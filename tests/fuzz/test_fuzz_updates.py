"""100,000 spoiled updates through the real reader, the real processor and a ledger: E1, B1, B7, B8 and D4.

In each batch of 100 stand a sound query and a sound payment at random places, which must never notice their
neighbours. `--fuzzed-updates N` plays more chapters; a failure names its chapter and shows the bytes.
"""

import math

import pytest
from chapter import Chapter

CHAPTER_UPDATES = 5_000
SHARES = 20  # of the chapters; for workers side by side


@pytest.mark.parametrize("share", range(SHARES))
def test_no_spoiled_update_costs_money_or_a_neighbour(share: int, pytestconfig: pytest.Config) -> None:
    updates = int(pytestconfig.getoption("--fuzzed-updates", default=100_000))
    for seed in range(share, math.ceil(updates / CHAPTER_UPDATES), SHARES):
        chapter = Chapter(seed, min(CHAPTER_UPDATES, updates - seed * CHAPTER_UPDATES))
        chapter.play()
        chapter.check()
        chapter.store.close()


def test_a_chapter_has_something_of_everything() -> None:
    chapter = Chapter(seed=0, updates=CHAPTER_UPDATES)
    chapter.play()
    chapter.check()
    found = chapter.expected
    assert len(found.charges) > 300
    assert len(found.conflicts) > 100
    assert len(found.dead_letters) > 1000
    assert 50 < sum(found.decisions.values()) < len(found.decisions) - 50
    flags = {flag for (flag,) in chapter.store.db.execute("SELECT DISTINCT flag FROM receipts")}
    assert flags == {None, "late", "oversold", "duplicate", "amount_mismatch", "unmatched"}
    chapter.store.close()
