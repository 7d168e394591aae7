"""How single values of the config are read: what is taken, what is refused, and what the refusal does not repeat."""

from pathlib import Path
from typing import Any

import pytest

from apaycli.config_values import (
    BadValue,
    parse_api_url,
    parse_command,
    parse_duration,
    parse_duration_between,
    parse_flag,
    parse_hook_url,
    parse_path,
    parse_store_url,
    parse_text,
    render_duration,
)
from apaycli.files import Real

FOLDER = Path("/shop")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400), ("9999999s", 9_999_999)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value",
    ["", "30", "m", "0m", "-5m", "+5m", "1.5h", "1e3s", "30 m", " 30m", "30m\n", "30M", "1h30m", "٣٠m", "３０m", "1_0m",
     "12345678s", 30, 30.0, True, None, ["30m"], Real("30.0")],
)  # fmt: skip
def test_anything_else_is_no_duration(value: Any) -> None:
    with pytest.raises(BadValue, match="must be a number with s, m, h or d"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("text", "fits"), [("299s", False), ("300s", True), ("5m", True), ("24h", True), ("86401s", False), ("2d", False)]
)
def test_a_duration_keeps_its_bounds_both_included(text: str, fits: bool) -> None:
    parse = parse_duration_between(300, 86_400)
    if fits:
        assert 300 <= parse(text, FOLDER) <= 86_400
    else:
        with pytest.raises(BadValue, match=f"must be 5m to 1d, this is {text}"):
            parse(text, FOLDER)


@pytest.mark.parametrize("text", ["1s", "59s", "1m", "90s", "30m", "2h", "25h", "1d", "7d"])
def test_a_duration_survives_being_written_and_read(text: str) -> None:
    assert parse_duration(render_duration(parse_duration(text))) == parse_duration(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.telegram.org",
        "https://bots.example:8443/api",
        "https://[2001:db8::1]:443",
        "https://[64:ff9b::c000:201]",
        "https://10.0.0.5/paid",
        "https://telegram-bot-api-1:8443",
        "https://shop_1.example.",
        "https://0xdeadbeef.example",
        "http://127.0.0.1:8081",
        "http://127.9.9.9",
        "http://localhost:8081",
        "http://LOCALHOST:8081",
        "http://[::1]:8081",
    ],
)
def test_https_anywhere_and_http_to_this_machine_are_taken(url: str) -> None:
    assert parse_api_url(url, FOLDER) == url


def test_an_api_url_ends_without_a_slash_and_its_scheme_is_lower_case() -> None:
    assert parse_api_url("https://api.telegram.org//", FOLDER) == "https://api.telegram.org"
    assert parse_api_url("HTTP://127.0.0.1:8081/", FOLDER) == "http://127.0.0.1:8081"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://bots.example", "plain http"),
        ("http://192.168.1.9:8081", "plain http"),
        ("http://0.0.0.0:8081", "plain http"),
        ("http://127.0.0.1.evil.example", "plain http"),
        ("http://[2001:db8::1]", "plain http"),
        ("file:///etc/passwd", "https://"),
        ("ftp://bots.example", "https://"),
        ("api.telegram.org", "https://"),
        ("//api.telegram.org", "https://"),
        ("https:/api.telegram.org", "https://"),
        ("https://", "https://"),
        ("https://user:pass@bots.example", "user"),
        ("https://user@bots.example", "user"),
        ("http://localhost@evil.example", "user"),
        ("https://bots.example/?token=1", "[?] or #"),
        ("https://bots.example/#x", "[?] or #"),
        ("https://169.254.169.254", "link-local"),
        ("https://169.254.0.1/latest", "link-local"),
        ("https://[fe80::1]", "link-local"),
        ("https://[fe80::1%25eth0]", "link-local"),
        ("https://[::ffff:a9fe:a9fe]", "link-local"),
        ("https://[::169.254.169.254]", "link-local"),
        ("https://[64:ff9b::a9fe:a9fe]", "link-local"),
        ("https://[2002:a9fe:a9fe::1]", "link-local"),
        ("https://0xA9FEA9FE", "four decimal numbers"),
        ("https://0xA9.0xFE.0xA9.0xFE/", "four decimal numbers"),
        ("https://2852039166/", "four decimal numbers"),
        ("https://0251.0376.0251.0376", "four decimal numbers"),
        ("https://169.254.43518", "four decimal numbers"),
        ("https://169.16689662", "four decimal numbers"),
        ("https://169.254.169.254.", "four decimal numbers"),
        ("https://127.1:8443/paid", "four decimal numbers"),
        ("https://0x", "four decimal numbers"),
        ("http://2130706433", "four decimal numbers"),
        ("http://127.1", "four decimal numbers"),
        ("https://256.1.1.1", "four decimal numbers"),
        ("https://[::ffff:0xA9FE]", "(no address|four decimal)"),
        ("https://%31%36%39.254.169.254", "letters, digits"),
        ("https://bots.example\\@169.254.169.254", "user"),
        ("https://bots.example\\.evil.example", "letters, digits"),
        ("https://@169.254.169.254", "user"),
        ("https://bots.example?", "[?] or #"),
        ("https://bots.example/#", "[?] or #"),
        ("https://[::ffff:169.254.169.254]", "link-local"),
        ("https://[::1", "no address"),
        ("https://bots.example:0x50", "no address"),
        ("https://bots.example:70000", "no address"),
        ("https://a b.example", "blanks"),
        ("https://bots.example/a b", "blanks"),
        ("https://bots\n.example", "blanks"),
        ("https://bots.example\x00", "blanks"),
        ("https://bots\x1b[2J.example", "blanks"),
        ("https://bots\u202e.example", "blanks"),
        ("https://ex\u00e4mple.example", "outside ASCII"),
    ],
)
def test_every_other_api_url_is_refused(url: str, said: str) -> None:
    with pytest.raises(BadValue, match=said):
        parse_api_url(url, FOLDER)


