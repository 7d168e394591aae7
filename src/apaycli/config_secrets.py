"""Where each secret lies: environment, config, file, keyring, in this order.

Knows the five secrets, their places, and how to read one. Never shows one: `Found.last_four` is for the owner's eyes.
What a secret must look like is `pastes.py`.
"""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from apaycli.errors import ConfigError, TokenError
from apaycli.files import FileProblem
from apaycli.files_trust import read_own_text
from apaycli.pastes import SECRET_BYTES_MAX, unwrapped
from apaycli.text import hide, last_four

Place = Literal["environment", "config", "file", "keyring"]
KEYRING_SERVICE = "apay"


@dataclass(frozen=True, slots=True)
class Secret:
    """`name` for `apay config set-secret`, `key` in the config (and `<key>_file`), `label` in a sentence, `file` beside
    the config where it names none."""

    name: str
    key: str
    variable: str
    label: str
    file: str


SECRETS = (
    Secret("bot-token", "bot.token", "APAY_BOT_TOKEN", "bot token", "bot-token"),
    Secret(
        "test-provider-token",
        "provider.test_token",
        "APAY_TEST_PROVIDER_TOKEN",
        "test provider token",
        "provider-test-token",
    ),
    Secret(
        "live-provider-token",
        "provider.live_token",
        "APAY_LIVE_PROVIDER_TOKEN",
        "live provider token",
        "provider-live-token",
    ),
    Secret("hook-secret", "hooks.secret", "APAY_HOOK_SECRET", "secret for hooks.on_paid_url", "hook-secret"),
    Secret("apay-key", "apay.api_key", "APAY_API_KEY", "key of A-Pay's API", "apay-key"),
)


def secret_of(key: str) -> Secret:
    """By its key in the config."""
    return next(secret for secret in SECRETS if secret.key == key)


@dataclass(frozen=True, slots=True)
class Found:
    """A secret and where it was. `origin`: the variable, the config, the file, or the keyring's service."""

    text: str = field(repr=False)
    place: Place
    origin: str

    @property
    def last_four(self) -> str:
        return last_four(self.text)


def find_secret(secret: Secret, values: Mapping[str, Any], origins: Mapping[str, str]) -> Found:
    """The first place that has it. Raises TokenError where none has, or where that place cannot be read."""
    found = _in_places(secret, values, origins)
    if found is None or not found.text.strip():
        hint = f"set {secret.variable}, or {secret.key}_file in the config and apay config set-secret {secret.name}"
        begin = "a new shop begins with apay init; else " if secret.key == "bot.token" else ""
        raise TokenError(f"there is no {secret.label}", hint=begin + hint)
    token = unwrapped(found.text)
    hide(token)
    return Found(token, found.place, found.origin)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A secret for its owner's eyes: where it lies (`found`), or why what lies there cannot be used (`problem`)."""

    secret: Secret
    found: Found | None
    problem: str | None = None

    @property
    def origin(self) -> str:
        return "default" if self.found is None else self.found.origin


def whereabouts(secret: Secret, values: Mapping[str, Any], origins: Mapping[str, str]) -> Whereabouts:
    """Never raises: a monitor and `config show` must go on without a secret."""
    try:
        found = _in_places(secret, values, origins)
    except (TokenError, ConfigError) as error:
        return Whereabouts(secret, None, error.message)
    if found is None or not found.text.strip():
        return Whereabouts(secret, None)
    text = unwrapped(found.text)
    hide(text)
    return Whereabouts(secret, Found(text, found.place, found.origin))


def _in_places(secret: Secret, values: Mapping[str, Any], origins: Mapping[str, str]) -> Found | None:
    value, file, service = values.get(secret.key), values.get(f"{secret.key}_file"), values.get("secrets.keyring")
    if value is not None:
        origin = origins.get(secret.key, "")
        return Found(value, "environment" if origin == secret.variable else "config", origin)
    if file is not None:
        try:
            return Found(read_own_text(file, private=True, bytes_max=SECRET_BYTES_MAX), "file", str(file))
        except FileProblem as problem:
            raise TokenError(f"the {secret.label} cannot be read: {problem}") from None
    if service is not None:
        kept = keyring_get(service, secret.name)
        return None if kept is None else Found(kept, "keyring", f"keyring {service}")
    return None


def keyring_get(service: str, name: str) -> str | None:
    """From the system keyring. Raises ConfigError where there is none."""
    keyring = _keyring()
    try:
        kept = keyring.get_password(service, name)
    except keyring.errors.KeyringError as error:
        raise _no_keyring(error) from None
    return None if kept is None else str(kept)


def keyring_set(service: str, name: str, text: str) -> None:
    """Into the system keyring. Raises ConfigError where there is none."""
    keyring = _keyring()
    try:
        keyring.set_password(service, name, text)
    except keyring.errors.KeyringError as error:
        raise _no_keyring(error) from None


def _keyring() -> Any:
    """The library of the extra `keyring`; imported where a keyring is asked for, and nowhere else."""
    import importlib

    try:
        importlib.import_module("keyring.errors")
        return importlib.import_module("keyring")
    except ImportError:
        raise ConfigError(
            "the system keyring needs the library keyring, which is not installed",
            hint=f"{_install_command()}; or use a file: apay config set-secret without --keyring",
        ) from None


def _install_command() -> str:
    """What installs the library `keyring` where this very apay was installed: a `pip` of the shell may be another's."""
    from importlib.util import find_spec

    folder = Path(sys.prefix)
    if (folder / "pipx_metadata.json").exists():
        return f"pipx inject {folder.name} keyring"
    python = shlex.quote(sys.executable)
    if find_spec("pip") is None:  # an environment of uv's
        return f"uv pip install --python {python} keyring"
    return f"{python} -m pip install keyring"


def _no_keyring(error: Exception) -> ConfigError:
    return ConfigError(
        f"the system keyring cannot be used ({type(error).__name__})",
        hint="a server often has none: use a file, apay config set-secret without --keyring",
    )
