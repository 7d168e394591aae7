"""TOML and environment → one frozen Config, with the origin of every value.

Knows every key, its default, what is allowed, and the order: command line, environment, file, default.
Never opens the ledger, never asks the network. All problems are reported at once. A value in a file never
switches to live: that is `--live` or `APAY_LIVE=1`.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apaycli.config_places import config_path
from apaycli.config_secrets import SECRETS, Found, Whereabouts, find_secret, secret_of, whereabouts
from apaycli.config_values import (
    BadValue,
    parse_api_url,
    parse_chat,
    parse_command,
    parse_count_between,
    parse_duration_between,
    parse_flag,
    parse_hook_url,
    parse_path,
    parse_program,
    parse_store_url,
    parse_text,
    render_duration,
)
from apaycli.core.model import DeclineReason, Mode
from apaycli.errors import ConfigError
from apaycli.files import FileProblem, Real, parse_toml, read_text, refuse_readable_by_others
from apaycli.files_trust import refuse_changeable_by_others
from apaycli.pastes import bot_id_of, checked_bot_token, checked_hook_secrets, checked_provider_token
from apaycli.text import hide, last_four, nearest, redact

DEFAULT_API_URL = "https://api.telegram.org"
_LANGUAGE = re.compile(r"[a-z]{2,3}", re.ASCII)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_UNKNOWN_TOLD_MAX = 20  # each with the nearest known one, which takes a moment to find


@dataclass(frozen=True, slots=True)
class Key:
    """One setting. `parse` takes the raw value and the folder that relative paths start from."""

    name: str
    parse: Callable[[Any, Path], Any]
    default: Any = None
    environment: str | None = None
    secret: bool = False


KEYS: tuple[Key, ...] = (
    Key("bot.token", parse_text, environment="APAY_BOT_TOKEN", secret=True),
    Key("bot.token_file", parse_path),
    Key("bot.api_url", parse_api_url, DEFAULT_API_URL, "APAY_API_URL"),
    Key("provider.test_token", parse_text, environment="APAY_TEST_PROVIDER_TOKEN", secret=True),
    Key("provider.test_token_file", parse_path),
    Key("provider.live_token", parse_text, environment="APAY_LIVE_PROVIDER_TOKEN", secret=True),
    Key("provider.live_token_file", parse_path),
    Key("store.url", parse_store_url, "sqlite:apay.db", "APAY_STORE"),
    Key("stock.file", parse_path, "stock.toml", "APAY_STOCK"),
    Key("listen.reservation_ttl", parse_duration_between(300, 86_400), "30m"),
    Key("listen.reservation_life", parse_duration_between(300, 604_800), "2h"),
    Key("listen.reserved_per_buyer", parse_count_between(1, 1_000_000_000), 3),
    Key("listen.reserved_alarm", parse_count_between(1, 1_000_000_000), 3),
    Key("listen.poll_timeout", parse_duration_between(1, 50), "50s"),
    Key("terms.version", parse_text),
    Key("terms.text_file", parse_path),
    Key("terms.require_acceptance", parse_flag, False),
    Key("listen.close_when_paid", parse_flag, False),
    Key("support.text", parse_text),
    Key("support.forward_to", parse_chat),
    Key("messages.file", parse_path),
    Key("notify.chat", parse_chat),
    Key("backup.dir", parse_path),
    Key("backup.every", parse_duration_between(600, 604_800), "6h"),
    Key("backup.keep", parse_count_between(1, 10_000), 28),
    Key("backup.encrypt", parse_program),
    Key("backup.decrypt", parse_program),
    Key("backup.after", parse_program),
    Key("apay.base_url", parse_api_url),
    Key("apay.api_key", parse_text, environment="APAY_API_KEY", secret=True),
    Key("apay.api_key_file", parse_path),
    Key("apay.project_id", parse_text),
    Key("hooks.on_paid", parse_command),
    Key("hooks.on_paid_url", parse_hook_url),
    Key("hooks.secret", parse_text, environment="APAY_HOOK_SECRET", secret=True),
    Key("hooks.secret_file", parse_path),
    Key("secrets.keyring", parse_text),
)
# Those whose value is kept in seconds: a default such as "6h" says so.
DURATIONS = frozenset(key.name for key in KEYS if isinstance(key.default, str) and key.default[:-1].isdigit())


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, parsed. `origins` says where each came from; `warnings` are whole sentences."""

    path: Path | None
    folder: Path
    values: Mapping[str, Any]
    origins: Mapping[str, str]
    decline_wordings: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def api_url(self) -> str:
        return str(self.values["bot.api_url"])

    @property
    def store_path(self) -> Path:
        return Path(self.values["store.url"])

    @property
    def hooks_mark(self) -> Path:
        """Locked while a hook's program runs (`programs.py`); beside the ledger, which a link may only lead to."""
        ledger = self.store_path.resolve()
        return ledger.with_name(f"{ledger.name}.hooks")

    @property
    def stock_file(self) -> Path:
        return Path(self.values["stock.file"])

    @property
    def reservation_ttl_seconds(self) -> int:
        return int(self.values["listen.reservation_ttl"])

    @property
    def reservation_life_seconds(self) -> int:
        """One reservation may last its whole `reservation_ttl` in any case."""
        return max(int(self.values["listen.reservation_life"]), self.reservation_ttl_seconds)

    @property
    def poll_timeout_seconds(self) -> int:
        return int(self.values["listen.poll_timeout"])

    def hook_secrets(self) -> tuple[bytes, ...]:
        """What signs `on_paid_url`: one secret a line; while they are changed, the old and the new one."""
        secrets = checked_hook_secrets(self._secret("hooks.secret"))
        for secret in secrets:
            hide(secret)
        return tuple(secret.encode() for secret in secrets)

    def apay_account(self) -> tuple[str, str, str] | None:
        """`base_url`, key and `project_id` of A-Pay's own API; None where it is not set up. Raises TokenError."""
        base_url, project_id = self.values.get("apay.base_url"), self.values.get("apay.project_id")
        if not base_url:
            return None
        if not project_id:
            raise ConfigError("apay.base_url is set and apay.project_id is not")
        return str(base_url), self._secret("apay.api_key"), str(project_id)

    def bot_token(self) -> str:
        """The bot token, shape checked. Raises TokenError with the likely mistake."""
        return checked_bot_token(self._secret("bot.token"))

    def bot_id(self) -> int:
        """The number before the colon is the bot's user id."""
        return bot_id_of(self.bot_token())

    def provider_token(self, mode: Mode) -> str:
        """The provider token of `mode`; one that names the other mode is refused."""
        return checked_provider_token(self._secret(f"provider.{mode}_token"), mode)

    def found_secret(self, key: str) -> Found:
        """A secret and the place where it lies. Raises TokenError."""
        return find_secret(secret_of(key), self.values, self.origins)

    def secret_whereabouts(self) -> tuple[Whereabouts, ...]:
        """Each secret's place, for its owner's eyes."""
        return tuple(whereabouts(secret, self.values, self.origins) for secret in SECRETS)

    def secret_variables(self, environ: Mapping[str, str]) -> list[str]:
        """The variables that hold a secret: ours, and those that the config takes one from with `${NAME}`."""
        ours = {secret.variable for secret in SECRETS}
        known = [text for secret in SECRETS if (text := self.values.get(secret.key))]
        return [name for name, value in environ.items() if name in ours or (value and value in known)]

    def _secret(self, key: str) -> str:
        return self.found_secret(key).text


