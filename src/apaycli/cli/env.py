"""What a command works with: streams, settings, and things that open on first use.

Knows how to open the config, the ledger, the stock file and the Bot API; each is opened when it is first
asked for, so that a command that needs none of them starts fast. Tests hand in their own.
"""

import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from apaycli.cli.output import Color, Output, standard_output
from apaycli.clock import Clock, SystemClock
from apaycli.errors import ConfigError, NeedsConfirmation

if TYPE_CHECKING:
    from apaycli.botapi.client import BotApi
    from apaycli.config import Config
    from apaycli.core.invoice import Ids
    from apaycli.core.model import Mode
    from apaycli.stockfile import StockFile
    from apaycli.store.place import LedgerPlace
    from apaycli.store.protocol import Store


_LOOK_SECONDS = 0.5  # between two looks at a stock file that may be in the middle of being written


@dataclass(frozen=True, slots=True)
class Common:
    """The options that every command has."""

    config: Path | None = None
    live: bool = False
    as_json: bool = False
    quiet: bool = False
    verbose: int = 0
    color: Color = "auto"
    no_input: bool = False
    strict: bool = False
    debug: bool = False


@dataclass
class Env:
    """One run of one command."""

    environ: Mapping[str, str]
    common: Common = field(default_factory=Common)
    clock: Clock = field(default_factory=SystemClock)
    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    make_output: Callable[..., Output] = standard_output
    command_path: str = ""  # such as `apay stock add`; "" until its options were read
    if_interrupted: str = ""  # what a signal would leave behind, as the end of a sentence
    runs_until_stopped: bool = False  # a signal is how it usually ends
    is_service: bool = False  # started by a machine, which does not correct a file and try again

    @cached_property
    def output(self) -> Output:
        common = self.common
        return self.make_output(
            self.environ,
            color=common.color,
            quiet=common.quiet,
            verbose=common.verbose,
            as_json=common.as_json,
        )

    @cached_property
    def config(self) -> "Config":
        from apaycli.config import load_config

        config = load_config(self.common.config, self.environ)
        if self.common.strict and config.warnings:
            raise ConfigError("the config has unknown keys", problems=config.warnings)
        for warning in config.warnings:
            self.output.warn(warning)
        if self.environ is os.environ:
            from apaycli.config_environ import forget_variables

            forget_variables(config.secret_variables(self.environ))
        return config

    @cached_property
    def mode(self) -> "Mode":
        from apaycli.config import parse_mode

        return parse_mode(self.common.live, self.environ)

    @cached_property
    def stock(self) -> "StockFile":
        from apaycli.stockfile import read_stock_file, settled_stock_file

        path = self.config.stock_file
        stock = (
            settled_stock_file(path, lambda: time.sleep(_LOOK_SECONDS)) if self.is_service else read_stock_file(path)
        )
        for warning in stock.warnings:
            self.output.warn(warning)
        return stock

    def here(self, text: str) -> str:
        """`apay listen` in a sentence, as it must be typed to be about the shop that this command was about."""
        from apaycli.cli.app import COMMANDS

        if self.common.config is None:
            return text
        names = "|".join(sorted(set(COMMANDS) - {"init", "demo", "sandbox", "explain", "help"}))
        given = f"apay --config {shlex.quote(str(self.common.config))} "
        return re.sub(rf"\bapay (?=(?:{names})\b)", lambda _: given, text)

    @property
    def ledger_place(self) -> "LedgerPlace":
        from apaycli.config_places import state_folder
        from apaycli.store.place import LedgerPlace

        return LedgerPlace(self.config.store_path, state_folder(self.environ))

    def open_store(
        self, *, read_only: bool = False, create: bool = False, accept_another: bool = False, to_verify: bool = False
    ) -> "Store":
        """The ledger of the config; for writing, also bound to the config's bot.

        `create`: make one where there is none and never was one. Without it a mistyped path makes no empty ledger: what
        is to be changed must be in it already. Raises LedgerLost where the known ledger is missing, or, for writing,
        another one is in its place, unless the merchant has said that it is right (`accept_another`). `to_verify`: a
        changed schema is to be told, not refused.
        """
        from apaycli.store.sqlite import open_sqlite

        place = self.ledger_place
        if place.is_empty and not (create and accept_another):
            place.refuse_if_lost()
        if not create and not read_only:
            open_sqlite(place.ledger, read_only=True).close()
        store = open_sqlite(place.ledger, read_only=read_only, spare_folder=place.state, to_verify=to_verify)
        self.if_interrupted = "nothing was changed" if read_only else "what it had recorded is kept"
        if not read_only:
            try:
                store.bind_bot(self.config.bot_id())
                if not accept_another:
                    place.refuse_another(store.ledger_id())
                self.remember_ledger(store.ledger_id())
            except BaseException:
                store.close()
                raise
        return store

    def remember_ledger(self, ledger_id: str | None) -> None:
        """From now on this ledger is the known one at its place: that it is missing will be noticed."""
        try:
            self.ledger_place.remember(ledger_id, self.clock.now())
        except OSError as error:
            self.output.warn(f"the state folder {self.ledger_place.state} cannot be used: {error.strerror}")

    def open_api(self) -> "BotApi":
        return self.api_of(self.config.api_url, self.config.bot_token())

    def api_of(self, api_url: str, bot_token: str) -> "BotApi":
        """The Bot API of a token that stands in no config yet."""
        from apaycli.botapi.client import BotApi
        from apaycli.botapi.http_httpx import HttpxHttp

        return BotApi(HttpxHttp(api_url, bot_token))

    def say_where(self, bot_name: str) -> None:
        """The first line of a command that talks to Telegram: bot, mode, ledger."""
        from apaycli.text import show

        mode = "LIVE" if self.mode == "live" else "test"
        self.output.say(f"apay: {show(bot_name)}, {mode} mode, ledger {self.config.store_path}")

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask on a terminal; raise NeedsConfirmation where nobody can be asked or the answer is no."""
        if yes:
            return
        interactive = self.output.is_terminal(self.stdin) and not self.common.no_input and not self.common.as_json
        if not interactive:
            raise NeedsConfirmation("this needs a confirmation, and nobody can be asked here", hint="add --yes")
        self.output.stderr.write(f"{question} [y/N] ")
        self.output.stderr.flush()
        if self.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise NeedsConfirmation("not confirmed; nothing was done")


def new_seed() -> int:
    """A seed by chance, for whoever named none."""
    import secrets

    return secrets.randbelow(2**31)


def new_ids() -> "Ids":
    """Fresh chance: an id that may be shown, and 192 bits that nobody can guess."""
    import secrets

    from apaycli.core.invoice import Ids

    return Ids(invoice_id=f"inv_{secrets.token_hex(8)}", invoice_payload=secrets.token_urlsafe(24))
