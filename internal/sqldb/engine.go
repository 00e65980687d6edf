package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// An engine runs statements on one database. The embedded engine runs them
// one by one on a connection of its own; over HTTP several statements travel
// as one batch, in which each runs only if the one before did not fail.
type engine struct {
	db       *sql.DB
	embedded bool
	place    place     // of an embedded database's file, once that is open
	liveness *liveness // nil for what is no server
	witness  *witness  // nil for nobody

	prepared sync.Map // *sql.Stmt by text
}

// streamIdle is how long a stream may have been idle and still be used: sqld
// forgets it after about 10 s.
const streamIdle = 5 * time.Second

// A session is one connection that keeps its transaction from call to call.
// It belongs to one goroutine.
type session struct {
	engine   *engine
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	last     time.Time
	// open is set while a transaction is under way: what belongs to it must
	// not run on another connection, where each statement would commit by
	// itself.
	open bool
}

// errLostTransaction is returned when the connection that a transaction was
// open on is gone. Nothing was sent.
var errLostTransaction = errors.New("the transaction's connection is gone")

func (e *engine) session() *session { return &session{engine: e} }

// run runs statements in one round trip and returns a result for each. After
// an error over HTTP the transaction has been rolled back, if the database
// has seen the statements at all; embedded, it is rolled back here.
func (s *session) run(ctx context.Context, stmts ...Stmt) (_ [][]Row, err error) {
	defer recoverDriver(&err)
	begins, ends := strings.HasPrefix(stmts[0].SQL, "BEGIN"), endsTransaction(stmts[len(stmts)-1])
	s.open = s.open && !begins
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	defer func() { s.open = !ends && (s.open || begins && err == nil) }()
	var results [][]Row
	if s.engine.embedded {
		results, err = s.runEach(ctx, stmts)
	} else {
		err = s.engine.liveness.call(ctx, func(ctx context.Context) (err error) {
			results, err = s.runTogether(ctx, stmts)
			return err
		})
	}
	s.last = time.Now()
	if err != nil && (ctx.Err() != nil || !answered(err)) {
		s.drop()
	}
	return results, err
}

func endsTransaction(st Stmt) bool { return st.SQL == "COMMIT" || st.SQL == "ROLLBACK" }

func (s *session) connect(ctx context.Context) error {
	if s.conn != nil && !s.engine.embedded && time.Since(s.last) > streamIdle {
		s.drop()
	}
	if s.conn != nil {
		return nil
	}
	if s.open {
		return errLostTransaction
	}
	conn, err := s.engine.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	s.conn, s.prepared, s.last = conn, map[string]*sql.Stmt{}, time.Now()
	return nil
}

// awaitFile connects to an embedded database that others may be opening for
// the first time: the engine does not wait for a file whose journal is being
// turned into a log.
func (s *session) awaitFile(ctx context.Context) error {
	return whileBusy(ctx, func() error { return s.connect(ctx) })
}

// leastTries is how often is tried what takes longer than all tries together may: a
// machine that stood still says nothing about the database.
const leastTries = 3

