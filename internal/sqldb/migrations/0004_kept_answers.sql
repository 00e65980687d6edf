-- The rest of a kept answer that is longer than its row should be: sqld takes no
-- row over 5 MB, and who looks whether there is an answer need not read all of it.
-- Parts from keyval_idempotency.parts on are left from an answer that was past its
-- time, and count for nothing.
CREATE TABLE keyval_idempotency_parts (
  id           TEXT NOT NULL,             -- of keyval_idempotency
  n            INTEGER NOT NULL,          -- from 0
  data         BLOB NOT NULL,
  PRIMARY KEY (id, n)
);

ALTER TABLE keyval_idempotency ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;
