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
	// largeValue is the size from which a value travels as a blob of its own: JSON's
	// escapes may double it, and SQLite would read it several times.
	largeValue = 32 << 10
)

// Rows collects rows for statements that take them as JSON arrays in one
// argument and unpack them with json_each. A statement has two arguments: the
// JSON array of rows, and a blob that is NULL unless its rows have a large value,
// which is the same in all of them.
type Rows struct {
	sql   string
	buf   []byte
	stmts []Stmt
	large Text   // the value of the rows that follow
	alike []byte // rows with that value, as buf
}

// NewRows begins rows for the statement sql.
func NewRows(sql string) *Rows { return &Rows{sql: sql} }

// Add adds one row: cells are string, []byte (in hexadecimal), int64, int,
// Text, JSON, or nil. Of large texts it keeps the slice, and has one that is added
// again at once travel once.
func (r *Rows) Add(cells ...any) {
	var large Text
	for i, cell := range cells {
		if t, ok := cell.(Text); ok && t.Large() {
			large, cells[i] = t, nil
		}
	}
	if large == nil {
		r.buf = r.add(r.buf, nil, cells)
		return
	}
	if !large.same(r.large) {
		r.flush(r.alike, r.large)
		r.large, r.alike = large, r.alike[:0]
	}
	r.alike = r.add(r.alike, large, cells)
}

// add appends a row to those of a statement, which is begun anew if it grows too long.
func (r *Rows) add(buf []byte, large Text, cells []any) []byte {
	start := len(buf)
	buf = appendRow(buf, cells)
	if len(buf) > MaxArgument && start > 0 {
		r.flush(buf[:start], large)
		buf = append(buf[:0], buf[start:]...)
	}
	return buf
}

// appendRow appends a row and the comma after it.
func appendRow(buf []byte, cells []any) []byte {
	buf = append(buf, '[')
	for i, cell := range cells {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = appendCell(buf, cell)
	}
	return append(buf, "],"...)
}

// Text is a cell with a value's JSON text. Large ones travel as the second
// argument: the statement takes coalesce(?2, cell).
type Text []byte

// Large tells whether the text travels as the second argument.
func (t Text) Large() bool { return len(t) >= largeValue }

// same tells whether two texts are one slice.
func (t Text) same(other Text) bool { return len(t) == len(other) && len(t) > 0 && &t[0] == &other[0] }

// JSON is a cell that is JSON already.
type JSON []byte

// Stmts are the statements that carry all rows. Those without a large value are in order.
func (r *Rows) Stmts() []Stmt {
	r.flush(r.buf, nil)
	r.flush(r.alike, r.large)
	r.buf, r.alike = nil, nil
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

// flush has a statement carry rows, if there are any.
func (r *Rows) flush(rows []byte, large Text) {
	if len(rows) == 0 {
		return
	}
	var blob any
	if large != nil {
		blob = []byte(large)
	}
	r.stmts = append(r.stmts, Stmt{SQL: r.sql, Args: []any{"[" + string(rows[:len(rows)-1]) + "]", blob}})
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
