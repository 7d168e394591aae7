"""A process between apay and one program of the merchant: it ends the program, with all that the program has started.

Knows how to start the program, to say how it ended, and to kill it: when its time is over, or when the process that
asked for it is gone, also after `kill -9`. It is gone itself only when nothing of the program is left, so whatever it
holds open (a lock) tells whether the program may still run.

It is started as a script, `python -I -S programs_supervisor.py LIFE LOCK SECONDS PROGRAM [ARGUMENT]...`, and imports
nothing of apay's: a start takes hundredths of a second. LIFE is one end of a socket pair. When the other end is closed,
which the kernel does for a process that is killed, everything ends. It says on LIFE, a line each: `ended CODE`,
`overdue`, or `cannot ERRNO`. Nothing else ever writes to LIFE, and nothing is read from it.

On Linux it adopts the orphans of its descendants (PR_SET_CHILD_SUBREAPER), so that a program that has put itself into
a session of its own ends as well; elsewhere it ends the program's process group. Should somebody kill the supervisor
itself, the kernel kills the program (PR_SET_PDEATHSIG, Linux).
"""

import os
import select
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_POLITE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(life: int, lock: int, seconds: float, command: list[str]) -> None:
    """Returns when nothing of the program is left."""
    for descriptor in (life, lock):
        os.set_inheritable(descriptor, False)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    signals = _signals()
    if select.select([life], [], [], 0)[0]:
        return  # whoever asked is gone already
    try:
        program = _start(command)
    except OSError as error:
        _say(life, f"cannot {error.errno}")
        return
    try:
        _let_go_of_its_streams()
        signal.setitimer(signal.ITIMER_REAL, seconds)
        _wait(life, signals, program)
    finally:
        _end(program)


def _signals() -> int:
    """A descriptor that gives each signal as a byte: waiting for it and for LIFE at once misses none."""
    reading, writing = os.pipe()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGALRM, *_POLITE):
        signal.signal(number, lambda _number, _frame: None)
    return reading


def _start(command: list[str]) -> int:
    """The program, in a session of its own. Raises the OSError that kept it from starting."""
    us = os.getpid()
    reading, writing = os.pipe()
    program = os.fork()
    if program == 0:
        try:
            os.setsid()
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGALRM, *_POLITE):
                signal.signal(number, signal.SIG_DFL)
            if os.getppid() == us:  # else we were killed before the kernel was asked to tell
                os.execve(command[0], command, _environ())  # noqa: S606 - no shell is meant
        except OSError as error:
            os.write(writing, str(error.errno).encode())
        finally:
            os._exit(127)
    os.close(writing)
    said = os.read(reading, 16)
    os.close(reading)
    if said:
        os.waitpid(program, 0)
        raise OSError(int(said), os.strerror(int(said)))
    return program


def _environ() -> dict[str, str]:
    """What we were given; Python may have added LC_CTYPE (PEP 538), which is never in it."""
    return {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}


def _let_go_of_its_streams() -> None:
    """The reader of the program's output waits for its end, not for ours."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _wait(life: int, signals: int, program: int) -> None:
    """Until whoever asked has seen enough or is gone, or the time is over."""
    told = False
    while True:
        ready, _, _ = select.select([life, signals], [], [])
        if life in ready:
            return
        numbers = os.read(signals, 64)
        code = None if told else _exit_code(program)
        if code is not None:
            told = True
            _say(life, f"ended {code}")
        if signal.SIGALRM in numbers:
            _say(life, "overdue")
            return
        if any(number in numbers for number in _POLITE):
            return


def _exit_code(program: int) -> int | None:
    """None while it runs; negative for a signal. It stays a zombie where the system lets us look without taking: its
    number is then nobody else's until `_end` has killed the group of that number."""
    try:
        if not hasattr(os, "waitid"):
            ended, status = os.waitpid(program, os.WNOHANG)
            return os.waitstatus_to_exitcode(status) if ended else None
        how = os.waitid(os.P_PID, program, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    if how is None:
        return None
    return how.si_status if how.si_code == os.CLD_EXITED else -how.si_status


def _end(program: int) -> None:
    """Kill, and wait until nothing is left. What dies leaves its children to us (Linux): they are next."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(program, signal.SIGKILL)
    while True:
        for child in _children():
            with suppress(ProcessLookupError, PermissionError):  # a program of another user ends in its own time
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """From Linux's /proc; elsewhere the group is all there is."""
    found = []
    with suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is slow to import
            if name.isdigit() and _parent(name) == os.getpid():
                found.append(int(name))
    return found


def _parent(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _say(life: int, line: str) -> None:
    with suppress(OSError):
        os.write(life, line.encode() + b"\n")


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass  # the group is still ended


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
