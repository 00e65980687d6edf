package search

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

// Bounds of definitions.
const (
	MaxIndexes   = 64
	MaxFields    = 32
	maxPathBytes = 1024
)

// tokenizers are FTS5's, by the names that clients give them.
var tokenizers = map[string]string{
	"unicode61": "unicode61",
	"porter":    "porter unicode61",
	"ascii":     "ascii",
}

// A Definition says what an index holds: the fields of the entries at and below a prefix.
type Definition struct {
	Prefix   kv.Key
	Fields   []string // paths, as filter.ParsePath takes them
	Tokenize string   // unicode61, porter or ascii; "" for unicode61
}

// An Index is a definition and how far it is built.
type Index struct {
	Definition
	Ready   bool
	Indexed int64 // entries so far
}

// check completes a definition and reads its paths.
func (d *Definition) check() ([]filter.Path, error) {
	if d.Tokenize == "" {
		d.Tokenize = "unicode61"
	}
	if tokenizers[d.Tokenize] == "" {
		return nil, fmt.Errorf("%w: tokenize must be unicode61, porter or ascii", kv.ErrInvalidArgument)
	}
	if len(d.Fields) == 0 || len(d.Fields) > MaxFields {
		return nil, fmt.Errorf("%w: fields must be a non-empty array. At least one field is needed, and at most %d", kv.ErrInvalidArgument, MaxFields)
	}
	paths := make([]filter.Path, len(d.Fields))
	for i, field := range d.Fields {
		var err error
		if paths[i], err = filter.ParsePath(field); err != nil {
			return nil, fmt.Errorf("%w: fields[%d]: %v", kv.ErrInvalidArgument, i, err)
		}
		if len(field) > maxPathBytes {
			return nil, fmt.Errorf("%w: fields[%d] is longer than %d bytes", kv.ErrInvalidArgument, i, maxPathBytes)
		}
		if slices.Contains(d.Fields[:i], field) {
			return nil, fmt.Errorf("%w: fields[%d] is there twice", kv.ErrInvalidArgument, i)
		}
	}
	return paths, nil
}

// same tells whether two definitions make the same index.
func (d *Definition) same(other *Definition) bool {
	return d.Prefix == other.Prefix && d.Tokenize == other.Tokenize && slices.Equal(d.Fields, other.Fields)
}

// indexed is an index in the database: the row of one over ["articles"]:
//
//	id        5f0c1b2a93d4e877
//	prefix    02 "articles" 00
//	fields    ["title","tags"]                 as given
//	steps     ["$.\"title\"","$.\"tags\""]     what its triggers read
//	tokenize  unicode61
//	state     ready
//	indexed   100000
type indexed struct {
	Index
	id string
}

func (x *indexed) table() string { return "keyval_search_" + x.id }

// existing are all indexes but those that are being dropped, in the order of their
// prefixes: few, so that an operation that changes one reads them all, as one row.
var existing = &sqldb.Table[[]indexed]{
	Name:  "keyval_search_indexes",
	Fetch: func(keys []string) sqldb.Stmt { return sqldb.Stmt{SQL: existingSQL, Args: []any{sqldb.TextKeys(keys)}} },
	Scan:  func(row sqldb.Row) ([]indexed, error) { return parseExisting(row.Bytes(0)) },
	Guard: guardExisting,
	Write: func([]sqldb.Change[[]indexed]) []sqldb.Stmt { return nil }, // InSQL does it
}

// all is the key of the one row.
const all = "all"

const (
	liveSQL = `(SELECT * FROM keyval_search_indexes WHERE state<>'dropping' ORDER BY prefix)`

	// definitionsSQL is what parseExisting reads.
	definitionsSQL = `(SELECT json_group_array(json_array(x.id,hex(x.prefix),json(x.fields),x.tokenize,x.state,x.indexed)) FROM ` + liveSQL + ` x)`

	existingSQL = `SELECT j.key,` + definitionsSQL + ` FROM json_each(?) j`

	guardExistingSQL = sqldb.StaleSQL + `FROM json_each(?) j
WHERE (SELECT coalesce(group_concat(x.id),'') FROM ` + liveSQL + ` x)<>j.value LIMIT 1`
)

func parseExisting(rows []byte) ([]indexed, error) {
	var parsed [][6]json.RawMessage
	if err := json.Unmarshal(rows, &parsed); err != nil {
		return nil, fmt.Errorf("read the definitions of indexes: %w", err)
	}
	found := make([]indexed, len(parsed))
	for i, cells := range parsed {
		if err := found[i].scan(cells); err != nil {
			return nil, fmt.Errorf("read the definition of an index: %w", err)
		}
	}
	return found, nil
}

func (x *indexed) scan(cells [6]json.RawMessage) error {
	var prefix hexKey
	var state string
	for i, into := range []any{&x.id, &prefix, &x.Fields, &x.Tokenize, &state, &x.Index.Indexed} {
		if err := json.Unmarshal(cells[i], into); err != nil {
			return err
		}
	}
	x.Prefix, x.Ready = kv.Key(prefix), state == "ready"
	return nil
}

func guardExisting(reads []sqldb.Held[[]indexed]) sqldb.Stmt {
	var ids []string
	for _, r := range reads {
		ids = append(ids, joinIDs(*r.Row))
	}
	return sqldb.Stmt{SQL: guardExistingSQL, Args: []any{sqldb.TextKeys(ids)}}
}

// read takes a definition's row: prefix, fields and tokenizer follow its id.
func (x *indexed) read(row sqldb.Row) (paths []filter.Path, err error) {
	x.id, x.Prefix, x.Tokenize = row.Text(0), kv.Key(row.Bytes(1)), row.Text(3)
	if err := json.Unmarshal(row.Bytes(2), &x.Fields); err != nil {
		return nil, fmt.Errorf("read the fields of an index: %w", err)
	}
	return x.check()
}
