"""`apay messages`: what the bot says, in every language, and whether the merchant's own file is good.

Knows how sentences are shown. Their names and rules are `core/messages.py`'s.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.core.messages import Messages

app = typer.Typer(no_args_is_help=True)

# What stands in for each placeholder: a long name that runs from right to left, and a long one that does not.
_SAMPLES = {
    "title": "\u0628\u0637\u0629 Rubber duck",
    "price": "₹499.00",
    "amount": "₹499.00",
    "receipt": "17",
    "number": "7",
    "version": "2026-11",
}


@app.callback()
def messages() -> None:
    """What the bot says to buyers, in every language.

    Examples:

      apay messages check

      apay messages preview bn
    """


@app.command("check")
@command
def check(env: Env) -> None:
    """Whether your own sentences ([messages] file) can be used; which languages there are.

    Example:

      apay messages check
    """
    from apaycli.core.messages import ENGLISH
    from apaycli.messagefile import translations

    loaded = _load(env)
    rows = []
    for language in loaded.languages:
        own = len(loaded.own.get(language, {}))
        ours = len(ENGLISH) if language == "en" else len(loaded.translated.get(language, {}))
        file = translations().get(language)
        reviewed = language == "en" or bool(file and file.get("reviewed"))
        rows.append((language, ours, own, "yes" if reviewed else "no" if ours else "-"))
    if env.output.as_json:
        names = ("language", "sentences", "own", "reviewed")
        env.output.document([dict(zip(names, row, strict=True)) for row in rows])
        return
    env.output.table(("LANGUAGE", "SENTENCES", "YOUR OWN", "REVIEWED"), rows)


@app.command("preview")
@command
def preview(env: Env, language: Annotated[str, typer.Argument(help="Such as en, bn or ur.")] = "en") -> None:
    """Every sentence by name, as a buyer with this language reads it, with sample values.

    Example:

      apay messages preview bn
    """
    from apaycli.core.messages import ENGLISH, base_language
    from apaycli.text import nearest, show

    loaded = _load(env)
    code = base_language(language)
    if code not in loaded.languages:
        raise UsageError(f"there is no sentence in {show(language, 20)!r}{nearest(code, loaded.languages)}")
    samples = _SAMPLES | {"agree": loaded.say("agree_button", code)}
    said = {name: loaded.say(name, code, **samples) for name in ENGLISH}
    if env.output.as_json:
        env.output.document(said)
        return
    for name, sentence in said.items():
        shown = show(_readable(sentence), 5000)
        if env.output.is_terminal(env.output.stdout):
            env.output.out(env.output.paint(name, "bold", env.output.stdout))
            env.output.paragraph(shown, "    ")
        else:
            env.output.out(f"{name}\t{shown}")


def _readable(sentence: str) -> str:
    """On one line, and without the marks that isolate what was put in: they are seen only by what they do."""
    return " / ".join(sentence.translate({0x2068: None, 0x2069: None}).splitlines())


def _load(env: Env) -> "Messages":
    from apaycli.messagefile import load_messages

    return load_messages(env.config.values.get("messages.file"), env.config.decline_wordings)
