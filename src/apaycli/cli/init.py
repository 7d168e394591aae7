"""`apay init`: from an empty folder to a config, a stock file, terms and tokens, checked before they appear.

Knows the options, the order of the conversation, and what is said at its end. What a good answer is stands in
`init_answers.py` and `init_tokens.py`, the files in `init_files.py`; that they appear together is `files_together.py`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command

if TYPE_CHECKING:
    from apaycli.cli.init_tokens import Bot
    from apaycli.errors import ApayError

_WORDS = ("currency", "title", "price", "stock", "support", "sku", "description", "terms_version")


@dataclass(frozen=True, slots=True)
class Options:
    """`words`: the answers that were given as options, by name."""

    folder: Path | None = None
    bot_token_file: Path | None = None
    provider_token_file: Path | None = None
    words: Mapping[str, str] | None = None
    offline: bool = False
    dry_run: bool = False
    yes: bool = False


@command
def init(
    env: Env,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where; else the user's config folder.")
    ] = None,
    bot_token_file: Annotated[Path | None, typer.Option(help="Holds the bot token; - is stdin.")] = None,
    provider_token_file: Annotated[Path | None, typer.Option(help="Holds Paykassma Test's; - is stdin.")] = None,
    currency: Annotated[str | None, typer.Option(help="A code such as INR.")] = None,
    title: Annotated[str | None, typer.Option(help="A first product.")] = None,
    price: Annotated[str | None, typer.Option(help="In major units: 499 or 19.99.")] = None,
    stock: Annotated[str | None, typer.Option(help="How many, or unlimited.")] = None,
    support: Annotated[str | None, typer.Option(help="@username, phone, or a sentence.")] = None,
    sku: Annotated[str | None, typer.Option(help="The product's short name; else from the title.")] = None,
    description: Annotated[str | None, typer.Option(help="What buyers read; else the title.")] = None,
    terms_version: Annotated[str | None, typer.Option(help="Else this month.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask Telegram whose token it is.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Check all of it, write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace what is there; a copy stays.")] = False,
) -> None:
    """Set a shop up: a few questions, then its files.

    Writes config, stock file, terms and tokens, which only you can read. With --no-input it takes the tokens from
    APAY_BOT_TOKEN and APAY_TEST_PROVIDER_TOKEN (or files), and the rest from options, each with a default.

    Examples:

      apay init

      apay init shop --currency BDT --title "Rubber duck" --price 500

      apay init --no-input --bot-token-file token --provider-token-file test-token
    """
    given = (currency, title, price, stock, support, sku, description, terms_version)
    words = {name: text for name, text in zip(_WORDS, given, strict=True) if text is not None}
    run(Options(folder, bot_token_file, provider_token_file, words, offline, dry_run, yes), env)


def run(options: Options, env: Env) -> None:
    """Ask or collect, check, write, say what comes next. Until all is good, nothing is written."""
    from apaycli.cli.asking import can_ask

    env.if_interrupted = "nothing was written"
    config = _place(options, env)
    _refuse_unwritable(config.parent)
    api_url = _api_url(env)
    bot, provider_token, answers = (
        _conversation(options, env, api_url, config.parent) if can_ask(env) else _collected(options, env, api_url)
    )
    answers["api_url"] = api_url if env.environ.get("APAY_API_URL") else None
    _say_what_was_understood(env, bot, provider_token, answers)
    _write(options, env, config, bot, _texts(config, bot, provider_token, answers))


def _place(options: Options, env: Env) -> Path:
    """Where the config will lie. Asked only where nothing says it."""
    from apaycli.cli.asking import ask, can_ask
    from apaycli.config_places import config_path
    from apaycli.errors import UsageError

    usual, named = config_path(env.common.config, env.environ)
    if options.folder is not None and env.common.config is not None:
        raise UsageError("DIR and --config both say where", hint="leave one out")
    if options.folder is None and not named and can_ask(env):
        chosen = Path(ask(env, "Where shall config, stock file and ledger lie", str(usual.parent))).expanduser()
        return usual if chosen == usual.parent else chosen / "config.toml"
    return usual if options.folder is None else options.folder / "config.toml"


def _refuse_unwritable(folder: Path) -> None:
    """Before anything is asked: eight answers for nothing are seven too many."""
    from apaycli.errors import UsageError

    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if not there.is_dir():
        raise UsageError(f"{there} is not a folder", hint="choose another place: apay init DIR")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"nothing can be written into {there}", hint="choose another place: apay init DIR")


def _api_url(env: Env) -> str:
    from apaycli.config import DEFAULT_API_URL
    from apaycli.config_values import BadValue, parse_api_url
    from apaycli.errors import ConfigError

    try:
        return parse_api_url(env.environ.get("APAY_API_URL") or DEFAULT_API_URL, Path())
    except BadValue as bad:
        raise ConfigError(f"APAY_API_URL {bad}") from None


def _conversation(options: Options, env: Env, api_url: str, folder: Path) -> "tuple[Bot, str | None, dict[str, Any]]":
    """A given answer is not asked for. A token that was given and is wrong ends it: the environment would go before the
    file for every other command, too."""
    from apaycli.cli import init_tokens
    from apaycli.cli.init_answers import DERIVED, QUESTIONS

    def identify(token: str) -> "Bot":
        bot = init_tokens.identify(env, api_url, token, offline=options.offline)
        env.output.say(f"  {_named(bot)}")
        return bot

    given = init_tokens.given_token(init_tokens.BOT, options.bot_token_file, env)
    bot = init_tokens.ask_bot(env, folder, identify) if given is None else identify(init_tokens.good_bot_token(given))
    given = init_tokens.given_token(init_tokens.PROVIDER, options.provider_token_file, env)
    provider_token = (
        init_tokens.ask_provider_token(env, folder) if given is None else init_tokens.good_provider_token(given)
    )
    answers: dict[str, Any] = {"month": _month(env)}
    for question in QUESTIONS:
        answers[question.name] = _asked(question, answers, options, env)
    for question in DERIVED:
        answers[question.name] = _given_or_default(question, answers, options)
    return bot, provider_token, answers


def _asked(question: Any, answers: dict[str, Any], options: Options, env: Env) -> Any:
    from apaycli.cli.asking import ask, complain
    from apaycli.cli.init_answers import BadAnswer

    text = (options.words or {}).get(question.name)
    while True:
        if text is None:
            text = ask(env, question.ask(answers), question.default(answers))
        try:
            return question.read(text, answers)
        except BadAnswer as bad:
            complain(env, str(bad))
            text = None


def _given_or_default(question: Any, answers: dict[str, Any], options: Options) -> Any:
    from apaycli.cli.init_answers import BadAnswer
    from apaycli.errors import UsageError

    text = (options.words or {}).get(question.name)
    try:
        return question.read(question.default(answers) if text is None else text, answers)
    except BadAnswer as bad:
        raise UsageError(f"{question.option} {bad}") from None


def _collected(options: Options, env: Env, api_url: str) -> "tuple[Bot, str | None, dict[str, Any]]":
    """Nobody can be asked: everything that is missing or wrong is named at once."""
    from apaycli.cli import init_tokens
    from apaycli.cli.init_answers import DERIVED, QUESTIONS
    from apaycli.errors import ApayError, TokenError, UsageError

    wrong: list[ApayError] = []
    bot_token = _token_or_problem(init_tokens.BOT, "--bot-token-file", options.bot_token_file, env, wrong)
    provider_token = _token_or_problem(
        init_tokens.PROVIDER, "--provider-token-file", options.provider_token_file, env, wrong
    )
    answers: dict[str, Any] = {"month": _month(env)}
    for question in (*QUESTIONS, *DERIVED):
        given = question.name in (options.words or {})
        if answers.keys() >= {*question.needs, *(() if given else question.default_needs)}:
            try:
                answers[question.name] = _given_or_default(question, answers, options)
            except UsageError as error:
                wrong.append(error)
    if wrong:
        kind = TokenError if all(isinstance(error, TokenError) for error in wrong) else UsageError
        together = kind("answers are missing or wrong, and nobody can be asked here", hint="apay init --help")
        together.problems = tuple(error.message for error in wrong)
        raise together
    return init_tokens.identify(env, api_url, bot_token, offline=options.offline), provider_token, answers


def _token_or_problem(secret: Any, option: str, file: Path | None, env: Env, wrong: "list[ApayError]") -> str:
    from apaycli.cli import init_tokens
    from apaycli.errors import TokenError

    try:
        given = init_tokens.given_token(secret, file, env)
        if given is None or not given.strip():
            raise TokenError(f"there is no {secret.label}: set {secret.variable}, or {option} FILE")
        good = init_tokens.good_bot_token if secret is init_tokens.BOT else init_tokens.good_provider_token
        return good(given)
    except TokenError as error:
        wrong.append(error)
        return ""


def _month(env: Env) -> str:
    from apaycli.clock import render_instant

    return render_instant(env.clock.now())[:7]


def _named(bot: "Bot") -> str:
    from apaycli.text import show

    return f"bot {bot.bot_id}, not asked for" if bot.username is None else f"this is @{show(bot.username)}"


def _say_what_was_understood(env: Env, bot: "Bot", provider_token: str | None, answers: dict[str, Any]) -> None:
    from apaycli.checks.owner_items import CONTACT
    from apaycli.cli.init_answers import price_in_words, price_warning
    from apaycli.cli.init_tokens import doubt_about
    from apaycli.text import show

    env.output.say(f"apay: {_named(bot)}; {show(answers['title'])} ({answers['sku']}) for {price_in_words(answers)}")
    no_contact = None
    if not CONTACT.search(answers["support"]):
        no_contact = (
            "the answer to /support names no @username, phone number, e-mail address or page; check-live asks for one"
            " ([support] text)"
        )
    for warning in (price_warning(answers["price"], answers["currency"]), doubt_about(provider_token), no_contact):
        if warning is not None:
            env.output.warn(warning)
    for variable in ("APAY_STORE", "APAY_STOCK"):
        if env.environ.get(variable):
            env.output.warn(f"{variable} is set, and goes before what the config says")


def _texts(config: Path, bot: "Bot", provider_token: str | None, answers: dict[str, Any]) -> dict[str, str]:
    """Each file by its name; the config last: what it names is there when it appears."""
    from apaycli.cli.init_files import config_text, stock_text, terms_text

    texts = {"bot-token": bot.token + "\n"}
    if provider_token is not None:
        texts["provider-test-token"] = provider_token + "\n"
    return texts | {
        "stock.toml": stock_text(answers),
        "terms.txt": terms_text(answers),
        config.name: config_text(answers),
    }


def _write(options: Options, env: Env, config: Path, bot: "Bot", texts: dict[str, str]) -> None:
    from apaycli.cli.init_writing import forget_lost_ledger, next_command, say_the_end, states_of, write_files

    states = states_of(env, config.parent, texts, yes=options.yes)
    anew = not options.dry_run and not os.path.lexists(config)
    rows = write_files(env, config, texts, states, dry_run=options.dry_run)
    if anew:
        forget_lost_ledger(env, config)
    env.if_interrupted = "" if options.dry_run else f"the files in {config.parent} are written"
    following = next_command(env, config)
    if env.output.as_json:
        env.output.document(
            {
                "folder": str(config.parent),
                "bot_id": bot.bot_id,
                "bot_username": bot.username,
                "files": [row.document() for row in rows],
                "next": following,
            }
        )
        return
    env.output.table(("FILE", "STATE", "BEFORE"), [(row.path, row.state, row.before) for row in rows])
    env.output.flush()
    if not options.dry_run:
        say_the_end(env, texts["terms.txt"], following)
