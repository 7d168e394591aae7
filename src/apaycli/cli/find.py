"""`apay find`: "did they pay?"

Knows the options, and which day is meant in the merchant's own time zone. What a word may mean is `core/search.py`'s.
"""

from datetime import timedelta
from typing import Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.receipt_filter import Choice, parse_choice
from apaycli.errors import UsageError

_WORDS_MAX = 10
_CHARACTERS_MAX = 200


@command
def find(
    env: Env,
    text: Annotated[
        list[str], typer.Argument(help="A name, @username, phone, amount, day, end of a charge id, number.")
    ],
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1_000_000)] = 20,
    mode: Annotated[str | None, typer.Option(help="test, live or all.")] = None,
) -> None:
    """Did they pay? Receipts by whatever you know of them, the newest first; several words must all fit.

    Examples:

      apay find rahim

      apay find @rahim_demo 499 2026-11-24

      apay find 01712345678

      apay find 8647 --mode all
    """
    from apaycli.cli.receipts import show_receipts
    from apaycli.core.search import parse_word, words_of

    words = words_of(" ".join(text))
    _check(words)
    asked = [parse_word(word, _span) for word in words]
    which = parse_choice(Choice(mode=mode), env)
    store = env.open_store(read_only=True)
    try:
        rows = store.find_receipts(asked, which.mode, limit + 1)
    finally:
        store.close()
    show_receipts(env, rows[:limit], with_mode=which.mode is None)
    if not rows:
        env.output.say(f"apay: no receipt fits, {_where(which.mode)}")
    elif len(rows) > limit:
        env.output.say(f"apay: more than {limit} fit; another word narrows it down, --limit shows more")


def _check(words: list[str]) -> None:
    if not words:
        raise UsageError("whom or what to look for is missing", hint="apay find rahim, or apay find 499 2026-11-24")
    if len(words) > _WORDS_MAX or any(len(word) > _CHARACTERS_MAX for word in words):
        raise UsageError(f"at most {_WORDS_MAX} words of at most {_CHARACTERS_MAX} characters")


def _span(day: str) -> tuple[int, int]:
    from apaycli.cli.days import midnight, parse_day

    first = parse_day(day, "apay find")
    return midnight(first), midnight(first + timedelta(days=1))


def _where(mode: str | None) -> str:
    match mode:
        case "test":
            return "in test mode; --live looks among real money"
        case "live":
            return "among live payments; --mode all looks everywhere"
    return "test or live"
