"""Two streams: what goes where, when it is coloured, and that nothing harmful or secret passes."""

import io
import json
from typing import Any

import pytest

from apaycli.cli.output import Output, cell
from apaycli.text import hide
from shop import Stream

HOSTILE = "\x1b]52;c;x\x07\x1b[2J\x9b31m\u202eevil\r\n[bold][/x]\u2028"
BOT_TOKEN = "123456789:AAcanaryAAcanaryAAcanaryAAcanary_bot"


def output(*, terminal: bool = False, environ: dict[str, str] | None = None, **options: Any) -> Output:
    return Output(Stream(terminal=terminal), Stream(terminal=terminal), environ or {}, **options)


def texts(made: Output) -> tuple[str, str]:
    assert isinstance(made.stdout, io.StringIO)
    assert isinstance(made.stderr, io.StringIO)
    return made.stdout.getvalue(), made.stderr.getvalue()


def is_harmless(text: str) -> bool:
    return all(character == "\n" or character.isprintable() for character in text)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    ("color", "environ", "colored"),
    [
        ("auto", {}, None),  # None: as the stream is a terminal or not
        ("auto", {"TERM": "xterm"}, None),
        ("auto", {"TERM": "dumb"}, False),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": "0"}, False),
        ("auto", {"NO_COLOR": ""}, None),
        ("auto", {"FORCE_COLOR": "1"}, True),
        ("auto", {"FORCE_COLOR": ""}, None),
        ("auto", {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("always", {"TERM": "dumb"}, True),
        ("never", {"FORCE_COLOR": "1"}, False),
        ("never", {}, False),
    ],
)
def test_colour_is_decided_by_option_then_environment_then_stream(
    color: Any, environ: dict[str, str], colored: bool | None, terminal: bool
) -> None:
    made = output(terminal=terminal, environ=environ, color=color)
    expected = terminal if colored is None else colored
    assert made.colored(made.stdout) == expected
    assert ("\x1b[" in made.paint("x", "red", made.stdout)) == expected


def test_each_stream_is_decided_for_itself() -> None:
    made = Output(Stream(terminal=False), Stream(terminal=True), {})
    made.out(made.paint("result", "green", made.stdout))
    made.warn("careful")
    out, err = texts(made)
    assert out == "result\n"
    assert err == "\x1b[33mapay: warning: \x1b[0mcareful\n"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_table_without_colour_has_no_escapes_at_all(environ: dict[str, str]) -> None:
    """Bold is an escape, too."""
    made = output(terminal=True, environ=environ)
    made.table(("SKU", "TITLE"), [("duck", "Duck")])
    out, _ = texts(made)
    assert "SKU" in out
    assert is_harmless(out)


def test_a_table_with_colour_has_them() -> None:
    made = output(terminal=True, environ={"TERM": "xterm"})
    made.table(("SKU",), [("duck",)])
    assert "\x1b[1m" in texts(made)[0]


def test_elsewhere_a_table_is_tab_separated_without_headers() -> None:
    made = output(color="always")
    made.table(("SKU", "N"), [("duck", 1), (None, "a\tb"), ("x" * 100, "")])
    assert texts(made) == (f"duck\t1\n\ta\\x09b\n{'x' * 100}\t\n", "")


ROWS = [("duck", "Rubber duck", 10), ("bear", "A cast iron bear of some weight, for outdoors", None)]


def test_a_table_wider_than_the_terminal_is_stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "32")
    made = output(terminal=True, color="never")
    made.table(("SKU", "TITLE", "OFFERED"), ROWS)
    out, _ = texts(made)
    assert out.splitlines() == [
        "duck",
        "    title: Rubber duck",
        "    offered: 10",
        "bear",
        "    title: A cast iron bear of",
        "    some weight, for outdoors",
        "    offered: -",
    ]


