package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/buntime/keyval/kv"
)

// A decoder reads a request body's JSON strictly: a member that the route does not
// know and one that is given twice are refused by name, and so is anything after
// the end. Keys and values come out as the bytes they came in.
type decoder struct {
	body []byte
	json *jsontext.Decoder
}

// decodeObject decodes a body that is one object of known members. For each that
// is there it calls field, which reads the member's value with one of the decoder's
// methods.
func decodeObject(body []byte, known members, field func(d *decoder, name string) error) error {
	if err := kv.CheckUTF8(body); err != nil {
		return err
	}
	// Names may repeat within values, and escaped surrogates stand alone, because
	// values are kept as they are; object and text refuse them in what is ours.
	d := &decoder{body: body, json: jsontext.NewDecoder(bytes.NewBuffer(body),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	if err := d.object(known, func(name string) error { return field(d, name) }); err != nil {
		return err
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: there is something after the body's end, at byte %d", kv.ErrInvalidJSON, d.json.InputOffset())
	}
	return nil
}

// object reads an object and calls field for each member that is there: one that is
// null is not, unless null is a value for it.
func (d *decoder) object(known members, field func(name string) error) error {
	if err := d.open('{', "an object"); err != nil {
		return err
	}
	var few [16]string
	seen := few[:0]
	for d.json.PeekKind() == '"' {
		token, err := d.json.ReadToken()
		if err != nil {
			return d.broken(err)
		}
		name := token.String()
		if slices.Contains(seen, name) {
			return invalidArgument("%s is given twice", d.where())
		}
		seen = append(seen, name)
		described := known[name]
		if described == nil {
			return d.unknown()
		}
		if !described.takesNull() && d.null() {
			continue
		}
		if err := field(name); err != nil {
			return err
		}
	}
	return d.close()
}

// array reads an array of at most most elements and calls element for each.
func (d *decoder) array(most int, element func() error) error {
	if err := d.open('[', "an array"); err != nil {
		return err
	}
	for n := 0; d.json.PeekKind() != ']'; n++ {
		if n == most {
			return fmt.Errorf("%w: %s has more than %d elements", kv.ErrTooLarge, d.parent(), most)
		}
		if kind := d.json.PeekKind(); kind == 0 {
			break // close tells what is wrong
		}
		if err := element(); err != nil {
			return err
		}
	}
	return d.close()
}

func (d *decoder) open(kind jsontext.Kind, what string) error {
	if got := d.json.PeekKind(); got != kind && got != 0 {
		return d.not(what)
	}
	if _, err := d.json.ReadToken(); err != nil {
		return d.broken(err)
	}
	return nil
}

func (d *decoder) close() error {
	if _, err := d.json.ReadToken(); err != nil {
		return d.broken(err)
	}
	return nil
}

// raw is the next value as it stands in the body.
func (d *decoder) raw() ([]byte, error) {
	value, err := d.json.ReadValue()
	if err != nil {
		return nil, d.broken(err)
	}
	// The decoder's memory is its own; the body is the caller's.
	end := int(d.json.InputOffset())
	return d.body[end-len(value) : end : end], nil
}

// value is a JSON value that will be stored.
func (d *decoder) value(maxBytes int) ([]byte, error) {
	raw, err := d.raw()
	if err != nil {
		return nil, err
	}
	value, err := kv.ParseValue(raw, maxBytes)
	return value, d.wrap(err)
}

// key is the JSON form of a key.
func (d *decoder) key() (kv.Key, error) {
	raw, err := d.raw()
	if err != nil {
		return "", err
	}
	key, err := kv.ParseKeyJSON(raw)
	return key, d.wrap(err)
}

// prefix is the JSON form of a key that may have no parts.
func (d *decoder) prefix() (kv.Key, error) {
	raw, err := d.raw()
	if err != nil {
		return "", err
	}
	key, err := kv.ParsePrefixJSON(raw)
	return key, d.wrap(err)
}

// keys is an array of keys.
func (d *decoder) keys(most int) ([]kv.Key, error) {
	var keys []kv.Key
	err := d.array(most, func() error {
		key, err := d.key()
		keys = append(keys, key)
		return err
	})
	return keys, err
}

// integer is a whole number within p's limits, written without point or exponent.
func (d *decoder) integer(p intParam) (int64, error) {
	if d.json.PeekKind() != '0' {
		return 0, d.not("an integer")
	}
	raw, err := d.raw()
	if err != nil {
		return 0, err
	}
	n, err := parseInteger(string(raw))
	if err != nil {
		return 0, invalidArgument("%s must be an integer", d.where())
	}
	return n, d.wrap(p.check(n))
}

func (d *decoder) boolean() (bool, error) {
	if kind := d.json.PeekKind(); kind != 't' && kind != 'f' {
		return false, d.not("true or false")
	}
	token, err := d.json.ReadToken()
	if err != nil {
		return false, d.broken(err)
	}
	return token.Bool(), nil
}

func (d *decoder) text() (string, error) {
	if d.json.PeekKind() != '"' {
		return "", d.not("a string")
	}
	raw, err := d.raw()
	if err != nil {
		return "", err
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil { // of a valid string: replacing it could make it equal to another
		return "", invalidArgument("%s has the escape of a lone surrogate, which is no character", d.where())
	}
	return string(text), nil
}

// prose is a string for people, in which a lone surrogate becomes U+FFFD: texts
// that a program has cut short have them.
func (d *decoder) prose() (string, error) {
	if d.json.PeekKind() != '"' {
		return "", d.not("a string")
	}
	token, err := d.json.ReadToken()
	if err != nil {
		return "", d.broken(err)
	}
	return token.String(), nil
}

// null reads a null if there is one.
func (d *decoder) null() bool {
	if d.json.PeekKind() != 'n' {
		return false
	}
	_, err := d.json.ReadToken()
	return err == nil
}

// unknown refuses the member whose name was read last.
func (d *decoder) unknown() error {
	return invalidArgument("unknown member %s", d.where())
}

// not says that the next value has another type than it must have.
func (d *decoder) not(what string) error {
	// Reading on makes the position that of the value.
	if _, err := d.json.ReadValue(); err != nil {
		return d.broken(err)
	}
	return invalidArgument("%s must be %s", d.where(), what)
}

// wrap names the value that was read last, for an error in it.
func (d *decoder) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", d.where(), err)
}

func (d *decoder) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the body ends early", kv.ErrInvalidJSON)
	}
	return kv.BrokenJSON(err)
}

