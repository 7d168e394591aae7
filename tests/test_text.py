"""Strangers' text is harmless and secrets are blank, wherever they appear."""

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apaycli import text as text_room
from apaycli.text import hide, json_text, last_four, nearest, redact, show, shows_as_it_is, storable

BOT_TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
PROVIDER_TOKEN = "5339151:TEST:2f0f7a0e-8f6a-4c5e-9a5a-0e5b6f1c2d3e"
HARMFUL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")


@pytest.fixture
def forgotten_secrets() -> Iterator[None]:
    """`hide` is for the life of a process; one test must not blank out another's words."""
    before = set(text_room._secrets)
    yield
    text_room._secrets.clear()
    text_room._secrets.update(before)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("Asha", "Asha"),
        ("ঢাকা दिल्ली مرحبا 🦆", "ঢাকা दिल्ली مرحبا 🦆"),
        ("[bold]x[/x][link=http://a]", "[bold]x[/x][link=http://a]"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]52;c;cHduZWQ=\x07", r"\x1b]52;c;cHduZWQ=\x07"),
        ("\x9b31mred", r"\x9b31mred"),
        ("\x9d0;title\x9c", r"\x9d0;title\x9c"),
        ("Asha\n2026-01-01 paid 1000000", r"Asha\x0a2026-01-01 paid 1000000"),
        ("a\rb\tc\x00d\x7fe", r"a\x0db\x09c\x00d\x7fe"),
        ("\x85\u2028\u2029", r"\x85\u2028\u2029"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069", r"\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069"),
        ("\u061c\u200e\u200f\ufeff", r"\u061c\u200e\u200f\ufeff"),
        ("\ud800 \udfff", r"\ud800 \udfff"),
        ("ক\u09cd\u200dষ", "ক\u09cd\u200dষ"),  # a joiner that Bengali needs
    ],
)
def test_harmful_characters_are_made_visible(hostile: str, shown: str) -> None:
    assert show(hostile) == shown


def test_show_is_one_line_of_at_most_its_limit() -> None:
    assert show("x" * 200) == "x" * 200
    assert show("x" * 201) == "x" * 199 + "…"
    assert show("abcdef", limit=4) == "abc…"
    assert len(show("\x1b" * 1000)) == 200


@pytest.mark.parametrize("between", ["", "\u200d", "\u200c\u200b"])
def test_flood_of_combining_marks_is_thinned_out(between: str) -> None:
    shown = show("A" + ("\u0301" * 6 + between) * 700 + "B")
    assert shown.count("\u0301") == 6
    assert shown.endswith("…")  # what was cut away is not hidden


def test_real_marks_stay() -> None:
    vietnamese = "Nguye\u0302\u0303n" * 20
    assert show(vietnamese) == vietnamese


@settings(derandomize=True, database=None, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300), st.integers(1, 250))
def test_nothing_shown_is_harmful(hostile: str, limit: int) -> None:
    shown = show(hostile, limit)
    assert len(shown) <= limit
    assert not HARMFUL.search(shown)
    shown.encode("utf-8")


@settings(derandomize=True, database=None, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(exclude_categories=())),
        lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    ),
    st.sampled_from([None, 2]),
)
def test_json_is_exact_for_a_program_and_harmless_on_a_terminal(value: object, indent: int | None) -> None:
    text = json_text(value, indent)
    assert json.loads(text) == value
    assert not HARMFUL.search(text.replace("\n", ""))
    assert indent or "\n" not in text


def test_json_keeps_letters_readable() -> None:
    assert json_text({"name": "আশা 🦆"}) == '{"name": "আশা 🦆"}'
    assert json_text("\x9b\u202e\ud800") == r'"\u009b\u202e\ud800"'


@pytest.mark.parametrize(
    ("given_text", "stored"),
    [
        ("Asha", "Asha"),
        ("আশা 🦆", "আশা 🦆"),
        ("a\x00b", "a\x00b"),
        ("a\ud800b", "a?b"),
        ("\udfff\ud800", "??"),
    ],
)
def test_stored_text_is_as_given_save_for_lone_surrogates(given_text: str, stored: str) -> None:
    assert storable(given_text) == stored
    storable(given_text).encode("utf-8")


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "https://api.telegram.org/bot{}/getMe",
        "https://api.telegram.org/bot{}/test/getMe?x=1",
        "ConnectError('https://api.telegram.org/bot{}/sendInvoice')",
        '{{"provider_token": "{}"}}',
        "token={}&x=y",
        "a {} b {}",
        "\x1b{}\n",
    ],
)
@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
@pytest.mark.parametrize(
    "token",
    [BOT_TOKEN, PROVIDER_TOKEN, PROVIDER_TOKEN.replace("TEST", "LIVE"), "1877036958:LIVE:short"],
    ids=["bot", "provider test", "provider live", "provider short"],
)
def test_tokens_are_blank_in_any_surroundings(token: str, colon: str, around: str) -> None:
    canary = token.replace(":", colon)
    written = redact(around.format(canary, canary))
    secret_part = canary.rpartition(colon)[2]
    assert secret_part not in written
    assert "token" in written
    assert written.startswith(around.partition("{")[0][:20])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:hunter2@shop.example/paid", "https://<user>@shop.example/paid"),
        ("postgresql://apay:hunter2@db/apay, and x", "postgresql://<user>@db/apay, and x"),
        ("https://t.me/@name", "https://t.me/@name"),
        ("https://shop.example/?to=a@b.example", "https://shop.example/?to=a@b.example"),
    ],
)
def test_users_and_passwords_of_addresses_are_blank(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_mode_of_a_provider_token_stays_readable() -> None:
    assert redact(f"refused: {PROVIDER_TOKEN}") == "refused: <provider token TEST>"


@pytest.mark.parametrize("text", ["12:30:45", "pay 100:200", "chat -1001234567890", "9c41d07be52f6a18", "a:b"])
def test_what_is_no_token_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.usefixtures("forgotten_secrets")
def test_a_hidden_secret_is_blank_whatever_its_shape() -> None:
    hide("s3cret/with space")
    hide("s3cret")
    hide("1234")
    hide("abc")  # too short to be a secret: half the language would vanish
    assert redact("x s3cret/with space y s3cret z 1234 abc") == "x <secret> y <secret> z <secret> abc"


def test_a_secret_is_named_by_its_end() -> None:
    assert last_four(BOT_TOKEN) == "…Dsaw"
    assert last_four("0123456789ab") == "…89ab"
    assert last_four("0123456789a") == "…"
    assert last_four("") == "…"


def test_the_nearest_word_is_offered() -> None:
    assert nearest("stok", ["stock", "price"]) == " (did you mean 'stock'?)"
    assert nearest("zzz", ["stock", "price"]) == ""
    assert nearest("stok", []) == ""


@pytest.mark.parametrize(
    ("text", "surely"),
    [
        ("Rahim Uddin", True), ("রহিম ক্\u200dষ", True), ("e" + "\u0301" * 6, True), ("", True), ("a" * 5000, True),
        ("\x1b", False), ("a\nb", False), ("\u202eé", False), ("é\x9b", False), ("e" + "\u0301" * 7, False),
        ("é\ud800", False),
        ("🦆" * 7, False),  # only perhaps: nobody looked closer
    ],
)  # fmt: skip
def test_what_surely_shows_as_it_is(text: str, surely: bool) -> None:
    assert shows_as_it_is(text) is surely
    assert not surely or show(text, 10_000) == text
