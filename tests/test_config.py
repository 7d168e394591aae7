"""Settings from file and environment: where each came from, what is refused, and that nothing secret is repeated."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from apaycli.config import KEYS, Config, load_config, parse_mode
from apaycli.config_places import config_path, home_folder, state_folder
from apaycli.core.model import Mode
from apaycli.errors import ConfigError

BOT_TOKEN = "123456789:AAcanaryAAcanaryAAcanaryAAcanary_bot"
TEST_TOKEN = "53391:TEST:canary-test-1234"


def load(folder: Path, text: str | bytes = "", **environ: str) -> Config:
    """The config of `text`, in a file that is named on the command line."""
    path = folder / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return load_config(path, environ)


def problems_of(folder: Path, text: str | bytes, **environ: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refusal:
        load(folder, text, **environ)
    assert refusal.value.exit_code == 3
    assert "canary" not in f"{refusal.value} {refusal.value.problems} {refusal.value.hint}"
    return refusal.value.problems


def test_an_empty_file_is_a_config_of_defaults(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert set(config.origins.values()) == {"default"}
    assert config.warnings == ()
    assert config.api_url == "https://api.telegram.org"
    assert config.store_path == tmp_path / "apay.db"
    assert config.stock_file == tmp_path / "stock.toml"
    assert (config.reservation_ttl_seconds, config.poll_timeout_seconds) == (1800, 50)


def test_every_value_has_an_origin(tmp_path: Path) -> None:
    config = load(
        tmp_path, '[store]\nurl = "sqlite:file.db"\n[stock]\nfile = "a.toml"', APAY_STORE=str(tmp_path / "env.db")
    )
    assert set(config.origins) == {key.name for key in KEYS}
    assert config.origins["store.url"] == "APAY_STORE"
    assert config.store_path == tmp_path / "env.db"
    assert config.origins["stock.file"] == str(tmp_path / "config.toml")
    assert config.origins["bot.api_url"] == "default"


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert load(tmp_path, '[store]\nurl = "sqlite:file.db"', APAY_STORE="").store_path == tmp_path / "file.db"


def test_paths_in_the_file_start_at_the_file_and_those_of_the_environment_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    config = load(tmp_path, '[terms]\ntext_file = "terms.txt"', APAY_STOCK="stock.toml")
    assert config.values["terms.text_file"] == tmp_path / "terms.txt"
    assert config.stock_file == tmp_path / "here" / "stock.toml"


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "APAY_BOT_TOKEN": BOT_TOKEN,
        "APAY_TEST_PROVIDER_TOKEN": TEST_TOKEN,
        "APAY_STORE": str(tmp_path / "apay.db"),
        "APAY_STOCK": str(tmp_path / "stock.toml"),
    }
    config = load_config(None, environ)
    assert config.path is None
    assert (config.bot_token(), config.bot_id(), config.provider_token("test")) == (BOT_TOKEN, 123456789, TEST_TOKEN)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"APAY_CONFIG": "/a/b.toml", "APAY_HOME": "/h", "HOME": "/home/m"}, ("/a/b.toml", True)),
        ({"APAY_HOME": "/h", "XDG_CONFIG_HOME": "/x", "HOME": "/home/m"}, ("/h/config.toml", False)),
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/home/m"}, ("/x/apay/config.toml", False)),
        ({"HOME": "/home/m"}, ("/home/m/.config/apay/config.toml", False)),
        ({"APAY_CONFIG": "", "APAY_HOME": "", "HOME": "/home/m"}, ("/home/m/.config/apay/config.toml", False)),
    ],
)
def test_where_the_config_is_looked_for(environ: dict[str, str], expected: tuple[str, bool]) -> None:
    path, named = config_path(None, environ)
    assert (str(path), named) == expected
    assert config_path(Path("/line.toml"), environ) == (Path("/line.toml"), True)


def test_a_config_in_the_current_folder_is_not_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text('[store]\nurl = "sqlite:other.db"')
    monkeypatch.chdir(tmp_path)
    config = load_config(None, {"HOME": str(tmp_path / "home")})
    assert config.origins["store.url"] == "default"


def test_the_state_folder_follows_the_environment() -> None:
    assert state_folder({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path("/s/apay")
    assert state_folder({"HOME": "/h"}) == Path("/h/.local/state/apay")
    assert home_folder({"HOME": "/h"}) == Path("/h/.config/apay")


# -- bad files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[bot]\napi_url = "https://a.example"\napi_url = "https://b.example"\n', "line 3"),
        ("[bot]\n[store]\n[bot]", "line 3"),
        ('[bot]\ntoken = "123:canary\n', "line 2"),
        ('[store]\nurl = "sqlite:a', "end of document"),
        ("[store]\nurl = sqlite:a\n", "line 2"),
        ("x" * 1_100_000, "larger than"),
        ("a = " + "[" * 100_000, "config.toml"),
        ('[store]\nurl = "sqlite:a.db"'.encode("utf-16"), "not UTF-8"),
        ('[support]\ntext = "Café"'.encode("latin-1"), "not UTF-8"),
        (b'[support]\ntext = "a\x00b"', "line 2"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_its_place(tmp_path: Path, text: str | bytes, said: str) -> None:
    (problem,) = problems_of(tmp_path, text)
    assert problem.startswith(str(tmp_path / "config.toml"))
    assert said in problem


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    assert load(tmp_path, b'\xef\xbb\xbf[store]\nurl = "sqlite:a.db"').store_path == tmp_path / "a.db"


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def make_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def make_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_fifo, "not a regular file"),
        (Path.mkdir, "not a regular file"),
        (make_socket, ""),
        (make_link, "No such file"),
        (make_loop, "symbolic links"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], None], said: str, named: bool
) -> None:
    """Named or in its usual place: only a config that is not there at all may be passed over."""
    path = tmp_path / "config.toml"
    make(path)
    with pytest.raises(ConfigError) as refusal:
        load_config(path if named else None, {"APAY_HOME": str(tmp_path)})
    assert said in refusal.value.problems[0]


def test_a_named_config_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "nowhere.toml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(None, {"APAY_CONFIG": str(tmp_path / "nowhere.toml")})
    assert load_config(None, {"APAY_HOME": str(tmp_path)}).path is None


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644, 0o601])
def test_a_config_with_a_token_must_be_private(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[bot]\ntoken = "{BOT_TOKEN}"')
    path.chmod(mode)
    with pytest.raises(ConfigError) as refusal:
        load_config(path, {})
    assert "chmod 600" in refusal.value.problems[0]
    assert "canary" not in str(refusal.value.problems)
    with pytest.raises(ConfigError):  # others read it, whichever token is in force
        load_config(path, {"APAY_BOT_TOKEN": "123456789:" + "x" * 35})
    path.write_text('[store]\nurl = "sqlite:a.db"')  # no secret: no matter who reads it
    path.chmod(mode & ~0o022)  # who writes it does matter: test_files_trust.py
    assert load_config(path, {}).path == path


# -- bad values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[store]\nurl = 8443", "store.url must be a text in quotes"),
        ("[store]\nurl = 1.5", "store.url must be a text in quotes"),
        ("[stock]\nfile = nan", "stock.file must be a text in quotes"),
        ("[stock]\nfile = inf", "stock.file must be a text in quotes"),
        ('[stock]\nfile = ["a"]', "stock.file must be a text in quotes"),
        ('[stock]\nfile = ""', "stock.file must be a text in quotes"),
        ("[listen]\nreservation_ttl = 30", 'listen.reservation_ttl must be a number with s, m, h or d, such as "30m"'),
        ("[listen]\nreservation_ttl = 9223372036854775808", "listen.reservation_ttl must be a number with s, m, h"),
        ('[listen]\nreservation_ttl = "4m"', "listen.reservation_ttl must be 5m to 1d, this is 4m"),
        ('[listen]\nreservation_ttl = "25h"', "listen.reservation_ttl must be 5m to 1d, this is 25h"),
        ('[listen]\npoll_timeout = "51s"', "listen.poll_timeout must be 1s to 50s, this is 51s"),
        ('[terms]\nrequire_acceptance = "true"', "terms.require_acceptance must be true or false"),
        ('[terms]\nrequire_acceptance = true\ntext_file = "t"', "terms.require_acceptance = true needs terms.version"),
        ('[terms]\nrequire_acceptance = true\nversion = "1"', "terms.require_acceptance = true needs terms.text_file"),
        ('[bot]\napi_url = "http://bots.example"', "bot.api_url must be https://"),
        ('[bot]\napi_url = "https://u:canary@bots.example"', "bot.api_url must not contain a user"),
        ('[bot]\napi_url = "file:///etc/passwd"', "bot.api_url must begin with https:// (or http://"),
        ('[bot]\napi_url = "https://169.254.169.254"', "bot.api_url must not be a link-local address"),
        ('[bot]\ntoken = "a:canary"\ntoken_file = "t"', "bot.token and bot.token_file are both given; keep one"),
        ('[provider]\nlive_token = "canary"\nlive_token_file = "t"', "provider.live_token_file are both given"),
        ('[store]\nurl = "${APAY_NOWHERE}"', "store.url uses ${APAY_NOWHERE}, which is not set"),
        ("bot = 5", "bot must be a table: [bot]"),
        ("[[bot]]", "bot must be a table: [bot]"),
        ("declines = 5", "declines must be a table: [declines]"),
        ('[declines]\nsoldout = "x"', "declines.soldout is no reason to decline (did you mean 'sold_out'?)"),
        ("[declines]\nsold_out = 1.5", "declines.sold_out must be a sentence"),
        ('[declines.bn]\nsold_out = " "', "declines.bn.sold_out must be a sentence"),
    ],
)
def test_a_bad_value_is_refused_with_file_key_and_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    (problem,) = problems_of(tmp_path, text, SECRET="canary")
    assert problem.startswith(f"{tmp_path / 'config.toml'}: ")
    assert said in problem


def test_a_bad_value_of_the_environment_names_its_variable(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "", APAY_API_URL="http://u:canary@bots.example")
    assert problem.startswith("APAY_API_URL must not contain a user")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = '[bot]\napi_url = "ftp://x"\n[store]\nurl = 5\n[listen]\npoll_timeout = "1h"\n[declines]\nnope = "x"'
    problems = problems_of(tmp_path, text, APAY_STOCK="a\x00b")
    assert len(problems) == 5
    for key in ("bot.api_url", "store.url", "listen.poll_timeout", "declines.nope", "APAY_STOCK"):
        assert sum(key in problem for problem in problems) == 1


def test_a_mistake_does_not_hide_the_warnings(tmp_path: Path) -> None:
    """The misspelt key is often the very reason."""
    mistake, warning = problems_of(tmp_path, '[bot]\napi_url = "ftp://x"\ntokn_file = "x"')
    assert "bot.api_url must begin with" in mistake
    assert "bot.tokn_file is not known (did you mean 'bot.token_file'?)" in warning


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("[stok]\nfile = 5", "[stok] is not known (did you mean 'stock'?)"),
        ('[bot]\ntokn_file = "x"', "bot.tokn_file is not known (did you mean 'bot.token_file'?)"),
        ("[bot]\nzzzz = 1", "bot.zzzz is not known"),
    ],
)
def test_a_key_without_effect_gives_a_warning(tmp_path: Path, text: str, warning: str) -> None:
    (said,) = load(tmp_path, text).warnings
    assert said == f"{tmp_path / 'config.toml'}: {warning}"


def test_wordings_of_declines_are_kept_by_language(tmp_path: Path) -> None:
    text = '[declines]\nsold_out = "Gone."\n[declines.bn]\nsold_out = "শেষ।"'
    assert load(tmp_path, text).decline_wordings == {"sold_out": "Gone.", "bn.sold_out": "শেষ।"}


def test_a_variable_in_a_text_is_replaced(tmp_path: Path) -> None:
    config = load(tmp_path, '[bot]\ntoken = "${TOKEN}"\n[store]\nurl = "sqlite:${DIR}/a.db"', TOKEN=BOT_TOKEN, DIR="/d")
    assert config.bot_token() == BOT_TOKEN
    assert config.store_path == Path("/d/a.db")


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("", "test"),
        ("0", "test"),
        ("false", "test"),
        ("no", "test"),
        ("1", "live"),
        ("true", "live"),
        (" YES ", "live"),
    ],
)
def test_live_is_asked_for_by_name(value: str, mode: Mode) -> None:
    assert parse_mode(False, {"APAY_LIVE": value}) == mode
    assert parse_mode(True, {"APAY_LIVE": value}) == "live"


@pytest.mark.parametrize("value", ["2", "on", "live", "test", "١"])
def test_any_other_word_for_live_is_refused(value: str) -> None:
    for live in (True, False):
        with pytest.raises(ConfigError, match="it takes 1 or 0"):
            parse_mode(live, {"APAY_LIVE": value})


def test_no_file_switches_to_live(tmp_path: Path) -> None:
    config = load(tmp_path, '[apay]\nlive = true\n[live]\nmode = "live"\n[bot]\nlive = true\nmode = "live"')
    assert len(config.warnings) == 4
    assert parse_mode(False, {}) == "test"
