"""Which offset a reply may be confirmed by: ids vouch for each other."""

import random

import pytest

from apaycli.listen.confirming import Confirmation, confirmation

FAR = 2**31 + 5


@pytest.mark.parametrize(
    ("ids", "offset", "sure"),
    [
        ([], None, False),
        ([None, 0], None, False),
        ([7], 8, False),
        ([7, 8, 9], 10, True),
        ([7, None, 9], 10, True),
        ([7, 9, 70], 71, True),  # what lay between has expired
        ([7, 8, FAR], 9, True),
        ([FAR], FAR + 1, False),
        ([7, FAR, 9], 10, True),
        ([FAR, 8, 9], 10, True),
        ([7, 8, FAR, FAR + 1], FAR + 2, True),  # others follow it
        ([7, 8, FAR, 9, 10, 3], 11, True),
        ([7, FAR, 2 * FAR, 3 * FAR], 8, False),
    ],
)
def test_neighbours_vouch_for_an_id(ids: list[int | None], offset: int | None, sure: bool) -> None:
    found = confirmation(ids, len(ids), full=False, before=None)
    assert found == (None if offset is None else Confirmation(offset, sure))


@pytest.mark.parametrize(("before", "sure"), [(None, False), (6, True), (7, False), (9, False), (-200_000, False)])
def test_an_id_that_is_alone_is_sure_only_behind_the_last_one(before: int | None, sure: bool) -> None:
    assert confirmation([7], 1, full=False, before=before) == Confirmation(8, sure)


@pytest.mark.parametrize(
    ("ids", "offset"), [([7, 8, 9], 10), ([7, None, 9], 10), ([7, 8, 10], 9), ([7, 8, 99, 9], 10), ([7, 9, 10], 11)]
)
def test_behind_the_last_one_of_a_full_reply_somebody_may_be_passed_over(ids: list[int | None], offset: int) -> None:
    assert confirmation(ids, len(ids), full=True, before=None) == Confirmation(offset, True)


@pytest.mark.parametrize(("count", "offset"), [(0, None), (1, 8), (2, 9), (3, 9), (4, 11)])
def test_only_the_first_are_confirmed(count: int, offset: int | None) -> None:
    found = confirmation([7, 8, FAR, 10], count, full=True, before=None)
    assert found == (None if offset is None else Confirmation(offset, True))


def test_one_damaged_id_never_confirms_what_was_not_in_the_reply() -> None:
    chance = random.Random(1)
    for _ in range(5_000):
        ids: list[int | None] = list(range(100, 100 + chance.randint(2, 100)))
        top = 100 + len(ids)
        ids[chance.randrange(len(ids))] = chance.choice([None, 0, chance.randrange(2**33), chance.randrange(90, 400)])
        found = confirmation(ids, len(ids), full=True, before=None)
        assert found is None or found.offset <= top or found.sure is False
