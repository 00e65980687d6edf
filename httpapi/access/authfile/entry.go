package authfile

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/buntime/keyval/httpapi/access"
)

// written is an entry as it stands in the file.
type written struct {
	Name     string        `json:"name"`
	ID       string        `json:"id,omitzero"`
	Hash     string        `json:"hash,omitzero"`
	Scopes   []string      `json:"scopes"`
	Prefixes []string      `json:"prefixes,omitzero"`
	Queues   []string      `json:"queues,omitzero"`
	Expires  string        `json:"expires,omitzero"`
	Limits   writtenLimits `json:"limits,omitzero"`
}

type writtenLimits struct {
	RequestsPerSecond float64 `json:"requestsPerSecond,omitzero"`
	Burst             int     `json:"burst,omitzero"`
	Requests          int     `json:"requests,omitzero"`
	Streams           int     `json:"streams,omitzero"`
}

// parseEntry reads the JSON of one token. Errors begin with its name, where it has one.
func parseEntry(text []byte, rules Rules) (Entry, error) {
	w, err := decode(text)
	if err != nil {
		return Entry{}, err
	}
	if err := CheckName(w.Name); err != nil {
		return Entry{}, err
	}
	entry, err := w.entry(rules)
	if err != nil {
		return Entry{}, fmt.Errorf("the token %q: %w", w.Name, err)
	}
	return entry, nil
}

func (w written) entry(rules Rules) (Entry, error) {
	e := Entry{Token: access.Token{Name: w.Name, ID: w.ID}, Written: w.Prefixes}
	for _, step := range []func() error{
		func() (err error) { e.Hash, err = w.hash(); return err },
		func() (err error) { e.Scopes, err = ParseScopes(w.Scopes); return err },
		func() (err error) { e.Prefixes, err = encodePrefixes(w.Prefixes, rules); return err },
		func() (err error) { e.Queues, err = w.Queues, checkQueues(w.Queues, rules); return err },
		func() (err error) { e.Expires, err = w.expires(); return err },
		func() (err error) { e.Limits, err = w.Limits.limits(); return err },
		func() error { return checkAdmin(e.Token) },
	} {
		if err := step(); err != nil {
			return Entry{}, err
		}
	}
	return e, nil
}

// maxName is as long as the common name of a certificate may be, RFC 5280, appendix A.
const maxName = 64

// CheckName says what is wrong with a token's name.
func CheckName(name string) error {
	length := utf8.RuneCountInString(name)
	printable := !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	if length < 1 || length > maxName || !utf8.ValidString(name) || !printable || strings.TrimSpace(name) != name {
		return fmt.Errorf("a token needs a name of 1 to %d characters that can be printed, without spaces at its ends", maxName)
	}
	return nil
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9]{1,32}$`)

const hashMark = "sha256:"

var errHash = errors.New("its hash is not sha256: and 64 hexadecimal digits or the same in base64; keyval token new makes a token")

// hash is all zeros for a token that has none.
func (w written) hash() (hash [sha256.Size]byte, err error) {
	switch {
	case w.Hash == "" && w.ID == "":
		return hash, nil
	case w.Hash == "" || w.ID == "":
		return hash, errors.New("id and hash belong together: give it both, or none if only client certificates stand for it")
	case !idForm.MatchString(w.ID):
		return hash, errors.New("its id is not 1 to 32 letters and digits; it is the part of the secret between keyval_ and the next _")
	}
	digits, ok := strings.CutPrefix(w.Hash, hashMark)
	if !ok {
		return hash, errHash
	}
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString, base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if b, err := decode(digits); err == nil && len(b) == len(hash) {
			return [sha256.Size]byte(b), nil
		}
	}
	return hash, errHash
}

// ParseScopes finds the scopes of these names, of which there is at least one.
func ParseScopes(names []string) ([]access.Scope, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("it has no scopes, so it may do nothing: give it some of %s", scopeNames())
	}
	var scopes []access.Scope
	for _, name := range names {
		scope, ok := access.ParseScope(name)
		switch {
		case !ok:
			return nil, fmt.Errorf("there is no scope %q; there are %s", name, scopeNames())
		case slices.Contains(scopes, scope):
			return nil, fmt.Errorf("it has the scope %s twice", name)
		}
		scopes = append(scopes, scope)
	}
	return scopes, nil
}

func scopeNames() string {
	var names []string
	for _, s := range access.Scopes {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// maxBounds is how many prefixes or queues one token has: every request looks at them.
const maxBounds = 1000

// checkBounds looks at a list that bounds a token. An empty one is not the same as none.
func checkBounds(member string, items []string) error {
	switch {
	case items != nil && len(items) == 0:
		return fmt.Errorf("%s is an empty list, which would bind it to nothing: leave %s out, or name some", member, member)
	case len(items) > maxBounds:
		return fmt.Errorf("%s has %d items, at most %d are allowed", member, len(items), maxBounds)
	}
	return nil
}

func encodePrefixes(raw []string, rules Rules) ([]string, error) {
	if err := checkBounds("prefixes", raw); err != nil {
		return nil, err
	}
	var prefixes []string
	for i, text := range raw {
		prefix, err := rules.Prefix(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("prefix %d: %w; prefixes have the form of keys in URLs, such as users or orders/~i:5", i+1, err)
		case prefix == "":
			return nil, fmt.Errorf("prefix %d is empty, and everything is below it: leave prefixes out for a token that reaches all keys", i+1)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

func checkQueues(names []string, rules Rules) error {
	if err := checkBounds("queues", names); err != nil {
		return err
	}
	for i, name := range names {
		if err := rules.Queue(name); err != nil {
			return fmt.Errorf("queue %d: %w", i+1, err)
		}
	}
	return nil
}

func (w written) expires() (time.Time, error) {
	if w.Expires == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, w.Expires)
	if err != nil || t.IsZero() {
		return time.Time{}, errors.New("expires is no time such as 2027-01-31T00:00:00Z; leave it out for a token that does not expire")
	}
	return t.UTC(), nil
}

func (l writtenLimits) limits() (access.Limits, error) {
	if l.RequestsPerSecond < 0 || math.IsInf(l.RequestsPerSecond, 0) || min(l.Burst, l.Requests, l.Streams) < 0 {
		return access.Limits{}, errors.New("a limit is below 0; leave it out for what the node's settings say")
	}
	return access.Limits(l), nil
}

// checkAdmin refuses bounds that would hold nothing back.
func checkAdmin(t access.Token) error {
	if slices.Contains(t.Scopes, access.Admin) && (t.Prefixes != nil || t.Queues != nil) {
		return errors.New("the scope admin sees the whole node, so it cannot be bound: leave prefixes and queues out, or make a token of its own for admin")
	}
	return nil
}

// names are those that are taken.
type names struct{ names, ids map[string]bool }

func newNames() names { return names{map[string]bool{}, map[string]bool{}} }

func (n names) add(t access.Token) error {
	if n.names[t.Name] {
		return fmt.Errorf("the token %q stands here for a second time; names are unique", t.Name)
	}
	if t.ID != "" && n.ids[t.ID] {
		return fmt.Errorf("the token %q has the id of another one; ids are unique", t.Name)
	}
	n.names[t.Name], n.ids[t.ID] = true, true
	return nil
}
