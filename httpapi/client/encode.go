package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// encodeValue makes the JSON of a value. A json.RawMessage stays as it is: the
// server checks it and keeps its digits and the order of its members.
func encodeValue(value any) (json.RawMessage, error) {
	if raw, ok := value.(json.RawMessage); ok && len(raw) > 0 {
		return raw, nil
	}
	return encodeJSON(value)
}

// encodeJSON does not escape <, > and &, which encoding/json does for HTML's sake:
// another client would see other bytes.
func encodeJSON(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// millis rounds up: half a millisecond must not become 0, which means something
// else in most places.
func millis(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d > time.Duration(ms)*time.Millisecond {
		ms++
	}
	return ms
}

// Value decodes the value of e as encoding/json does. For a key that does not
// exist it fails with api.NotFound.
func Value[T any](e api.Entry) (T, error) {
	var v T
	if !e.Exists() {
		return v, fmt.Errorf("keyval: value: %w", api.NotFound)
	}
	return v, decodeValue(e.Value, &v)
}

// MessageValue decodes the value of m as encoding/json does.
func MessageValue[T any](m api.Message) (T, error) {
	var v T
	return v, decodeValue(m.Value, &v)
}

func decodeValue(raw json.RawMessage, out any) error {
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("keyval: value: %w", err)
	}
	return nil
}
