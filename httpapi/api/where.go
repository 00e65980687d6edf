package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"time"
)

// Where is a filter: which entries a list, a count, a delete or a search is about, by what
// their values hold.
//
//	api.And(api.Field("age").Gte(18), api.Or(api.Field("city").Eq("Rio"), api.Field("vip").Eq(true)))
//
// The zero Where is no filter. docs/filters.md has the meaning of every operator. What
// cannot be written as JSON, such as an operand that is a channel, is told by MarshalJSON
// and so by the request that carries it.
type Where struct {
	json json.RawMessage
	err  error
}

// And matches where all filters do; none at all match everything.
func And(filters ...Where) Where { return combine("$and", filters) }

// Or matches where at least one of the filters does; none at all match nothing.
func Or(filters ...Where) Where { return combine("$or", filters) }

// Not matches where the filter does not; but neither where that is unknown, because a field
// that it compares is missing or null.
func Not(filter Where) Where { return member("$not", filter) }

// RawWhere is a filter that is at hand as JSON.
func RawWhere(filter json.RawMessage) Where {
	if !json.Valid(filter) || !bytes.HasPrefix(bytes.TrimLeft(filter, " \t\r\n"), []byte("{")) {
		return Where{err: errors.New("where: not a JSON object")}
	}
	return Where{json: filter}
}

// IsZero reports whether w is no filter.
func (w Where) IsZero() bool { return w.json == nil && w.err == nil }

// MarshalJSON makes the contract's JSON.
func (w Where) MarshalJSON() ([]byte, error) {
	if w.IsZero() {
		return []byte("{}"), nil
	}
	return w.json, w.err
}

// UnmarshalJSON keeps the filter as it is; null is no filter.
func (w *Where) UnmarshalJSON(raw []byte) error {
	*w = Where{}
	if string(raw) != "null" {
		w.json = bytes.Clone(raw)
	}
	return nil
}

func combine(operator string, filters []Where) Where {
	if filters == nil {
		filters = []Where{}
	}
	return member(operator, filters)
}

// member is an object with one member.
func member(name string, value any) Where {
	quoted, err := quote(name)
	if err != nil {
		return Where{err: err}
	}
	text, err := operandJSON(value)
	if err != nil {
		return Where{err: err}
	}
	out := append([]byte{'{'}, quoted...)
	out = append(append(out, ':'), text...)
	return Where{json: append(out, '}')}
}

// operandJSON writes a bigint with its type: a number of JSON has the digits of a double.
func operandJSON(value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return quote(v)
	case *big.Int:
		return partJSON(v)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// Time is the database's time in Unix milliseconds, in which a request is carried out, or one
// before or after it: an operand of a filter, or a part of a value that a set of an atomic
// operation or transaction writes.
type Time struct{ offset time.Duration }

// Now is the database's time.
func Now() Time { return Time{} }

// Add is t+d, in whole milliseconds; d may be negative.
func (t Time) Add(d time.Duration) Time { return Time{t.offset + d} }

// MarshalJSON makes the contract's {"$now":true}.
func (t Time) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Now    bool  `json:"$now"`
		Offset int64 `json:"offset,omitzero"`
	}{true, t.offset.Milliseconds()})
}
