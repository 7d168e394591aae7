"""`apay config`: which values are in force, and where each came from.

Knows how to show them; secrets by their last four characters only.
"""

from typing import Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command

app = typer.Typer(help="Where values come from.", no_args_is_help=True)


@app.command("show")
@command
def show_config(
    env: Env,
    origin: Annotated[bool, typer.Option("--origin", help="Also where each value came from.")] = False,
) -> None:
    """The settings in force.

    Examples:

      apay config show --origin

      apay config show --json
    """
    from apaycli.config import KEYS, shown_value

    config = env.config
    rows = [(key.name, shown_value(config, key), config.origins[key.name]) for key in KEYS]
    rows.append(("mode", env.mode, _mode_origin(env)))
    if env.output.as_json:
        env.output.document({name: {"value": value, "origin": where} for name, value, where in rows})
        return
    headers = ("KEY", "VALUE", "ORIGIN") if origin else ("KEY", "VALUE")
    env.output.table(headers, [row if origin else row[:2] for row in rows])


@app.command("path")
@command
def path(env: Env) -> None:
    """Where the config file is looked for.

    Example:

      apay config path
    """
    from apaycli.config_places import config_path

    where, _ = config_path(env.common.config, env.environ)
    if env.output.as_json:
        env.output.document({"path": str(where), "exists": where.exists()})
    else:
        env.output.out(str(where))


def _mode_origin(env: Env) -> str:
    if env.common.live:
        return "--live"
    return "APAY_LIVE" if env.environ.get("APAY_LIVE") else "default"
