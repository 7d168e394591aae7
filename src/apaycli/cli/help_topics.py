"""The pages of `apay help`, made from what is in force: exit codes, environment, files, JSON.

Knows which facts belong on a page; takes them from the explanations, the keys of the config and the places of files.
Never knows how a page is shown.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Row(NamedTuple):
    """`value` is what stands there now, or what it belongs to; may be empty."""

    name: str
    value: str
    meaning: str


class Page(NamedTuple):
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


# What no key of the config says.
_FURTHER_VARIABLES = {
    "APAY_CONFIG": "The config file, instead of the one in APAY_HOME. --config goes before it.",
    "APAY_HOME": "The folder that holds config.toml, and beside it whatever the config names without a folder.",
    "APAY_LIVE": "1: real money, as with --live; for a service. A value in a file never switches to live.",
    "NO_COLOR": "Anything: no colours. --color goes before it.",
    "FORCE_COLOR": "Anything: colours, though the output is no terminal.",
    "TZ": "The time zone in which a day begins for export, stats, day and purge; else the machine's own.",
    "HTTPS_PROXY": "A proxy on the way to Telegram and A-Pay; also ALL_PROXY and NO_PROXY.",
}
_MEANINGS = {
    "APAY_BOT_TOKEN": "The bot token from @BotFather.",
    "APAY_API_URL": "The Bot API server; the sandbox prints its own.",
    "APAY_TEST_PROVIDER_TOKEN": "The provider token of Paykassma Test.",
    "APAY_LIVE_PROVIDER_TOKEN": "The provider token of Paykassma Live.",
    "APAY_STORE": "The ledger: a path, or sqlite:PATH.",
    "APAY_STOCK": "The stock file.",
    "APAY_API_KEY": "The key of A-Pay's own API.",
    "APAY_HOOK_SECRET": "What signs the calls to hooks.on_paid_url.",
}
_JSON = (
    Row(
        "--json", "", "One document on stdout; listen writes one object per line. Errors come as JSON, too, on stderr."
    ),
    Row(
        "amounts",
        "total_amount",
        "Whole numbers of the smallest unit (paise, cents), beside their currency: 49900 and INR are ₹499.00.",
    ),
    Row("instants", "_at", "UTC, such as 2026-11-24T06:40:36Z."),
    Row("ids", "_id", "Text where they may outgrow a spreadsheet or a program's numbers."),
    Row(
        "errors",
        "error",
        '{"error": {"code", "message", "hint"}}, and problems for files; stdout is empty then. apay explain CODE.',
    ),
)


def exit_codes(environ: Mapping[str, str]) -> Page:
    from apaycli.explanations import explanations

    rows = [Row(entry.code, "", entry.happened) for entry in explanations() if entry.kind == "exit"]
    return Page(
        "Exit codes: what a script or a monitor sees",
        tuple(rows),
        ("A number once used never gets another meaning. apay explain 'exit 9' says who must act and what to do.",),
    )


def environment(environ: Mapping[str, str]) -> Page:
    """Every variable of a config key, and those that no key has; set ones are marked, never shown."""
    from apaycli.config import KEYS

    rows = [
        Row(key.environment, key.name, _MEANINGS.get(key.environment, "See the key in sample-config.toml."))
        for key in KEYS
        if key.environment
    ]
    rows += [Row(name, "", meaning) for name, meaning in _FURTHER_VARIABLES.items()]
    return Page(
        "Environment: what is read from it, and which config key it stands for",
        tuple(rows),
        (
            "Order: command line, environment, config file, default. apay config show --origin says where each value"
            " comes from. With the tokens, APAY_STORE and APAY_STOCK set, no config file is needed.",
        ),
    )


def files(environ: Mapping[str, str]) -> Page:
    from apaycli.config_places import config_path, state_folder

    config = str(config_path(None, environ)[0]) if environ else "~/.config/apay/config.toml"
    state = str(state_folder(environ)) if environ else "~/.local/state/apay"
    return Page(
        "Files: what lies where",
        (
            Row(
                "config",
                config,
                "Settings, one file a bot; sample-config.toml has every key. Private if it holds a token.",
            ),
            Row("stock", "stock.file", "Products, prices, units offered. You write it; the listener only reads it."),
            Row(
                "ledger",
                "store.url",
                "Everything that was sold. SQLite; beside it -wal and -shm while it is used: never copy one without the"
                " others, use apay backup. .lock says who uses it.",
            ),
            Row("tokens", "*_file", "Token files hold one token each and can be read by you alone."),
            Row("messages", "messages.file", "Your own words for what the bot says."),
            Row("backups", "backup.dir", "Consistent copies of the ledger, opened again and checked."),
            Row("state", state, "Which ledgers are known; last-bug.txt after a fault of apay. No tokens are in it."),
        ),
        (
            "Paths inside the config are relative to the config's folder. Nothing is ever picked up from the current"
            " folder. apay config path and apay config show say what is in force here.",
        ),
    )


def json_page(environ: Mapping[str, str]) -> Page:
    return Page(
        "JSON: what --json writes",
        _JSON,
        ("Keys are added, never renamed or removed. docs/json.md lists the keys of each command.",),
    )


TOPICS: dict[str, Callable[[Mapping[str, str]], Page]] = {
    "exit-codes": exit_codes,
    "environment": environment,
    "files": files,
    "json": json_page,
}
