"""`apay commands`: what Telegram shows in the bot's menu.

Knows which commands the listener answers, and how they are published per language.
"""

from typing import Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command

app = typer.Typer(no_args_is_help=True)
_NAMES = ("start", "terms", "support", "paysupport")


@app.callback()
def commands() -> None:
    """What Telegram shows in the bot's menu.

    Example:

      apay commands publish
    """


@app.command("publish")
@command
def publish(env: Env) -> None:
    """Put /start, /terms, /support and /paysupport into the bot's menu, in every language. What was there is replaced.

    Example:

      apay commands publish
    """
    from apaycli.messagefile import load_messages

    messages = load_messages(env.config.values.get("messages.file"), env.config.decline_wordings)
    api = env.open_api()
    rows: list[tuple[str, Any]] = []
    try:
        env.say_where("@" + str(api.read("getMe").get("username", "")))
        for language in messages.languages:
            if len(language) != 2:
                continue  # Telegram takes two letters
            listed = [{"command": name, "description": messages.say(f"command_{name}", language)} for name in _NAMES]
            code = {} if language == "en" else {"language_code": language}  # without a code: for everybody else
            api.read("setMyCommands", {"commands": listed} | code)
            rows.append((language, listed))
    finally:
        api.close()
    if env.output.as_json:
        env.output.document([{"language": language, "commands": listed} for language, listed in rows])
        return
    env.output.table(
        ("LANGUAGE", "COMMANDS"),
        [(language, ", ".join("/" + each["command"] for each in listed)) for language, listed in rows],
    )
