"""Seeds from the command line; this folder's own modules importable by name."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        one = metafunc.config.getoption("--seed")
        seeds = [one] if one is not None else range(metafunc.config.getoption("--seeds"))
        metafunc.parametrize("seed", seeds)
