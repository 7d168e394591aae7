"""Gathering what check-live looks at: all its I/O.

Knows how to ask Telegram, the disk, the ledger and the config; never judges, and never repairs what it
finds. Trouble with one source becomes a fact of its own, so that the others are still seen.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from apaycli.botapi.client import BotApi
from apaycli.botapi.methods import invoice_content
from apaycli.checks.model import BackupFacts, DisputeFacts, LedgerFacts, LiveFacts, Stability, TelegramFacts, Webhook
from apaycli.checks.status import DEAF_MILLISECONDS
from apaycli.clock import Clock
from apaycli.config import Config
from apaycli.config_secrets import SECRETS
from apaycli.core.conversation import SendText, reply_to_command
from apaycli.core.decide import Shop
from apaycli.core.incoming import Command
from apaycli.core.invoice import LINK_CHAT, Ids, product_invoice
from apaycli.core.model import Mode, User
from apaycli.errors import ApayError, ConfigError, TokenError
from apaycli.files import free_bytes
from apaycli.messagefile import read_terms
from apaycli.stockfile import StockFile, read_stock_file
from apaycli.store.protocol import Store
from apaycli.store.sqlite import sqlite_version
from apaycli.text import redact, show

_STABLE_MILLISECONDS = 7 * 86_400_000


def gather_facts(
    config: Config,
    mode: Mode,
    api: BotApi | None,
    store: Store | ApayError,
    clock: Clock,
    backup: BackupFacts | None = None,
    disputes: DisputeFacts | None = None,
    backups: Sequence[Path] = (),
) -> LiveFacts:
    """Read everything once. `api` is None with --offline; `store` is the error where it could not be opened; `backups`
    are all that are kept."""
    stock, stock_problems = _stock(config)
    bot_id, bot_trouble = _bot_id(config)
    word, provider_trouble = _provider_word(config, mode)
    terms_text, support_text = _terms_text(config), config.values.get("support.text")
    asked = bool(config.values.get("terms.require_acceptance"))
    shop = Shop(mode, stock.products, config.reservation_ttl_seconds, terms_text=terms_text, support_text=support_text)
    return LiveFacts(
        now=clock.now(),
        mode=mode,
        telegram=_telegram(api, clock, _probe_content(config, mode, stock)) if api else None,
        ledger=_ledger(store, mode, config, clock.now()),
        bot_token_error=bot_trouble.message if bot_trouble else None,
        bot_token_cure=bot_trouble.hint or "" if bot_trouble else "",
        configured_bot_id=bot_id,
        provider_token_error=provider_trouble.message if provider_trouble else None,
        provider_token_cure=provider_trouble.hint or "" if provider_trouble else "",
        provider_token_word=word,
        stock_problems=stock_problems,
        stock_warnings=stock.warnings,
        products=len(stock.products),
        open_files=_open_files(config, backups),
        in_version_control=any((folder / ".git").exists() for folder in (config.folder, *config.folder.parents)),
        terms_text=terms_text,
        terms_version=config.values.get("terms.version"),
        terms_required=asked,
        support_text=support_text,
        terms_reply=_reply("terms", shop),
        support_reply=_reply("support", shop),
        backup=backup,
        disputes=disputes,
    )


def _stock(config: Config) -> tuple[StockFile, tuple[str, ...]]:
    try:
        return read_stock_file(config.stock_file), ()
    except ConfigError as error:
        return StockFile({}), error.problems or (error.message,)


def _bot_id(config: Config) -> tuple[int | None, TokenError | None]:
    try:
        return config.bot_id(), None
    except TokenError as error:
        return None, error


def _provider_word(config: Config, mode: Mode) -> tuple[str | None, TokenError | None]:
    try:
        parts = config.provider_token(mode).split(":")
    except TokenError as error:
        return None, error
    return (parts[1] if len(parts) > 2 and parts[1] in {"TEST", "LIVE"} else None), None


def _terms_text(config: Config) -> str | None:
    try:
        return read_terms(config.values.get("terms.text_file"))
    except ConfigError:
        return None


def _reply(command: str, shop: Shop) -> str:
    """What the listener's own code answers, asked with a probe."""
    messages = reply_to_command(Command(0, 1, 1, command, "", User(1)), shop, {})
    return "".join(message.text for message in messages if isinstance(message, SendText))


def _probe_content(config: Config, mode: Mode, stock: StockFile) -> dict[str, Any] | None:
    """An invoice that asks Telegram about the provider token. Its payload is in no ledger: whoever found the link and
    pressed Pay would be declined. None where there is nothing to ask with."""
    product = next((each for each in stock.products.values() if not each.paused), None)
    try:
        token = config.provider_token(mode)
    except ApayError:
        return None
    if product is None:
        return None
    probe = replace(product, title="apay probe", description="A check by apay. Please do not pay.")
    ids = Ids("probe", f"apay-probe-{mode}")
    return invoice_content(product_invoice(probe, mode, ids, 0, LINK_CHAT), token)


