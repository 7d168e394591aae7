"""What the merchant writes into the ledger: a reason, a reference, a note.

Knows how it is given (`-` is stdin) and what no ledger takes; never what it is about.
"""

from apaycli.cli.env import Env
from apaycli.errors import UsageError

_INPUT_CHARACTERS_MAX = 1_000_000


def own_text(env: Env, text: str, name: str, characters_max: int) -> str:
    """Without blanks around it. Raises UsageError for what is empty, too long or no text."""
    body = (env.stdin.read(_INPUT_CHARACTERS_MAX) if text == "-" else text).strip()
    if not body:
        raise UsageError(f"{name} is empty")
    if any("\ud800" <= character <= "\udfff" for character in body):
        raise UsageError(f"{name} has bytes in it that are no UTF-8 text")
    if "\0" in body:
        raise UsageError(f"{name} has a NUL in it")
    if len(body) > characters_max:
        raise UsageError(f"{name} has {len(body)} characters, at most {characters_max} are allowed")
    return body
