"""`apay listen`: the listener in the foreground.

Knows how to put the listener together and how a process is stopped. What it does is `listen/listener.py`.
"""

import os
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env, new_ids
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from apaycli.cli.screen import Screen
    from apaycli.cli.status_line import StatusLine
    from apaycli.core.decide import Shop
    from apaycli.core.hooks import HookKind
    from apaycli.listen.events import Event
    from apaycli.listen.hooks import Run
    from apaycli.listen.setting import StockNews
    from apaycli.store.protocol import Store


_WARM_CONNECTIONS = 3  # so many buyers at the same moment are answered without waiting for TCP and TLS
_OPEN_FILES_MIN = 24  # the poll, the warm connections, hooks and a backup, with room for a few buyers


@dataclass(frozen=True, slots=True)
class Options:
    once: bool = False
    take_over: bool = False
    new_ledger: bool = False


@command
def listen(
    env: Env,
    once: Annotated[bool, typer.Option("--once", help="Work off what waits, then stop.")] = False,
    take_over: Annotated[bool, typer.Option("--take-over", help="Remove a webhook that is set.")] = False,
    new_ledger: Annotated[
        bool, typer.Option("--new-ledger", help="Start a new ledger where the known one is missing.")
    ] = False,
) -> None:
    """Answer pre-checkouts and record receipts, until stopped.

    Examples:

      apay listen

      apay listen --live --json >> events.jsonl

      apay listen --once
    """
    run(Options(once, take_over, new_ledger), env)


def run(options: Options, env: Env) -> None:
    """Open everything that can be wrong first; then listen until a signal, or until nothing waits."""
    import asyncio

    from apaycli.cli.ending import SignalReceived, settle
    from apaycli.cli.screen import Screen
    from apaycli.config_places import state_folder
    from apaycli.errors import ApayError, TooManyFiles
    from apaycli.files import can_open
    from apaycli.store.lock import bot_lock, ledger_lock

    if not can_open(_OPEN_FILES_MIN):
        raise TooManyFiles("this process may open too few files for a listener")
    bot_id = env.config.bot_id()
    env.config.provider_token(env.mode)
    env.is_service = True
    shop = shop_of(env)
    ledger, now = env.config.store_path, env.clock.now()
    with (
        ledger_lock(ledger, "apay listen", now) as lock,
        bot_lock(bot_id, state_folder(env.environ), ledger, "apay listen", now),
    ):
        store = _open_ledger(options, env)
        lock.note_ledger(store.ledger_id())
        screen = Screen(env.output)
        code = 1
        try:
            try:
                env.say_where(f"bot {bot_id}")
                asyncio.run(_listen(options, env, store, shop, screen))
            finally:
                store.close()  # tells, in place of another error, where a ledger is that was moved or deleted meanwhile
            code = 0
        except ApayError as error:
            code = error.exit_code
            raise
        except SignalReceived as received:
            code = 128 + received.number
            raise
        finally:
            if not screen.close():
                os._exit(code)  # a reader stalls: Python would wait for it for ever
            settle(env.output.stdout, env.output.stderr)  # a full disk behind them has been told of; it is no failure


def _open_ledger(options: Options, env: Env) -> "Store":
    """The known one; with --new-ledger another one, and then never twice: in a service file it would hide each loss."""
    if not options.new_ledger:
        return env.open_store(create=True)
    place = env.ledger_place
    if not place.is_empty and place.known_id() is not None:
        store = env.open_store(read_only=True)
        try:
            known = place.doubt(store.ledger_id()) is None
        finally:
            store.close()
        if known:
            raise UsageError(
                f"--new-ledger is for a ledger that is missing, and {place.ledger} is there",
                hint="leave it out: apay listen",
            )
    if place.is_empty:
        for path in place.set_aside(env.clock.now(), inbox=True):
            env.output.warn(f"what was left of the ledger before is kept: {path}")
    return env.open_store(create=True, accept_another=True)


def shop_of(env: Env) -> "Shop":
    """What the merchant's files say, as the rules want it."""
    from apaycli.merchant import read_shop

    return read_shop(env.config, env.stock, env.mode)


