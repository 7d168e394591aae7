"""`apay config set-secret`: checked, written for its owner alone, never shown; and what says where a secret lies."""

import sys
from pathlib import Path

import pytest

from apaycli.config import load_config
from shop import Done, Shop
from terminal import Terminal

LIVE = "53391:LIVE:canary-live-5678"
NOTHING = {"APAY_BOT_TOKEN": "", "APAY_TEST_PROVIDER_TOKEN": ""}
CONFIG = """\
[bot]
token_file = "secret/bot"
[provider]
test_token_file = "test"
"""


def set_secret(shop: Shop, name: str, text: str, *options: str, **environ: str) -> Done:
    return shop.run("config", "set-secret", name, "-", *options, stdin=text, **{**NOTHING, **environ})


@pytest.fixture
def folder(shop: Shop) -> Path:
    return shop.write_config(CONFIG).parent


def test_it_goes_where_the_config_says(shop: Shop, folder: Path) -> None:
    done = set_secret(shop, "bot-token", f' "{shop.world.bot_token}"\n', "--json")
    file = folder / "secret" / "bot"
    assert done.json == {
        "secret": "bot-token", "place": str(file), "last_four": "…" + shop.world.bot_token[-4:], "config_line": None
    }  # fmt: skip
    assert (file.read_text(), file.stat().st_mode & 0o777) == (shop.world.bot_token + "\n", 0o600)
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert load_config(folder / "config.toml", {}).bot_token() == shop.world.bot_token
    assert (done.code, done.err) == (0, "")


def test_where_the_config_says_nothing_the_line_to_add_is_said(shop: Shop, folder: Path) -> None:
    done = set_secret(shop, "live-provider-token", LIVE)
    assert (folder / "provider-live-token").read_text() == LIVE + "\n"
    assert 'add under [provider]: live_token_file = "provider-live-token"' in done.err
    config = folder / "config.toml"
    config.write_text(CONFIG + 'live_token_file = "provider-live-token"\n')
    assert load_config(config, {}).provider_token("live") == LIVE


def test_without_any_config_it_lies_where_the_config_would(shop: Shop) -> None:
    assert set_secret(shop, "apay-key", "a1" * 16).code == 0
    assert (shop.folder / ".config" / "apay" / "apay-key").read_text() == "a1" * 16 + "\n"


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("bot-token", LIVE, 4, "looks like a provider token"),
        ("bot-token", "", 4, "there is no bot token in it"),
        ("test-provider-token", LIVE, 4, "says :LIVE:"),
        ("live-provider-token", LIVE.replace("LIVE", "TEST"), 4, "says :TEST:"),
        ("live-provider-token", f"{LIVE}\n{LIVE}", 4, "several lines"),
        ("live-provider-token", LIVE * 400, 4, "longer than 4096"),
        ("hook-secret", "canary", 3, "shorter than 16"),
        ("apay-key", "canary canary", 4, "blanks, quotes or several lines"),
    ],
)
def test_a_wrong_paste_is_named_and_nothing_is_written(
    shop: Shop, folder: Path, name: str, text: str, code: int, said: str
) -> None:
    done = set_secret(shop, name, text)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "canary" not in done.err
    assert [path.name for path in folder.rglob("*")] == ["config.toml"]


def test_a_name_that_is_none_has_its_neighbour(shop: Shop) -> None:
    done = set_secret(shop, "bot-tokn", "x")
    assert done.code == 2
    assert "did you mean 'bot-token'?" in done.err


def test_a_secret_as_an_argument_is_refused_and_not_repeated(shop: Shop) -> None:
    done = shop.run("config", "set-secret", "hook-secret", "canarycanarycanary")
    assert done.code == 2
    assert "canary" not in done.err


def test_two_lines_are_right_for_hooks(shop: Shop, folder: Path) -> None:
    assert set_secret(shop, "hook-secret", "a" * 16 + "\n" + "b" * 16).code == 0
    assert (folder / "hook-secret").read_text() == "a" * 16 + "\n" + "b" * 16 + "\n"


def test_another_bots_token_needs_a_yes(shop: Shop, folder: Path) -> None:
    set_secret(shop, "bot-token", shop.world.bot_token)
    other = "1" + shop.world.bot_token
    refused = set_secret(shop, "bot-token", other)
    assert refused.code == 8
    assert "until now it was bot" in refused.err
    assert "ledger" not in refused.err  # there is none yet
    assert (folder / "secret" / "bot").read_text() == shop.world.bot_token + "\n"
    assert set_secret(shop, "bot-token", other, "--yes").code == 0
    same = set_secret(shop, "bot-token", other[:-1] + "X")
    assert (same.code, same.err) == (0, "")
    with shop.store() as store:
        store.bind_bot(99)
    refused = set_secret(shop, "bot-token", shop.world.bot_token)
    assert "and the ledger is bot 99's" in refused.err


def test_what_goes_before_the_file_is_warned_about(shop: Shop, folder: Path) -> None:
    done = set_secret(shop, "test-provider-token", "53391:TEST:x", APAY_TEST_PROVIDER_TOKEN="53391:TEST:y")
    assert "APAY_TEST_PROVIDER_TOKEN is set, and goes before this" in done.err
    shop.write_config(f'[provider]\nlive_token = "{LIVE}"\n')
    assert "itself holds provider.live_token" in set_secret(shop, "live-provider-token", LIVE).err


