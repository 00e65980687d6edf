package route

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/buntime/keyval/internal/strictjson"
)

// A Decoder reads a request body's JSON strictly: a member that the route does not
// know and one that is given twice are refused by name, and so is anything after
// the end. Keys and values come out as the bytes they came in.
type Decoder struct {
	body []byte
	json *jsontext.Decoder
}

// DecodeObject decodes a body that is one object of known Members. For each that
// is there it calls field, which reads the member's value with one of the decoder's
// methods.
func DecodeObject(body []byte, known Members, field func(d *Decoder, name string) error) error {
	if err := strictjson.CheckUTF8(body); err != nil {
		return InvalidJSON("%v", err)
	}
	// Names may repeat within values, and escaped surrogates stand alone, because
	// values are kept as they are; object and text refuse them in what is ours.
	d := &Decoder{body: body, json: jsontext.NewDecoder(bytes.NewBuffer(body),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	if err := d.Object(known, func(name string) error { return field(d, name) }); err != nil {
		return err
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return InvalidJSON("there is something after the body's end, at byte %d", d.json.InputOffset())
	}
	return nil
}

// Object reads an object and calls field for each member that is there: one that is
// Null is not, unless null is a value for it.
func (d *Decoder) Object(known Members, field func(name string) error) error {
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
			return InvalidArgument("%s is given twice", d.Where())
		}
		seen = append(seen, name)
		described := known[name]
		if described == nil {
			return d.unknown()
		}
		if !described.takesNull() && d.Null() {
			continue
		}
		if err := field(name); err != nil {
			return err
		}
	}
	return d.close()
}

// Array reads an array of at most most elements and calls element for each.
func (d *Decoder) Array(most int, element func() error) error {
	if err := d.open('[', "an array"); err != nil {
		return err
	}
	for n := 0; d.json.PeekKind() != ']'; n++ {
		if n == most {
			return TooLarge("%s has more than %d elements", d.parent(), most)
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

func (d *Decoder) open(kind jsontext.Kind, what string) error {
	if got := d.json.PeekKind(); got != kind && got != 0 {
		return d.Not(what)
	}
	if _, err := d.json.ReadToken(); err != nil {
		return d.broken(err)
	}
	return nil
}

func (d *Decoder) close() error {
	if _, err := d.json.ReadToken(); err != nil {
		return d.broken(err)
	}
	return nil
}

// Raw is the next value as it stands in the body.
func (d *Decoder) Raw() ([]byte, error) {
	value, err := d.json.ReadValue()
	if err != nil {
		return nil, d.broken(err)
	}
	// The decoder's memory is its own; the body is the caller's.
	end := int(d.json.InputOffset())
	return d.body[end-len(value) : end : end], nil
}

// Integer is a whole number within p's limits, written without point or exponent.
func (d *Decoder) Integer(p IntParam) (int64, error) {
	if d.json.PeekKind() != '0' {
		return 0, d.Not("an integer")
	}
	raw, err := d.Raw()
	if err != nil {
		return 0, err
	}
	n, err := parseInteger(string(raw))
	if err != nil {
		return 0, InvalidArgument("%s must be an integer", d.Where())
	}
	return n, d.Wrap(p.Check(n))
}

// Boolean is true or false.
func (d *Decoder) Boolean() (bool, error) {
	if kind := d.json.PeekKind(); kind != 't' && kind != 'f' {
		return false, d.Not("true or false")
	}
	token, err := d.json.ReadToken()
	if err != nil {
		return false, d.broken(err)
	}
	return token.Bool(), nil
}

// Text is a string.
func (d *Decoder) Text() (string, error) {
	if d.json.PeekKind() != '"' {
		return "", d.Not("a string")
	}
	raw, err := d.Raw()
	if err != nil {
		return "", err
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil { // of a valid string: replacing it could make it equal to another
		return "", InvalidArgument("%s has the escape of a lone surrogate, which is no character", d.Where())
	}
	return string(text), nil
}

// Prose is a string for people, in which a lone surrogate becomes U+FFFD: texts
// that a program has cut short have them.
func (d *Decoder) Prose() (string, error) {
	if d.json.PeekKind() != '"' {
		return "", d.Not("a string")
	}
	token, err := d.json.ReadToken()
	if err != nil {
		return "", d.broken(err)
	}
	return token.String(), nil
}

// Null reads a null if there is one.
func (d *Decoder) Null() bool {
	if d.json.PeekKind() != 'n' {
		return false
	}
	_, err := d.json.ReadToken()
	return err == nil
}

// unknown refuses the member whose name was read last.
func (d *Decoder) unknown() error {
	return InvalidArgument("unknown member %s", d.Where())
}

// Not says that the next value has another type than it must have.
func (d *Decoder) Not(what string) error {
	// Reading on makes the position that of the value.
	if _, err := d.json.ReadValue(); err != nil {
		return d.broken(err)
	}
	return InvalidArgument("%s must be %s", d.Where(), what)
}

// Wrap names the value that was read last, for an error in it.
func (d *Decoder) Wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", d.Where(), err)
}

func (d *Decoder) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return InvalidJSON("the body ends early")
	}
	return InvalidJSON("%v", strictjson.Describe(err))
}

// Where is the member or element that was read last, as a person would write it:
// mutations[2].expireIn.
func (d *Decoder) Where() string { return pointerPath(d.json.StackPointer()) }

// parent is the object or array that is being read.
func (d *Decoder) parent() string {
	return pointerPath(d.json.StackPointer().Parent())
}

func pointerPath(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		switch _, err := strconv.Atoi(token); {
		case err == nil && b.Len() > 0:
			b.WriteString("[" + token + "]")
		case b.Len() > 0:
			b.WriteString("." + Clip(token))
		default:
			b.WriteString(Clip(token))
		}
	}
	if b.Len() == 0 {
		return "the body"
	}
	return b.String()
}

// Missing says that the object that was read last lacks a member.
func (d *Decoder) Missing(name string) error {
	return InvalidArgument("%s has no %s", d.Where(), name)
}
