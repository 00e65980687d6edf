package search

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

var (
	// ErrNoIndex is returned for a search where there is no index. It wraps kv.ErrNotFound.
	ErrNoIndex = fmt.Errorf("%w: there is no full-text index at or above the prefix", kv.ErrNotFound)
	// ErrBuilding is returned for a search in an index that does not have all entries yet.
	ErrBuilding = errors.New("the index is being built")
)

// Indexes are the full-text indexes of a database. It is safe for concurrent use.
type Indexes struct {
	db      *sqldb.DB
	work    chan struct{}
	metrics *metrics
	// batchRows and rest are batchRows and restTime; tests lower them.
	batchRows int
	rest      time.Duration
}

// New makes Indexes on an open database.
func New(db *sqldb.DB) *Indexes {
	db.Call(statementNames)
	return &Indexes{db: db, work: make(chan struct{}, 1), metrics: newMetrics(), batchRows: batchRows, rest: restTime}
}

// Work is sent to when this node has made or dropped an index that Build must go on with.
func (x *Indexes) Work() <-chan struct{} { return x.work }

func (x *Indexes) tellOfWork() {
	select {
	case x.work <- struct{}{}:
	default:
	}
}

const (
	defineSQL = `INSERT INTO keyval_search_indexes(id,prefix,fields,steps,tokenize,state,indexed,since,next,mark)
VALUES (?1,?2,?3,?4,?5,'building',0,?2,?2,0)`

	progressSQL = `SELECT state,indexed FROM keyval_search_indexes WHERE id=?`
)

// Create makes an index, or nothing if there is the same already; another one over the
// same prefix is replaced. A small index is ready at once. The versionstamp is the
// operation's, also of one that finds everything as it should be: who reads at least that
// sees the index.
func (x *Indexes) Create(ctx context.Context, d Definition) (Index, kv.Versionstamp, error) {
	paths, err := d.check()
	if err != nil {
		return Index{}, "", err
	}
	d.Fields = slices.Clone(d.Fields)
	made, old := indexed{Index: Index{Definition: d}, id: newID()}, (*indexed)(nil)
	commit, err := x.db.Do(ctx, &sqldb.Op{
		Name:  "create_index",
		Reads: []sqldb.Ref{existing.Ref(all)},
		Apply: func(tx *sqldb.Tx) (err error) {
			made.Index.Indexed, made.Ready = 0, false
			old, err = stageIndex(tx, &made)
			return err
		},
		InSQL: &sqldb.InSQL{
			Exec: func(int) []sqldb.Stmt { return made.creation(old, paths, x.batchRows) },
			Outcome: func(string, int) sqldb.Stmt {
				return sqldb.Stmt{SQL: progressSQL, Args: []any{made.id}}
			},
		},
		Again: batchBytes, Rows: sqldb.CleanupRows,
	})
	if err != nil {
		return Index{}, "", kv.Failure(err)
	}
	if old != nil && old.same(&made.Definition) {
		return old.Index, kv.Versionstamp(commit.Versionstamp()), nil
	}
	if len(commit.Rows) > 0 {
		made.Ready, made.Index.Indexed = commit.Rows[0].Text(0) == "ready", commit.Rows[0].Integer(1)
	}
	if old != nil || !made.Ready {
		x.tellOfWork()
	}
	return made.Index, kv.Versionstamp(commit.Versionstamp()), nil
}

// stageIndex puts an index among the existing ones, and returns the one that it replaces, or
// that is the same.
func stageIndex(tx *sqldb.Tx, made *indexed) (old *indexed, err error) {
	before := *existing.Get(tx, all)
	after := slices.Clone(before)
	at, found := find(before, made.Prefix)
	switch {
	case found && before[at].same(&made.Definition):
		return &before[at], nil
	case found:
		old, after[at] = &before[at], *made
	case len(before) >= MaxIndexes:
		return nil, fmt.Errorf("%w: there are %d indexes already; delete one first", kv.ErrInvalidArgument, MaxIndexes)
	default:
		after = slices.Insert(after, at, *made)
	}
	existing.Put(tx, all, after)
	return old, nil
}

// find looks for the index over a prefix, or its place.
func find(xs []indexed, prefix kv.Key) (int, bool) {
	return slices.BinarySearchFunc(xs, prefix, func(x indexed, prefix kv.Key) int { return strings.Compare(string(x.Prefix), string(prefix)) })
}

// creation makes the index in place of an old one, if there is one, and begins to build it.
// It does nothing if they are the same.
func (x *indexed) creation(old *indexed, paths []filter.Path, rows int) []sqldb.Stmt {
	if old != nil && old.same(&x.Definition) {
		return nil
	}
	stmts := append(old.withoutTriggers(), sqldb.Stmt{SQL: defineSQL, Args: []any{x.id, []byte(x.Prefix), toJSON(x.Fields), toJSON(steps(paths)), x.Tokenize}})
	return slices.Concat(stmts, x.tables(paths), x.batch(paths, rows))
}

// List returns all indexes in the order of their prefixes, and the snapshot's position.
func (x *Indexes) List(ctx context.Context, opts kv.ReadOptions) ([]Index, kv.Versionstamp, error) {
	var found []indexed
	var position sqldb.Position
	err := x.db.Read(ctx, opts.Freshness(), func(ctx context.Context, r sqldb.Reader) (_ sqldb.Position, err error) {
		found, position, err = readAll(ctx, r)
		return position, err
	})
	if err != nil {
		return nil, "", kv.Failure(err)
	}
	list := make([]Index, len(found))
	for i := range found {
		list[i] = found[i].Index
	}
	return list, kv.Versionstamp(position), nil
}

const listSQL = `SELECT ` + definitionsSQL + `,` + sqldb.PositionSQL + ` FROM keyval_sequence s`

func readAll(ctx context.Context, r sqldb.Reader) ([]indexed, sqldb.Position, error) {
	rows, err := r.Query(ctx, sqldb.Stmt{SQL: listSQL})
	if err != nil {
		return nil, "", err
	}
	found, err := parseExisting(rows[0].Bytes(0))
	return found, sqldb.Position(rows[0].Text(1)), err
}

// Drop removes the index over a prefix, if there is one. The versionstamp is the operation's.
func (x *Indexes) Drop(ctx context.Context, prefix kv.Key) (kv.Versionstamp, error) {
	var old *indexed
	commit, err := x.db.Do(ctx, &sqldb.Op{
		Name:  "drop_index",
		Reads: []sqldb.Ref{existing.Ref(all)},
		Apply: func(tx *sqldb.Tx) error {
			old = nil
			before := *existing.Get(tx, all)
			if at, found := find(before, prefix); found {
				old = &before[at]
				existing.Put(tx, all, slices.Delete(slices.Clone(before), at, at+1))
			}
			return nil
		},
		InSQL: &sqldb.InSQL{Exec: func(int) []sqldb.Stmt { return old.withoutTriggers() }},
	})
	if err != nil {
		return "", kv.Failure(err)
	}
	if old != nil {
		x.tellOfWork()
	}
	return kv.Versionstamp(commit.Versionstamp()), nil
}

func newID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

func toJSON(texts []string) string {
	encoded, _ := json.Marshal(texts) // never fails
	return string(encoded)
}
