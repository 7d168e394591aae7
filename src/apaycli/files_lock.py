"""A lock on an open file: one process at a time, gone with the process, also after kill -9.

Knows the two systems' calls. Never knows what is locked, and never waits.
"""

import os
import sys


def lock(descriptor: int) -> bool:
    """Whether the lock is ours now. It ends when the descriptor is closed. Raises OSError where there are no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 2**30, os.SEEK_SET)  # far behind the content, which others may then still read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
