"""SQLite's errors as one kind, at one border.

Knows which of SQLite's errors are about a value and which about the file; never what the caller wanted.
"""

import functools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from apaycli.errors import LedgerError, LedgerUnavailable

# What SQLite says about a value or a constraint; its other errors are about the file and the disk. The last two:
# an integer beyond 64 bits, a lone surrogate.
REFUSALS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)

# The second: a damaged file makes SQLite's own message unreadable to Python.
FAILURES = (sqlite3.Error, UnicodeDecodeError)


# Nothing was begun, or nothing of it is committed: BEGIN met somebody's lock; a write, before any fsync, met a full
# disk. (After a failed fsync nobody knows what is on disk: SQLITE_IOERR, and the process ends.)
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL)


def ledger_error(error: Exception, path: str) -> LedgerError:
    """One of FAILURES as the error that a person is told."""
    code = getattr(error, "sqlite_errorcode", None)
    kind = LedgerUnavailable if code is not None and code & 0xFF in _PASSING else LedgerError
    return kind(f"the ledger {path} cannot be used: {error}", hint="apay check-live --only ledger says more")


class _Open(Protocol):
    path: str


P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=_Open)


@contextmanager
def translated(path: str) -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise ledger_error(error, path) from error


def reading(verb: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A verb that reads outside of a transaction."""

    @functools.wraps(verb)
    def translating(store: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with translated(store.path):
            return verb(store, *args, **kwargs)

    return translating
