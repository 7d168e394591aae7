-- The ledger. One file is one bot's. Version 1.
--
-- History
--   1  first release
--
-- Instants (*_at) are milliseconds since 1970-01-01 UTC. Amounts are integers in the smallest unit of the
-- currency beside them. Every table is STRICT, so that no fraction and no word slips into a number.

-- Facts about the ledger itself: bot_id; acknowledged_at, up to when the owner has seen gaps and conflicts;
-- apay_methods, what A-Pay last told of its payment methods; apay_deposit_key, which of our ids led to its deposits.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every invoice that was, or was about to be, sent: written before the request leaves.
CREATE TABLE invoices (
    invoice_id TEXT PRIMARY KEY,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    invoice_payload TEXT NOT NULL UNIQUE CHECK (length(CAST(invoice_payload AS BLOB)) BETWEEN 1 AND 128),
    chat_id TEXT NOT NULL,
    sku TEXT,                                   -- NULL: an invoice without a product
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    currency TEXT NOT NULL,
    prices TEXT NOT NULL,                       -- JSON [[label, amount], ...]
    total_amount INTEGER NOT NULL CHECK (total_amount BETWEEN 1 AND 999999999999),
    quantity INTEGER NOT NULL CHECK (quantity >= 1),
    max_tip_amount INTEGER NOT NULL CHECK (max_tip_amount >= 0),
    suggested_tip_amounts TEXT NOT NULL,        -- JSON [amount, ...]
    photo_url TEXT,
    need TEXT NOT NULL,                         -- JSON ["name", ...]
    shipping TEXT NOT NULL,                     -- JSON [[id, title, [[label, amount], ...], [country, ...]], ...]
    provider_data TEXT,                         -- JSON text of the merchant's own
    forwarding TEXT NOT NULL CHECK (forwarding IN ('pay-button', 'deep-link')),
    start_parameter TEXT,                       -- the invoice's own, or p_SKU: a forwarded copy leads to the product
    uses_max INTEGER CHECK (uses_max >= 1),     -- NULL: unlimited
    uses_held INTEGER NOT NULL DEFAULT 0 CHECK (uses_held >= 0),
    uses_paid INTEGER NOT NULL DEFAULT 0 CHECK (uses_paid >= 0),
    buyer_id INTEGER,                           -- only this user may pay
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    cancelled_at INTEGER,
    -- sending: the request may or may not have left (also after a crash); unknown: it left, no answer came.
    send_state TEXT NOT NULL CHECK (send_state IN ('sending', 'sent', 'refused', 'unknown')),
    message_id INTEGER,
    link TEXT,                                  -- where chat_id is 'link'
    campaign TEXT,                              -- one sending to many chats; NULL: sent to its chat alone
    sent_at INTEGER,
    send_error TEXT,
    CHECK (uses_max IS NULL OR uses_held + uses_paid <= uses_max)
) STRICT;
CREATE INDEX invoices_chat ON invoices (chat_id, mode, sku, created_at);
CREATE UNIQUE INDEX invoices_start ON invoices (start_parameter)
    WHERE start_parameter IS NOT NULL AND start_parameter NOT GLOB 'p_*';
CREATE UNIQUE INDEX invoices_campaign ON invoices (campaign, chat_id) WHERE campaign IS NOT NULL;

-- Basic groups that became supergroups: the old id is dead, wherever it is written down.
CREATE TABLE moved_chats (
    chat_id TEXT PRIMARY KEY,
    migrate_to_chat_id TEXT NOT NULL CHECK (migrate_to_chat_id <> chat_id)
) STRICT, WITHOUT ROWID;

-- Units per SKU and mode. What is offered stands in the stock file, not here.
CREATE TABLE stock (
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    sku TEXT NOT NULL,
    held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    sold INTEGER NOT NULL DEFAULT 0 CHECK (sold >= 0),
    PRIMARY KEY (mode, sku)
) STRICT, WITHOUT ROWID;

