"""Fixtures for the command line: a shop in a folder of its own, and signal handlers as they were."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shop import Shop


@pytest.fixture
def shop(tmp_path: Path, restored_signals: None) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def restored_signals() -> Iterator[None]:
    """`main` installs handlers for SIGTERM and SIGHUP; the next test must not inherit them."""
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    yield
    for name, handler in before.items():
        signal.signal(name, handler)


def pytest_configure() -> None:
    """A shell's background job ignores these signals, and so would every process that a test starts. A umask of 002
    makes files that apay refuses, as it must."""
    os.umask(0o022)
    for name, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(name) is signal.SIG_IGN:
            signal.signal(name, usual)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Longer campaigns are the same tests with larger numbers."""
    parser.addoption("--seeds", type=int, default=500, help="how many stories the simulation plays")
    parser.addoption("--seed", type=int, default=None, help="play this one story only")
    parser.addoption("--kills", type=int, default=1_000, help="how often tests/crash ends the program with kill -9")
    parser.addoption("--soak-minutes", type=float, default=1.0, help="how long tests/soak sells under trouble")
    parser.addoption("--soak-rate", type=float, default=25.0, help="buyers a second in tests/soak")
    parser.addoption("--images", type=int, default=2_000, help="how many power cuts tests/powercut plays")
    parser.addoption("--machine-steps", type=int, default=25_000, help="steps of the state machine over the ledger")
    parser.addoption("--fuzzed-updates", type=int, default=100_000, help="how many spoiled updates tests/fuzz sends")
