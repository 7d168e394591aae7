"""What to answer about delivery once Telegram has refused an answer.

Knows two rules of Telegram's library of July 2026 by their words; never which server has them, or how often an answer
was sent.
"""

from dataclasses import replace

from apaycli.core.conversation import BUTTON_UNITS_MAX, AnswerShippingQuery
from apaycli.core.model import STAND_IN_ID, LabeledPrice, ShippingOption
from apaycli.core.wording import cut_at_word

_TOTAL_NOT_POSITIVE, _OPTION_MISSING = "total price must be positive", "at least one shipping option"


def shipping_answer_after(answer: AnswerShippingQuery, refusal: str) -> AnswerShippingQuery | None:
    """What to answer once Telegram has refused `answer` with these words; None where nothing else is left to try.

    Since July 2026 Telegram's library takes no option that costs nothing, and no `ok=false` without options. Which
    servers run it is not known, so that the plain form goes first. A refusal is then sent with an option beside it,
    which cannot be chosen; where the server does not look at that, as the only option there is, named like the
    refusal. A buyer who takes it is declined by the pre-checkout, since no invoice has it.
    """
    said = refusal.lower()
    if _TOTAL_NOT_POSITIVE in said:
        costing = tuple(option for option in answer.options if option.total_amount > 0)
        return replace(answer, options=costing) if len(costing) < len(answer.options) else None
    if _OPTION_MISSING in said and not answer.options:
        if answer.stand_in is not None:
            return replace(answer, options=(answer.stand_in,))
        words = cut_at_word(answer.error_message or "", BUTTON_UNITS_MAX)
        return replace(answer, stand_in=ShippingOption(STAND_IN_ID, words, (LabeledPrice(words, 1),)))
    return None
