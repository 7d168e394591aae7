"""Secrets leave the environment of this process once they are read.

Knows the two places where an environment lies: the one that child processes get (`os.environ`), and on Linux the block
that the process was started with, which every process of the same user can read in /proc/PID/environ, whatever is
removed later. Never knows what a secret is for. What a user's own processes can read in our memory stays readable.
"""

import os
from collections.abc import Collection
from contextlib import suppress

_START_FIELD = 50 - 3  # env_start in proc_pid_stat(5), counted from field 3, behind the command's name


def forget_variables(names: Collection[str]) -> None:
    """Remove these variables from the environment, as far as the system lets us."""
    known = [name for name in names if name in os.environ]
    for name in known:
        del os.environ[name]
    if known:
        with suppress(OSError, ValueError, IndexError):  # no Linux, or one that is locked down
            _blank_out([os.fsencode(name) for name in known])


def _blank_out(names: Collection[bytes]) -> None:
    """Zeros over these variables in the block. No pointer of the C library leads there any more: they were unset."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[_START_FIELD]), int(fields[_START_FIELD + 1])
    if not 0 < start < end:
        return
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(start)
        at = start
        for entry in memory.read(end - start).split(b"\x00"):
            if entry.partition(b"=")[0] in names:
                memory.seek(at)
                memory.write(bytes(len(entry)))
            at += len(entry) + 1
