-- What time it was at which transaction, about once a second for the last hour. A
-- snapshot is known by its position alone: this tells which entries can have expired
-- only after it was read.
CREATE TABLE keyval_times (
  versionstamp TEXT PRIMARY KEY,
  time         INTEGER NOT NULL           -- Unix milliseconds
) WITHOUT ROWID;