-- One use of an invoice and its units, held for one buyer. pending -> posted, voided or expired, once.
CREATE TABLE reservations (
    reservation_id INTEGER PRIMARY KEY,
    invoice_id TEXT NOT NULL REFERENCES invoices,
    buyer_id INTEGER NOT NULL,
    mode TEXT NOT NULL,
    sku TEXT,
    quantity INTEGER NOT NULL CHECK (quantity >= 1),
    state TEXT NOT NULL CHECK (state IN ('pending', 'posted', 'voided', 'expired')),
    entries INTEGER NOT NULL DEFAULT 1,         -- accepted queries that rest on it
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    CHECK ((state = 'pending') = (ended_at IS NULL))
) STRICT;
CREATE UNIQUE INDEX reservations_live ON reservations (invoice_id, buyer_id) WHERE state = 'pending';
CREATE INDEX reservations_due ON reservations (expires_at) WHERE state = 'pending';
CREATE INDEX reservations_buyer ON reservations (mode, sku, buyer_id) WHERE state = 'pending';

-- The answer to each pre-checkout query, before it leaves: a row never changes its decision.
CREATE TABLE decisions (
    pre_checkout_query_id TEXT PRIMARY KEY,
    update_id INTEGER NOT NULL,
    ok INTEGER NOT NULL CHECK (ok IN (0, 1)),
    reason TEXT,
    error_message TEXT,
    invoice_id TEXT REFERENCES invoices,
    reservation_id INTEGER REFERENCES reservations,
    buyer_id INTEGER NOT NULL,
    currency TEXT,
    total_amount INTEGER,
    decided_at INTEGER NOT NULL,
    -- How sending it went: NULL (not known), sent, too_old, failed.
    answer_outcome TEXT CHECK (answer_outcome IN ('sent', 'too_old', 'failed')),
    answered_at INTEGER,
    answer_milliseconds INTEGER,
    CHECK (ok = (reason IS NULL)),
    CHECK (ok = (error_message IS NULL))
) STRICT;
CREATE INDEX decisions_open ON decisions (decided_at) WHERE answer_outcome IS NULL;

-- Money that arrived, one row per charge. Never changed afterwards, save for the *_state columns.
CREATE TABLE receipts (
    receipt_id INTEGER PRIMARY KEY,
    telegram_payment_charge_id TEXT NOT NULL UNIQUE,
    provider_payment_charge_id TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    flag TEXT CHECK (flag IN ('late', 'oversold', 'duplicate', 'amount_mismatch', 'unmatched')),
    invoice_id TEXT REFERENCES invoices,
    reservation_id INTEGER UNIQUE REFERENCES reservations,
    invoice_payload TEXT NOT NULL,
    sku TEXT,
    title TEXT,
    quantity INTEGER NOT NULL CHECK (quantity >= 1),
    booked_units INTEGER NOT NULL CHECK (booked_units IN (0, quantity)),
    booked_uses INTEGER NOT NULL CHECK (booked_uses IN (0, 1)),
    currency TEXT,
    total_amount INTEGER CHECK (total_amount BETWEEN 0 AND 999999999999),   -- NULL: unreadable, see evidence
    tip_amount INTEGER NOT NULL CHECK (tip_amount >= 0),
    shipping_amount INTEGER NOT NULL DEFAULT 0,
    shipping_option_id TEXT,
    buyer_id INTEGER,
    buyer_username TEXT,
    buyer_name TEXT,
    paid_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    update_id INTEGER NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('polling', 'webhook')),
    digest TEXT NOT NULL,                       -- SHA-256 of the received bytes
    row_digest TEXT NOT NULL,                   -- SHA-256 of the columns that never change: store/digests.py
    refund_state TEXT CHECK (refund_state IN ('due', 'done')),
    refund_reason TEXT CHECK (refund_reason <> ''),     -- of one that the merchant marked; a flag says it by itself
    dispute_state TEXT CHECK (dispute_state <> ''),
    hook_state TEXT
) STRICT;
CREATE INDEX receipts_paid ON receipts (paid_at, receipt_id);
CREATE INDEX receipts_buyer ON receipts (mode, sku, buyer_id);
CREATE INDEX receipts_refund_due ON receipts (paid_at) WHERE refund_state = 'due';

