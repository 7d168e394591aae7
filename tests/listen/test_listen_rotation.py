"""The bot token is changed while the listener runs: it goes on with the new one, and ends where there is none."""

import asyncio

import pytest
from rig import ASHA, RAHIM, Rig

from apaycli.botapi.client import Reply
from apaycli.errors import TokenError
from apaycli.listen import events
from apaycli.listen.listener import Listener


class Drawer:
    """Where the merchant keeps the token: `fresh_token` of the setting."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.new: str | None = None
        self.asked = 0
        rig.http.bot_token = rig.world.bot_token

    def revoke(self, ending: str = "B") -> str:
        """BotFather's /revoke: from now on only the new token is taken."""
        self.rig.world.bot_token = self.rig.world.bot_token[:-1] + ending
        return self.rig.world.bot_token

    def fresh_token(self) -> str | None:
        self.asked += 1
        new, self.new = self.new, None
        return new


@pytest.fixture
def drawer(rig: Rig) -> Drawer:
    rig.invoice()
    return Drawer(rig)


def taken(rig: Rig) -> int:
    return len(rig.happened(events.TokenTaken))


def test_a_token_that_was_put_in_place_is_taken_at_the_first_refusal(rig: Rig, drawer: Drawer) -> None:
    async def story(_listener: Listener) -> None:
        drawer.new = drawer.revoke()
        checkout = await rig.buy()
        assert (checkout.outcome, checkout.payment) == ("accepted", "paid")

    rig.listen(story, fresh_token=drawer.fresh_token)
    assert (taken(rig), len(rig.happened(events.Trouble))) == (1, 0)
    assert len(rig.receipts()) == 1
    rig.truth_kept()


def test_one_that_comes_a_minute_later_is_taken_within_seconds_and_nothing_is_lost(rig: Rig, drawer: Drawer) -> None:
    async def story(_listener: Listener) -> None:
        checkout = await rig.press()
        new = drawer.revoke()
        await rig.until(lambda: rig.happened(events.Trouble))
        rig.world.buyers.pay(checkout.checkout_id)
        put_at = rig.clock.monotonic() + 60
        await rig.until(lambda: rig.clock.monotonic() >= put_at, 61)
        assert rig.receipts() == []
        drawer.new = new
        await rig.until(lambda: taken(rig), 3)
        await rig.quiet()

    rig.listen(story, fresh_token=drawer.fresh_token)
    assert len(rig.receipts()) == 1
    trouble = rig.happened(events.Trouble)[0]
    assert "does not accept the bot token" in trouble.message
    assert "set-secret bot-token" in (trouble.hint or "")
    rig.truth_kept()


def test_an_answer_that_met_the_change_is_still_in_time(rig: Rig, drawer: Drawer) -> None:
    async def story(_listener: Listener) -> None:
        new = drawer.revoke()
        checkout = rig.world.buyers.press_pay("order-1001", RAHIM)
        put_at = rig.clock.monotonic() + 4
        await rig.until(lambda: rig.clock.monotonic() >= put_at, 5)
        assert checkout.outcome is None
        drawer.new = new
        await rig.until(lambda: checkout.outcome)
        assert checkout.outcome == "accepted"

    rig.listen(story, fresh_token=drawer.fresh_token)


def test_many_answers_that_are_refused_together_take_one_new_token(rig: Rig, drawer: Drawer) -> None:
    rig.invoice("many", chat_id="@sandbox_channel")
    post = rig.http.post

    async def slow(method: str, body: bytes, timeout_seconds: float) -> Reply:
        reply = await post(method, body, timeout_seconds)
        await asyncio.sleep(0.5)  # both are on their way before the first is refused
        return reply

    async def story(_listener: Listener) -> None:
        drawer.new = drawer.revoke()
        rig.http.post = slow  # type: ignore[method-assign]
        checkouts = [rig.world.buyers.press_pay("many", buyer) for buyer in (RAHIM, ASHA)]
        await rig.until(lambda: all(checkout.outcome for checkout in checkouts))
        assert {checkout.outcome for checkout in checkouts} == {"accepted"}

    rig.listen(story, fresh_token=drawer.fresh_token)
    assert (taken(rig), drawer.asked) == (1, 1)
    rig.truth_kept()


def test_where_none_comes_the_run_ends_after_two_minutes(rig: Rig, drawer: Drawer) -> None:
    begun = 0.0

    async def story(_listener: Listener) -> None:
        nonlocal begun
        drawer.revoke()
        checkout = rig.world.buyers.press_pay("order-1001", RAHIM)
        await rig.until(lambda: rig.happened(events.Trouble))
        begun = rig.clock.monotonic()
        await rig.until(lambda: False, 600)
        assert checkout.outcome

    with pytest.raises(TokenError) as caught:
        rig.listen(story, fresh_token=drawer.fresh_token)
    assert caught.value.exit_code == 4
    assert 110 < rig.clock.monotonic() - begun < 140
    rig.truth_kept()


def test_a_slip_is_mended_by_the_next_one(rig: Rig, drawer: Drawer) -> None:
    async def story(_listener: Listener) -> None:
        new = drawer.revoke()
        drawer.new = new[:-1] + "C"
        rig.world.buyers.press_pay("order-1001", RAHIM)
        await rig.until(lambda: rig.happened(events.Trouble))
        drawer.new = new
        assert (await rig.buy()).payment == "paid"

    rig.listen(story, fresh_token=drawer.fresh_token)
    assert taken(rig) == 2
    rig.truth_kept()


def test_a_token_of_another_bot_ends_the_run(rig: Rig, drawer: Drawer) -> None:
    def fresh_token() -> str | None:
        raise TokenError("the new bot token is of another bot, 5")

    async def story(_listener: Listener) -> None:
        drawer.revoke()
        rig.world.buyers.press_pay("order-1001", RAHIM)
        await rig.until(lambda: False, 600)

    with pytest.raises(TokenError, match="of another bot"):
        rig.listen(story, fresh_token=fresh_token)


def test_a_token_that_never_worked_is_not_waited_for(rig: Rig, drawer: Drawer) -> None:
    drawer.revoke()
    begun = rig.clock.monotonic()
    with pytest.raises(TokenError):
        rig.listen(None, ready=False, fresh_token=drawer.fresh_token)
    assert (drawer.asked, len(rig.http.requests)) == (1, 1)
    assert rig.clock.monotonic() - begun < 5


def test_one_that_cannot_change_is_not_waited_for(rig: Rig, drawer: Drawer) -> None:
    async def story(_listener: Listener) -> None:
        drawer.revoke()
        rig.world.buyers.press_pay("order-1001", RAHIM)
        await rig.until(lambda: False, 60)

    with pytest.raises(TokenError):
        rig.listen(story)
    assert rig.happened(events.Trouble) == []