def parse_mode(live: bool, environ: Mapping[str, str]) -> Mode:
    """Test unless `--live` or APAY_LIVE=1."""
    value = environ.get("APAY_LIVE", "").strip().lower()
    if value not in {"", "0", "1", "true", "false", "yes", "no"}:
        raise ConfigError(f"APAY_LIVE is {value!r}; it takes 1 or 0")
    return "live" if live or value in {"1", "true", "yes"} else "test"


def load_config(explicit: Path | None, environ: Mapping[str, str]) -> Config:
    """Read file and environment. Raises ConfigError with every problem found."""
    path, named = config_path(explicit, environ)
    problems: list[str] = []
    table: dict[str, Any] = {}
    found = named or _is_there(path)
    if found:
        try:
            table = parse_toml(read_text(path), path)
        except FileProblem as problem:
            raise ConfigError("the config cannot be read", problems=(str(problem),)) from None
    folder = path.absolute().parent
    written, wordings, warnings = _flatten(table, path, problems)
    if found:
        _refuse_open_config(path, secret=any(key.secret and key.name in written for key in KEYS))
    values, origins = _values(written, folder, environ, path, problems)
    problems += _contradictions(values, origins, path)
    if problems:
        raise ConfigError("the config has mistakes", problems=(*problems, *warnings))
    return Config(path if found else None, folder, values, origins, wordings, tuple(warnings))


