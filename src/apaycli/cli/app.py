"""The command line: COMMANDS in, exit code out.

Knows every command's name, and the one place where an error becomes text and a code. Never what a command
does. Imports typer and the standard library only: everything heavy is imported where it is used.
"""

import errno
import importlib
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError

from apaycli.cli.ending import SignalReceived, let_go, output_lost, raise_signals
from apaycli.cli.env import Env
from apaycli.cli.options import LEADING
from apaycli.cli.output import Output
from apaycli.errors import ApayError, TooManyFiles, UsageError
from apaycli.text import bytes_visible, redact, show

# Each command lives in the module of its name, as a function of that name or as a typer app with subcommands.
COMMANDS = (
    *("send-invoice", "invoices", "links", "listen", "support", "check-live", "export", "stock", "hooks", "status"),
    *("backup", "restore", "purge", "verify", "deadletters", "messages", "commands", "config", "sandbox", "demo"),
    *("receipts", "find", "refunds", "disputes", "stats", "day", "reconcile", "init", "explain", "help"),
)

_HELP = """Sell in Telegram through A-Pay: send invoices, answer in time, keep the books.

The first steps: apay demo, then apay init; docs/first-invoice.md"""
_SECRET = re.compile(r"[0-9]+:(?:(?:TEST|LIVE):\S+|[A-Za-z0-9_-]{30,})")
_EXPLAINED = {4, 5, 9}  # a token, Telegram and A-Pay, the ledger
_CONTEXT = {"help_option_names": ["-h", "--help"]}


def build_app(names: Sequence[str] = COMMANDS, *, rich_help: bool = False) -> typer.Typer:
    """The command tree, or a part of it: a module costs a start only where it is asked for.

    Rich help only on a terminal: elsewhere half the time, and easier to search.
    """
    app = typer.Typer(
        name="apay",
        help=_HELP,
        no_args_is_help=True,
        add_completion=len(names) > 1,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if rich_help else None,
        context_settings=_CONTEXT,
    )
    app.callback()(lambda: None)  # a group even where one command is asked for
    for name in names:
        entry = _entry(name)
        if isinstance(entry, typer.Typer):
            entry.rich_markup_mode = app.rich_markup_mode
            app.add_typer(entry, name=name, context_settings=_CONTEXT)
        else:
            app.command(name, context_settings=_CONTEXT)(entry)
    return app


def _entry(name: str) -> Callable[..., None] | typer.Typer:
    attribute = name.replace("-", "_")
    module = importlib.import_module(f"apaycli.cli.{attribute}")
    entry: Callable[..., None] | typer.Typer = getattr(module, "app", None) or getattr(module, attribute)
    return entry


def _asked_for(arguments: Sequence[str]) -> Sequence[str]:
    """The command that stands first, alone; all of them for the help, a typo, or shell completion."""
    return [arguments[0]] if arguments and arguments[0] in COMMANDS else COMMANDS


def main(arguments: Sequence[str], env: Env | None = None) -> int:
    """Run one command; the exit code is the answer. All errors and signals end here."""
    env = env or Env(environ=os.environ)
    raise_signals()
    try:
        return _run(arguments, env)
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return _report_signal(signal.SIGINT, env, arguments)
    except SignalReceived as received:
        return _report_signal(received.number, env, arguments)
    except SystemExit as leaving:
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        return 0  # typer makes a failure of it; a reader who has seen enough is none
    except Exception as error:
        return _report(error, env, arguments)


def _run(arguments: Sequence[str], env: Env) -> int:
    _refuse_secrets(arguments)
    _refuse_unreadable(arguments)
    words = _commons_last(arguments)
    app = build_app(_asked_for(words), rich_help=sys.stdout is not None and sys.stdout.isatty())
    code = typer.main.get_command(app).main(args=words, prog_name="apay", standalone_mode=False, obj=env)
    _output(env, arguments).flush()
    return int(code) if isinstance(code, int) else 0