def _probe(api: BotApi, content: dict[str, Any] | None) -> str | None:
    if content is None:
        return None
    try:
        api.read("createInvoiceLink", content)
    except ApayError as error:
        return error.message
    return ""


def _telegram(api: BotApi, clock: Clock, probe: dict[str, Any] | None) -> TelegramFacts:
    try:
        bot = api.read("getMe")
        offset = _clock_offset(api.server_date(), clock)
        info = api.read("getWebhookInfo")
        commands = api.read("getMyCommands")
    except ApayError as error:
        refused = isinstance(error, TokenError)  # it was reached, and said no
        return TelegramFacts(error=error.message, error_cure="apay config set-secret bot-token" if refused else "")
    if not _have_shape(bot, info, commands):
        return TelegramFacts(error="Telegram's answers have another shape than the Bot API's")
    return TelegramFacts(
        bot_id=bot["id"],
        bot_username=show(str(bot.get("username", "")), 64),
        webhook=_webhook(info),
        commands=frozenset(str(row.get("command", "")) for row in commands if isinstance(row, dict)),
        clock_offset_seconds=offset,
        probe=_probe(api, probe),
    )


def _have_shape(bot: Any, info: Any, commands: Any) -> bool:
    """Whether what is judged is there: a missing count must not pass for none."""
    return (
        isinstance(bot, dict)
        and type(bot.get("id")) is int
        and isinstance(info, dict)
        and isinstance(info.get("url"), str)
        and type(info.get("pending_update_count")) is int
        and isinstance(commands, list)
    )


def _webhook(info: dict[str, Any]) -> Webhook:
    allowed = info.get("allowed_updates")
    return Webhook(
        url=show(redact(info["url"])),
        pending_update_count=info["pending_update_count"],
        allowed_updates=tuple(map(str, allowed)) if isinstance(allowed, list) else None,
        last_error_message=show(redact(str(info.get("last_error_message", "")))),
    )


def _clock_offset(date: str, clock: Clock) -> int | None:
    """Our clock minus the server's, in whole seconds."""
    try:
        server = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return clock.now() // 1000 - int(server.timestamp())


def _stability(store: Store, now: int) -> Stability | None:
    runs = store.runs_since(now - _STABLE_MILLISECONDS)
    if not runs:
        return None
    ended = [run.stopped_at if run.stopped_at is not None else run.alive_at for run in runs]
    crashed = [run for run in runs[:-1] if run.stopped_at is None]
    if runs[-1].stopped_at is None and now - runs[-1].alive_at > DEAF_MILLISECONDS:
        crashed.append(runs[-1])
    return Stability(
        since=runs[0].started_at,
        starts=len(runs),
        crashes=len(crashed),
        up_milliseconds=sum(max(0, end - run.started_at) for run, end in zip(runs, ended, strict=True)),
        gaps=len(store.gaps()),
    )


def _ledger(store: Store | ApayError, mode: Mode, config: Config, now: int) -> LedgerFacts:
    folder = config.store_path.parent
    free = free_bytes(folder)
    version = sqlite_version()
    if isinstance(store, ApayError):
        return LedgerFacts(
            error=store.message, exists=config.store_path.exists(), free_bytes=free, sqlite_version=version
        )
    try:
        return LedgerFacts(
            exists=True,
            bot_id=store.bot_id(),
            problems=tuple(store.integrity_problems()),
            counts=store.counts(mode),
            last_run=store.last_run(),
            attestations=store.attestations(),
            stability=_stability(store, now),
            free_bytes=free,
            sqlite_version=version,
        )
    except ApayError as error:  # a damaged file may fall apart only when it is read
        return LedgerFacts(error=error.message, exists=True, free_bytes=free, sqlite_version=version)


def _open_files(config: Config, backups: Sequence[Path]) -> tuple[str, ...] | None:
    """Files with secrets or money that group or others can read, and folders of them where these can write; None where
    the system does not say."""
    if os.name != "posix":
        return None
    store = str(config.store_path)
    names = [config.values.get(f"{secret.key}_file") for secret in SECRETS]
    files = [config.path, *names, store, store + "-wal", store + "-shm", *backups]
    found = [str(file) for file in files if file and _has_mode(Path(file), 0o077)]
    # Whoever may write into a folder may put another file in the place of a private one.
    folders = dict.fromkeys((config.folder, config.store_path.parent))
    return (*found, *(f"{folder}/" for folder in folders if _has_mode(folder, 0o022)))


def _has_mode(path: Path, bits: int) -> bool:
    try:
        return bool(path.stat().st_mode & bits)
    except OSError:
        return False
