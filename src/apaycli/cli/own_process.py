"""Our own commands as processes, in a folder where they meet nobody's shop: for the demo and the rehearsal.

Knows the environment that they get and that they are stopped politely. Never knows what is played.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

Process = subprocess.Popen[str]
_SECONDS_MAX = 60


def clean_environ(folder: Path) -> dict[str, str]:
    """Everything that names a shop leads into `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APAY_")}
    own = {
        "APAY_HOME": folder,
        "APAY_STORE": folder / "apay.db",
        "APAY_STOCK": folder / "stock.toml",
        "XDG_STATE_HOME": folder / "state",
    }
    return kept | {name: str(path) for name, path in own.items()} | {"PYTHONUTF8": "1"}


def run_to_its_end(environ: Mapping[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own program
        _program(arguments), env=environ, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS_MAX
    )


@contextmanager
def running(environ: Mapping[str, str], folder: Path, *arguments: str) -> Iterator[Process]:
    """Beside us until the block ends, a minute at most."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        _program(arguments), env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    overdue = threading.Timer(_SECONDS_MAX, process.kill)
    overdue.daemon = True
    overdue.start()
    try:
        yield process
    finally:
        overdue.cancel()
        process.terminate()
        process.communicate()


def next_line(stream: IO[str] | None) -> str | None:
    """Without its end; None where the process has ended."""
    line = stream.readline() if stream else ""
    return line.rstrip("\n") if line else None


def _program(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "apaycli", *arguments]
