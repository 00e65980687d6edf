package wire

import (
	"fmt"

	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

// DecodeValue reads a JSON value that will be stored.
func DecodeValue(d *route.Decoder, maxBytes int) ([]byte, error) {
	raw, err := d.Raw()
	if err != nil {
		return nil, err
	}
	value, err := kv.ParseValue(raw, maxBytes)
	return value, d.Wrap(err)
}

// DecodeKey reads the JSON form of a key.
func DecodeKey(d *route.Decoder) (kv.Key, error) { return decodeKey(d, kv.ParseKeyJSON) }

// DecodePrefix reads the JSON form of a key that may have no parts.
func DecodePrefix(d *route.Decoder) (kv.Key, error) { return decodeKey(d, kv.ParsePrefixJSON) }

// DecodeBound reads the JSON form of a bound of a list; [] is none.
func DecodeBound(d *route.Decoder) (kv.Key, error) { return decodeKey(d, kv.ParseBoundJSON) }

func decodeKey(d *route.Decoder, parse func([]byte) (kv.Key, error)) (kv.Key, error) {
	raw, err := d.Raw()
	if err != nil {
		return "", err
	}
	key, err := parse(raw)
	return key, d.Wrap(err)
}

// DecodeKeys reads an array of keys.
func DecodeKeys(d *route.Decoder, most int) ([]kv.Key, error) {
	var keys []kv.Key
	err := d.Array(most, func() error {
		key, err := DecodeKey(d)
		keys = append(keys, key)
		return err
	})
	return keys, err
}

// DecodeConsistency reads the name of one.
func DecodeConsistency(d *route.Decoder) (string, error) {
	name, err := d.Text()
	if err != nil {
		return "", err
	}
	_, err = kv.ParseConsistency(name)
	return name, err
}

// DecodeVersionstamp reads one that exists.
func DecodeVersionstamp(d *route.Decoder) (kv.Versionstamp, error) {
	text, err := d.Text()
	if err != nil {
		return "", err
	}
	v, err := kv.ParseVersionstamp(text)
	return v, d.Wrap(err)
}

// PathKey is the key that the path ends in.
func PathKey(c *route.Call) (kv.Key, error) { return kv.ParseKeyPath(c.PathAfter("/keys/")) }

// KeyInPath is the key that a path ends in.
var KeyInPath = route.Param{
	Name: "key", Schema: route.Text(""),
	Doc: "The parts of the key, separated by `/`, each percent-encoded: `users/42`. A canonical integer is a number; `~s:` `~n:` `~i:` `~b:` `~x:` before a part say string, number, bigint, boolean, bytes (base64url). `~k:` and its bytes (base64url) stand for a whole key that no parts make.",
}

// A KeyParam is a prefix in URL form, or with Bound a bound of a list.
type KeyParam struct {
	Name, Doc string
	Bound     bool
}

// Param is the row of the table.
func (p KeyParam) Param() route.Param {
	return route.Param{Name: p.Name, Doc: p.Doc, Schema: &route.Schema{Type: "string", Examples: []any{"users/42"}}}
}

// Get returns "" if the parameter is absent.
func (p KeyParam) Get(q route.Query) (kv.Key, error) {
	text, given := q.Text(p.Name)
	if !given {
		return "", nil
	}
	parse := kv.ParsePrefixPath
	if p.Bound {
		parse = kv.ParseBoundPath
	}
	key, err := parse(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.Name, err)
	}
	return key, nil
}
