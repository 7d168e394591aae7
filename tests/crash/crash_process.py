"""The lives of the program: started by a fork or by an exec, ended from outside, looked at afterwards.

Knows processes and signals; never what the program does. A life is held by its pidfd, so that a kill that comes too
late strikes nobody else.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import apaycli

FOLDER = Path(__file__).parent
SOURCE = Path(apaycli.__file__).parents[1]  # the children run the very source that this test imports

Armed = tuple[str, int, int]  # a crash point, which of its reaches is deadly, seconds ahead of the wall clock


class Life:
    """One run of the program. `reap` tells its exit code once it is over. `kill` may come from any thread."""

    def __init__(self, pid: int, reap: Callable[[], int]) -> None:
        self.pid = pid
        self.code: int | None = None
        self._reap = reap
        self._pidfd = os.pidfd_open(pid)

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.code is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def wait(self, seconds: float) -> int | None:
        """The exit code, -9 when killed; None when it still lives after so many seconds."""
        if self.code is None and select.select([self._pidfd], [], [], seconds)[0]:
            self.code = self._reap()
            os.close(self._pidfd)
        return self.code


class Nursery:
    """Starts lives. Forked ones come from a process that has imported the program already (`crash_nursery.py`)."""

    def __init__(self, source: Path = SOURCE) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self.environ = kept | {"PYTHONPATH": str(source), "PYTHONUTF8": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(FOLDER / "crash_nursery.py")],
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def fork(self, arguments: Sequence[str], environ: dict[str, str], folder: Path, log: Path, armed: Armed) -> Life:
        request = {"arguments": list(arguments), "environ": environ, "folder": str(folder), "log": str(log)}
        pid = int(self._ask(request | {"armed": armed}))
        return Life(pid, lambda: int(self._ask({"wait": pid})))

    def execute(self, arguments: Sequence[str], environ: dict[str, str], folder: Path, log: Path, armed: Armed) -> Life:
        """A start from nothing: `python -m apaycli`, or the armed launcher where something is to be different."""
        unarmed = armed == ("", 0, 0)
        launcher = ["-m", "apaycli"] if unarmed else [str(FOLDER / "armed.py"), *map(str, armed)]
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, *launcher, *arguments],
                env=environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            )  # fmt: skip
        return Life(process.pid, process.wait)

    def close(self) -> None:
        if self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()

    def _ask(self, request: dict[str, Any]) -> Any:
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the nursery has no pipes")
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())
