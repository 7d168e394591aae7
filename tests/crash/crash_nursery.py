"""A process that has imported the program once and forks a child for every life.

Knows how to start `armed.run_program` in a child and to wait for its end; never what the program does. A child is a
whole process of its own that runs the program from its first line: only the 0.2 s of importing are saved, which a
start with `python -m apaycli` spends before it does anything. One request a line on stdin, one reply a line:

    {"arguments": [...], "environ": {...}, "folder": "...", "log": "...", "armed": [POINT, TIME, AHEAD]}  -> pid
    {"wait": pid}                                                           -> exit code, -9 when killed
"""

import importlib
import json
import os
import sys
from typing import Any

import armed

IMPORTED = (
    "aiohttp", "httpx", "sqlite3", "typer", "apaycli.botapi.http_aiohttp", "apaycli.botapi.http_httpx",
    "apaycli.cli.app", "apaycli.cli.listen", "apaycli.cli.listen_output", "apaycli.cli.screen",
    "apaycli.cli.send_invoice", "apaycli.listen.listener", "apaycli.stockfile",
    "apaycli.store.lock", "apaycli.store.sqlite",
)  # fmt: skip


def serve() -> None:
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    for name in IMPORTED:
        importlib.import_module(name)
    waiting = b""
    while chunk := os.read(0, 65_536):
        *lines, waiting = (waiting + chunk).split(b"\n")
        for line in lines:
            request = json.loads(line)
            reply = _wait(request["wait"]) if "wait" in request else _start(request)
            os.write(1, json.dumps(reply).encode() + b"\n")


def _start(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _live(request)
    return pid


def _live(request: dict[str, Any]) -> None:
    """The child: streams, folder and environment of its own, then the program, then the end."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, stream in ((0, nothing), (1, log), (2, log)):
        os.dup2(stream, number)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    code: object = 1
    try:
        armed.arm(*request["armed"])
        armed.run_program(request["arguments"])
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    serve()