def _report_signal(number: int, env: Env, arguments: Sequence[str]) -> int:
    """One sentence, unless the signal is how this command usually ends."""
    output = _output(env, arguments)
    let_go(output.stdout)  # half a result is of no use, and its reader may stall
    if not env.runs_until_stopped:
        kept = f": {env.if_interrupted}" if env.if_interrupted else ""
        output.interrupted(f"{env.command_path or 'apay'} was interrupted{kept}")
    return 128 + number


def _refuse_unreadable(arguments: Sequence[str]) -> None:
    """Bytes that are no text cannot be sent, kept in the ledger or shown as JSON: not even as a file's name."""
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise UsageError(
                f"an argument is not UTF-8 text: {show(bytes_visible(argument))}",
                hint="set the terminal to UTF-8; a file with such a name must be renamed first",
            )


def _refuse_secrets(arguments: Sequence[str]) -> None:
    if any(_SECRET.search(argument) or argument.startswith("--token") for argument in arguments):
        raise UsageError(
            "a token on the command line can be read by everybody on this machine",
            hint="put it into APAY_BOT_TOKEN or a file that only you can read (token_file in the config)",
        )


def _commons_last(arguments: Sequence[str]) -> list[str]:
    """`apay --json stock` as `apay stock --json`: common options may stand before the command, too."""
    moved: list[str] = []
    rest = list(arguments)
    while rest and (name := rest[0].partition("=")[0]) in LEADING:
        moved.append(rest.pop(0))
        if LEADING[name] and "=" not in moved[-1] and rest:
            moved.append(rest.pop(0))
    if not rest:
        return list(arguments)
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], *moved, *rest[end:]]


def _output(env: Env, arguments: Sequence[str]) -> Output:
    """The command's own output, or one made for an error that came before the options were read."""
    if env.command_path or env.common.as_json:
        return env.output
    return env.make_output(env.environ, as_json="--json" in arguments)


def _report(error: Exception, env: Env, arguments: Sequence[str]) -> int:
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        error = TooManyFiles()
    output = _output(env, arguments)
    if isinstance(error, OSError) and error.filename is None and error.errno is not None:
        # Files are opened by name and say so; what has none is the stream that we write to.
        let_go(output.stdout)
        error = output_lost(error)
    if isinstance(error, ApayError):
        hint = env.here(error.hint or _pointer(error) or "") or None
        output.error(error.message, hint, error.slug, error.problems)
        return error.exit_code
    if isinstance(error, typer.Exit | typer.Abort):
        return int(getattr(error, "exit_code", 1))
    if isinstance(error, ClickException):
        return _report_usage(error, output)
    import traceback

    report = redact("".join(traceback.format_exception(error)))
    place = "" if env.common.debug else _write_report(report, env)
    output.error(f"unexpected: {type(error).__name__} (a bug in apay)", place or None, "unexpected")
    if env.common.debug:
        output.last_words("".join(show(line, 1000) + "\n" for line in report.splitlines()))
    return 1


def _pointer(error: ApayError) -> str | None:
    """Where an error is explained that names no remedy itself. Wrong usage and files say all there is to say."""
    explained = error.exit_code in _EXPLAINED and error.slug != "telegram" and not error.problems
    return f"apay explain {error.slug}" if explained else None


def _report_usage(error: ClickException, output: Output) -> int:
    message = error.format_message()
    if isinstance(error, NoArgsIsHelpError):
        output.last_words(message.rstrip() + "\n")
        return UsageError.exit_code
    ctx: Any = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "apay"
    message = message[:1].lower() + message[1:].rstrip(".").replace("\n", " ")
    output.error(message, f"{path} --help", UsageError.slug)
    return UsageError.exit_code


def _write_report(report: str, env: Env) -> str:
    from apaycli.config_places import state_folder
    from apaycli.files import make_folder

    path = Path(state_folder(env.environ)) / "last-bug.txt"
    try:
        make_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(report)
    except OSError:
        return "run it again with --debug to see the report"
    return f"the report lies in {path}; --debug prints it"
