package sqldb

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of an argument: sqld takes strings, blobs and rows below 5,000,000 bytes.
const (
	// MaxArgument is from how many bytes on an argument goes on in another one.
	MaxArgument = 3 << 20
	// largeValue is the size from which a value travels as a blob of its
	// own, because JSON's escapes may double it.
	largeValue = 1 << 20
)

// Rows collects rows for statements that take them as JSON arrays in one
// argument and unpack them with json_each. A statement has two arguments: the
// JSON array of rows, and a blob that is NULL unless the only row has a large
// value.
type Rows struct {
	sql   string
	buf   []byte
	stmts []Stmt
}

// NewRows begins rows for the statement sql.
func NewRows(sql string) *Rows { return &Rows{sql: sql, buf: []byte{'['}} }

// Add adds one row: cells are string, []byte (in hexadecimal), int64, int,
// Text, JSON, or nil.
func (r *Rows) Add(cells ...any) {
	var large []byte
	start := len(r.buf)
	if start > 1 {
		r.buf = append(r.buf, ',')
	}
	r.buf = append(r.buf, '[')
	for i, cell := range cells {
		if i > 0 {
			r.buf = append(r.buf, ',')
		}
		if t, ok := cell.(Text); ok && t.Large() {
			large = t
			cell = nil
		}
		r.buf = appendCell(r.buf, cell)
	}
	r.buf = append(r.buf, ']')
	if large != nil {
		row := string(r.buf[start:])
		r.buf = r.buf[:start]
		r.flush()
		r.stmts = append(r.stmts, Stmt{SQL: r.sql, Args: []any{"[" + trimComma(row) + "]", large}})
		return
	}
	if len(r.buf) > MaxArgument && start > 1 {
		row := trimComma(string(r.buf[start:]))
		r.buf = r.buf[:start]
		r.flush()
		r.buf = append(r.buf, row...)
	}
}

// Text is a cell with a value's JSON text. Large ones travel as the second
// argument: the statement takes coalesce(?2, cell).
type Text []byte

// Large tells whether the text travels as the second argument.
func (t Text) Large() bool { return len(t) >= largeValue }

// JSON is a cell that is JSON already.
type JSON []byte

// Stmts are the statements that carry all rows, in order.
func (r *Rows) Stmts() []Stmt {
	r.flush()
	return r.stmts
}

// Array is the one statement, with one argument, that carries all rows: for rows
// that are known to fit one.
func (r *Rows) Array() Stmt {
	var all []byte
	for _, st := range r.Arrays() {
		argument, _ := st.Args[0].(string)
		if all != nil {
			all = append(all[:len(all)-1], ',')
			argument = argument[1:]
		}
		all = append(all, argument...)
	}
	if all == nil {
		all = []byte("[]")
	}
	return Stmt{SQL: r.sql, Args: []any{string(all)}}
}

// Arrays are the statements, with one argument each, that carry all rows, in order:
// for rows without large values.
func (r *Rows) Arrays() []Stmt {
	stmts := r.Stmts()
	for i := range stmts {
		stmts[i].Args = stmts[i].Args[:1]
	}
	return stmts
}

func (r *Rows) flush() {
	if len(r.buf) > 1 {
		r.stmts = append(r.stmts, Stmt{SQL: r.sql, Args: []any{string(append(r.buf, ']')), nil}})
	}
	r.buf = append(r.buf[:0], '[')
}

func trimComma(row string) string {
	if row[0] == ',' {
		return row[1:]
	}
	return row
}

func appendCell(buf []byte, cell any) []byte {
	switch v := cell.(type) {
	case nil:
		return append(buf, "null"...)
	case string:
		return appendString(buf, v)
	case Text:
		return appendString(buf, v)
	case JSON:
		return append(buf, v...)
	case []byte:
		return appendHex(buf, v)
	case int64:
		return strconv.AppendInt(buf, v, 10)
	case int:
		return strconv.AppendInt(buf, int64(v), 10)
	default:
		panic(fmt.Sprintf("sqldb: a cell cannot be a %T", cell))
	}
}

// AppendString appends text as a JSON string.
func AppendString(buf, text []byte) []byte { return appendString(buf, text) }

func appendString[S ~string | ~[]byte](buf []byte, s S) []byte {
	// The error is for invalid UTF-8, which is replaced; none comes here.
	buf, _ = jsontext.AppendQuote(buf, s)
	return buf
}

func appendHex[S ~string | ~[]byte](buf []byte, s S) []byte {
	const digits = "0123456789abcdef"
	buf = append(buf, '"')
	for i := range len(s) {
		buf = append(buf, digits[s[i]>>4], digits[s[i]&15])
	}
	return append(buf, '"')
}

// HexKeys renders keys as a JSON array of hexadecimal strings, for statements
// that compare with unhex(j.value).
func HexKeys(keys []string) string {
	buf := []byte{'['}
	for i, k := range keys {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = appendHex(buf, k)
	}
	return string(append(buf, ']'))
}

// TextKeys renders keys as a JSON array of strings.
func TextKeys(keys []string) string {
	buf := []byte{'['}
	for i, k := range keys {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = appendString(buf, k)
	}
	return string(append(buf, ']'))
}

// Readers of cells: the drivers differ in whether text comes as string or
// bytes, and a NULL is the zero value.

func integer(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	}
	return 0
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// Integer reads column i, 0 for NULL.
func (r Row) Integer(i int) int64 { return integer(r[i]) }

// Text reads column i as a string, "" for NULL.
func (r Row) Text(i int) string { return text(r[i]) }

// Bytes reads column i as bytes, nil for NULL.
func (r Row) Bytes(i int) []byte {
	switch v := r[i].(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	}
	return nil
}
