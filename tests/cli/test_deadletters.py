"""`apay deadletters`: shown without harm, given to apay again, discarded; and clear words for a wrong number."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from apaycli.core.model import ReceiptFilter
from shop import Shop
from sold_ledger import BROKEN, payment, query

HOSTILE = b'{"a":"\x1b[2J\xff\xe2\x80\xaegood"}\n\x00'
LETTERS = (HOSTILE, BROKEN, payment(3, "nobody's", 1), query(4, "payload-1", 1))


@pytest.fixture
def kept(shop: Shop) -> Shop:
    """Four letters: 1 cannot be shown as it is, 2 and 3 mention a payment, 3 can be read now, 4 is a query."""
    with shop.store() as store, store.transaction() as tx:
        for number, raw in enumerate(LETTERS, 1):
            tx.record_dead_letter(
                number, f"why\x1b {number}", b"successful_payment" in raw, raw, shop.clock.now() + number * 1000
            )
    return shop


def states(shop: Shop) -> dict[int, str]:
    with shop.store() as store:
        return {letter.dead_letter_id: letter.state for letter in store.dead_letters(ended=True)}


def test_the_list_is_loud_about_payments_and_harmless(kept: Shop) -> None:
    done = kept.run("deadletters", "list")
    assert done.code == 0
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [row[:3] for row in rows] == [
        ["3", "open", "PAYMENT"], ["2", "open", "PAYMENT"], ["4", "open", "-"], ["1", "open", "-"],
    ]  # fmt: skip
    assert rows[1][3:] == ["2026-01-01T10:00:02Z", "2", str(len(BROKEN)), "why\\x1b 2"]
    assert "2 of them mention(s) a payment: money may have arrived" in done.err
    assert "\x1b" not in done.out


def test_ended_letters_are_listed_when_asked_for_and_warn_of_nothing(kept: Shop) -> None:
    assert kept.run("deadletters", "discard", "2", "3", "--yes").code == 0
    done = kept.run("deadletters", "list")
    assert [line[0] for line in done.out.splitlines()] == ["4", "1"]
    assert done.err == ""
    everything = kept.run("deadletters", "list", "--all", "--json").json
    assert [(row["dead_letter_id"], row["state"]) for row in everything] == [
        ("3", "discarded"), ("2", "discarded"), ("4", "open"), ("1", "open"),
    ]  # fmt: skip
    assert everything[0]["ended_at"] == "2026-01-01T10:00:00Z"
    assert everything[2]["ended_at"] is None


def test_without_letters_the_list_is_empty(shop: Shop) -> None:
    with shop.store():
        pass
    done = shop.run("deadletters", "list")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert shop.run("deadletters", "list", "--json").json == []
    assert shop.run("deadletters", "replay", "--all", "--json").json == []


def test_a_letter_is_shown_without_harm(kept: Shop) -> None:
    done = kept.run("deadletters", "show", "1")
    assert done.code == 0
    assert '{"a":"\\x1b[2J\\xff\\u202egood"}\\x0a\\x00' in done.out
    assert "reason\twhy\\x1b 1" in done.out
    assert "\x1b" not in done.out


def test_a_long_letter_is_cut_on_the_screen_alone(shop: Shop) -> None:
    with shop.store() as store, store.transaction() as tx:
        tx.record_dead_letter(1, "x", False, b"x" * 100_000, 5)
    assert len(shop.run("deadletters", "show", "1").out) < 5_000
    document = shop.run("deadletters", "show", "1", "--json").json
    assert base64.b64decode(document["raw_base64"]) == b"x" * 100_000


def test_json_shows_the_very_bytes(kept: Shop) -> None:
    document = kept.run("deadletters", "show", "1", "--json").json
    assert base64.b64decode(document["raw_base64"]) == HOSTILE
    assert document["size_bytes"] == len(HOSTILE)
    assert document["mentions_payment"] is False


def test_the_very_bytes_go_into_a_private_file_and_over_nothing(kept: Shop) -> None:
    target = kept.folder / "letter"
    done = kept.run("deadletters", "show", "1", "--raw", str(target))
    assert (done.code, done.out) == (0, "")
    assert target.read_bytes() == HOSTILE
    assert target.stat().st_mode & 0o777 == 0o600
    again = kept.run("deadletters", "show", "2", "--raw", str(target))
    assert again.code == 2
    assert "already exists" in again.err
    assert target.read_bytes() == HOSTILE
    assert kept.run("deadletters", "show", "2", "--raw", str(kept.folder / "no" / "folder")).code == 2


def test_the_very_bytes_go_into_a_pipe_and_never_into_a_terminal(kept: Shop) -> None:
    done = kept.run("deadletters", "show", "1", "--raw", "-", terminal=True)
    assert (done.code, done.out) == (2, "")
    ended = subprocess.run(
        [sys.executable, "-m", "apaycli", "deadletters", "show", "1", "--raw", "-"],
        capture_output=True,
        env=kept.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        check=True,
        timeout=60,
    )
    assert ended.stdout == HOSTILE


def test_replaying_records_what_can_be_read_now_and_says_what_stays(kept: Shop) -> None:
    done = kept.run("deadletters", "replay", "--all")
    assert done.code == 6
    lines = done.out.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [
        ["open", "1"], ["open", "2"], ["replayed", "3"], ["open", "4"],
    ]  # fmt: skip
    assert lines[2].endswith("receipt 1 recorded, flagged unmatched")
    assert "discard it" in lines[3]
    assert "3 letter(s) stay open" in done.err
    assert states(kept) == {1: "open", 2: "open", 3: "replayed", 4: "open"}
    with kept.store() as store:
        assert [row.telegram_payment_charge_id for row in store.receipts(ReceiptFilter())] == ["tg-charge-3"]
    assert kept.run("verify").code == 0


def test_replaying_one_that_can_be_read_is_good(kept: Shop) -> None:
    done = kept.run("deadletters", "replay", "3", "3", "--json")
    assert done.code == 0
    assert done.json == [
        {"dead_letter_id": "3", "state": "replayed", "outcome": "recorded",
         "what": "receipt 1 recorded, flagged unmatched", "receipt_id": "1"},
    ]  # fmt: skip


def test_replaying_takes_the_mode_of_the_command(kept: Shop) -> None:
    assert kept.run("deadletters", "replay", "3", "--live").code == 0
    with kept.store() as store:
        assert next(store.receipts(ReceiptFilter())).mode == "live"


def test_replayed_money_runs_its_hooks(kept: Shop) -> None:
    (kept.folder / "paid.sh").write_text("#!/bin/sh\n")
    (kept.folder / "paid.sh").chmod(0o700)
    kept.write_config(f'[hooks]\non_paid = ["{kept.folder / "paid.sh"}"]\n')
    assert kept.run("deadletters", "replay", "3").code == 0
    with kept.store() as store:
        assert [(row.kind, row.state) for row in store.hooks()] == [("program", "waiting")]


def test_discarding_asks_where_a_payment_is_mentioned(kept: Shop) -> None:
    assert kept.run("deadletters", "discard", "1").out == "discarded\t1\n"
    refused = kept.run("deadletters", "discard", "2", "4")
    assert (refused.code, refused.out) == (8, "")
    assert kept.run("deadletters", "discard", "2", stdin="n\n", terminal=True).code == 8
    assert states(kept) == {1: "discarded", 2: "open", 3: "open", 4: "open"}
    asked = kept.run("deadletters", "discard", "2", stdin="y\n", terminal=True)
    assert (asked.code, asked.out) == (0, "discarded\t2\n")
    assert "Discard 2, which mention(s) a payment?" in asked.err
    assert kept.run("deadletters", "discard", "3", "4", "--yes", "--json").json == [
        {"dead_letter_id": "3", "state": "discarded"},
        {"dead_letter_id": "4", "state": "discarded"},
    ]


def test_what_was_discarded_keeps_its_bytes(kept: Shop) -> None:
    kept.run("deadletters", "discard", "1")
    document = kept.run("deadletters", "show", "1", "--json").json
    assert (document["state"], base64.b64decode(document["raw_base64"])) == ("discarded", HOSTILE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "99"), "there is no dead letter 99"),
        (("replay", "99"), "there is no dead letter 99"),
        (("replay", "3", "99"), "there is no dead letter 99"),
        (("discard", "1", "99"), "there is no dead letter 99"),
        (("discard", "0"), "0 is not in the range"),
        (("show", str(2**63)), "is not in the range"),
        (("show", "three"), "is not a valid int"),
        (("replay",), "name the letters, or say --all"),
        (("replay", "3", "--all"), "name the letters, or say --all"),
        (("discard",), "missing argument"),
    ],
)
def test_a_wrong_number_is_refused_and_nothing_is_done(kept: Shop, arguments: tuple[str, ...], said: str) -> None:
    done = kept.run("deadletters", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert set(states(kept).values()) == {"open"}


@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_a_letter_that_has_ended_is_told_apart_from_one_that_never_was(kept: Shop, verb: str) -> None:
    kept.run("deadletters", "discard", "4")
    done = kept.run("deadletters", verb, "4")
    assert done.code == 2
    assert "dead letter 4 was discarded before" in done.err


def test_without_a_ledger_there_are_no_letters(shop: Shop) -> None:
    assert shop.run("deadletters", "list").code == 9
    assert shop.run("deadletters", "show", "1").code == 9


def test_check_live_counts_open_letters_alone(kept: Shop) -> None:
    def seen() -> str:
        (check,) = kept.run("check-live", "--offline", "--only", "ledger", "--json").json["checks"]
        return str(check["seen"])

    assert seen().startswith("2 unreadable update(s) mention a payment")
    kept.run("deadletters", "discard", "2", "3", "--yes")
    assert seen().startswith("intact")
