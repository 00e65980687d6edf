package authfile

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tailscale/hujson"

	"github.com/buntime/keyval/httpapi/access"
)

// fresh is what a file begins as.
const fresh = `// The tokens of keyval: who may call the API, and what they may. "keyval token new" and
// "keyval token revoke" edit this file and leave comments as they are.
{
  "tokens": []
}
`

// Append puts a token at the end of a file's content, none being a new file, and leaves
// all else as it is. The result is one that Parse takes.
func Append(content []byte, e Entry, rules Rules) ([]byte, error) {
	if len(bytes.TrimSpace(content)) == 0 {
		content = []byte(fresh)
	}
	text, err := json.Marshal(writtenOf(e), jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true))
	if err != nil {
		return nil, err
	}
	if _, err := parseEntry(text, rules); err != nil {
		return nil, err
	}
	edited, err := edit(content, func(list *hujson.Array) error {
		appendTo(list, hujson.Literal(text))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := Parse(edited, rules); err != nil {
		return nil, err
	}
	return edited, nil
}

func writtenOf(e Entry) written {
	w := written{Name: e.Name, ID: e.ID, Prefixes: e.Written, Queues: e.Queues, Limits: writtenLimits(e.Limits)}
	if e.ID != "" {
		w.Hash = hashMark + hex.EncodeToString(e.Hash[:])
	}
	for _, s := range e.Scopes {
		w.Scopes = append(w.Scopes, string(s))
	}
	if !e.Expires.IsZero() {
		w.Expires = e.Expires.UTC().Format(time.RFC3339)
	}
	return w
}

// edit changes the list of tokens of a content that Parse takes.
func edit(content []byte, change func(*hujson.Array) error) ([]byte, error) {
	root, err := parseRoot(bytes.Clone(content))
	if err != nil {
		return nil, err
	}
	list, err := listOf(content, root)
	if err != nil {
		return nil, err
	}
	if err := change(list); err != nil {
		return nil, err
	}
	return root.Pack(), nil
}

// appendTo gives the new element a line of its own, after all comments.
func appendTo(list *hujson.Array, text hujson.Literal) {
	element := hujson.Value{Value: text}
	end := list.AfterExtra
	if n := len(list.Elements); n > 0 && list.Elements[n-1].AfterExtra != nil {
		element.AfterExtra = hujson.Extra{} // the list ends with a comma
	}
	kept := bytes.TrimRight(end, " \t\r\n")
	element.BeforeExtra = bytes.Clone(kept)
	if len(kept) > 0 && (len(list.Elements) == 0 || bytes.ContainsRune(kept, '\n')) {
		element.BeforeExtra = append(element.BeforeExtra, '\n') // a comment, but not on this token
	}
	element.BeforeExtra = append(element.BeforeExtra, indentation(list)...)
	if tail := end[len(kept):]; bytes.ContainsRune(tail, '\n') {
		list.AfterExtra = bytes.Clone(tail)
	} else {
		list.AfterExtra = hujson.Extra("\n  ")
	}
	list.Elements = append(list.Elements, element)
}

// indentation is what stands before the list's last element, or before one in a new file.
func indentation(list *hujson.Array) []byte {
	if n := len(list.Elements); n > 0 {
		before := list.Elements[n-1].BeforeExtra
		if i := bytes.LastIndexByte(before, '\n'); i >= 0 && len(bytes.TrimSpace(before[i:])) == 0 {
			return before[i:]
		}
	}
	return []byte("\n    ")
}

// Remove takes the token of a name out of a file's content, with the comment above it,
// and leaves all else as it is. It tells whether there was one.
func Remove(content []byte, name string, rules Rules) (edited []byte, found bool, err error) {
	entries, err := Parse(content, rules)
	if err != nil {
		return nil, false, err
	}
	for i, e := range entries {
		if e.Name == name {
			edited, err := removeAt(content, i)
			return edited, true, err
		}
	}
	return content, false, nil
}

func removeAt(content []byte, i int) ([]byte, error) {
	root, err := parseRoot(bytes.Clone(content))
	if err != nil {
		return nil, err
	}
	patch := `[{"op": "remove", "path": "/tokens/` + strconv.Itoa(i) + `"}]`
	if err := root.Patch([]byte(patch)); err != nil {
		return nil, fmt.Errorf("take the token out of its list: %w", err)
	}
	return root.Pack(), nil
}

// New makes an entry with a new secret, or without one for client certificates alone.
func New(t access.Token, prefixes []string, certificate bool) (e Entry, secret string) {
	e = Entry{Token: t, Written: prefixes}
	if !certificate {
		secret, e.ID, e.Hash = access.NewSecret()
	}
	return e, secret
}
