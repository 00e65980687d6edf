package kv

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/sqldb"
)

// Config says how a Store behaves.
type Config struct {
	// MaxValueBytes bounds what append and prepend may grow a value to; 0
	// means 1 MiB. Values that are set have been bounded by ParseValue.
	MaxValueBytes int
	// Registerer gets the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
}

// A Store reads and writes the entries of one database. It is safe for
// concurrent use; all nodes' stores on one database see the same entries.
type Store struct {
	db     *sqldb.DB
	merged *sqldb.Coalescer[entryRow] // point reads
	cfg    Config
	// maxLockedBytes and maxAgainBytes are those constants; tests lower them.
	maxLockedBytes, maxAgainBytes int64
	sweepBytes                    int // that constant, likewise
	scanned                       prometheus.Counter
}

// New makes a Store on an open database.
func New(db *sqldb.DB, cfg Config) *Store {
	if cfg.MaxValueBytes == 0 {
		cfg.MaxValueBytes = 1 << 20
	}
	db.Call(statementNames)
	return &Store{
		scanned: newScanned(cfg.Registerer),
		db:      db, cfg: cfg, merged: sqldb.NewCoalescer(db, fetchEntries),
		maxLockedBytes: maxLockedBytes, maxAgainBytes: maxAgainBytes, sweepBytes: sweepBytes,
	}
}

// Freshness translates a read's options for the database.
func (o ReadOptions) Freshness() sqldb.Freshness {
	return sqldb.Freshness{
		Replica: o.Consistency != Strong,
		AnyAge:  o.Consistency == Eventual,
		Min:     sqldb.Position(o.Min),
	}
}

// Failure says what a database's error means to a caller.
func Failure(err error) error {
	switch {
	case errors.Is(err, sqldb.ErrFuture):
		return fmt.Errorf("%w: it is of another one, or from before a restore; read without it", ErrPositionAhead)
	case errors.Is(err, sqldb.ErrTooLarge):
		return fmt.Errorf("%w: what the operation needs of stored values, or writes, is more than the database takes at once; read or change fewer entries in one operation", ErrTooLarge)
	case errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout
	}
	return err
}
