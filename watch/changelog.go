package watch

import (
	"context"
	"slices"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// batchRows bounds what one statement reads of the change log: more than an
// operation has, which is about 1,000, and few enough to fit an answer of the
// database even with keys of 2 KiB.
const batchRows = 2048

// A change is one row of the change log.
type change struct {
	versionstamp kv.Versionstamp
	key          kv.Key
	gone         bool // deleted or expired
}

// A batch is a stretch of the change log.
type batch struct {
	changes []change // in versionstamp order, operations whole
	// end is the position up to which changes is complete.
	end kv.Versionstamp
	// more is set when the log goes on after end.
	more bool
	// The rest tells of the snapshot that the batch was read from: its
	// position, how far the log is compacted, and whether it is the primary's.
	position, compacted kv.Versionstamp
	primary             bool
	asked               time.Time // when it was asked for
}

// oldest is the oldest position that the log can be read from.
func (b *batch) oldest() kv.Versionstamp {
	return max(b.compacted, kv.NewVersionstamp(b.position.Incarnation(), 0, 0))
}

// lost tells whether the log no longer has all that came after a position: it
// was compacted, or the database has begun another incarnation. Of a position
// that is newer than the batch's snapshot that cannot be said.
func (b *batch) lost(after kv.Versionstamp) bool {
	return after <= b.position && after < b.oldest()
}

// The log's rows and the position are of one snapshot only if they come from
// one statement: the row without a key is the sequence's.
const (
	sequenceSQL = `SELECT ` + sqldb.PositionSQL + `,s.compacted,NULL FROM keyval_sequence s`

	afterSQL = sequenceSQL + ` UNION ALL SELECT * FROM (
SELECT versionstamp,op,key FROM keyval_changelog WHERE versionstamp>?1 ORDER BY versionstamp,key LIMIT ?2)`

	recentSQL = sequenceSQL + ` UNION ALL SELECT * FROM (
SELECT versionstamp,op,key FROM keyval_changelog ORDER BY versionstamp DESC,key DESC LIMIT ?1)`
)

// A changelog reads the change log. It prefers the replica and goes to the
// primary when that fails or is told to.
type changelog struct {
	db      *sqldb.DB
	metrics *metrics
	retreat retreat // from the replica
	// catchingUp bounds the statements under way for streams that are behind, so
	// that other readers of the node get connections too.
	catchingUp chan struct{}
}

// catchUpReads is how many such statements there are.
const catchUpReads = 4

// catchUp runs one of them.
func (l *changelog) catchUp(ctx context.Context, read func() error) error {
	select {
	case l.catchingUp <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.catchingUp }()
	return read()
}

// after reads the log after a position.
func (l *changelog) after(ctx context.Context, position kv.Versionstamp, primary bool) (batch, error) {
	for limit := batchRows; ; limit *= 4 {
		b, err := l.read(ctx, primary, sqldb.Stmt{SQL: afterSQL, Args: []any{string(position), int64(limit)}})
		if err != nil || len(b.changes) < limit {
			return b, err
		}
		// The last operation may go on after what was read.
		last := b.changes[limit-1].versionstamp
		whole := slices.IndexFunc(b.changes, func(c change) bool { return c.versionstamp == last })
		if whole > 0 {
			b.changes = b.changes[:whole]
			b.end, b.more = b.changes[whole-1].versionstamp, true
			return b, nil
		}
	}
}

// recent reads the end of the log, and returns the position after which it is
// complete.
func (l *changelog) recent(ctx context.Context) (batch, kv.Versionstamp, error) {
	b, err := l.read(ctx, false, sqldb.Stmt{SQL: recentSQL, Args: []any{int64(batchRows)}})
	if err != nil {
		return batch{}, "", err
	}
	slices.Reverse(b.changes)
	if len(b.changes) < batchRows {
		return b, b.oldest(), nil
	}
	first := b.changes[0].versionstamp
	whole := slices.IndexFunc(b.changes, func(c change) bool { return c.versionstamp != first })
	if whole < 0 {
		b.changes, first = nil, b.end
	} else {
		b.changes = b.changes[whole:]
	}
	return b, max(first, b.oldest()), nil
}

// goneSQL asks which keys have gone after position ?2, in a snapshot that is not
// older than position ?3, at which they were missing: the log has a row of that,
// or their entry has expired and waits for the sweep.
const goneSQL = `SELECT ` + sqldb.PositionSQL + `,s.compacted,w.i FROM keyval_sequence s LEFT JOIN (
SELECT j.key i FROM json_each(?1) j
WHERE EXISTS (SELECT 1 FROM keyval_changelog c WHERE c.op<>'s' AND c.key=unhex(j.value) AND c.versionstamp>?2)
OR EXISTS (SELECT 1 FROM kv_entries e WHERE e.key=unhex(j.value) AND e.versionstamp<=?3)
) w`

// gone tells which of the entries that are missing at a position have gone after
// since. Of a key that has come and gone after the position it says so too, which
// is true of that key as well.
func (l *changelog) gone(ctx context.Context, entries []kv.Entry, since, position kv.Versionstamp) (map[kv.Key]bool, error) {
	var missing []string
	for _, e := range entries {
		if !e.Exists() {
			missing = append(missing, string(e.Key))
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	rows, err := l.fetchRows(ctx, sqldb.Stmt{SQL: goneSQL, Args: []any{
		sqldb.HexKeys(missing), string(since), string(position)}}, false, position)
	if err != nil {
		return nil, err
	}
	b := batch{position: kv.Versionstamp(rows[0].Text(0)), compacted: kv.Versionstamp(rows[0].Text(1))}
	if b.lost(since) {
		l.metrics.resets.Inc()
		return nil, &LostError{Oldest: b.oldest()}
	}
	gone := make(map[kv.Key]bool, len(rows))
	for _, row := range rows {
		if row[2] != nil {
			gone[kv.Key(missing[row.Integer(2)])] = true
		}
	}
	return gone, nil
}

// sequence asks the primary where the database is.
func (l *changelog) sequence(ctx context.Context) (batch, error) {
	return l.read(ctx, true, sqldb.Stmt{SQL: sequenceSQL})
}

func (l *changelog) read(ctx context.Context, primary bool, st sqldb.Stmt) (batch, error) {
	r, primary := l.reader(primary)
	b, err := l.readFrom(ctx, r, primary, st)
	if err != nil && !primary && ctx.Err() == nil {
		l.retreat.fail()
		return l.readFrom(ctx, l.db.Primary(), true, st)
	}
	return b, err
}

// reader is the replica if it may be asked, and tells whether it is the
// primary instead.
func (l *changelog) reader(primary bool) (sqldb.Reader, bool) {
	if primary || l.retreat.resting() {
		return l.db.Primary(), true
	}
	r := l.db.Replica()
	return r, r == l.db.Primary()
}

const (
	// queryTimeout is how long the replica may take to answer before the primary
	// is asked.
	queryTimeout = 2 * time.Second
	// primaryTimeout is how long the primary may, instead of which there is
	// nobody to ask: longer than it hangs on a busy machine.
	primaryTimeout = 10 * time.Second
)

func (l *changelog) readFrom(ctx context.Context, r sqldb.Reader, primary bool, st sqldb.Stmt) (batch, error) {
	limit := queryTimeout
	if primary {
		limit = primaryTimeout
	}
	ctx, cancel := sqldb.Within(ctx, limit)
	defer cancel()
	l.metrics.query(primary)
	rows, err := r.Query(ctx, st)
	if err != nil {
		return batch{}, err
	}
	b := batch{primary: primary, changes: make([]change, 0, len(rows))}
	for _, row := range rows {
		if row[2] == nil {
			b.position, b.compacted = kv.Versionstamp(row.Text(0)), kv.Versionstamp(row.Text(1))
			continue
		}
		b.changes = append(b.changes, change{
			versionstamp: kv.Versionstamp(row.Text(0)), gone: row.Text(1) != "s", key: kv.Key(row.Bytes(2))})
	}
	b.end = b.position
	return b, nil
}

// A retreat leaves a replica that has failed alone for a while.
type retreat struct{ until atomicTime }

const retreatTime = time.Second

func (r *retreat) fail()         { r.until.store(time.Now().Add(retreatTime)) }
func (r *retreat) resting() bool { return time.Now().Before(r.until.load()) }
