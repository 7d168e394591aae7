"""Named moments between two steps, at which a test ends the process as kill -9 would.

Knows their names and nothing of what stands around them. In production `reach` does nothing: only a test
that starts the program itself can replace `on_reach` (`tests/crash/armed.py`); no option and no variable does.
"""

from collections.abc import Callable

# In the order of a sale. Each is hit by `tests/crash`, which also fails when one is never reached.
POINTS = (
    "ledger_opened",
    "run_recorded",
    "batch_received",
    "transaction_begun",
    "decision_recorded",
    "receipt_recorded",
    "before_commit",
    "after_commit_before_answer",
    "queries_committed_before_the_rest",
    "before_answer_sent",
    "after_answer_before_its_record",
    "answers_recorded",
    "before_confirm",
    "after_confirm",
    "reservations_expired",
    "hook_claimed",
    "hook_ran_before_its_record",
    "hook_recorded",
    "notice_sent_before_its_record",
    "before_stop_recorded",
    "invoice_recorded_before_it_is_sent",
    "invoice_sent_before_its_record",
)

on_reach: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """The process has come to `point`, one of POINTS."""
    if on_reach is not None:
        on_reach(point)
