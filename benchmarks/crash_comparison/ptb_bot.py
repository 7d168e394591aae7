"""A small shop on python-telegram-bot, built the way its payment example is built.

    BOT_TOKEN=... API_URL=http://127.0.0.1:PORT SHOP_DB=shop.db python ptb_bot.py [--careful]

As the manual shows: an `Application` from the builder, a `PreCheckoutQueryHandler` that checks the payload and answers,
a `MessageHandler` for `SUCCESSFUL_PAYMENT` that thanks the buyer, `run_polling` with all update types. Ours: the stock
and the receipts of `bot_shop`; the receipt is on disk before the buyer is thanked.

`run_polling` puts the updates of a reply into a queue in memory and asks for the next ones at once, with an offset that
confirms them, while handlers take one update after the other from that queue.

`--careful` uses `CarefulShop` and `concurrent_updates(True)`, an option of the builder: handlers of different updates
run side by side, so that no buyer waits for another's reply. No option changes when updates are confirmed; whoever
wants that otherwise calls `Bot.get_updates` and `Application.process_update` in a loop of their own.
"""

import os
import sys

from bot_shop import CarefulShop, Shop
from telegram import Update
from telegram.ext import Application, ContextTypes, MessageHandler, PreCheckoutQueryHandler, filters

IS_CAREFUL = "--careful" in sys.argv
SHOP = (CarefulShop if IS_CAREFUL else Shop)(os.environ["SHOP_DB"])


async def on_pre_checkout_query(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    query = update.pre_checkout_query
    if not SHOP.has_product(query.invoice_payload):
        await query.answer(ok=False, error_message="This product is not ours.")
    elif not SHOP.may_pay(query.invoice_payload, query.from_user.id):
        await query.answer(ok=False, error_message="Sold out.")
    else:
        await query.answer(ok=True)


async def on_successful_payment(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    payment = update.message.successful_payment
    SHOP.record(
        payment.telegram_payment_charge_id,
        payment.invoice_payload,
        update.message.from_user.id,
        payment.total_amount,
    )
    await update.message.reply_text("Paid, thank you!")


def main() -> None:
    base_url = os.environ["API_URL"] + "/bot"
    builder = Application.builder().token(os.environ["BOT_TOKEN"]).base_url(base_url)
    application = builder.concurrent_updates(IS_CAREFUL).build()
    application.add_handler(PreCheckoutQueryHandler(on_pre_checkout_query))
    application.add_handler(MessageHandler(filters.SUCCESSFUL_PAYMENT, on_successful_payment))
    application.run_polling(allowed_updates=Update.ALL_TYPES)


if __name__ == "__main__":
    main()
