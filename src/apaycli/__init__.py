"""apay: invoices, pre-checkout answers and receipts for merchants who sell in Telegram through A-Pay."""

__version__ = "0.1.0"
