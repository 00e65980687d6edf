package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/sleep"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/filter"
)

// A filter goes through a range in pages, each of one statement: none takes long, so
// others do not wait for it, however many entries there are and how large.
const (
	firstScan, mostScan = 256, 20_000
	// leastScan is what a page shrinks to where everything is slow: on less a scan would
	// spend its time on beginning pages.
	leastScan = 32
	// A page grows while it takes less than quickScan, and shrinks after more than slowScan.
	quickScan, slowScan = 8 * time.Millisecond, 100 * time.Millisecond
	// scanBytes is how many bytes of values a page has at most, but for a single value.
	// What matches of it fits one answer of the database.
	scanBytes = sqldb.MaxAnswer
)

// A scan goes through entries with a filter, page by page.
type scan struct {
	store *Store
	kind  scanKind
	where *filter.Filter
	opts  ReadOptions
	bytes int64
	// entries is how many the next page has.
	entries int64
}

func (s *Store) scan(kind scanKind, where *filter.Filter, opts ReadOptions) *scan {
	return &scan{store: s, kind: kind, where: where, opts: opts, bytes: scanBytes, entries: firstScan}
}

// scanned is what a scan has found in a page.
type scanned struct {
	position Versionstamp
	// last is the page's last key, "" if there is no entry. ended: there are no more.
	last  Key
	ended bool
	rows  []sqldb.Row // without the columns that all of them have
}

// look asks for the next page, of which it wants no more than so many matches.
func (c *scan) look(ctx context.Context, first, second any, limit int64) (scanned, error) {
	var found scanned
	var began time.Time
	asked := c.store.db.Asked()
	err := c.store.db.Read(ctx, c.opts.Freshness(), func(ctx context.Context, r sqldb.Reader) (sqldb.Position, error) {
		stmt := c.kind.stmt(c.where, first, second, c.entries, c.bytes, limit)
		stmt.Begun = func() { began = time.Now() }
		rows, err := r.QueryLarge(ctx, stmt)
		if err != nil {
			return "", err
		}
		found = c.read(rows)
		return sqldb.Position(found.position), nil
	})
	if err != nil {
		return scanned{}, scanFailure(err)
	}
	took := time.Since(began)
	c.adapt(took)
	if others := c.store.db.Asked() - asked - 1; others > 0 && !found.ended {
		sleep.For(ctx, took) // a page keeps one processor of the database's busy
	}
	return found, nil
}

// read reads a page's rows, of which there is always one, if only for these columns.
func (c *scan) read(rows []sqldb.Row) scanned {
	first := rows[0]
	n, seen := first.Integer(1), first.Integer(2)
	c.store.scanned.Add(float64(n))
	found := scanned{position: Versionstamp(first.Text(0)), last: Key(first.Bytes(3)), ended: seen < c.entries && n == seen, rows: rows}
	for i := range rows {
		rows[i] = rows[i][4:]
	}
	if rows[0][0] == nil {
		found.rows = nil
	}
	return found
}

func (c *scan) adapt(took time.Duration) {
	switch {
	case took < quickScan/4:
		c.entries = min(4*c.entries, mostScan)
	case took < quickScan:
		c.entries = min(2*c.entries, mostScan)
	case took > slowScan:
		c.entries = max(c.entries/2, leastScan)
	}
}

// scanFailure says of a time that is up what can be done about it.
func scanFailure(err error) error {
	if err = Failure(err); errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w: the filter had to look at too many entries; narrow the prefix, or use paginate", ErrTimeout)
	}
	return err
}

func newScanned(r prometheus.Registerer) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "keyval_filter_scanned_entries_total", Help: "Entries that filters went through, in whole pages, to find what matches."})
	if r != nil {
		r.MustRegister(c)
	}
	return c
}
