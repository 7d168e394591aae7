"""The contract of the ledger is importable by name here, too."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
pytest.register_assert_rewrite("chapter", "contract_ledger", "contract_machine")
