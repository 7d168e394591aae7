"""A merchant for tests: a folder, an environment, a sandbox in this process, and `apay` run with captured streams.

Nothing here stands in for our own classes: the ledger is a real file, the Bot API is the sandbox's, behind the
`Http` protocol or on a real socket.
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

from apaycli.botapi.client import BotApi, OutcomeUnknown, Reply
from apaycli.botapi.http_httpx import HttpxHttp
from apaycli.cli.app import main
from apaycli.cli.env import Env
from apaycli.cli.output import Output
from apaycli.clock import Clock, ManualClock, SystemClock
from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.wire import Answer
from apaycli.sandbox.world import World
from apaycli.store.sqlite import SqliteStore, open_sqlite

STOCK = """\
currency = "INR"  # rupees

[products.rubber-duck]
title = "Rubber duck"
description = "Yellow, 8 cm."
price = 499
stock = 10

[products.bear]
title = "Cast iron bear"
description = "Heavy."
price = 1500
stock = "unlimited"
"""
RAHIM, NOBODY = "1001", "555"
CHANNEL, SUPERGROUP, GROUP = "@sandbox_channel", "-1001234567890", "-4001"
_IMPATIENCE_SECONDS = 0.3


@dataclass(frozen=True)
class Done:
    """What one run of `apay` left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The one JSON object that a failed `--json` run writes on stderr, behind its talk."""
        found: dict[str, Any] = json.loads(self.err.splitlines()[-1])["error"]
        return found


class Stream(io.StringIO):
    """A stream that is a terminal or not, as the test wants."""

    def __init__(self, text: str = "", *, terminal: bool = False) -> None:
        super().__init__(text)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


class WorldHttp:
    """The `Http` protocol answered by a world in this process. `before` sees each request first."""

    def __init__(self, shop: "Shop", bot_token: str) -> None:
        self.date = ""
        self._shop = shop
        self._bot_token = bot_token

    def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        assert timeout_seconds > 0
        self._shop.before(method, body)
        answer = self._shop.world.handle(f"/bot{self._bot_token}/{method}", "application/json", body)
        assert isinstance(answer, Answer), f"{method} waits"
        if answer.transport != "reply":
            raise OutcomeUnknown(f"no answer from Telegram to {method}")
        self.date = formatdate(self._shop.world.clock.now() / 1000, usegmt=True)
        return Reply(answer.status, answer.body)

    def close(self) -> None:
        pass


class ImpatientHttp(HttpxHttp):
    """The real client, which waits a moment instead of 20 seconds. `before` sees each request first."""

    def __init__(self, shop: "Shop", api_url: str, bot_token: str) -> None:
        super().__init__(api_url, bot_token)
        self._shop = shop

    def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        self._shop.before(method, body)
        return super().post(method, body, min(timeout_seconds, _IMPATIENCE_SECONDS))


class ShopEnv(Env):
    """An Env whose Bot API is the shop's world."""

    make_api: Callable[[Env], BotApi]

    def open_api(self) -> BotApi:
        return self.make_api(self)


class Shop:
    """A folder with a stock file, a ledger to be, and everything in the environment: no config file."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.folder = folder
        self.clock = clock or ManualClock()
        self.world = World(self.clock)
        self.server: ServerThread | None = None
        self.before: Callable[[str, bytes], None] = lambda method, body: None
        self.ledger = folder / "apay.db"
        self.stock_file = folder / "stock.toml"
        self.write_stock(STOCK)
        self.environ = {
            "HOME": str(folder),
            "APAY_BOT_TOKEN": self.world.bot_token,
            "APAY_TEST_PROVIDER_TOKEN": self.world.test_provider_token,
            "APAY_STORE": str(self.ledger),
            "APAY_STOCK": str(self.stock_file),
        }

    def write_stock(self, text: str) -> None:
        self.stock_file.write_text(text, "utf-8")

    def write_config(self, text: str) -> Path:
        """`config.toml` where apay looks for it, private."""
        path = self.folder / ".config" / "apay" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o600)
        return path

    def run(
        self, *arguments: str, stdin: str = "", terminal: bool = False, errors_terminal: bool = False, **environ: str
    ) -> Done:
        """`apay ARGUMENTS` in this process; `environ` is added to the shop's."""
        out, err = Stream(terminal=terminal), Stream(terminal=errors_terminal)
        env = self.env(out, err, Stream(stdin, terminal=terminal), environ)
        code = main(arguments, env=env)
        return Done(code, out.getvalue(), err.getvalue())

    def env(self, out: Stream, err: Stream, stdin: Stream, environ: dict[str, str]) -> ShopEnv:
        def make_output(given: Any, **options: Any) -> Output:
            return Output(out, err, given, **options)

        env = ShopEnv(environ=self.environ | environ, clock=self.clock, stdin=stdin, make_output=make_output)
        env.make_api = self._make_api
        return env

    def _make_api(self, env: Env) -> BotApi:
        token = env.config.bot_token()
        if self.server is not None:
            return BotApi(ImpatientHttp(self, env.config.api_url, token))
        return BotApi(WorldHttp(self, token))

    @contextmanager
    def served(self) -> Iterator[ServerThread]:
        """The shop's world on a real socket: from now on `run` goes through httpx."""
        self.world = World(SystemClock())
        self.environ |= {
            "APAY_BOT_TOKEN": self.world.bot_token,
            "APAY_TEST_PROVIDER_TOKEN": self.world.test_provider_token,
        }
        with ServerThread(self.world) as self.server:
            self.environ["APAY_API_URL"] = self.server.address
            yield self.server

    def requests(self, method: str = "") -> list[dict[str, Any]]:
        """What has reached the sandbox, oldest first."""
        return self.world.requests.render(method=method)

    @contextmanager
    def store(self) -> Iterator[SqliteStore]:
        store = open_sqlite(self.ledger)
        try:
            yield store
        finally:
            store.close()

    def invoices(self) -> list[dict[str, Any]]:
        """The rows of the ledger's invoices, oldest first; none where there is no ledger."""
        if not self.ledger.exists():
            return []
        store = open_sqlite(self.ledger, read_only=True)
        try:
            cursor = store.db.execute("SELECT * FROM invoices ORDER BY rowid")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        finally:
            store.close()
