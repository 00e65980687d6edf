-- The original server's three tables, with their names and columns; what
-- keyval adds to them stands at their end.

CREATE TABLE kv_entries (
  key          BLOB PRIMARY KEY,          -- encoded as in Deno KV
  value        BLOB NOT NULL,             -- JSON text
  versionstamp TEXT NOT NULL,             -- 20 hex digits
  expires_at   INTEGER,                   -- Unix milliseconds
  encoding     INTEGER NOT NULL DEFAULT 0 -- 0: JSON
);

CREATE INDEX idx_kv_expires ON kv_entries(expires_at) WHERE expires_at IS NOT NULL;

-- One row for every key that an operation changed; watch, resume and conflict
-- detection read it.
CREATE TABLE keyval_changelog (
  versionstamp TEXT NOT NULL,
  key          BLOB NOT NULL,
  op           TEXT NOT NULL,             -- s: set, d: deleted, x: expired
  PRIMARY KEY (versionstamp, key)
) WITHOUT ROWID;

-- Conflict detection finds writes in the entries and deletions here.
CREATE INDEX keyval_changelog_gone ON keyval_changelog(key, versionstamp) WHERE op <> 's';

-- Where the database is: the last transaction that keyval committed.
CREATE TABLE keyval_sequence (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  incarnation  INTEGER NOT NULL,          -- which life of the database
  txn          INTEGER NOT NULL,
  last_op      INTEGER NOT NULL,          -- number of its last operation
  time         INTEGER NOT NULL,          -- Unix milliseconds; never goes back
  compacted    TEXT NOT NULL,             -- the change log is complete after this position
  database_id  TEXT NOT NULL              -- a UUID; nodes compare it
);

INSERT INTO keyval_sequence
VALUES (1, 0, 0, 0, 0, '00000000000000000000',
        lower(printf('%s-%s-4%s-a%s-%s', hex(randomblob(4)), hex(randomblob(2)),
          substr(hex(randomblob(2)), 2), substr(hex(randomblob(2)), 2), hex(randomblob(6)))));

-- The last group of every node, by boot. A group commits only as the successor
-- of its node's last one, so a node that lost the answer can close the group's
-- number and learn what became of it.
CREATE TABLE keyval_nodes (
  boot_id      TEXT PRIMARY KEY,
  last_group   INTEGER NOT NULL,
  incarnation  INTEGER NOT NULL,
  txn          INTEGER NOT NULL,          -- 0: the group was closed, it never happened
  time         INTEGER NOT NULL
);

-- Who leads the cluster: every leader's statement is conditional on the epoch.
CREATE TABLE keyval_leader (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  epoch        INTEGER NOT NULL,
  leader       TEXT NOT NULL
);

INSERT INTO keyval_leader VALUES (1, 0, '');

-- Who founded it: the one node that may bootstrap raft.
CREATE TABLE keyval_founding (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  cluster_id   TEXT NOT NULL,             -- a UUID
  generation   INTEGER NOT NULL,          -- counts the foundings, from 1
  node_id      TEXT NOT NULL,
  boot_id      TEXT NOT NULL,
  ephemeral    INTEGER NOT NULL,
  established  INTEGER NOT NULL,          -- 1 once a leader has renewed the row
  renewed_at   INTEGER NOT NULL           -- Unix milliseconds; 0: stale
);

-- Answers of committed operations that came with an idempotency key.
CREATE TABLE keyval_idempotency (
  id           TEXT PRIMARY KEY,          -- digest of caller and key
  request      TEXT NOT NULL,             -- digest of what must be the same
  answer       TEXT,                      -- NULL while a bulk delete is under way
  deleted      INTEGER NOT NULL DEFAULT 0,
  versionstamp TEXT NOT NULL,
  created_at   INTEGER NOT NULL
);

CREATE INDEX keyval_idempotency_age ON keyval_idempotency(created_at);

-- Inserting a reason fails the transaction, whatever the reason: its CHECK
-- names it in the error.
CREATE TABLE keyval_guard (
  reason       TEXT,
  CONSTRAINT stale_read CHECK (reason <> 'stale_read'),
  CONSTRAINT lost_group CHECK (reason <> 'lost_group'),
  CONSTRAINT fenced     CHECK (reason <> 'fenced'),
  CONSTRAINT restored   CHECK (reason <> 'restored')
);
