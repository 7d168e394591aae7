"""Questions on a terminal: with a default, yes or no, and hidden.

Knows how to ask and how an answer is read; never what is asked or what a good answer is. Questions go to stderr. What
is pasted at a hidden question is taken as a whole, all its lines: the rest of a paste must neither become the answer
to the next question nor appear on the screen.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from apaycli.cli.env import Env
from apaycli.errors import NeedsConfirmation

_PASTE_PAUSE_SECONDS = 0.05  # a terminal hands a paste over line by line, at once
_PASTE_BYTES_MAX = 64 * 1024


def can_ask(env: Env) -> bool:
    return env.output.is_terminal(env.stdin) and not env.common.no_input and not env.common.as_json


def ask(env: Env, question: str, default: str) -> str:
    """One line; Enter takes the default."""
    env.output.stderr.write(f"{question} [{default}]: ")
    env.output.stderr.flush()
    return _answer(env.stdin.readline()) or default


def ask_yes(env: Env, question: str) -> bool:
    """No, unless it is y or yes."""
    env.output.stderr.write(f"{question} [y/N] ")
    env.output.stderr.flush()
    return _answer(env.stdin.readline()).lower() in {"y", "yes"}


def ask_hidden(env: Env, question: str) -> str:
    """What was typed or pasted, never shown; empty for Enter alone."""

    def prompt() -> None:
        env.output.stderr.write(f"{question} (hidden): ")
        env.output.stderr.flush()

    try:
        return _answer(_read_hidden(env.stdin, prompt))
    finally:
        env.output.stderr.write("\n")
        env.output.stderr.flush()


def _answer(line: str) -> str:
    if not line:
        raise NeedsConfirmation("the input ended at a question; nothing was done", hint="--no-input asks nothing")
    return line.strip()


def _read_hidden(stream: TextIO, prompt: Callable[[], None]) -> str:
    """`prompt` comes once nothing shows any more: who pastes at once must not see it."""
    try:
        descriptor = stream.fileno()
        import termios
    except (OSError, ValueError):  # a stream of a test has no descriptor
        prompt()
        return stream.readline()
    except ImportError:  # Windows
        import getpass

        prompt()
        return getpass.getpass("") + "\n"
    before = termios.tcgetattr(descriptor)
    hidden = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    try:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, hidden)
        prompt()
        return _read_paste(descriptor).decode("utf-8", "replace")
    finally:
        with suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def _read_paste(descriptor: int) -> bytes:
    """The first line, and whatever comes at once behind it."""
    import os
    import select

    paste = os.read(descriptor, 4096)
    while paste and len(paste) < _PASTE_BYTES_MAX and select.select([descriptor], [], [], _PASTE_PAUSE_SECONDS)[0]:
        more = os.read(descriptor, 4096)
        if not more:
            break
        paste += more
    return paste


def complain(env: Env, sentence: str) -> None:
    """What is wrong with an answer; the question comes again. Said even with --quiet: somebody waits for it."""
    from apaycli.text import redact, show

    env.output.stderr.write(f"  {show(redact(sentence), 500)}\n")
    env.output.stderr.flush()
