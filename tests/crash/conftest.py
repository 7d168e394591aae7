"""Chapters from the command line, a nursery for each worker, and one line of figures at the end."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "simulation"))  # the judge of ledgers is shared
sys.path.insert(0, str(Path(__file__).parents[1] / "botapi"))  # and the judge of requests

from crash_campaign import KILLS
from crash_judge import FIGURES
from crash_process import Nursery


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """--kills N is cut into chapters of KILLS. --seed S plays chapter S in all of them: no machine repeats exactly."""
    if "chapter" in metafunc.fixturenames:
        kills, seed = metafunc.config.getoption("--kills"), metafunc.config.getoption("--seed")
        chapters = [
            (number if seed is None else seed, min(KILLS, kills - begin))
            for number, begin in enumerate(range(0, kills, KILLS))
        ]
        metafunc.parametrize("chapter", chapters, ids=[f"{number}-{seed}" for number, (seed, _) in enumerate(chapters)])


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The sum of what the chapters recorded, also when they ran in several workers."""
    sums = Counter[str]()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                sums.update({name: value for name, value in report.user_properties if name in FIGURES})
    if sums:
        terminalreporter.write_line("crash: " + ", ".join(f"{sums[name]} {name}" for name in FIGURES))