def test_an_unusual_key_is_doubted(shop: Shop) -> None:
    assert "compare it" in set_secret(shop, "apay-key", "short").err


def test_where_nobody_can_be_asked_stdin_is_named(shop: Shop) -> None:
    done = shop.run("config", "set-secret", "bot-token")
    assert done.code == 2
    assert "apay config set-secret bot-token - reads stdin" in done.err


def test_a_folder_that_cannot_be_is_said(shop: Shop, folder: Path) -> None:
    (folder / "secret").write_text("")
    done = set_secret(shop, "bot-token", shop.world.bot_token)
    assert done.code == 2
    assert "cannot be written" in done.err


@pytest.mark.parametrize("source", [(), ("-",)])
def test_typed_it_is_hidden_and_asked_for_until_it_is_good(shop: Shop, folder: Path, source: tuple[str, ...]) -> None:
    environ = {"HOME": str(shop.folder), "PYTHONUTF8": "1"}
    token = shop.world.bot_token
    with Terminal("config", "set-secret", "bot-token", *source, environ=environ, folder=shop.folder) as terminal:
        terminal.answer("Bot token (hidden): ", f"{token}\n{token}")
        terminal.wait_for("blanks or several lines")
        terminal.answer("Bot token (hidden): ", token)
        code, out = terminal.end()
    assert code == 0, terminal.screen
    assert token not in terminal.screen + out
    assert (folder / "secret" / "bot").read_text() == token + "\n"


# -- the keyring ---------------------------------------------------------------------------------------------------


def test_a_keyring_takes_it_and_gives_it_back(shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The library is played, as in its own test: no keyring of this machine is touched.
    from test_config_secrets import Keyring

    played = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", played)
    monkeypatch.setitem(sys.modules, "keyring.errors", played.errors)
    done = set_secret(shop, "live-provider-token", LIVE, "--keyring", "--json")
    assert done.json["place"] == "keyring apay"
    assert done.json["config_line"] == 'secrets.keyring = "apay"'
    assert played.kept == {("apay", "live-provider-token"): LIVE}
    assert [path.name for path in folder.rglob("*")] == ["config.toml"]
    shop.write_config(CONFIG + '[secrets]\nkeyring = "apay"\n')
    assert load_config(folder / "config.toml", {}).provider_token("live") == LIVE
    assert "test_token_file, which goes before the keyring" in (
        set_secret(shop, "test-provider-token", "53391:TEST:x", "--keyring").err
    )
    shown = shop.run("config", "show", "--json", **NOTHING).json["provider.live_token"]
    assert shown == {"value": "…5678", "origin": "keyring apay", "place": "keyring"}


def test_without_the_library_the_hint_says_what_to_install(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.delitem(sys.modules, "keyring.errors", raising=False)
    done = set_secret(shop, "live-provider-token", LIVE, "--keyring")
    assert done.code == 3
    assert " -m pip install keyring; or use a file: apay config set-secret" in done.err


# -- where each lies -----------------------------------------------------------------------------------------------


def test_config_show_says_where_each_secret_lies(shop: Shop, folder: Path) -> None:
    set_secret(shop, "bot-token", shop.world.bot_token)
    (folder / "test").write_text("53391:TEST:canary")
    (folder / "test").chmod(0o644)
    environ = {**NOTHING, "APAY_LIVE_PROVIDER_TOKEN": LIVE}
    done = shop.run("config", "show", **environ)
    end = shop.world.bot_token[-4:]
    assert f"bot.token\t…{end} (file: {folder / 'secret' / 'bot'})\n" in done.out
    assert "provider.live_token\t…5678 (environment: APAY_LIVE_PROVIDER_TOKEN)\n" in done.out
    assert "provider.test_token\t\n" in done.out
    assert "chmod 600" in done.err
    document = shop.run("config", "show", "--json", **environ).json
    assert document["bot.token"] == {"value": f"…{end}", "origin": str(folder / "secret" / "bot"), "place": "file"}
    assert document["provider.test_token"]["place"] is None
    assert "can be read by others" in document["provider.test_token"]["problem"]
    assert document["hooks.secret"] == {"value": None, "origin": "default", "place": None}
    assert "canary" not in done.out + done.err + str(document)


def test_status_says_it_in_one_line(shop: Shop, folder: Path) -> None:
    set_secret(shop, "bot-token", shop.world.bot_token)
    with shop.store():
        pass
    environ = {**NOTHING, "APAY_LIVE_PROVIDER_TOKEN": LIVE}
    [line] = [each for each in shop.run("status", **environ).out.splitlines() if each.startswith("secrets\t")]
    assert line == (
        f"secrets\tbot-token …{shop.world.bot_token[-4:]} (file bot), test-provider-token: cannot be used, see apay "
        "config show, live-provider-token …5678 (environment APAY_LIVE_PROVIDER_TOKEN)"
    )
    secrets = {each["secret"]: each for each in shop.run("status", "--json", **environ).json["secrets"]}
    assert secrets["bot-token"]["place"] == "file"
    assert "No such file" in secrets["test-provider-token"]["problem"]
    assert secrets["hook-secret"] == {
        "secret": "hook-secret", "place": None, "problem": None, "origin": None, "last_four": None
    }  # fmt: skip
