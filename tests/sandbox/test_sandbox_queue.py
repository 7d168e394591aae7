"""The update queue: confirming, lives, batches."""

import json

import pytest

from apaycli.sandbox import queue as queue_module
from apaycli.sandbox.queue import DEFAULT_KINDS, KINDS, UpdateQueue, render_batch


def filled(count: int = 5, first: int = 100) -> UpdateQueue:
    queue = UpdateQueue(first)
    for number in range(count):
        queue.push("message", {"n": number}, now=0)
    return queue


def ids(queue: UpdateQueue, limit: int = 100) -> list[int]:
    return [entry.update_id for entry in queue.batch(limit)]


@pytest.mark.parametrize(
    ("offset", "left"),
    [
        (99, [100, 101, 102, 103, 104]),
        (100, [100, 101, 102, 103, 104]),
        (103, [103, 104]),
        (105, []),
        (115, []),
        (116, [100, 101, 102, 103, 104]),
        (2_000_000_000, [100, 101, 102, 103, 104]),
        (-1, [104]),
        (-3, [102, 103, 104]),
        (-50, [100, 101, 102, 103, 104]),
    ],
    ids=str,
)
def test_confirm(offset: int, left: list[int]) -> None:
    queue = filled()
    queue.confirm(offset)
    assert ids(queue) == left
    assert len(queue) == len(left)
    queue.confirm(100)
    assert ids(queue) == left, "what is confirmed does not come back"


def test_unconfirmed_comes_again() -> None:
    queue = filled(3)
    assert ids(queue) == ids(queue) == [100, 101, 102]


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("pre_checkout_query", 150),
        ("shipping_query", 150),
        ("callback_query", 150),
        ("inline_query", 30),
        ("chosen_inline_result", 600),
        ("message", 86400),
        ("my_chat_member", 86400),
    ],
)
def test_life(kind: str, seconds: int) -> None:
    queue = UpdateQueue(1)
    queue.push(kind, {}, now=5000)
    queue.forget_expired(5000 + seconds * 1000 - 1)
    assert len(queue) == 1
    queue.forget_expired(5000 + seconds * 1000)
    assert (len(queue), ids(queue)) == (0, [])


def test_expiry_in_the_middle() -> None:
    queue = UpdateQueue(1)
    for kind in ("message", "pre_checkout_query", "message"):
        queue.push(kind, {}, now=0)
    queue.forget_expired(150_000)
    assert ids(queue) == [1, 3]


def test_kinds_not_allowed_are_never_queued() -> None:
    queue = UpdateQueue(1)
    queue.allowed_kinds = frozenset({"message"})
    assert queue.push("pre_checkout_query", {}, now=0) is None
    queue.allowed_kinds = DEFAULT_KINDS
    assert (ids(queue), queue.lost_count) == ([], 1)
    assert queue.push("message", {}, now=0) == 1, "a lost update uses up no id"


def test_already_queued_updates_stay_when_their_kind_is_no_longer_allowed() -> None:
    queue = filled(1)
    queue.allowed_kinds = frozenset({"pre_checkout_query"})
    assert ids(queue) == [100]


def test_layout_has_the_id_first_and_then_a_line_feed() -> None:
    queue = UpdateQueue(7)
    queue.push("message", {"text": "é\n@UPDATE_ID@"}, now=0)
    queue.push("message", {}, now=0)
    body = render_batch(queue.batch(100))
    assert body == b'[{"update_id":7,\n"message":{"text":"\\u00e9\\n@UPDATE_ID@"}},{"update_id":8,\n"message":{}}]'


def test_limit() -> None:
    assert ids(filled(5), 2) == [100, 101]


def test_reply_is_cut_by_size_but_has_at_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "BATCH_BYTES_MAX", 100)
    queue = UpdateQueue(1)
    for _ in range(3):
        queue.push("message", {"text": "x" * 200}, now=0)
    assert ids(queue) == [1]
    queue = filled(5)
    assert len(ids(queue)) == 2


def test_full_queue_loses_new_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "COUNT_MAX", 2)
    queue = filled(3)
    assert (ids(queue), queue.lost_count) == ([100, 101], 1)


def test_redelivered_comes_once_more_whatever_the_offset() -> None:
    queue = filled(3)
    queue.confirm(103)
    queue.put_back(queue.history[1], expires_at=10**9)
    queue.confirm(103)
    assert ids(queue) == [101]
    queue.confirm(103)
    assert ids(queue) == []


def test_redelivered_stands_before_newer_ones_and_only_once() -> None:
    queue = filled(3)
    queue.confirm(102)
    first = queue.history[0]
    queue.put_back(first, expires_at=10**9)
    queue.put_back(first, expires_at=10**9)
    assert ids(queue) == [100, 102]


def test_raw_bytes_stand_as_they_are() -> None:
    queue = UpdateQueue(5)
    assert queue.push_template("raw", b'{"update_id":@UPDATE_ID@,\n\xff broken', expires_at=10) == 5
    assert queue.push_template("raw", b"nonsense", expires_at=10, update_id=9) == 9
    assert queue.next_update_id == 10
    assert render_batch(queue.batch(10)) == b'[{"update_id":5,\n\xff broken,nonsense]'


def test_an_id_cannot_be_queued_twice() -> None:
    with pytest.raises(ValueError, match="already"):
        filled(1).push_template("raw", b"x", expires_at=10, update_id=100)


def test_clear_loses_all() -> None:
    queue = filled(3)
    queue.clear()
    assert (ids(queue), len(queue), queue.lost_count, queue.push("message", {}, now=0)) == ([], 0, 3, 103)


def test_kinds_are_those_of_the_documentation(request: pytest.FixtureRequest) -> None:
    path = request.config.rootpath / "tests" / "data" / "bot-api.json"
    fields = json.loads(path.read_text("utf-8"))["types"]["Update"]["fields"]
    assert tuple(field["name"] for field in fields if field["name"] != "update_id") == KINDS
