"""`apay config`: which values are in force, and where each came from.

Knows how to show them; secrets by their last four characters only.
"""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.set_secret import set_secret

if TYPE_CHECKING:
    from apaycli.config_secrets import Whereabouts

app = typer.Typer(help="Where values come from.", no_args_is_help=True)


@app.command("show")
@command
def show_config(
    env: Env,
    origin: Annotated[bool, typer.Option("--origin", help="Also where each value came from.")] = False,
) -> None:
    """The settings in force. Of a secret: where it lies, and its last four characters.

    Examples:

      apay config show --origin

      apay config show --json
    """
    from apaycli.config import KEYS, shown_value

    config = env.config
    secrets = {each.secret.key: each for each in config.secret_whereabouts()}
    rows = [
        _secret_row(key.name, secrets[key.name])
        if key.name in secrets
        else _Row(key.name, shown_value(config, key), config.origins[key.name])
        for key in KEYS
    ]
    rows.append(_Row("mode", env.mode, _mode_origin(env)))
    if env.output.as_json:
        env.output.document({row.name: {"value": row.value, "origin": row.origin, **row.more} for row in rows})
        return
    for problem in dict.fromkeys(each.problem for each in secrets.values()):  # one keyring, one sentence
        if problem is not None:
            env.output.warn(problem)
    headers = ("KEY", "VALUE", "ORIGIN") if origin else ("KEY", "VALUE")
    env.output.table(headers, [(row.name, row.value, row.origin) if origin else (row.name, row.told) for row in rows])


class _Row(NamedTuple):
    """One setting. `more`: what JSON has besides."""

    name: str
    value: str | None
    origin: str
    more: dict[str, Any] = {}  # noqa: RUF012 - never changed

    @property
    def told(self) -> str | None:
        """A secret's place is part of what is shown."""
        place = self.more.get("place")
        if place is None:
            return self.value
        return f"{self.value} ({self.origin if place == 'keyring' else f'{place}: {self.origin}'})"


def _secret_row(name: str, secret: "Whereabouts") -> _Row:
    found = secret.found
    more: dict[str, Any] = {"place": None if found is None else found.place}
    if secret.problem is not None:
        more["problem"] = secret.problem
    return _Row(name, None if found is None else found.last_four, secret.origin, more)


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


app.command("set-secret")(set_secret)


def _mode_origin(env: Env) -> str:
    if env.common.live:
        return "--live"
    return "APAY_LIVE" if env.environ.get("APAY_LIVE") else "default"
