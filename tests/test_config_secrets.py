"""Where secrets lie: environment, config, file, keyring; and that looking never fails and never tells."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from apaycli.config import Config, load_config
from apaycli.config_secrets import SECRETS, keyring_set
from apaycli.errors import ConfigError, TokenError

BOT_TOKEN = "123456789:AAcanaryAAcanaryAAcanaryAAcanary_bot"
OTHER = "123456789:BBcanaryBBcanaryBBcanaryBBcanary_two"


class KeyringError(Exception):
    """As the library's own."""


class Keyring(ModuleType):
    """The library `keyring` with the part that we use: what stands outside of apay, played."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False
        self.errors = ModuleType("keyring.errors")
        self.errors.KeyringError = KeyringError  # type: ignore[attr-defined]

    def get_password(self, service: str, name: str) -> str | None:
        if self.locked:
            raise KeyringError("canary")
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, text: str) -> None:
        if self.locked:
            raise KeyringError("canary")
        self.kept[service, name] = text


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyring]:
    played = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", played)
    monkeypatch.setitem(sys.modules, "keyring.errors", played.errors)
    yield played


def load(folder: Path, text: str = "", **environ: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load_config(path, environ)


def token_file(folder: Path, mode: int = 0o600) -> Path:
    file = folder / "bot-token"
    file.write_text(BOT_TOKEN + "\n")
    file.chmod(mode)
    return file


def test_each_place_is_named(tmp_path: Path, keyring: Keyring) -> None:
    file = token_file(tmp_path)
    keyring.kept["shop", "bot-token"] = OTHER
    in_file, in_keyring = '[bot]\ntoken_file = "bot-token"\n', '[secrets]\nkeyring = "shop"\n'
    for text, environ, place, origin, token in (
        (in_file + in_keyring, {"APAY_BOT_TOKEN": OTHER}, "environment", "APAY_BOT_TOKEN", OTHER),
        (f'[bot]\ntoken = "{BOT_TOKEN}"\n' + in_keyring, {}, "config", str(tmp_path / "config.toml"), BOT_TOKEN),
        (in_file + in_keyring, {}, "file", str(file), BOT_TOKEN),
        (in_keyring, {}, "keyring", "keyring shop", OTHER),
    ):
        config = load(tmp_path, text, **environ)
        found = config.found_secret("bot.token")
        assert (found.place, found.origin, config.bot_token()) == (place, origin, token)
        assert config.secret_whereabouts()[0].found == found
        assert "canary" not in repr(found)


def test_looking_never_fails(tmp_path: Path, keyring: Keyring) -> None:
    keyring.locked = True
    file = token_file(tmp_path, 0o644)
    config = load(
        tmp_path,
        '[bot]\ntoken_file = "bot-token"\n[provider]\nlive_token_file = "none"\n[secrets]\nkeyring = "shop"\n',
        APAY_TEST_PROVIDER_TOKEN="53391:TEST:canary-1234",
    )
    seen = {each.secret.name: each for each in config.secret_whereabouts()}
    assert list(seen) == [secret.name for secret in SECRETS]
    assert f"chmod 600 '{file}'" in str(seen["bot-token"].problem)
    assert "No such file" in str(seen["live-provider-token"].problem)
    assert "keyring cannot be used (KeyringError)" in str(seen["hook-secret"].problem)
    found = seen["test-provider-token"].found
    assert found is not None
    assert found.last_four == "…1234"
    assert "canary" not in str(seen)


def test_nothing_is_asked_of_a_keyring_that_is_not_named(tmp_path: Path, keyring: Keyring) -> None:
    keyring.locked = True
    config = load(tmp_path)
    assert [each.problem for each in config.secret_whereabouts()] == [None] * len(SECRETS)
    with pytest.raises(TokenError, match="there is no bot token"):
        config.bot_token()


def test_a_keyring_without_it_is_no_keyring_that_fails(tmp_path: Path, keyring: Keyring) -> None:
    with pytest.raises(TokenError, match="there is no bot token"):
        load(tmp_path, '[secrets]\nkeyring = "shop"\n').bot_token()


@pytest.mark.parametrize("write", [False, True])
def test_without_the_library_the_hint_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: bool
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.delitem(sys.modules, "keyring.errors", raising=False)
    with pytest.raises(ConfigError, match="not installed") as refusal:
        if write:
            keyring_set("shop", "bot-token", BOT_TOKEN)
        else:
            load(tmp_path, '[secrets]\nkeyring = "shop"\n').bot_token()
    assert (refusal.value.hint or "").startswith(f"{sys.executable} -m pip install keyring; or use a file")


def test_the_library_is_installed_where_apay_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed in another environment, a plain `pip install` would not help; and `apay` on PyPI is somebody else's."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.delitem(sys.modules, "keyring.errors", raising=False)

    def hint() -> str:
        with pytest.raises(ConfigError) as refusal:
            keyring_set("shop", "bot-token", BOT_TOKEN)
        return (refusal.value.hint or "").split(";")[0]

    monkeypatch.setattr(sys, "executable", "/home/a shop/bin/python")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert hint() == "uv pip install --python '/home/a shop/bin/python' keyring"
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "apaycli"))
    (tmp_path / "apaycli").mkdir()
    (tmp_path / "apaycli" / "pipx_metadata.json").touch()
    assert hint() == "pipx inject apaycli keyring"


def test_a_locked_keyring_is_told_without_its_words(keyring: Keyring) -> None:
    keyring.locked = True
    with pytest.raises(ConfigError, match="cannot be used") as refusal:
        keyring_set("shop", "bot-token", BOT_TOKEN)
    assert "canary" not in f"{refusal.value.message} {refusal.value.hint}"