-- What buyers typed into the form. Apart from the money, so that it can be purged.
CREATE TABLE order_info (
    receipt_id INTEGER PRIMARY KEY REFERENCES receipts,
    name TEXT,
    phone_number TEXT,
    email TEXT,
    shipping_address TEXT                       -- JSON object of the Bot API
) STRICT;

-- What `apay find` reads through, row by row: narrow, and the newest at its end. Written by the triggers alone.
CREATE TABLE receipt_search (
    receipt_id INTEGER PRIMARY KEY,
    mode TEXT NOT NULL,
    paid_at INTEGER NOT NULL,
    currency TEXT,
    total_amount INTEGER,
    buyer_id INTEGER,
    text TEXT NOT NULL                          -- a line each: charge ids, @username, phone, e-mail, names
) STRICT;

-- Characters that take no room, such as U+200B, as a class of GLOB (45 is its hyphen): INVISIBLE of text.py.
CREATE VIEW invisible_characters AS
SELECT '[' || char(173, 847, 1564, 4447, 4448, 6068, 6069, 6155, 45, 6159, 8203, 45, 8207, 8234, 45, 8238,
    8288, 45, 8303, 12644, 65024, 45, 65039, 65279, 65440, 65520, 45, 65531, 113824, 45, 113827, 119155, 45, 119162,
    917504, 45, 921599) || ']' AS class;

-- What must stand there. Strangers' line feeds are blanks, and only the line of the username begins with @. Of a phone number
-- its digits alone. Invisible characters are left out, or a name would not be found as it is seen: letter by letter, which is
-- slow, so where there are any, and among the first 4000 characters.
CREATE VIEW receipt_search_wanted AS
SELECT receipt_id, mode, paid_at, currency, total_amount, buyer_id, charges || char(10) || CASE
    WHEN people GLOB '*[^' || char(1, 45, 127) || ']*'
        AND people GLOB (SELECT '*' || class || '*' FROM invisible_characters) THEN (
        WITH RECURSIVE walk (rest, letter, kept) AS (
            SELECT substr(people, 1, 4000), '', ''
            UNION ALL
            SELECT substr(rest, 2), substr(rest, 1, 1),
                kept || CASE WHEN letter GLOB (SELECT class FROM invisible_characters) THEN '' ELSE letter END
            FROM walk WHERE rest || letter <> ''
        )
        SELECT kept || substr(people, 4001) FROM walk WHERE rest || letter = ''
    )
    ELSE people END AS text
FROM (SELECT receipt_id, mode, paid_at, currency, total_amount, buyer_id,
    replace(telegram_payment_charge_id, char(10), ' ') || char(10)
        || replace(provider_payment_charge_id, char(10), ' ') AS charges,
    '@' || replace(coalesce(buyer_username, ''), char(10), ' ') || char(10)
        || ' ' || replace(replace(replace(replace(replace(replace(
            coalesce(phone_number, ''), char(10), ' '), ' ', ''), '-', ''), '+', ''), '(', ''), ')', '') || char(10)
        || ' ' || replace(coalesce(email, ''), char(10), ' ') || char(10)
        || ' ' || replace(coalesce(name, ''), char(10), ' ') || char(10)
        || ' ' || replace(coalesce(buyer_name, ''), char(10), ' ') AS people
    FROM receipts LEFT JOIN order_info USING (receipt_id));
CREATE TRIGGER receipt_search_recorded AFTER INSERT ON receipts BEGIN
    INSERT OR REPLACE INTO receipt_search SELECT * FROM receipt_search_wanted WHERE receipt_id = NEW.receipt_id;
