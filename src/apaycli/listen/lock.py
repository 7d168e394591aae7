"""One listener per bot on one machine.

Knows the lock file in the user's state folder, which every ledger and config of this user shares, and who
holds it. The lock belongs to the process: it is gone with it, also after kill -9.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from apaycli.config_places import state_folder
from apaycli.errors import AnotherListener, LedgerError
from apaycli.files import make_folder
from apaycli.text import show


@contextmanager
def listener_lock(bot_id: int, environ: Mapping[str, str]) -> Iterator[None]:
    """Held while this process listens for `bot_id`. Raises AnotherListener with the holder's pid."""
    from filelock import FileLock, Timeout

    folder = state_folder(environ)
    holder = folder / f"listener-{bot_id}.pid"
    lock = FileLock(folder / f"listener-{bot_id}.lock", mode=0o600)
    try:
        make_folder(folder)
        lock.acquire(timeout=0)
    except Timeout:
        raise AnotherListener(
            f"another apay listen is running for this bot (pid {_holder(holder)})",
            hint="stop it first; one bot has one listener",
        ) from None
    except OSError as error:
        raise LedgerError(f"the state folder {folder} cannot be used: {error.strerror}") from error
    try:
        with suppress(OSError):  # the lock counts; the pid is for whoever wonders
            holder.touch(0o600)
            holder.write_text(str(os.getpid()), "ascii")
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        return show(path.read_text("ascii", "replace").strip(), 20) or "unknown"
    except OSError:
        return "unknown"
