"""How many power cuts, from the command line; this folder's own modules importable by name."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from power_campaign import IMAGES_PER_DAY

IMAGES = 2_000


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each day is a test of its own: a long campaign stays below the time that one test may take."""
    if "day_seed" in metafunc.fixturenames:
        images = metafunc.config.getoption("--images", default=IMAGES) or IMAGES
        metafunc.parametrize("day_seed", range(-(-images // IMAGES_PER_DAY)))
