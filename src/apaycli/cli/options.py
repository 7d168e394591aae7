"""The options that every command has, written once.

`@command` turns `function(env, own options...)` into what typer wants: the same function with the common
options behind its own. So `--json`, `-q` and the others stand in every `--help`, and after any command.
"""

import inspect
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from apaycli.cli.ending import SignalReceived
from apaycli.cli.env import Common, Env

_COMMON: dict[str, tuple[Any, Any]] = {
    "config": (
        Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The config file.", show_default=False)],
        None,
    ),
    "live": (Annotated[bool, typer.Option("--live", help="Real money. Without it: test.")], False),
    "as_json": (Annotated[bool, typer.Option("--json", help="The result as JSON; errors too.")], False),
    "quiet": (Annotated[bool, typer.Option("--quiet", "-q", help="Only results and errors.")], False),
    "verbose": (
        Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more.", show_default=False)],
        0,
    ),
    "color": (Annotated[str, typer.Option("--color", metavar="WHEN", help="auto, always or never.")], "auto"),
    "no_input": (Annotated[bool, typer.Option("--no-input", help="Never ask; fail instead.")], False),
    "strict": (Annotated[bool, typer.Option("--strict", help="An unknown key in the config is an error.")], False),
    "debug": (Annotated[bool, typer.Option("--debug", help="On a bug, print the report.")], False),
}
# Options that may also stand before the command, and whether a value follows.
LEADING = {
    "--config": True, "--live": False, "--json": False, "--quiet": False, "-q": False, "--verbose": False,
    "-v": False, "-vv": False, "--color": True, "--no-input": False, "--strict": False,
    "--debug": False,
}  # fmt: skip


def _merged(before: Common, given: dict[str, Any]) -> Common:
    """What was said before a subcommand holds for it, too: `apay stock --live count` must not count the test stock."""
    unsaid = Common()
    return replace(before, **{name: value for name, value in given.items() if value != getattr(unsaid, name)})


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Typer's view of `function`: its own parameters after `env`, then the common ones."""
    own = list(inspect.signature(function).parameters.values())[1:]

    def run(ctx: typer.Context, **values: Any) -> None:
        env: Env = ctx.obj
        env.common = _merged(env.common, {name: values.pop(name) for name in _COMMON})
        if env.common.color not in {"auto", "always", "never"}:
            raise typer.BadParameter("takes auto, always or never", param_hint="--color")
        if ctx.invoked_subcommand is None:
            env.command_path = ctx.command_path
            try:
                function(env, **values)
            except KeyboardInterrupt:
                raise SignalReceived(signal.SIGINT) from None  # typer would keep it to itself

    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in _COMMON.items()
    ]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *(parameter.replace(kind=keyword) for parameter in own), *common]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run
