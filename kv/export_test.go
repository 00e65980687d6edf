package kv

import (
	"time"

	"github.com/buntime/keyval/internal/sqldb"
)

// ReadAhead has every transaction of a store read before it takes the lock, as large
// ones do.
func ReadAhead(s *Store) *Store {
	s.maxLockedBytes = -1
	return s
}

// NeverReadLocked has none of a store's transactions read under the lock, however often
// what it has read ahead changes.
func NeverReadLocked(s *Store) *Store {
	s.maxAgainBytes = -1
	return ReadAhead(s)
}

// SweepBytes has a store sweep so many bytes of values in a transaction.
func SweepBytes(s *Store, n int) { s.sweepBytes = n }

// PageSizes are how many entries the pages of a scan have after one that took so long, each.
func PageSizes(took ...time.Duration) (sizes []int64) {
	c := scan{entries: firstScan}
	for _, d := range took {
		c.adapt(d)
		sizes = append(sizes, c.entries)
	}
	return sizes
}

// Statements are the package's reading and conditional statements, by what they
// are for, with arguments: for the test of their plans.
func Statements() map[string]sqldb.Stmt {
	keys, ranges := sqldb.HexKeys([]string{"a", "b"}), rangesJSON([]Key{"a"}, []Range{{"b", "c"}})[0]
	start, end, stamp, op := []byte("a"), []byte("b"), "00000000000000000001", int64(0)
	return map[string]sqldb.Stmt{
		"fetch":          {SQL: fetchSQL, Args: []any{keys}},
		"fetch parts":    {SQL: fetchPartSQL, Args: []any{keys, int64(1), int64(2), int64(100)}},
		"guard":          {SQL: guardSQL, Args: []any{`[["61",""]]`}},
		"get":            {SQL: getSQL, Args: []any{keys, nil}},
		"sizes":          {SQL: sizesSQL, Args: []any{keys}},
		"list":           {SQL: listForwardSQL, Args: []any{start, end, int64(10), int64(1000), nil}},
		"list reversed":  {SQL: listReverseSQL, Args: []any{start, end, int64(10), int64(1000), nil}},
		"strict list":    {SQL: strictForwardSQL, Args: []any{start, end, int64(10), int64(1000), nil}},
		"strict reverse": {SQL: strictReverseSQL, Args: []any{start, end, int64(10), int64(1000), nil}},
		"count":          {SQL: countSQL, Args: []any{start, end}},
		"remove":         {SQL: removeSQL, Args: []any{`[["61"]]`, nil}},
		"changes":        {SQL: changesSQL, Args: []any{ranges, stamp, nil}},
		"key changes":    {SQL: keyChangesSQL, Args: []any{`[["00000000000000000001","61"]]`}},
		"logged changes": {SQL: loggedSQL, Args: []any{ranges, stamp, nil, int64(100)}},
		"any expired":    {SQL: anyExpiredSQL, Args: []any{int64(1)}},
		"sweep":          {SQL: sweepLogSQL, Args: []any{op, int64(1000)}},
		"swept":          {SQL: sweptSQL, Args: []any{"boot", op}},
		"bulk delete":    {SQL: bulkLogSQL, Args: []any{ranges, op}},
		"bulk removal":   {SQL: bulkRemoveSQL, Args: []any{op}},
		"bulk outcome":   {SQL: bulkOutcomeSQL, Args: []any{"boot", op, "id"}},
		"bulk keep":      {SQL: bulkKeepSQL, Args: []any{op, "id", int64(1000)}},
		"answer's part":  {SQL: partReadSQL, Args: []any{"id", stamp, op}},
		"answer":         {SQL: idempotencyFetchSQL, Args: []any{`["id"]`}},
		"filtered list":  listMatchesForward.stmt(nil, start, end, 100, 1000, 10),
		"filtered back":  listMatchesReverse.stmt(nil, start, end, 100, 1000, 10),
		"filtered count": countMatches.stmt(nil, start, end, 100, 1000, -1),
		"candidates":     findMatches.stmt(nil, ranges, nil, 100, 1000, 10),
		"filtered log":   logMatches(keys, nil, 0),
		"answer's guard": {SQL: idempotencyGuardSQL, Args: []any{`[["id",""]]`}},
	}
}
