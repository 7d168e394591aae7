"""A small shop on aiogram 3, built the way its manual builds a bot.

    BOT_TOKEN=... API_URL=http://127.0.0.1:PORT SHOP_DB=shop.db python aiogram_bot.py [--careful]

As the manual shows: a `Dispatcher`, a handler for `pre_checkout_query`, a `message` handler with the filter
`F.successful_payment`, `start_polling`. Ours: the stock and the receipts of `bot_shop`; the receipt is on disk before
the buyer is thanked.

By default `start_polling` makes a task of each update and asks for the next ones at once, with an offset that confirms
them. `--careful` uses `CarefulShop` and `handle_as_tasks=False`, an option of `start_polling`: then each update is
handled to its end before the next request confirms it, and a buyer waits for the answers of all buyers before them.
"""

import asyncio
import os
import sys

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message, PreCheckoutQuery
from bot_shop import CarefulShop, Shop

IS_CAREFUL = "--careful" in sys.argv
SHOP = (CarefulShop if IS_CAREFUL else Shop)(os.environ["SHOP_DB"])
dispatcher = Dispatcher()


@dispatcher.pre_checkout_query()
async def on_pre_checkout_query(query: PreCheckoutQuery) -> None:
    if not SHOP.has_product(query.invoice_payload):
        await query.answer(ok=False, error_message="This product is not ours.")
    elif not SHOP.may_pay(query.invoice_payload, query.from_user.id):
        await query.answer(ok=False, error_message="Sold out.")
    else:
        await query.answer(ok=True)


@dispatcher.message(F.successful_payment)
async def on_successful_payment(message: Message) -> None:
    payment = message.successful_payment
    SHOP.record(
        payment.telegram_payment_charge_id,
        payment.invoice_payload,
        message.from_user.id,
        payment.total_amount,
    )
    await message.answer("Paid, thank you!")


async def main() -> None:
    session = AiohttpSession(api=TelegramAPIServer.from_base(os.environ["API_URL"]))
    bot = Bot(os.environ["BOT_TOKEN"], session=session)
    await dispatcher.start_polling(bot, handle_as_tasks=not IS_CAREFUL)


if __name__ == "__main__":
    asyncio.run(main())
