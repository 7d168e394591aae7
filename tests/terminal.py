"""A person at a terminal: a process on a pseudo-terminal, its questions, and the answers typed into it.

Knows how to wait for what appears on the screen and how to type. `screen` is everything that appeared, echo included.
"""

import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

PATIENCE_SECONDS = 20.0


# The program, after its process has taken the terminal for its own: Ctrl-C there is for it.
APAY = """\
import fcntl, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("apaycli", run_name="__main__", alter_sys=True)
"""


class Terminal:
    """`apay ARGUMENTS` with stdin and stderr on the terminal; stdout is kept apart, or is there, too."""

    def __init__(self, *arguments: str, environ: Mapping[str, str], folder: Path, stdout_too: bool = False) -> None:
        self._controller, terminal = os.openpty()
        self.screen = ""
        self._read = 0
        self.process = subprocess.Popen(
            [sys.executable, "-c", APAY, *arguments],
            stdin=terminal, stderr=terminal, stdout=terminal if stdout_too else subprocess.PIPE, env=dict(environ),
            cwd=folder, text=True, start_new_session=True,
        )  # fmt: skip
        os.close(terminal)

    def wait_for(self, text: str) -> None:
        """Until `text` appears behind what was waited for before."""
        while text not in self.screen[self._read :]:
            assert self._see(), f"never said: {text}\n{self.screen}"
        self._read = self.screen.index(text, self._read) + len(text)

    def answer(self, question: str, words: str) -> None:
        """Wait for the question, then type the words and press Enter."""
        self.wait_for(question)
        os.write(self._controller, words.encode() + b"\n")

    def press(self, key: bytes) -> None:
        os.write(self._controller, key)

    def close(self) -> None:
        """As somebody closes the window: the process gets SIGHUP, and its streams are gone."""
        os.close(self._controller)
        self._controller = -1

    def end(self) -> tuple[int, str]:
        """Until the process is over: its exit code and its stdout."""
        while self._see():
            pass
        out, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, out

    def _see(self) -> bool:
        """Whether more appeared; False at the end."""
        assert select.select([self._controller], [], [], PATIENCE_SECONDS)[0], f"silence behind:\n{self.screen}"
        try:
            seen = os.read(self._controller, 4096)
        except OSError:  # nobody has the terminal any more
            return False
        self.screen += seen.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(seen)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()
        if self._controller >= 0:
            os.close(self._controller)
