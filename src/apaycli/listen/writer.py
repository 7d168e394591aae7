"""The one thread that touches the ledger.

Knows that SQLite wants one writer, and that the event loop must not wait for a disk. Never knows what is
written.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from apaycli.errors import LedgerUnavailable

_AGAIN_SECONDS = 1.0
T = TypeVar("T")


class Writer(Protocol):
    """Runs functions that use the store, one after the other."""

    async def run(self, function: Callable[[], T]) -> T: ...

    def close(self) -> None: ...


async def until_written(writer: Writer, function: Callable[[], T]) -> T:
    """Again and again while the ledger is locked or its disk full: for what has happened and must not be forgotten."""
    while True:
        try:
            return await writer.run(function)
        except LedgerUnavailable:
            await asyncio.sleep(_AGAIN_SECONDS)


class ThreadWriter:
    """A single worker thread: calls are done in the order in which they were made."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    def close(self) -> None:
        self._executor.shutdown(wait=True)
