"""The merchant's own programs: what they see of our environment, and how none of them outlives us.

Knows the variables that are handed on, the supervisor that each hook runs under, and the mark by which a later process
sees that an earlier one's hooks are still there. Never knows what a program is for.

The mark is a file beside the ledger that each supervisor holds locked, shared (`flock`). The kernel lets go of it when
the supervisor is gone, and the supervisor goes last: whoever gets the lock for itself knows that no hook is left.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from apaycli.errors import LedgerError

SUPERVISED = os.name == "posix"
_SUPERVISOR = Path(__file__).with_name("programs_supervisor.py")
# Where programs and their settings are found, how to speak to the user, the agents of gpg and ssh: never a token.
_HANDED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TERM", "TMPDIR", "XDG_CONFIG_HOME"),
    *("XDG_RUNTIME_DIR", "GNUPGHOME", "GPG_TTY", "SSH_AUTH_SOCK"),
    *("SYSTEMROOT", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "TEMP"),
)


def child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What a program of the merchant's sees of `environ`."""
    return {name: environ[name] for name in _HANDED_ON if name in environ}


def supervised(command: Sequence[str], life: int, lock: int, seconds: float) -> list[str]:
    """The command line of `programs_supervisor.py`, which must inherit both descriptors."""
    return [sys.executable, "-I", "-S", str(_SUPERVISOR), str(life), str(lock), str(seconds), *command]


@contextmanager
def running_mark(file: Path) -> Iterator[int]:
    """A descriptor that holds the mark, to be inherited; ours is closed when the block ends. Raises OSError."""
    import fcntl

    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)


def none_is_running(file: Path) -> bool:
    """Whether no program is left that was started with this mark. To be asked before the first one of our own. Raises
    LedgerError where nothing can be known: what lies beside the ledger belongs to the ledger's owner."""
    if not SUPERVISED:
        return True
    import fcntl

    try:
        descriptor = os.open(file, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return True
    except OSError as error:
        raise LedgerError(
            f"{file} cannot be opened: {error.strerror}", hint="give it to the user who listens, like the ledger"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