def _hook_runs(env: Env) -> "dict[HookKind, Run]":
    from apaycli.listen.hooks import program_run, url_run

    command, url = env.config.values.get("hooks.on_paid"), env.config.values.get("hooks.on_paid_url")
    runs: dict[HookKind, Run] = {}
    if command:
        runs["program"] = program_run(command, env.config.folder, env.environ, env.config.hooks_mark)
    if url:
        runs["url"] = url_run(url, env.config.hook_secrets(), env.clock)
    return runs


async def _listen(options: Options, env: Env, store: "Store", shop: "Shop", screen: "Screen") -> None:
    from apaycli.botapi.client import AsyncBotApi
    from apaycli.botapi.http_aiohttp import AiohttpHttp
    from apaycli.cli.backup_task import backup_task
    from apaycli.cli.listen_output import Renderer
    from apaycli.cli.status_line import StatusLine
    from apaycli.cli.stopping import stopped_by_signals
    from apaycli.files import free_bytes
    from apaycli.listen.inbox import inbox_of
    from apaycli.listen.listener import Listener
    from apaycli.listen.setting import Setting
    from apaycli.listen.writer import ThreadWriter
    from apaycli.programs import none_is_running

    config = env.config
    api = AsyncBotApi(AiohttpHttp(config.api_url, config.bot_token(), warm=_WARM_CONNECTIONS))
    writer = ThreadWriter()
    status = StatusLine(env.output)
    setting = Setting(
        poll_timeout_seconds=config.poll_timeout_seconds,
        provider_token=config.provider_token(env.mode),
        pid=os.getpid(),
        once=options.once,
        take_over=options.take_over,
        read_stock=_stock_reader(env),
        fresh_token=_token_reader(env),
        runs=_hook_runs(env),
        none_is_left=lambda: none_is_running(config.hooks_mark),
        back_up=backup_task(env),
        free_bytes=lambda: free_bytes(config.store_path.parent),
        inbox=inbox_of(config.store_path),
        midnight=_midnight if status.watched else None,
    )
    renderer = Renderer(env.output, status, env.here)

    def show(event: "Event") -> None:
        screen.show(lambda: renderer(event))

    def stop(_number: int) -> None:
        listener.stop()
        screen.show(lambda: _say_stopping(env, status))

    listener = Listener(api, store, writer, shop, setting, env.clock, show, new_ids, random.Random())  # noqa: S311 - jitter
    try:
        with stopped_by_signals(stop):
            await listener.run()
    finally:
        screen.show(status.clear)  # an error gets a line of its own
        await api.close()
        writer.close()


def _midnight() -> int:
    """The first millisecond of today in the merchant's own time zone."""
    from datetime import datetime

    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: DTZ005 - local time is meant
    return round(today.timestamp()) * 1000


def _stock_reader(env: Env) -> "Callable[[], StockNews | None]":
    """Asked twice a second: news when the file has changed, and once a minute while it is broken."""
    from apaycli.listen.setting import StockNews
    from apaycli.stockfile import StockWatch

    watch = StockWatch(env.config.stock_file, env.stock.text)  # what the shop was made from
    told_at = 0.0

    def read() -> StockNews | None:
        nonlocal told_at
        before = watch.problems
        changed = watch.changed()
        if changed is not None:
            return StockNews(dict(changed.products), changed.warnings)
        if watch.problems and (watch.problems != before or env.clock.monotonic() - told_at > 60):
            told_at = env.clock.monotonic()
            return StockNews(None, watch.problems)
        return None

    return read


def _token_reader(env: Env) -> "Callable[[], str | None] | None":
    """Asked when Telegram refuses the token: another one that has been put in its place. None for a token that cannot
    change while the process lives."""
    from apaycli.errors import ApayError, TokenError
    from apaycli.pastes import bot_id_of

    if env.config.found_secret("bot.token").place not in {"file", "keyring"}:
        return None
    known = env.config.bot_token()

    def read() -> str | None:
        nonlocal known
        try:
            token = env.config.bot_token()
        except ApayError:
            return None  # no file, or half of one: it may be right the next time
        if token == known:
            return None
        if bot_id_of(token) != bot_id_of(known):
            raise TokenError(
                f"the new bot token is of another bot, {bot_id_of(token)}: the ledger belongs to {bot_id_of(known)}",
                hint="one config is one bot: apay init DIR makes another",
            )
        known = token
        return token

    return read


def _say_stopping(env: Env, status: "StatusLine") -> None:
    status.clear()
    env.output.say("apay: stopping; a second signal stops at once")
