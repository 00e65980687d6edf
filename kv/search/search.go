package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
	"github.com/buntime/keyval/kv/search/query"
)

// A Query asks for entries.
type Query struct {
	Prefix    kv.Key // at or below the index's
	Text      string
	Range     kv.Range // the zero one has no bounds
	Limit     int
	Reverse   bool // the least relevant first
	Where     *filter.Filter
	Highlight bool
	// Reaches tells whether an index over a prefix may be used; nil for all.
	Reaches func(prefix kv.Key) bool
}

// A Match is an entry that was found.
type Match struct {
	kv.Entry
	// Highlight is HTML: the best snippet, its words between <mark> and </mark>.
	Highlight string
}

// Search finds entries by relevance, and returns the snapshot's position.
func (x *Indexes) Search(ctx context.Context, q Query, opts kv.ReadOptions) (found []Match, _ kv.Versionstamp, err error) {
	begun := time.Now()
	defer func() { x.metrics.searched(begun, err) }()
	var s searching
	err = x.db.Read(ctx, opts.Freshness(), func(ctx context.Context, r sqldb.Reader) (sqldb.Position, error) {
		s = searching{query: &q, marks: newMarks()}
		err := s.run(ctx, r)
		return s.position, err
	})
	switch {
	case err != nil:
		return nil, "", s.failure(err)
	case s.err != nil:
		return nil, "", s.err
	case s.cut:
		if err := x.searchLarge(ctx, &s); err != nil {
			return nil, "", s.failure(err)
		}
	}
	return s.found, kv.Versionstamp(s.position), nil
}

// searching is a search under way, in one database.
type searching struct {
	query *Query
	index indexed
	match string // FTS5's expression
	marks marks

	found    []Match
	position sqldb.Position
	// cut: what was found is more than an answer of the database holds.
	cut bool
	// lost is what an index says that has been dropped, or is damaged if it is chosen again.
	lost error
	// err is what this snapshot says; another one may say something else.
	err error
}

// tries is how often an index is chosen anew that was dropped before it could be searched.
const tries = 3

func (s *searching) run(ctx context.Context, r sqldb.Reader) error {
	for range tries {
		before := s.index.id
		if err := s.choose(ctx, r); err != nil || s.err != nil {
			return err
		}
		if s.match == "" {
			return nil
		}
		if s.index.id == before && s.lost != nil {
			return s.lost
		}
		if gone, err := s.search(ctx, r); err != nil || !gone {
			return err
		}
	}
	s.err = ErrBuilding // it is being replaced again and again
	return nil
}

// chooseSQL finds the indexes over a key and those above it, the longest prefix first.
// substr finds nothing in an empty blob. A key that goes on with ff lies beside the prefix: that
// is a NUL in its part.
const chooseSQL = `SELECT x.id,x.prefix,x.fields,x.tokenize,x.state,` + sqldb.PositionSQL + `
FROM keyval_sequence s LEFT JOIN keyval_search_indexes x
ON x.prefix<=?1 AND (length(x.prefix)=0 OR substr(?1,1,length(x.prefix))=x.prefix AND substr(?1,length(x.prefix)+1,1)<>x'ff') AND x.state<>'dropping' ORDER BY length(x.prefix) DESC`

// choose finds the index for the query, and the query's expression in it.
func (s *searching) choose(ctx context.Context, r sqldb.Reader) error {
	rows, err := r.Query(ctx, sqldb.Stmt{SQL: chooseSQL, Args: []any{[]byte(s.query.Prefix)}})
	if err != nil {
		return err
	}
	s.position = sqldb.Position(rows[0].Text(5))
	s.err = ErrNoIndex
	for _, row := range rows {
		if row.Bytes(0) == nil || s.query.Reaches != nil && !s.query.Reaches(kv.Key(row.Bytes(1))) {
			continue
		}
		s.index = indexed{}
		if _, err := s.index.read(row); err != nil {
			return err
		}
		if s.err = nil; row.Text(4) != "ready" {
			s.err = ErrBuilding
			return nil
		}
		s.match, s.err = query.Compile(s.query.Text, s.index.Fields)
		return nil
	}
	return nil
}

// The best matches are looked at first; where too few of them count, so many times more.
const (
	leastWindow = 256
	widen       = 64
)

// search runs the query, with a window that grows until it shows enough. gone tells that the index
// is not to be searched any more.
func (s *searching) search(ctx context.Context, r sqldb.Reader) (gone bool, err error) {
	for window := int64(max(leastWindow, 2*s.query.Limit)); ; window *= widen {
		rows, err := r.QueryLarge(ctx, s.stmt(window, 0, sqldb.MaxAnswer))
		if err != nil && isLost(err, s.index.table()) {
			s.lost = fmt.Errorf("a full-text index is damaged, and has to be dropped and made again: %w", err)
			return true, nil
		}
		if err != nil {
			return false, err
		}
		p := s.scan(rows)
		if p.gone {
			return true, nil
		}
		if p.total < int64(s.query.Limit) && p.seen >= window && window < mostMatches {
			continue
		}
		s.found, s.position, s.cut = p.matches, p.position, int64(len(p.matches)) < p.total
		return false, nil
	}
}

// isLost tells whether an error only says that a table, or something of it, is not there: 267
// is a virtual table's damage.
func isLost(err error, table string) bool {
	return slices.ContainsFunc([]string{"no such table: " + table, "vtable constructor failed: " + table, "(267)"},
		func(text string) bool { return strings.Contains(err.Error(), text) })
}

// mostMatches is more than any index holds.
const mostMatches = 1 << 40

// searchLarge reads what one answer of the database cannot hold, in several statements of
// one snapshot on the primary.
func (x *Indexes) searchLarge(ctx context.Context, s *searching) error {
	return x.db.Snapshot(ctx, func(q sqldb.Querier) error {
		s.found = nil
		left := kv.MaxAnswerBytes
		for {
			results, err := q.Query(ctx, s.stmt(mostMatches, int64(len(s.found)), sqldb.MaxPiece))
			if err != nil {
				return err
			}
			p := s.scan(results[0])
			if p.gone {
				return ErrBuilding
			}
			for i := range p.matches {
				left -= len(p.matches[i].Key) + len(p.matches[i].Value)
			}
			if left < 0 {
				return fmt.Errorf("%w: what was found has more than %d MiB; ask with a smaller limit", kv.ErrTooLarge, kv.MaxAnswerBytes>>20)
			}
			s.found, s.position = append(s.found, p.matches...), p.position
			if len(p.matches) == 0 || int64(len(s.found)) >= p.total {
				x.db.Answered(s.position)
				return nil
			}
		}
	})
}

// failure says what a database's error means to a caller: one of FTS5's is about the query.
func (s *searching) failure(err error) error {
	if s.lost != nil && errors.Is(err, s.lost) {
		return kv.Failure(err)
	}
	for _, of := range []string{"fts5: ", "unterminated string", "no such column", "unknown special query"} {
		if strings.Contains(err.Error(), of) {
			return fmt.Errorf("%w: the query cannot be searched for", kv.ErrInvalidArgument)
		}
	}
	if errors.Is(err, sqldb.ErrTooLarge) {
		return fmt.Errorf("%w: what was found is more than the database takes at once; ask with a smaller limit", kv.ErrTooLarge)
	}
	return kv.Failure(err)
}