// whileBusy repeats what finds the database busy, for 10 s at most: others may be
// opening it, or writing, and sqld does not wait for them for ever.
func whileBusy(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for tries := 1; ; tries++ {
		err := try()
		if err == nil || verdictOf(err) != repeatable {
			return err
		}
		select {
		case <-ctx.Done():
			if tries >= leastTries {
				return err
			}
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// runTogether is runBatch that is seen.
func (s *session) runTogether(ctx context.Context, stmts []Stmt) ([][]Row, error) {
	ctx, seen := s.engine.witness.seeAll(ctx, stmts)
	results, err := s.runBatch(ctx, stmts)
	seen.end(ctx, rowsOf(results), err)
	return results, err
}

func rowsOf(results [][]Row) (n int) {
	for _, rows := range results {
		n += len(rows)
	}
	return n
}

// runBatch sends all statements as one batch.
func (s *session) runBatch(ctx context.Context, stmts []Stmt) ([][]Row, error) {
	var text strings.Builder
	var args []any
	for _, st := range stmts {
		if text.Len() > 0 {
			text.WriteString(";\n")
		}
		text.WriteString(st.SQL)
		args = append(args, st.Args...)
	}
	rows, err := s.conn.QueryContext(ctx, text.String(), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	results := make([][]Row, 0, len(stmts))
	for {
		set, err := readRows(rows, s.engine.mostRead())
		if err != nil {
			return nil, err
		}
		results = append(results, set)
		if !rows.NextResultSet() {
			break
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(results) != len(stmts) {
		return nil, fmt.Errorf("%d statements had %d results", len(stmts), len(results))
	}
	return results, nil
}

// runEach runs statements one by one and rolls back after the first that
// fails. It goes on when ctx ends: an embedded statement is short, and a
// transaction that is cut off half way would have to be rolled back all the
// same.
func (s *session) runEach(ctx context.Context, stmts []Stmt) ([][]Row, error) {
	ctx = s.engine.witness.lasting(ctx)
	results := make([][]Row, 0, len(stmts))
	for _, st := range stmts {
		set, err := s.runOne(ctx, st)
		if err != nil {
			return nil, s.undo(ctx, st, err)
		}
		results = append(results, set)
	}
	return results, nil
}

// undo rolls back after an embedded statement has failed, and returns the error.
func (s *session) undo(ctx context.Context, st Stmt, err error) error {
	// Where no transaction is open any more, it is refused.
	if _, rollback := s.runOne(ctx, Stmt{SQL: "ROLLBACK"}); rollback != nil && verdictOf(rollback) != refusal {
		s.drop()
	}
	if st.SQL != "COMMIT" {
		return &notCommittedError{err}
	}
	return err
}

// runOne runs a statement that is seen.
func (s *session) runOne(ctx context.Context, st Stmt) ([]Row, error) {
	ctx, seen := s.engine.witness.see(ctx, st)
	rows, err := s.runPrepared(ctx, st)
	seen.end(ctx, len(rows), err)
	return rows, err
}

func (s *session) runPrepared(ctx context.Context, st Stmt) ([]Row, error) {
	rows, err := s.queryPrepared(ctx, st)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return readRows(rows, s.engine.mostRead())
}

func (s *session) queryPrepared(ctx context.Context, st Stmt) (*sql.Rows, error) {
	if st.Name != "" {
		return s.conn.QueryContext(ctx, st.SQL, st.Args...)
	}
	prepared, ok := s.prepared[st.SQL]
	if !ok {
		var err error
		if prepared, err = s.conn.PrepareContext(ctx, st.SQL); err != nil {
			return nil, err
		}
		s.prepared[st.SQL] = prepared
	}
	return prepared.QueryContext(ctx, st.Args...)
}

// rollback ends whatever transaction the session has open.
func (s *session) rollback(ctx context.Context) {
	if s.conn == nil {
		s.open = false
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := s.run(ctx, Stmt{SQL: "ROLLBACK"}); err != nil && !s.engine.embedded {
		s.drop()
	}
}

// drop gives the connection up; the database rolls back what it had open.
func (s *session) drop() {
	if s.conn == nil {
		return
	}
	for _, st := range s.prepared {
		_ = st.Close()
	}
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
	s.conn = nil
}

// query runs one reading statement on any connection.
func (e *engine) query(ctx context.Context, st Stmt) ([]Row, error) {
	ctx, seen := e.witness.see(ctx, st)
	rows, err := e.queryAny(ctx, st)
	seen.end(ctx, len(rows), err)
	return rows, err
}

func (e *engine) queryAny(ctx context.Context, st Stmt) (_ []Row, err error) {
	defer recoverDriver(&err)
	var rows *sql.Rows
	if e.embedded && st.Name == "" {
		var prepared *sql.Stmt
		if prepared, err = e.prepare(ctx, st.SQL); err != nil { //nolint:sqlclosecheck // it is kept
			return nil, err
		}
		rows, err = prepared.QueryContext(ctx, st.Args...)
	} else {
		rows, err = e.db.QueryContext(ctx, st.SQL, st.Args...)
	}
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return readRows(rows, e.mostRead())
}

// prepare prepares a statement once. Nobody else waits while it does, since it may have to
// wait for a connection: of two who prepare the same, the second takes what the first has.
func (e *engine) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if st, ok := e.prepared.Load(text); ok {
		return st.(*sql.Stmt), nil
	}
	st, err := e.db.PrepareContext(context.WithoutCancel(ctx), text)
	if err != nil {
		return nil, err
	}
	first, loaded := e.prepared.LoadOrStore(text, st)
	if loaded {
		_ = st.Close() //nolint:sqlclosecheck // the other is closed with the database
	}
	return first.(*sql.Stmt), nil
}

// maxRead is about how many bytes a statement of an embedded database may select: as many
// as a server, which counts them in base64, sends in one answer.
const maxRead = 7 << 20

// errLargeRead is what a statement ends with that selects more.
var errLargeRead = errors.New("the result is too large")

// mostRead is how many bytes a statement may select; a server sees to that by itself.
func (e *engine) mostRead() int {
	if e.embedded {
		return maxRead
	}
	return math.MaxInt
}

// readRows reads one result set, and ends the statement where that passes so many bytes. A
// statement that is no query has none.
func readRows(rows *sql.Rows, most int) ([]Row, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var set []Row
	var pointers []any
	for rows.Next() {
		row := make(Row, len(columns))
		pointers = pointers[:0]
		for i := range row {
			pointers = append(pointers, &row[i])
		}
		if err := rows.Scan(pointers...); err != nil {
			return nil, err
		}
		if most -= row.bytes(); most < 0 {
			return nil, errLargeRead
		}
		set = append(set, row)
	}
	return set, rows.Err()
}

// bytes is about how many bytes a row has.
func (r Row) bytes() (n int) {
	for _, cell := range r {
		switch v := cell.(type) {
		case []byte:
			n += len(v)
		case string:
			n += len(v)
		}
	}
	return n
}

// recoverDriver turns a panic of the driver into an error: its WebSocket side
// trusts the shape of what the server sends.
func recoverDriver(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the database driver panicked: %v", p)
	}
}