@pytest.mark.parametrize("columns", range(30, 90))
def test_no_table_is_wider_than_its_terminal_and_none_is_cut(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    made = output(terminal=True, color="never")
    made.table(("SKU", "TITLE", "OFFERED"), ROWS)
    out, _ = texts(made)
    assert max(map(len, out.splitlines())) <= columns
    assert "…" not in out
    assert " ".join(ROWS[1][1].split()) in " ".join(out.split())


def test_talk_is_broken_between_words_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    line = "apay: warning: anybody who sees the pay-button-of-this-shop can pay, as often as the stock lasts"
    terminal, pipe = output(terminal=True), output()
    for made in (terminal, pipe):
        made.say(line)
        made.say("apay: short")
    assert texts(pipe)[1] == f"{line}\napay: short\n"
    shown = texts(terminal)[1].splitlines()
    assert len(shown) > 3
    assert [part.startswith("  ") for part in shown] == [False, *[True] * (len(shown) - 2), False]
    assert all(len(part) <= 40 for part in shown)
    assert " ".join(" ".join(shown).split()) == f"{line} apay: short"


@pytest.mark.parametrize("columns", ["40", "29", "1", "0"])
def test_a_word_longer_than_the_terminal_loses_no_letter(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    made = output(terminal=True)
    made.say("apay: ledger /" + "a-b" * 40)
    assert "".join(texts(made)[1].split()) == "apay:ledger/" + "a-b" * 40


@pytest.mark.parametrize("terminal", [True, False])
def test_strangers_text_in_a_cell_is_shown_and_never_obeyed(terminal: bool) -> None:
    made = output(terminal=terminal, color="never")
    made.table(("NAME",), [(HOSTILE,)])
    out, _ = texts(made)
    assert is_harmless(out)
    assert "[bold]" in out  # no markup was read


@pytest.mark.parametrize("as_json", [True, False])
def test_strangers_text_in_an_error_is_shown_and_never_obeyed(as_json: bool) -> None:
    made = output(as_json=as_json, color="never")
    made.error(HOSTILE, "do this", "telegram", (HOSTILE,))
    made.warn(HOSTILE)
    out, err = texts(made)
    assert out == ""
    assert is_harmless(err)


def test_an_error_says_what_then_problems_then_what_to_do() -> None:
    made = output()
    made.error("it broke", "mend it", "config", ("first", "second"))
    assert texts(made) == ("", "apay: error: it broke\n  first\n  second\napay: hint: mend it\n")


def test_an_error_as_json_is_one_object_on_one_line() -> None:
    made = output(as_json=True)
    made.error("it\nbroke", None, "config", ("first",))
    made.error("it broke", "mend it", "ledger")
    out, err = texts(made)
    assert out == ""
    assert [json.loads(line) for line in err.splitlines()] == [
        {"error": {"code": "config", "message": "it\nbroke", "hint": None, "problems": ["first"]}},
        {"error": {"code": "ledger", "message": "it broke", "hint": "mend it"}},
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_passes_on_any_way_to_stderr(as_json: bool) -> None:
    hide("canary-secret-of-no-shape")
    made = output(as_json=as_json, verbose=1)
    for secret in (BOT_TOKEN, "53391:LIVE:canary", "canary-secret-of-no-shape"):
        made.error(f"at /bot{secret}/getMe", None, "telegram", (secret,))
        made.say(f"said {secret}")
        made.detail(f"said {secret}")
        made.warn(f"said {secret}")
    assert "canary" not in texts(made)[1]


def test_quiet_silences_talk_and_never_errors_or_results() -> None:
    made = output(quiet=True, verbose=2)
    made.say("talk")
    made.detail("more")
    made.warn("careful")
    made.out("result")
    made.error("it broke", None, "config")
    assert texts(made) == ("result\n", "apay: error: it broke\n")


def test_details_are_told_with_v_alone() -> None:
    plain, wordy = output(), output(verbose=1)
    for made in (plain, wordy):
        made.detail("step")
    assert texts(plain)[1] == ""
    assert texts(wordy)[1] == "step\n"


def test_a_document_is_exact_and_harmless() -> None:
    for terminal in (True, False):
        made = output(terminal=terminal)
        made.document({"name": HOSTILE, "amount": 49900, "none": None})
        out, _ = texts(made)
        assert json.loads(out) == {"name": HOSTILE, "amount": 49900, "none": None}
        assert is_harmless(out)
        assert (out.count("\n") == 1) != terminal  # one line for programs, indented for people


def test_a_long_error_is_cut() -> None:
    made = output()
    made.error("x" * 1_000_000, None, "usage", ("y" * 1_000_000,))
    assert len(texts(made)[1]) < 4000


@pytest.mark.parametrize(("value", "shown"), [(None, ""), (0, "0"), ("", ""), ("a\nb", "a\\x0ab"), (1.5, "1.5")])
def test_a_cell_is_one_line(value: object, shown: str) -> None:
    assert cell(value) == shown
