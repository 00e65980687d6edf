package kv

import (
	"bytes"
	"fmt"
	"math/big"
	"regexp"
	"slices"

	"github.com/buntime/keyval/internal/sqldb"
)

// nowMember is in every timeObject, and looked for first because that is cheap.
var nowMember = []byte(`"$now":true`)

// timeObject matches what stands for the transaction's time in a value from
// ParseValue. Between the braces there can be no part of a string: the quote
// before $now or offset begins one, because these letters cannot stand outside,
// and none comes after a backslash.
var timeObject = regexp.MustCompile(`\{"\$now":true(?:,"offset":` + offsetForm + `)?\}|\{"offset":` + offsetForm + `,"\$now":true\}`)

// offsetForm matches a number, a literal or a string.
const offsetForm = `([^",\[\]{}]*|"[^"]*")`

// maxOffset bounds the member offset, and maxTime the times of transactions (the
// year 10889), so that the sum of both is a number in any JSON parser.
const (
	maxOffset = 1 << 52
	maxTime   = 1 << 48
)

// Times are the places in a value that take the transaction's time. That is known
// only to SQL, when the group commits: until then a value with times is its text
// and what stands in it where.
type Times struct{ places []timePlace }

// A timePlace is the stretch of a value that a time replaces.
type timePlace struct {
	start, end int
	time       laterTime
}

// ParseTimes finds {"$now":true}, exactly this object, at any depth of a value from
// ParseValue, also with a second member offset, in milliseconds. It returns nil if
// there is none, and fails with ErrInvalidValue for an offset that is no integer
// within ±2^52.
func ParseTimes(value []byte) (*Times, error) {
	if !bytes.Contains(value, nowMember) {
		return nil, nil
	}
	t := &Times{}
	for _, at := range timeObject.FindAllSubmatchIndex(value, -1) {
		p := timePlace{start: at[0], end: at[1]}
		var err error
		if p.time, err = parseOffset(submatch(value, at)); err != nil {
			return nil, err
		}
		t.places = append(t.places, p)
	}
	if len(t.places) == 0 {
		return nil, nil
	}
	return t, nil
}

// submatch is the group of a match that took part; nil if none did.
func submatch(value []byte, at []int) []byte {
	for i := 2; i < len(at); i += 2 {
		if at[i] >= 0 {
			return value[at[i]:at[i+1]]
		}
	}
	return nil
}

// parseOffset is the transaction's time and so many milliseconds; none for nil, and
// for null, as everywhere.
func parseOffset(number []byte) (laterTime, error) {
	if number == nil || string(number) == "null" {
		return newLaterTime(0), nil
	}
	offset, err := parseInteger(number, errNoOffset)
	if err != nil || offset.n.CmpAbs(big.NewInt(maxOffset)) > 0 {
		return laterTime{}, errNoOffset()
	}
	return newLaterTime(offset.n.Int64()), nil
}

func errNoOffset() error {
	return fmt.Errorf("%w: the offset of $now must be an integer within ±4,503,599,627,370,496 (milliseconds)", ErrInvalidValue)
}

// A laterTime is the transaction's time plus add, but at least least and at most
// most. What sum, min and max make of one is another, or no longer depends on the
// time; so mutations compute with a time that they do not know.
type laterTime struct{ add, least, most int64 }

// newLaterTime is bounded by what there can be.
func newLaterTime(offset int64) laterTime {
	return laterTime{add: offset, least: offset, most: offset + maxTime}
}

// combine is t after a sum, min or max with n. It fails with ErrOutOfRange if the
// result could be no number.
func (t laterTime) combine(m MutationType, n int64) (laterTime, error) {
	switch m {
	case MutationSum:
		t = laterTime{t.add + n, t.least + n, t.most + n}
	case MutationMin:
		t.least, t.most = min(t.least, n), min(t.most, n)
	case MutationMax:
		t.least, t.most = max(t.least, n), max(t.most, n)
	}
	if t.least < -maxSafeInteger || t.most > maxSafeInteger {
		return t, errNumberRange()
	}
	return t, nil
}

// plain tells whether nothing but add makes t differ from the transaction's time.
func (t laterTime) plain() bool { return t == newLaterTime(t.add) }

// shifted is t in a value with n bytes more before it.
func (t *Times) shifted(n int) *Times {
	places := slices.Clone(t.places)
	for i := range places {
		places[i].start += n
		places[i].end += n
	}
	return &Times{places}
}

// combine is for a value that must be one time. An operand that no number can hold
// either decides a min or max alone or has no part in it.
func (t *Times) combine(value []byte, m MutationType, operand Integer) ([]byte, *Times, error) {
	if p := t.places[0]; p.start > 0 || p.end < len(value) {
		return nil, nil, errNoStoredInteger()
	}
	if operand.n.BitLen() > 53 {
		switch positive := operand.n.Sign() > 0; {
		case m == MutationSum:
			return nil, nil, errNumberRange()
		case positive == (m == MutationMax):
			decided, err := operand.as(formNumber).value()
			return decided, nil, err
		}
		return value, t, nil
	}
	time, err := t.places[0].time.combine(m, operand.n.Int64())
	if err != nil {
		return nil, nil, err
	}
	if time.least == time.most {
		return fmt.Appendf(nil, "%d", time.least), nil, nil
	}
	return value, &Times{[]timePlace{{0, len(value), time}}}, nil
}

// timesSQL is the value of a row j of upsertTimedSQL: its pieces, which
// json_each gives in order, one after the other. A piece is text, milliseconds to
// add to the time, those with bounds, or the place and length of text in ?2.
const timesSQL = `(SELECT group_concat(CASE p.type WHEN 'text' THEN p.value WHEN 'integer' THEN s.time+p.value
ELSE coalesce(min(max(s.time+(p.value->>0),p.value->>1),p.value->>2),CAST(substr(?2,p.value->>0,p.value->>1) AS TEXT)) END,'')
FROM json_each(j.value,'$[4]') p)`

// cells are a value's text and pieces in a row of upsertTimedSQL. Text that the
// pieces have need not travel twice.
func (t *Times) cells(value sqldb.Text) (text any, pieces sqldb.JSON) {
	if value.Large() {
		text = value
	}
	return text, t.pieces(value)
}

// pieces are those of timesSQL. Those of a large value name places in it, because
// it travels as it is.
func (t *Times) pieces(value sqldb.Text) sqldb.JSON {
	out, end := sqldb.JSON{'['}, 0
	for _, p := range t.places {
		out = append(appendPiece(out, value, end, p.start), ',')
		if p.time.plain() {
			out = fmt.Appendf(out, "%d,", p.time.add)
		} else {
			out = fmt.Appendf(out, "[%d,%d,%d],", p.time.add, p.time.least, p.time.most)
		}
		end = p.end
	}
	return append(appendPiece(out, value, end, len(value)), ']')
}

func appendPiece(out sqldb.JSON, value sqldb.Text, start, end int) sqldb.JSON {
	if value.Large() {
		return fmt.Appendf(out, "[%d,%d]", start+1, end-start)
	}
	return sqldb.AppendString(out, value[start:end])
}
