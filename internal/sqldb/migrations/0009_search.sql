-- Full-text indexes over entries. Each has a table and triggers of its own, which are
-- made and dropped with it: see kv/search/DESIGN.md. Nodes that do not know of this keep
-- the indexes exact all the same, because the triggers run in the database.
CREATE TABLE keyval_search_indexes (
  id           TEXT PRIMARY KEY,          -- 16 hex digits, part of its tables' names
  prefix       BLOB NOT NULL,             -- encoded; the index holds what is at and below
  fields       TEXT NOT NULL,             -- JSON array of paths, as given
  steps        TEXT NOT NULL,             -- JSON array of texts that the triggers read
  tokenize     TEXT NOT NULL,             -- unicode61, porter or ascii
  state        TEXT NOT NULL,             -- building, ready or dropping
  indexed      INTEGER NOT NULL,          -- its rows in keyval_search_docs
  since        BLOB NOT NULL,             -- building: the batch, from here
  next         BLOB NOT NULL,             -- to here, where the next one begins
  mark         INTEGER NOT NULL           -- building: the newest document before the batch;
                                          -- dropping: since when, Unix milliseconds
) WITHOUT ROWID;

CREATE UNIQUE INDEX keyval_search_prefix ON keyval_search_indexes(prefix) WHERE state <> 'dropping';

-- The rows of the indexes' tables by key: ids do not change, as those of kv_entries may.
CREATE TABLE keyval_search_docs (
  id           INTEGER PRIMARY KEY,
  index_id     TEXT NOT NULL,
  key          BLOB NOT NULL,
  UNIQUE (index_id, key)
);

CREATE TRIGGER keyval_search_counts_up AFTER INSERT ON keyval_search_docs
BEGIN UPDATE keyval_search_indexes SET indexed=indexed+1 WHERE id=new.index_id; END;

CREATE TRIGGER keyval_search_counts_down AFTER DELETE ON keyval_search_docs
BEGIN UPDATE keyval_search_indexes SET indexed=indexed-1 WHERE id=old.index_id; END;
