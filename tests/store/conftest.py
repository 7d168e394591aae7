"""The contract's modules are not test files; their assertions shall speak all the same."""

import pytest

pytest.register_assert_rewrite(
    "contract",
    "contract_audit",
    "contract_books",
    "contract_checkout",
    "contract_ledger",
    "contract_machine",
    "contract_receipts",
    "contract_stats",
)
