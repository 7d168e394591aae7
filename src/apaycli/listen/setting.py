"""How one run of the listener behaves: what it is told at its start, as a frozen value.

Knows names and defaults; never where they came from.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from apaycli.core.hooks import HookKind
from apaycli.core.model import Product
from apaycli.listen.hooks import Run


@dataclass(frozen=True, slots=True)
class Setting:
    """How this run behaves. `read_stock` tells of a changed stock file: new products, or what is wrong with it."""

    poll_timeout_seconds: int
    provider_token: str
    pid: int
    once: bool = False
    take_over: bool = False
    read_stock: Callable[[], "StockNews | None"] = lambda: None
    fresh_token: Callable[[], str | None] | None = None  # asked when Telegram refuses the token: another one, if any
    runs: Mapping[HookKind, Run] = field(default_factory=dict)  # what to do for each receipt, by kind
    none_is_left: Callable[[], bool] = lambda: True  # whether every hook program of earlier runs has ended
    back_up: "Callable[[], Awaitable[BackupNews | None]] | None" = None  # asked each minute; None: not due
    free_bytes: Callable[[], int | None] = lambda: None  # room left where the ledger lies
    inbox: Path | None = None  # where updates are kept that cannot wait at Telegram until the ledger is back
    midnight: Callable[[], int] | None = None  # local midnight; given where somebody watches how things stand


@dataclass(frozen=True, slots=True)
class BackupNews:
    """A backup that was made, or (`failure`) could not be. `after_failure`: it is made, and not copied elsewhere."""

    path: str | None
    receipts: int
    failure: str | None = None
    after_failure: str | None = None


@dataclass(frozen=True, slots=True)
class StockNews:
    """`products` is None where the file is broken."""

    products: dict[str, Product] | None
    sentences: tuple[str, ...]
