package sqldb

import (
	"context"
	"fmt"
	"sync/atomic"
)

// ticketSecret is nil until it has been read.
type ticketSecret struct{ atomic.Pointer[[]byte] }

// TicketSecret is with what the nodes on this database sign tickets: see the migration.
// It never changes, so that it is read once.
func (db *DB) TicketSecret(ctx context.Context) ([]byte, error) {
	if known := db.tickets.Load(); known != nil {
		return *known, nil
	}
	rows, err := db.Primary().Query(ctx, Stmt{SQL: `SELECT secret FROM keyval_secrets WHERE name='tickets'`})
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("keyval_secrets has %d rows for tickets, want 1", len(rows))
	}
	secret := rows[0].Bytes(0)
	db.tickets.Store(&secret)
	return secret, nil
}