END;
CREATE TRIGGER receipt_search_changed AFTER UPDATE OF mode, paid_at, currency, total_amount, buyer_id, buyer_username,
    buyer_name, telegram_payment_charge_id, provider_payment_charge_id ON receipts BEGIN
    INSERT OR REPLACE INTO receipt_search SELECT * FROM receipt_search_wanted WHERE receipt_id = NEW.receipt_id;
END;
CREATE TRIGGER receipt_search_form AFTER INSERT ON order_info BEGIN
    INSERT OR REPLACE INTO receipt_search SELECT * FROM receipt_search_wanted WHERE receipt_id = NEW.receipt_id;
END;
CREATE TRIGGER receipt_search_form_changed AFTER UPDATE ON order_info BEGIN
    INSERT OR REPLACE INTO receipt_search SELECT * FROM receipt_search_wanted WHERE receipt_id = NEW.receipt_id;
END;
CREATE TRIGGER receipt_search_form_purged AFTER DELETE ON order_info BEGIN
    INSERT OR REPLACE INTO receipt_search SELECT * FROM receipt_search_wanted WHERE receipt_id = OLD.receipt_id;
END;

-- The received bytes of payment updates. kind: receipt; conflict: the same charge id with other content
-- (the first stands); refund: refunded_payment, which exists for Telegram Stars only.
CREATE TABLE evidence (
    digest TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('receipt', 'conflict', 'refund')),
    telegram_payment_charge_id TEXT NOT NULL,
    update_id INTEGER NOT NULL,
    raw BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (kind, digest)
) STRICT;

-- The outbox: what is to be done for a receipt, written in its transaction. pending: due at due_at, unless a run is
-- under way until lease_until; waiting: the merchant must release it first; failed: given up after 24 hours.
CREATE TABLE hooks (
    hook_id INTEGER PRIMARY KEY,
    receipt_id INTEGER NOT NULL REFERENCES receipts,
    kind TEXT NOT NULL CHECK (kind IN ('program', 'url')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'waiting', 'done', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at INTEGER NOT NULL,
    lease_until INTEGER,
    first_attempt_at INTEGER,
    last_attempt_at INTEGER,
    failure TEXT,                               -- what the last attempt said; NULL after a good one
    UNIQUE (receipt_id, kind)
) STRICT;
CREATE INDEX hooks_due ON hooks (due_at) WHERE state = 'pending';

-- Money that went back, by A-Pay's dashboard or by hand: the merchant's word and the transfer's own reference. A transfer
-- that came back stays: both movements are in the books, each on its day.
CREATE TABLE refunds (
    refund_id INTEGER PRIMARY KEY,
    receipt_id INTEGER NOT NULL REFERENCES receipts,
    reference TEXT NOT NULL CHECK (reference <> ''),
    done_at INTEGER NOT NULL,
    came_back_at INTEGER
) STRICT;
CREATE UNIQUE INDEX refunds_standing ON refunds (receipt_id) WHERE came_back_at IS NULL;

-- A buyer or a bank disputes a payment. Open until the merchant says how it ended.
CREATE TABLE disputes (
    dispute_id INTEGER PRIMARY KEY,
    receipt_id INTEGER NOT NULL REFERENCES receipts,
    reason TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    outcome TEXT CHECK (outcome IN ('won', 'lost', 'withdrawn')),
    closed_at INTEGER,
    CHECK ((outcome IS NULL) = (closed_at IS NULL))
) STRICT;
CREATE UNIQUE INDEX disputes_open ON disputes (receipt_id) WHERE closed_at IS NULL;

CREATE TABLE dispute_notes (
    note_id INTEGER PRIMARY KEY,
    dispute_id INTEGER NOT NULL REFERENCES disputes,
    text TEXT NOT NULL,
    written_at INTEGER NOT NULL
) STRICT;

-- What A-Pay last said about a receipt. found_by: which of A-Pay's keys led to it.
CREATE TABLE reconciliations (
    receipt_id INTEGER PRIMARY KEY REFERENCES receipts,
    state TEXT NOT NULL CHECK (state IN ('confirmed', 'pending', 'differs', 'rejected', 'unknown')),
    found_by TEXT CHECK (found_by IN ('order_id', 'custom_transaction_id', 'report')),
    apay_order_id TEXT,
    currency TEXT,
    amount INTEGER,                             -- what A-Pay booked
    fee_amount INTEGER,                         -- only from a report
    detail TEXT,                                -- what differs, in words
    checked_at INTEGER NOT NULL
) STRICT;
CREATE INDEX reconciliations_state ON reconciliations (state, checked_at);

-- Updates that could not be read or recorded, kept as they came. open -> replayed or discarded, once.
CREATE TABLE dead_letters (
    dead_letter_id INTEGER PRIMARY KEY,
    update_id INTEGER,
    reason TEXT NOT NULL,
    mentions_payment INTEGER NOT NULL CHECK (mentions_payment IN (0, 1)),
    digest TEXT NOT NULL UNIQUE,
    raw BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'discarded')),
    ended_at INTEGER,
    CHECK ((state = 'open') = (ended_at IS NULL))
) STRICT;

