"""The explanations: every row of the reference has one, each is found by its text, and nothing is found by chance."""

import re
from pathlib import Path

import pytest

from apaycli import errors
from apaycli.core.model import DeclineReason, Flag
from apaycli.explanations import explain, explanations, nearest_codes, said_by_telegram

# Row of the reference, and a text as it is really read: places that differ are filled in.
ROWS = [
    (int(number), text)
    for number, _, text in (
        line.partition("\t")
        for line in (Path(__file__).parent / "data" / "error_codes.tsv").read_text("utf-8").splitlines()
    )
]
LAST_ROW = 118
WHO = {"merchant", "buyer", "nobody", "A-Pay", "Telegram"}


def found(text: str) -> list[tuple[str, str]]:
    return [(entry.kind, entry.code) for entry in explain(text)]


def rows_of(text: str) -> set[int | None]:
    return {entry.row for entry in explain(text)}


def test_every_row_of_the_reference_is_there_once() -> None:
    assert [entry.row for entry in explanations() if entry.row] == list(range(1, LAST_ROW + 1))
    assert {number for number, _ in ROWS} == set(range(1, LAST_ROW + 1))


@pytest.mark.parametrize(("number", "text"), ROWS, ids=[f"{number}-{text[:30]}" for number, text in ROWS])
def test_each_text_leads_to_its_row(number: int, text: str) -> None:
    assert rows_of(text) == {number}
    assert rows_of(text.upper()) == {number}


@pytest.mark.parametrize(
    ("number", "text"),
    [(n, t) for n, t in ROWS if n <= 95 and n not in {3, 13, 14, 16, 82}],
    ids=lambda value: str(value)[:30],
)
def test_each_text_leads_to_its_row_inside_a_pasted_line(number: int, text: str) -> None:
    assert rows_of(f"apay: error: Telegram refused sendInvoice: Bad Request: {text}") == {number}


def test_each_entry_says_what_who_and_what_to_do() -> None:
    names = [(entry.kind, entry.code) for entry in explanations()]
    assert len(set(names)) == len(names)
    for entry in explanations():
        assert entry.who in WHO, entry.code
        assert re.fullmatch(r"[a-z][a-z0-9_]+|[0-9]+", entry.code), entry.code
        for sentence in (entry.happened, entry.todo):
            assert sentence.endswith("."), sentence
            assert 5 <= len(sentence) <= 300, sentence
        assert all(text == text.lower() and len(text) >= 4 for text in entry.texts), entry.code


def test_each_code_leads_to_its_entry() -> None:
    for entry in explanations():
        assert entry in explain(entry.code)
        assert entry in explain(entry.code.upper().replace("_", "-"))


def every_error() -> list[type[errors.ApayError]]:
    """Also those that stand in other modules."""
    import importlib
    import pkgutil

    import apaycli

    for module in pkgutil.walk_packages(apaycli.__path__, "apaycli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds, waiting = [], [errors.ApayError]
    while waiting:
        kind = waiting.pop()
        kinds.append(kind)
        waiting += kind.__subclasses__()
    return kinds


def test_every_error_and_exit_code_of_ours_is_explained() -> None:
    kinds = every_error()
    assert len(kinds) > 10
    for kind in kinds:
        assert ("error", kind.slug) in found(kind.slug), f"{kind.__name__}: add [error.{kind.slug}]"
        assert found(f"exit {kind.exit_code}") == [("exit", str(kind.exit_code))]


def test_every_reason_and_flag_is_explained() -> None:
    assert [entry.code for entry in explanations() if entry.kind == "decline"] == list(DeclineReason)
    assert [entry.code for entry in explanations() if entry.kind == "flag"] == list(Flag)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("401", [("http", "401")]),
        ("409", [("http", "409")]),
        ("http 429", [("http", "429")]),
        ("HTTP/1.1 502", [("http", "502")]),
        ("Telegram has trouble of its own with sendInvoice (503)", [("error", "outcome_unknown")]),
        ("9", [("exit", "9")]),
        ("exit 9", [("exit", "9")]),
        ("exit code: 7", [("exit", "7")]),
        ("exit-9", [("exit", "9")]),
        ("exited with 143", [("exit", "143")]),
        ("exit status 130", [("exit", "130")]),
        ("sold_out", [("decline", "sold_out")]),
        ("sold out", [("decline", "sold_out")]),
        ("oversold", [("flag", "oversold")]),
        ("amount_mismatch", [("decline", "amount_mismatch"), ("flag", "amount_mismatch")]),
        ("outcome_unknown", [("error", "outcome_unknown")]),
        ("unreachable", [("error", "unreachable")]),
        ("08:40:28Z  pre-checkout  Asha (1002)  1 x Duck ₹499.00  no: sold_out  2 ms", [("decline", "sold_out")]),
        ("08:40:28Z  pre-checkout  Asha (1002)  1 x Duck ₹499.00  no: expired  2 ms", [("decline", "expired")]),
        ("PAID  Asha  1 x Duck  ₹500.00  receipt 7  late: the units were there", [("flag", "late")]),
        ('{"error": {"code": "ledger", "message": "gone", "hint": null}}', [("error", "ledger")]),
        (
            '{"error": {"code": "telegram", "message": "Telegram refused sendInvoice: Bad Request: chat not found"}}',
            [("telegram", "chat_not_found")],
        ),
        ("apay: error: Telegram does not accept the bot token (401 Unauthorized)", [("telegram", "unauthorized")]),
        ("  Bad Request:\n\tCHAT   not found ", [("telegram", "chat_not_found")]),
        ("bot can\u2019t initiate conversation with a user", [("telegram", "no_start")]),
    ],
)
def test_what_people_paste_is_found(text: str, names: list[tuple[str, str]]) -> None:
    assert found(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "?", "it does not work", "user not found", "rubber-duck ₹500.00", "receipt 404", "late", "exit",
        "999", "exit 77", "1 x Duck ₹404.00 yes 3 ms", "\x1b[2J", "*", "." * 5000, "MEDIA_INVALIDATED",
    ],
)  # fmt: skip
def test_nothing_is_found_by_chance(text: str) -> None:
    assert found(text) in ([], [("flag", "late")])
    assert found("late") == [("flag", "late")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("chat not fund", "chat_not_found"),
        ("PAYMENT_PROVIDER_INVALD", "payment_provider_invalid"),
        ("solt_out", "sold_out"),
        ("webhook dns", "webhook_dns"),
    ],
)
def test_the_nearest_are_named(text: str, code: str) -> None:
    assert code in nearest_codes(text)
    assert len(nearest_codes(text)) <= 3


def test_what_is_like_nothing_has_no_nearest() -> None:
    assert nearest_codes("zzzz") == []


def test_refusals_point_to_what_telegram_says_alone() -> None:
    entry = said_by_telegram("Bad Request: BUTTON_DATA_INVALID")
    assert entry is not None
    assert entry.code == "buttons"
    assert said_by_telegram("the ledger x cannot be used") is None
    assert said_by_telegram("Bad Request: something new") is None


def test_a_long_paste_takes_no_time() -> None:
    assert found("a " * 1_000_000 + "chat not found") == []
    assert found("chat not found" + " a" * 1_000_000) == [("telegram", "chat_not_found")]
