"""The listener against the sandbox on a virtual clock: killed between any two steps, and the books are right.

One seed is one story. More of them, or one again:

    python3 bootstrap.py test tests/simulation --seeds 5000
    python3 bootstrap.py test tests/simulation --seed 123
"""

import pytest
from simulation_checker import violations
from simulation_story import Story, new_story, play
from simulation_time import run_virtually


def played(seed: int) -> Story:
    story = new_story(seed)
    run_virtually(story.clock, play(story))
    return story


def test_the_books_are_right_whatever_happened(seed: int) -> None:
    story = played(seed)
    found = list(violations(story))
    story.store.close()
    assert not found, f"python3 bootstrap.py test tests/simulation --seed {seed}\n" + "\n".join(found)


def test_a_seed_plays_the_same_story_again() -> None:
    first, second = played(7), played(7)
    assert first.points == second.points
    assert first.events == second.events
    assert first.events


@pytest.fixture(scope="module")
def many() -> list[Story]:
    return [played(seed) for seed in range(60)]


def test_stories_are_worth_telling(many: list[Story]) -> None:
    """Faults that never strike prove nothing: over some seeds each kind of trouble has been met."""
    points = {point for story in many for point in story.points}
    assert {"before a transaction", "after a commit", "before the reply to answerPreCheckoutQuery is read"} <= points
    assert any(story.lives > 2 for story in many)
    outcomes = {checkout.outcome for story in many for checkout in story.checkouts}
    assert {"accepted", "declined", "timeout", "shipping_timeout"} <= outcomes
    assert any(checkout.shipping_amount for story in many for checkout in story.checkouts if checkout.charges)
    assert any(checkout.invoice.form.start_parameter == "p_duck" for story in many for checkout in story.checkouts)
    assert any(row for story in many for row in story.store.db.execute("SELECT 1 FROM acceptances"))
    kinds = {type(event).__name__ for story in many for event in story.events}
    assert {
        "Answered",
        "Paid",
        "PaymentRepeated",
        "Expired",
        "DeadLetter",
        "Trouble",
        "LedgerStopped",
        "LedgerBack",
    } <= kinds