def test_the_refusal_of_an_api_url_does_not_repeat_its_password() -> None:
    with pytest.raises(BadValue) as refusal:
        parse_api_url("https://user:canary-hunter2@bots.example", FOLDER)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:apay.db", "/shop/apay.db"),
        ("sqlite:data/apay.db", "/shop/data/apay.db"),
        ("sqlite:/var/lib/apay.db", "/var/lib/apay.db"),
        ("sqlite:///var/lib/apay.db", "/var/lib/apay.db"),
        ("apay.db", "/shop/apay.db"),
        ("/var/lib/apay.db", "/var/lib/apay.db"),
    ],
)
def test_a_store_is_an_sqlite_file_beside_the_config(text: str, path: str) -> None:
    assert parse_store_url(text, FOLDER) == Path(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("postgresql://u:canary@db/apay", "does not know"),
        ("postgres://db/apay", "does not know"),
        ("mysql://db/apay", "must be sqlite:FILE"),
        ("sqlite:", "not empty"),
        ("", "not empty"),
        ("a\x00b", "no path"),
    ],
)
def test_every_other_store_is_refused_without_its_password(text: str, said: str) -> None:
    with pytest.raises(BadValue, match=said) as refusal:
        parse_store_url(text, FOLDER)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("value", ["", "  ", 5, 1.5, True, None, ["a"], {"a": 1}, Real("1.5"), Real("nan")])
def test_a_text_is_in_quotes_and_not_empty(value: Any) -> None:
    with pytest.raises(BadValue, match="must be a text in quotes, and not empty"):
        parse_text(value, FOLDER)


@pytest.mark.parametrize("value", ["true", 1, 0, None, "", Real("1.0")])
def test_a_flag_is_true_or_false(value: Any) -> None:
    with pytest.raises(BadValue, match="must be true or false"):
        parse_flag(value, FOLDER)


def test_a_path_starts_at_the_folder_of_its_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/merchant")
    assert parse_path("stock.toml", FOLDER) == Path("/shop/stock.toml")
    assert parse_path("/etc/stock.toml", FOLDER) == Path("/etc/stock.toml")
    assert parse_path("~/stock.toml", FOLDER) == Path("/home/merchant/stock.toml")


# -- hooks --------------------------------------------------------------------------------------------------------


def runnable(tmp_path: Path, mode: int = 0o755) -> Path:
    program = tmp_path / "credit"
    program.write_text("#!/bin/sh\n")
    program.chmod(mode)
    return program


def test_a_command_is_a_list_that_starts_at_the_config(tmp_path: Path) -> None:
    program = runnable(tmp_path)
    assert parse_command(["./credit", "a b; $(c)"], tmp_path) == (str(program), "a b; $(c)")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("sh -c credit", "must be a list"),
        ([], "must be a list"),
        (["./credit", 5], "must be a list"),
        (["./nothing"], "is no file"),
        (["."], "is no file"),
        (["./credit", "a\x00b"], "zero byte"),
    ],
)
def test_another_command_is_refused(tmp_path: Path, value: object, said: str) -> None:
    runnable(tmp_path)
    with pytest.raises(BadValue, match=said):
        parse_command(value, tmp_path)


@pytest.mark.parametrize(("mode", "said"), [(0o644, "chmod \\+x"), (0o757, "chmod go-w"), (0o775, "chmod go-w")])
def test_a_program_that_cannot_run_or_anybody_can_change_is_refused(tmp_path: Path, mode: int, said: str) -> None:
    runnable(tmp_path, mode)
    with pytest.raises(BadValue, match=said):
        parse_command(["./credit"], tmp_path)


def test_a_hook_url_may_have_a_query(tmp_path: Path) -> None:
    assert parse_hook_url("https://shop.example/paid?shop=1", tmp_path) == "https://shop.example/paid?shop=1"
    with pytest.raises(BadValue, match="https://"):
        parse_hook_url("http://shop.example/paid", tmp_path)
