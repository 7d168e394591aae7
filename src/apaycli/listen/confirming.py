"""Which offset confirms a reply of getUpdates, although one of its ids may be damaged or absurd.

Knows what ids say about each other; never where they come from, or whether what they name is on disk.

Theory. `offset` confirms everything below it, so one id that is too high destroys updates that nobody has seen. But a
reply is in the order of its ids. Those outside of the longest rising sequence do not count. One at the end of that
counts if it follows its neighbour at once; or from not too far, where nothing waits behind the reply. What does not
count is left for the next reply to begin with: either others follow it there, or it is alone and is taken at its word.
That word is not sure, unless it follows what was confirmed before, and an offset that is not sure must not stand for
long: what comes meanwhile may be below it.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

_GAP_MAX = 100_000  # as many as Telegram keeps for a bot: those between two ids may have expired


class Confirmation(NamedTuple):
    """An offset for getUpdates. Not `sure`: nothing but the update itself says that its id is one of Telegram's."""

    offset: int
    sure: bool


class _Placed(NamedTuple):
    place: int
    update_id: int


def confirmation(ids: Sequence[int | None], count: int, *, full: bool, before: int | None) -> Confirmation | None:
    """What confirms the first `count` of a reply with these ids; None: nothing may be. `full`: more may wait behind it.
    `before`: the id that was confirmed last."""
    rising = _longest_rising([_Placed(place, update_id) for place, update_id in enumerate(ids) if update_id])
    while len(rising) > 1 and not _follows(rising[-2], rising[-1], at_once=full and rising[-1].place == len(ids) - 1):
        rising.pop()
    counted = [each.update_id for each in rising if each.place < count]
    if not counted:
        return None
    sure = len(rising) > 1 or (before is not None and 0 < counted[-1] - before <= _GAP_MAX)
    return Confirmation(counted[-1] + 1, sure)


def _follows(one: _Placed, other: _Placed, *, at_once: bool) -> bool:
    distance = other.update_id - one.update_id
    return distance <= other.place - one.place or (distance <= _GAP_MAX and not at_once)


def _longest_rising(ids: Sequence[_Placed]) -> list[_Placed]:
    ends: list[int] = []  # the lowest id in which a rising sequence of each length ends
    chains: list[list[_Placed]] = [[]]
    for each in ids:
        length = bisect_left(ends, each.update_id)
        ends[length : length + 1] = [each.update_id]
        chains[length + 1 : length + 2] = [[*chains[length], each]]
    return chains[-1]
