-- When the change log was where, so that it can be compacted by age: the log
-- itself has no time, which would cost every write. Whoever compacts sets a
-- mark at each run; what stands up to a mark is at least as old as the mark.
CREATE TABLE keyval_changelog_marks (
  versionstamp TEXT PRIMARY KEY,
  time         INTEGER NOT NULL           -- Unix milliseconds
) WITHOUT ROWID;

-- How many rows the log has up to a versionstamp: counting a million rows at
-- each run would take longer than compacting them.
CREATE TABLE keyval_changelog_size (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  rows         INTEGER NOT NULL,
  counted      TEXT NOT NULL              -- rows up to here are counted in rows
);

INSERT INTO keyval_changelog_size VALUES (1, 0, '');
