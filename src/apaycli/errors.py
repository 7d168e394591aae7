"""Every error that apay reports, with its exit code and slug.

Knows the exit codes of the program and nothing else of it. `cli/app.py` is the one place that turns
an error into text and code. A number once used never gets a second meaning.

    ApayError (1)
    ├── UsageError (2)               the command line
    ├── ConfigError (3)              config or stock file; carries every problem found
    ├── TokenError (4)               bot or provider token missing, wrong or revoked
    ├── TelegramError (5)            Telegram unreachable or refusing
    │   └── TooManyFiles             this process may open no more files, so no connection either
    ├── NotGood (6)                  it worked, and the answer is "not good"
    ├── AnotherListener (7)          another listener or a webhook holds this bot
    ├── NeedsConfirmation (8)        a question that nobody could be asked
    ├── LedgerError (9)              the ledger cannot be read or written
    │   ├── LedgerUnavailable        not now: nothing was changed, and it may be tried again
    │   └── LedgerLost               its file is not at its place any more, or another one is
    └── OutputError (9)              a result cannot be written: the disk is full, failing or read-only

Voice: what happened, lower case, no full stop; the hint is a command or a setting.
"""


class ApayError(Exception):
    """An error that a person can act on. `slug` is stable and appears as `error.code` with `--json`."""

    exit_code = 1
    slug = "unexpected"
    problems: tuple[str, ...] = ()  # whole sentences, where there are several

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ApayError):
    exit_code = 2
    slug = "usage"


class ConfigError(ApayError):
    """`problems` are whole sentences, each with file, key and what is allowed."""

    exit_code = 3
    slug = "config"

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class TokenError(ApayError):
    exit_code = 4
    slug = "token"


class TelegramError(ApayError):
    exit_code = 5
    slug = "telegram"


class TooManyFiles(TelegramError):
    slug = "too_many_files"
    remedy = "raise the limit and start again: ulimit -n 1024 (in a systemd unit: LimitNOFILE=1024)"

    def __init__(self, message: str = "too many files are open: the limit for one process is reached") -> None:
        super().__init__(message, hint=self.remedy)


class NotGood(ApayError):
    exit_code = 6
    slug = "not_good"


class AnotherListener(ApayError):
    exit_code = 7
    slug = "another_listener"


class NeedsConfirmation(ApayError):
    exit_code = 8
    slug = "needs_confirmation"


class LedgerError(ApayError):
    exit_code = 9
    slug = "ledger"


class LedgerUnavailable(LedgerError):
    """Somebody else holds the ledger's lock, or its disk is full: nothing of this transaction is durable."""


class LedgerLost(LedgerError):
    """The ledger that is known was moved, deleted or replaced. Nothing more may be promised or confirmed with it."""


class OutputError(ApayError):
    """As for the ledger, the disk refuses: make room and run it again. The slug tells the two apart."""

    exit_code = 9
    slug = "output"
