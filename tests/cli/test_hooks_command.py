"""`apay hooks`: what ran, what failed, what waits; retry and release."""

import pytest

from apaycli.core.hooks import HookState
from ledger_rows import receipt
from shop import Shop


def queued(shop: Shop, state: HookState, failure: str | None = None) -> int:
    with shop.store() as store, store.transaction() as tx:
        receipt_id = tx.record_receipt(receipt(1), 1, b"{}", 1)
        tx.queue_hooks(receipt_id, {"program": state}, 1)
        if failure is not None:
            (hook,) = tx.claim_hooks(2, 3, ("program",), 1)
            tx.record_hook(hook.hook_id, failure=failure, again_at=None)
    return receipt_id


def test_the_list_says_what_went_wrong_harmlessly(shop: Shop) -> None:
    receipt_id = queued(shop, "pending", "ended with 1: \x1b[2Jno such account")
    done = shop.run("hooks", "list")
    assert done.code == 0
    assert f"{receipt_id}\tprogram\tfailed\t1\t" in done.out
    assert "\\x1b[2Jno such account" in done.out
    (row,) = shop.run("hooks", "list", "--json").json
    assert (row["receipt_id"], row["state"], row["attempts"]) == (str(receipt_id), "failed", 1)


@pytest.mark.parametrize(("state", "found"), [("failed", 0), ("waiting", 1)])
def test_the_list_can_be_narrowed(shop: Shop, state: str, found: int) -> None:
    queued(shop, "waiting")
    assert len(shop.run("hooks", "list", "--state", state, "--json").json) == found
    assert shop.run("hooks", "list", "--state", "odd").code == 2


def test_retry_is_for_what_failed_and_release_for_what_waits(shop: Shop) -> None:
    receipt_id = queued(shop, "waiting")
    assert shop.run("hooks", "retry", str(receipt_id)).code == 2
    assert shop.run("hooks", "release", str(receipt_id)).code == 0
    with shop.store() as store:
        assert [(row.state, row.attempts) for row in store.hooks()] == [("pending", 0)]
    assert shop.run("hooks", "release", str(receipt_id)).code == 2
    assert shop.run("hooks", "retry", "999").code == 2
