-- Secrets that all nodes have in common. The one of tickets signs them, together with the
-- hash of a token, which is not here.
CREATE TABLE keyval_secrets (
  name         TEXT PRIMARY KEY,
  secret       BLOB NOT NULL
);

INSERT INTO keyval_secrets VALUES ('tickets', randomblob(32));