// where is the member or element that was read last, as a person would write it:
// mutations[2].expireIn.
func (d *decoder) where() string { return pointerPath(d.json.StackPointer()) }

// parent is the object or array that is being read.
func (d *decoder) parent() string {
	return pointerPath(d.json.StackPointer().Parent())
}

func pointerPath(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		switch _, err := strconv.Atoi(token); {
		case err == nil && b.Len() > 0:
			b.WriteString("[" + token + "]")
		case b.Len() > 0:
			b.WriteString("." + clip(token))
		default:
			b.WriteString(clip(token))
		}
	}
	if b.Len() == 0 {
		return "the body"
	}
	return b.String()
}

// consistency is the name of one.
func (d *decoder) consistency() (string, error) {
	name, err := d.text()
	if err != nil {
		return "", err
	}
	_, err = kv.ParseConsistency(name)
	return name, err
}

// versionstamp is one that exists.
func (d *decoder) versionstamp() (kv.Versionstamp, error) {
	text, err := d.text()
	if err != nil {
		return "", err
	}
	v, err := kv.ParseVersionstamp(text)
	return v, d.wrap(err)
}

// missing says that the object that was read last lacks a member.
func (d *decoder) missing(name string) error {
	return invalidArgument("%s has no %s", d.where(), name)
}
