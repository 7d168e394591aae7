"""How a run ends: by a signal, or with a stream that takes nothing any more.

Knows that the exit code is what the command did, whatever has become of the streams: Python's own 120 (it could not
write what was left at exit) never appears. Never knows which command it was. Imports nothing heavy.
"""

import errno
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import TextIO

from apaycli.errors import ApayError, OutputError, UsageError

# The disk refuses, whatever name was given; every other error is about the name.
_DISK_ERRORS = {errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}
_ROOM_ERRORS = _DISK_ERRORS - {errno.EIO, errno.EROFS}


class SignalReceived(SystemExit):
    """SIGINT, SIGTERM or SIGHUP on its way out, through every `finally`. Neither typer nor asyncio makes anything else
    of a SystemExit."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def raise_signals() -> None:
    """SIGTERM and SIGHUP leave through `finally` blocks: half files are removed, locks are given back. The second one
    ends the process at once. A signal that is ignored (`nohup`) stays ignored."""

    def leave(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise SignalReceived(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)


def settle(*streams: TextIO | None) -> None:
    """Write what is left; a stream that does not take it leads nowhere from now on."""
    for stream in streams:
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                let_go(stream)


def let_go(stream: TextIO) -> None:
    """Whatever waits in `stream` is dropped at exit: flushing it would fail again, or wait for a reader who stalls."""
    with suppress(OSError, ValueError):  # not of the system: a test's
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def cannot_write(sentence: str, error: BaseException | None, otherwise: type[ApayError] = UsageError) -> ApayError:
    """`sentence` as the error of a disk that refuses (9); where another name would do, as `otherwise` (2)."""
    number = error.errno if isinstance(error, OSError) else None
    return _refused_by_disk(sentence, number) if number in _DISK_ERRORS else otherwise(sentence)


def output_lost(error: OSError) -> ApayError:
    """stdout takes nothing any more."""
    return _refused_by_disk(f"the output cannot be written: {error.strerror}", error.errno)


def _refused_by_disk(sentence: str, number: int | None) -> OutputError:
    return OutputError(sentence, hint="make room there, then run it again" if number in _ROOM_ERRORS else None)


def leave(code: int) -> None:
    """End the process with `code`."""
    settle(sys.stdout, sys.stderr)
    sys.exit(code)
