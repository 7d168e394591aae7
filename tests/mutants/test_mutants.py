"""A suite that cannot fail proves nothing: each deliberate mistake must turn it red."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mutants import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project without what a run leaves behind."""
    ignored = shutil.ignore_patterns("__pycache__", "mutants", ".*")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "sample-config.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_suite_notices(mutant: Mutant, copy: Path) -> None:
    file = copy / "src" / "apaycli" / mutant.file
    source = file.read_text("utf-8")
    assert source.count(mutant.before) == 1, "the source has moved on: adjust the mutant"
    file.write_text(source.replace(mutant.before, mutant.after), "utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(  # noqa: PLW1510 - the code is looked at
        [sys.executable, "-m", "pytest", *mutant.tests, "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=copy,
        env=environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, f"not noticed:\n{done.stdout[-2000:]}{done.stderr[-500:]}"