-- The listener's sign of life: one row a run.
CREATE TABLE listener_runs (
    run_id INTEGER PRIMARY KEY,
    pid INTEGER NOT NULL,
    mode TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    alive_at INTEGER NOT NULL,                  -- the heartbeat, every few seconds
    last_contact_at INTEGER,                    -- Telegram's last good answer to getUpdates
    stopped_at INTEGER
) STRICT;

-- Times without a word from Telegram that were longer than Telegram keeps receipts. The owner has seen those that
-- ended before `acknowledged_at` in meta.
CREATE TABLE gaps (
    gap_id INTEGER PRIMARY KEY,
    from_at INTEGER NOT NULL,
    until_at INTEGER NOT NULL CHECK (until_at > from_at)
) STRICT;

-- Sentences for the merchant's own chats and for buyers, written with what they tell of; a row goes when it is
-- delivered, or, a buyer's, when Telegram refused it.
CREATE TABLE notices (
    notice_id INTEGER PRIMARY KEY,
    chat_id TEXT NOT NULL,
    audience TEXT NOT NULL CHECK (audience IN ('merchant', 'buyer')),
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The words of the terms, each once: who disputes a payment agreed to these, not to those of today.
CREATE TABLE terms_texts (
    digest TEXT PRIMARY KEY,                     -- SHA-256 of the text in UTF-8
    text TEXT NOT NULL CHECK (text <> '')
) STRICT, WITHOUT ROWID;

-- Who agreed to which version of the terms, and when first.
CREATE TABLE acceptances (
    buyer_id INTEGER NOT NULL,
    version TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    terms_digest TEXT NOT NULL REFERENCES terms_texts (digest),
    PRIMARY KEY (buyer_id, version)
) STRICT, WITHOUT ROWID;

-- What buyers wrote behind /support or /paysupport. open -> closed, by the merchant.
CREATE TABLE support_requests (
    request_id INTEGER PRIMARY KEY,
    buyer_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,                -- in the buyer's private chat: the same message is one request
    buyer_username TEXT,
    buyer_name TEXT,
    language_code TEXT,
    text TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    closed_at INTEGER,
    UNIQUE (buyer_id, message_id)
) STRICT;
CREATE INDEX support_requests_open ON support_requests (received_at) WHERE closed_at IS NULL;

-- The merchant's answers. sending and unknown as for invoices.
CREATE TABLE support_replies (
    reply_id INTEGER PRIMARY KEY,
    request_id INTEGER NOT NULL REFERENCES support_requests,
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    send_state TEXT NOT NULL CHECK (send_state IN ('sending', 'sent', 'refused', 'unknown')),
    send_error TEXT
) STRICT;

-- The owner's dated statements for check-live.
CREATE TABLE attestations (
    name TEXT PRIMARY KEY,
    attested_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
