"""`apay help`: short pages about what all commands share, a command's own help, and the man page.

Knows the topics by name and how a page is shown. What stands on them is `help_topics.py`'s; the man page is made in
`manpage.py` from the commands themselves.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.cli.help_topics import Page


@command
def help(
    env: Env,
    topic: Annotated[
        list[str] | None, typer.Argument(help="A topic, or a command. Without it: the topics.", show_default=False)
    ] = None,
    man: Annotated[bool, typer.Option("--man", help="The whole manual as a man page (roff).")] = False,
) -> None:
    """Pages about what all commands share: exit codes, environment, files, JSON.

    Examples:

      apay help

      apay help exit-codes

      apay help send-invoice

      apay help stock add

      apay help --man > apay.1 && man ./apay.1
    """
    from apaycli.cli.app import COMMANDS
    from apaycli.cli.help_topics import TOPICS

    words = topic or []
    if man:
        if words or env.common.as_json:
            raise UsageError("--man is the whole manual; it takes no topic and no --json")
        _write_man_page(env)
    elif not words:
        _list_topics(env)
    elif words[0] in COMMANDS:
        _show_command(words, env)
    elif words[0] in TOPICS and len(words) == 1:
        _show(words[0], TOPICS[words[0]](env.environ), env)
    else:
        raise _unknown(" ".join(words), [*TOPICS, *COMMANDS])


def _unknown(topic: str, known: list[str]) -> UsageError:
    from apaycli.text import nearest, show

    return UsageError(
        f"there is no topic {show(topic, 40)!r}{nearest(topic, known)}",
        hint="apay help lists the topics, apay --help the commands",
    )


def _list_topics(env: Env) -> None:
    from apaycli.cli.help_topics import TOPICS

    titles = [(name, page(env.environ).title) for name, page in TOPICS.items()]
    if env.output.as_json:
        env.output.document([{"topic": name, "title": title} for name, title in titles])
        return
    env.output.table(("TOPIC", "WHAT"), titles)
    env.output.say("apay: apay help TOPIC shows one; apay help COMMAND, apay explain CODE, apay --help")


def _show(topic: str, page: "Page", env: Env) -> None:
    output = env.output
    if output.as_json:
        rows = [{"name": row.name, "value": row.value, "meaning": row.meaning} for row in page.rows]
        output.document({"topic": topic, "title": page.title, "rows": rows, "notes": list(page.notes)})
        return
    if not output.is_terminal(output.stdout):
        for row in page.rows:
            output.out(f"{row.name}\t{row.value}\t{row.meaning}")
        for note in page.notes:
            output.out(note)
        return
    output.out(output.paint(page.title, "bold", output.stdout))
    output.out("")
    for row in page.rows:
        output.out(f"  {row.name}" + (f"  ({row.value})" if row.value else ""))
        output.paragraph(row.meaning, "      ")
    for note in page.notes:
        output.out("")
        output.paragraph(note, "")


def _show_command(words: list[str], env: Env) -> None:
    """The same as `apay NAME --help`, or `apay NAME SUBCOMMAND --help`."""
    from apaycli.cli.app import build_app

    rich_help = env.output.is_terminal(env.output.stdout)
    group = typer.main.get_command(build_app(words[:1], rich_help=rich_help))
    group.main(args=[*words, "--help"], prog_name="apay", standalone_mode=False, obj=env)


def _write_man_page(env: Env) -> None:
    from apaycli import __version__
    from apaycli.cli.app import build_app
    from apaycli.cli.help_topics import TOPICS
    from apaycli.cli.manpage import render_man_page

    sections = {name: page({}) for name, page in TOPICS.items()}
    env.output.stdout.write(render_man_page(typer.main.get_command(build_app()), __version__, sections))
