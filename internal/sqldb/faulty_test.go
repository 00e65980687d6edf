package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
)

// A Fault is what a statement of the committer fails with, while it is set.
type Fault struct{ err atomic.Pointer[error] }

// Set makes the statement fail; nil heals it.
func (f *Fault) Set(err error) {
	if err == nil {
		f.err.Store(nil)
		return
	}
	f.err.Store(&err)
}

// Break puts a fault into a statement of an embedded database's committer. It may be
// called only from Op.Apply, which runs on the committer's goroutine.
func Break(db *DB, statement string) (_ *Fault, sound *sql.DB) {
	fault := &Fault{}
	db.committer.session.drop()
	sound = db.writer.db
	db.writer.db = sql.OpenDB(faultyConnector{sound, statement, fault})
	return fault, sound
}

// A faultyConnector takes its connections from a sound database.
type faultyConnector struct {
	sound     *sql.DB
	statement string
	fault     *Fault
}

func (c faultyConnector) Driver() driver.Driver { return c.sound.Driver() }

func (c faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	pooled, err := c.sound.Conn(ctx)
	if err != nil {
		return nil, err
	}
	conn := &faultyConn{pooled: pooled, faultyConnector: c}
	return conn, pooled.Raw(func(sound any) error {
		conn.Conn = sound.(driver.Conn)
		return nil
	})
}

type faultyConn struct {
	driver.Conn
	faultyConnector
	pooled *sql.Conn
}

func (c *faultyConn) Close() error { return c.pooled.Close() }

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil || query != c.statement {
		return stmt, err
	}
	return &faultyStmt{stmt, c.fault}, nil
}

type faultyStmt struct {
	driver.Stmt
	fault *Fault
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.fault.err.Load(); err != nil {
		return nil, *err
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}