def _is_there(path: Path) -> bool:
    """Only a file that is not there at all is passed over in silence; a folder or a dangling link is a mistake."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # reading it will say why not
    return True


def _refuse_open_config(path: Path, *, secret: bool) -> None:
    """Before any of its values is used: who can change the config can have a program run as its owner."""
    try:
        if secret and os.name == "posix":
            refuse_readable_by_others(path, path.stat())
    except FileProblem as problem:
        raise ConfigError("the config is not private", problems=(str(problem),)) from None
    try:
        refuse_changeable_by_others(path)
    except FileProblem as problem:
        raise ConfigError("the config is not safe from other users", problems=(str(problem),)) from None


def _flatten(
    table: dict[str, Any], path: Path, problems: list[str]
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Tables to dotted names; `[declines]` apart. Unknown keys become warnings with the nearest known one."""
    known = {key.name for key in KEYS}
    sections = {name.partition(".")[0] for name in known} | {"declines"}
    written: dict[str, Any] = {}
    warnings: list[str] = []
    wordings: dict[str, str] = {}
    for section, content in table.items():
        if section not in sections:
            warnings.append(f"{path}: [{section}] is not known{nearest(section, sections)}")
        elif not isinstance(content, dict):
            problems.append(f"{path}: {section} must be a table: [{section}]")
        elif section == "declines":
            wordings = _decline_wordings(content, path, problems)
        else:
            written |= {f"{section}.{key}": value for key, value in content.items()}
    unknown = [name for name in written if name not in known]
    warnings += [f"{path}: {name} is not known{nearest(name, known)}" for name in unknown[:_UNKNOWN_TOLD_MAX]]
    if len(unknown) > _UNKNOWN_TOLD_MAX:
        warnings.append(f"{path}: {len(unknown) - _UNKNOWN_TOLD_MAX} more keys are not known")
    for name in unknown:
        del written[name]
    return written, wordings, warnings


def _decline_wordings(content: dict[str, Any], path: Path, problems: list[str]) -> dict[str, str]:
    """`[declines] sold_out = ".."` and `[declines.bn] sold_out = ".."` to `sold_out`, `bn.sold_out`."""
    wordings: dict[str, str] = {}
    for key, value in content.items():
        nested = isinstance(value, dict)
        entries = {f"{key}.{reason}": text for reason, text in value.items()} if nested else {key: value}
        if nested and not _LANGUAGE.fullmatch(key):
            problems.append(f"{path}: declines.{key} must be a language of two or three letters, such as bn")
            continue
        for name, text in entries.items():
            reason = name.rpartition(".")[2]
            if reason not in set(DeclineReason):
                problems.append(
                    f"{path}: declines.{name} is no reason to decline{nearest(reason, map(str, DeclineReason))}"
                )
            elif not isinstance(text, str) or isinstance(text, Real) or not text.strip():
                problems.append(f"{path}: declines.{name} must be a sentence")
            else:
                wordings[name] = text
    return wordings


def _values(
    written: Mapping[str, Any], folder: Path, environ: Mapping[str, str], path: Path, problems: list[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key in KEYS:
        raw, origin, base = key.default, "default", folder
        if key.name in written:
            raw, origin = written[key.name], str(path)
        if key.environment and environ.get(key.environment):
            raw, origin, base = environ[key.environment], key.environment, Path.cwd()
        origins[key.name] = origin
        try:
            values[key.name] = None if raw is None else key.parse(_expanded(raw, environ), base)
        except BadValue as bad:
            place = f"{path}: {key.name}" if origin == str(path) else origin
            problems.append(f"{place} {bad}")
    return values, origins


def _expanded(raw: Any, environ: Mapping[str, str]) -> Any:
    """`${NAME}` in a text is that variable; one that is not set is named."""
    if not isinstance(raw, str) or isinstance(raw, Real):
        return raw
    for name in _VARIABLE.findall(raw):
        if name not in environ:
            raise BadValue(f"uses ${{{name}}}, which is not set in the environment")
    return _VARIABLE.sub(lambda match: environ[match.group(1)], raw)


def _contradictions(values: Mapping[str, Any], origins: Mapping[str, str], path: Path) -> list[str]:
    problems = [
        f"{path}: {name} and {name}_file are both given; keep one"
        for name in (secret.key for secret in SECRETS)
        if values.get(name) and values.get(f"{name}_file") and origins[name] == str(path)
    ]
    if values.get("terms.require_acceptance"):
        missing = [name for name in ("terms.version", "terms.text_file") if not values.get(name)]
        problems += [f"{path}: terms.require_acceptance = true needs {name}" for name in missing]
    return problems


def shown_value(config: Config, key: Key) -> str | None:
    """A value for the owner's eyes: secrets by their last four characters, also inside of other values."""
    value = config.values.get(key.name)
    if value is None:
        return None
    if key.secret:
        return last_four(str(value))
    if isinstance(value, bool):
        return str(value).lower()
    return render_duration(value) if key.name in DURATIONS and isinstance(value, int) else redact(str(value))
