"""`apay config set-secret`: a token or key into the place where apay looks for it.

Knows the places, what is asked, and what is said about them. Never takes a secret as an argument, never shows more than
its end. What a secret must look like is `pastes.py`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.ending import cannot_write
from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import LedgerError, TokenError, UsageError

if TYPE_CHECKING:
    from apaycli.config_secrets import Secret


@command
def set_secret(
    env: Env,
    name: Annotated[
        str, typer.Argument(help="bot-token, test-provider-token, live-provider-token, hook-secret or apay-key.")
    ],
    source: Annotated[str | None, typer.Argument(metavar="[-]", help="-: from stdin. Else it is asked for.")] = None,
    keyring: Annotated[bool, typer.Option("--keyring", help="Into the system keyring, not a file.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Another bot's token, too.")] = False,
) -> None:
    """Put a token or key in its place.

    It is asked for hidden, checked, and written for your eyes only. A running listener takes a new bot token up by
    itself.

    Examples:

      apay config set-secret live-provider-token

      pass show shop/bot-token | apay config set-secret bot-token -

      apay config set-secret hook-secret --keyring
    """
    from apaycli.pastes import is_usual_apay_key
    from apaycli.text import hide, last_four

    secret = _secret_named(name)
    if source not in {None, "-"}:
        raise UsageError(
            "a secret on the command line can be read by everybody on this machine",
            hint=f"apay config set-secret {name} asks for it; with - it comes from stdin",
        )
    shows = env.output.is_terminal(env.stdin)  # stdin is a person: what is typed there must not be seen
    text = _checked(secret, _typed(secret, env) if source is None or shows else _from_stdin(env))
    hide(text)
    _refuse_another_bot(secret, text, env, yes=yes)
    place, line = _into_keyring(secret, text, env) if keyring else _into_file(secret, text, env)
    if env.output.as_json:
        env.output.document({"secret": name, "place": place, "last_four": last_four(text), "config_line": line})
    else:
        env.output.out(f"{name}\t{last_four(text)}\t{place}")
    _say_what_stands_in_the_way(secret, line, env, keyring=keyring)
    if secret.name == "apay-key" and not is_usual_apay_key(text):
        env.output.warn("A-Pay's keys have 32 letters and digits, this one has not; compare it")


def _secret_named(name: str) -> "Secret":
    from apaycli.config_secrets import SECRETS
    from apaycli.text import nearest, show

    found = {secret.name: secret for secret in SECRETS}
    if name not in found:
        raise UsageError(f"{show(name, 40)} is no secret{nearest(name, found)}", hint=f"one of {', '.join(found)}")
    return found[name]


def _typed(secret: "Secret", env: Env) -> str:
    """Asked for until it is good. Raises UsageError where nobody can be asked."""
    from apaycli.cli.asking import ask_hidden, can_ask, complain
    from apaycli.errors import ConfigError

    if not can_ask(env):
        raise UsageError("nobody can be asked here", hint=f"apay config set-secret {secret.name} - reads stdin")
    while True:
        text = ask_hidden(env, secret.label[:1].upper() + secret.label[1:])
        try:
            return _checked(secret, text)
        except (TokenError, ConfigError) as error:
            complain(env, f"{error.message}; {error.hint}" if error.hint else error.message)


def _from_stdin(env: Env) -> str:
    from apaycli.pastes import SECRET_BYTES_MAX

    return env.stdin.read(SECRET_BYTES_MAX + 1)


def _checked(secret: "Secret", text: str) -> str:
    """The secret as it is kept. Raises TokenError or ConfigError."""
    from apaycli import pastes

    kept = pastes.unwrapped(text)
    if not kept:
        raise TokenError(f"there is no {secret.label} in it")
    if len(kept) > pastes.SECRET_BYTES_MAX:
        raise TokenError(f"the {secret.label} is longer than {pastes.SECRET_BYTES_MAX} characters")
    checks: Mapping[str, Callable[[], str]] = {
        "bot-token": lambda: pastes.checked_bot_token(kept),
        "test-provider-token": lambda: pastes.checked_provider_token(kept, "test"),
        "live-provider-token": lambda: pastes.checked_provider_token(kept, "live"),
        "hook-secret": lambda: "\n".join(pastes.checked_hook_secrets(kept)),
        "apay-key": lambda: pastes.checked_apay_key(kept),
    }
    return checks[secret.name]()


def _refuse_another_bot(secret: "Secret", text: str, env: Env, *, yes: bool) -> None:
    """One config is one bot, and so is its ledger: a token of another bot is a mistake more often than not."""
    from apaycli.pastes import bot_id_of

    if secret.name != "bot-token":
        return
    try:
        before = env.config.bot_id()
    except TokenError:
        return
    if bot_id_of(text) != before:
        bound = _bot_of_the_ledger(env)
        ledger = f", and the ledger is bot {bound}'s" if bound not in {None, bot_id_of(text)} else ""
        env.output.warn(f"this is the token of bot {bot_id_of(text)}; until now it was bot {before}{ledger}")
        env.confirm("Put it in place all the same?", yes=yes)


def _bot_of_the_ledger(env: Env) -> int | None:
    try:
        store = env.open_store(read_only=True)
    except LedgerError:
        return None  # there is none yet, or it has trouble of its own
    try:
        return store.bot_id()
    finally:
        store.close()


def _into_file(secret: "Secret", text: str, env: Env) -> tuple[str, str | None]:
    """Where it was written, and the line that the config lacks."""
    from apaycli.cli.target import refuse_shop_file, shown_path
    from apaycli.files import FileProblem
    from apaycli.files_together import write_private

    named = env.config.values.get(f"{secret.key}_file")
    file = Path(named) if named is not None else env.config.folder / secret.file
    refuse_shop_file(file, env, shown_path(file), but=f"the {secret.label}")
    try:
        write_private(file, text + "\n")
    except FileProblem as problem:
        raise cannot_write(f"the {secret.label} cannot be written: {problem}", problem.__cause__) from None
    return str(file), None if named is not None else f'{secret.key}_file = "{secret.file}"'


def _into_keyring(secret: "Secret", text: str, env: Env) -> tuple[str, str | None]:
    from apaycli.config_secrets import KEYRING_SERVICE, keyring_set

    named = env.config.values.get("secrets.keyring")
    service = named or KEYRING_SERVICE
    keyring_set(service, secret.name, text)
    return f"keyring {service}", None if named else f'secrets.keyring = "{KEYRING_SERVICE}"'


def _say_what_stands_in_the_way(secret: "Secret", line: str | None, env: Env, *, keyring: bool) -> None:
    """What else must be done before this very secret is the one in force."""
    config = env.config
    where = config.path or config.folder / "config.toml"
    if line is not None:
        section, _, words = line.partition(".")
        env.output.say(f"apay: {where} does not name this place yet; add under [{section}]: {words}")
    if config.origins[secret.key] == secret.variable:
        env.output.warn(f"{secret.variable} is set, and goes before this")
    elif config.values.get(secret.key) is not None:
        env.output.warn(f"{where} itself holds {secret.key}, which goes before this: take that line out")
    if keyring and config.values.get(f"{secret.key}_file") is not None:
        env.output.warn(f"{where} names {secret.key}_file, which goes before the keyring: take that line out")
