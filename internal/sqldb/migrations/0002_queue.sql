-- Queues. The original server's two tables, with their names and columns; what
-- keyval adds to them stands at their end.

CREATE TABLE kv_queue (
  id                  TEXT PRIMARY KEY,            -- UUID v7
  value               BLOB NOT NULL,               -- JSON text
  ready_at            INTEGER NOT NULL,            -- Unix milliseconds
  attempts            INTEGER NOT NULL DEFAULT 0,  -- deliveries that count, the running one included
  max_attempts        INTEGER NOT NULL DEFAULT 5,
  backoff_schedule    TEXT,                        -- JSON array of milliseconds; NULL: the default
  keys_if_undelivered TEXT,                        -- JSON array of encoded keys in hexadecimal
  status              TEXT NOT NULL DEFAULT 'pending', -- pending, processing
  locked_until        INTEGER,                     -- Unix milliseconds; NULL unless processing
  created_at          INTEGER NOT NULL,
  updated_at          INTEGER NOT NULL,
  queue               TEXT NOT NULL DEFAULT 'default',
  priority            INTEGER NOT NULL DEFAULT 0,
  size                INTEGER NOT NULL DEFAULT 0,  -- bytes of value
  receipt             TEXT,                        -- names the running delivery
  last_error          TEXT                         -- of the last failed attempt
);

-- What there is to deliver, in order: by priority, then by the time at which a
-- message becomes ready or its lock ends, then by arrival (the rowid). A message
-- on its last attempt is not in it: when that lock ends, it is dead.
CREATE INDEX keyval_queue_due ON kv_queue(queue, priority DESC, coalesce(locked_until, ready_at))
WHERE attempts < max_attempts;

-- What is out.
CREATE INDEX keyval_queue_locked ON kv_queue(locked_until, queue) WHERE locked_until IS NOT NULL;

CREATE TABLE kv_dlq (
  id                  TEXT PRIMARY KEY,            -- UUID v7
  original_id         TEXT NOT NULL,
  value               BLOB NOT NULL,
  error_message       TEXT,
  attempts            INTEGER NOT NULL,
  failed_at           INTEGER NOT NULL,
  original_created_at INTEGER NOT NULL DEFAULT 0,
  queue               TEXT NOT NULL DEFAULT 'default',
  priority            INTEGER NOT NULL DEFAULT 0,
  size                INTEGER NOT NULL DEFAULT 0,
  max_attempts        INTEGER NOT NULL DEFAULT 5,
  backoff_schedule    TEXT,
  keys_if_undelivered TEXT
);

CREATE INDEX keyval_dlq_failed ON kv_dlq(failed_at, id);
CREATE INDEX keyval_dlq_queue ON kv_dlq(queue, failed_at, id);

-- Messages that were enqueued with a dedupeId, for as long as that counts.
CREATE TABLE keyval_dedupe (
  name         TEXT PRIMARY KEY,                   -- queue/dedupeId
  id           TEXT NOT NULL,                      -- of the message
  versionstamp TEXT NOT NULL,                      -- of its enqueue
  created_at   INTEGER NOT NULL
);

CREATE INDEX keyval_dedupe_age ON keyval_dedupe(created_at);

-- How many rows there are of each queue, kept exact by triggers: counting a
-- million rows takes too long to do it for each question. A queue without any
-- has no row. (A trigger's statements are separated within a line: a semicolon at
-- the end of one ends the trigger.)
CREATE TABLE keyval_queues (
  queue    TEXT PRIMARY KEY,
  messages INTEGER NOT NULL DEFAULT 0,
  dead     INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TRIGGER keyval_queue_added AFTER INSERT ON kv_queue
BEGIN INSERT INTO keyval_queues(queue, messages) VALUES (new.queue, 1)
ON CONFLICT(queue) DO UPDATE SET messages = messages + 1; END;

CREATE TRIGGER keyval_queue_removed AFTER DELETE ON kv_queue
BEGIN UPDATE keyval_queues SET messages = messages - 1 WHERE queue = old.queue; DELETE FROM keyval_queues
WHERE queue = old.queue AND messages = 0 AND dead = 0; END;

CREATE TRIGGER keyval_dlq_added AFTER INSERT ON kv_dlq
BEGIN INSERT INTO keyval_queues(queue, dead) VALUES (new.queue, 1)
ON CONFLICT(queue) DO UPDATE SET dead = dead + 1; END;

CREATE TRIGGER keyval_dlq_removed AFTER DELETE ON kv_dlq
BEGIN UPDATE keyval_queues SET dead = dead - 1 WHERE queue = old.queue; DELETE FROM keyval_queues
WHERE queue = old.queue AND messages = 0 AND dead = 0; END;
