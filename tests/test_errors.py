"""Exit codes and slugs are a contract with scripts: a number once used never gets a second meaning."""

import pytest

from apaycli import errors

CONTRACT = {  # product.md, section 10
    errors.ApayError: (1, "unexpected"),
    errors.UsageError: (2, "usage"),
    errors.ConfigError: (3, "config"),
    errors.TokenError: (4, "token"),
    errors.TelegramError: (5, "telegram"),
    errors.TooManyFiles: (5, "too_many_files"),
    errors.NotGood: (6, "not_good"),
    errors.AnotherListener: (7, "another_listener"),
    errors.NeedsConfirmation: (8, "needs_confirmation"),
    errors.LedgerError: (9, "ledger"),
    errors.LedgerUnavailable: (9, "ledger"),
    errors.LedgerLost: (9, "ledger"),
    errors.OutputError: (9, "output"),
}


@pytest.mark.parametrize("kind", CONTRACT, ids=lambda kind: kind.__name__)
def test_exit_code_and_slug_are_kept(kind: type[errors.ApayError]) -> None:
    assert (kind.exit_code, kind.slug) == CONTRACT[kind]


def test_every_error_of_the_room_is_in_the_contract() -> None:
    classes = {value for value in vars(errors).values() if isinstance(value, type)}
    assert classes == set(CONTRACT)


def test_an_error_says_what_and_what_to_do() -> None:
    error = errors.LedgerError("the ledger is locked", hint="stop the other program")
    assert (str(error), error.message, error.hint) == (
        "the ledger is locked",
        "the ledger is locked",
        "stop the other program",
    )
    assert errors.LedgerError("x").hint is None


def test_a_config_error_carries_every_problem() -> None:
    error = errors.ConfigError("2 problems", problems=("a", "b"))
    assert error.problems == ("a", "b")
    assert errors.ConfigError("one").problems == ()
