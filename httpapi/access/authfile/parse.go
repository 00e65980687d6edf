package authfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tailscale/hujson"

	"github.com/buntime/keyval/httpapi/access"
)

// MaxBytes and MaxTokens bound what is read of a file.
const (
	MaxBytes  = 4 << 20
	MaxTokens = 10_000
	// maxBrackets is more than MaxTokens need: what nests deeper would take the stack.
	maxBrackets = 6*MaxTokens + 100
)

// Rules are those of names that others make.
type Rules struct {
	// Prefix encodes the URL form of a key's prefix; "" is that of all keys.
	Prefix func(raw string) (string, error)
	// Queue says what is wrong with a queue's name.
	Queue func(name string) error
}

// An Entry is one token of the file.
type Entry struct {
	access.Token
	// Written are the token's prefixes as the file has them, in the form of URLs.
	Written []string
}

// Tokens are those of the entries.
func Tokens(entries []Entry) []access.Token {
	tokens := make([]access.Token, len(entries))
	for i, e := range entries {
		tokens[i] = e.Token
	}
	return tokens
}

// Read reads the file at path. Its errors are one line and name the file.
func Read(path string, rules Rules) ([]Entry, error) {
	content, err := load(path)
	if err != nil {
		return nil, err
	}
	entries, err := Parse(content, rules)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return entries, nil
}

func load(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, MaxBytes+1))
	if err == nil && len(content) > MaxBytes {
		err = fmt.Errorf("%s: it is larger than 4 MiB", path)
	}
	return content, err
}

// Parse reads a file's content. An error says where something is wrong, and what to do
// about it; it repeats no hash, because a secret may stand in its place.
func Parse(content []byte, rules Rules) ([]Entry, error) {
	list, err := tokenList(content)
	if err != nil {
		return nil, err
	}
	text := standard(content)
	seen := newNames()
	entries := make([]Entry, 0, len(list.Elements))
	for _, element := range list.Elements {
		entry, err := parseEntry(text[element.StartOffset:element.EndOffset], rules)
		if err == nil {
			err = seen.add(entry.Token)
		}
		if err != nil {
			return nil, at(content, element.StartOffset, err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// tokenList finds the list of tokens.
func tokenList(content []byte) (*hujson.Array, error) {
	root, err := parseRoot(content)
	if err != nil {
		return nil, err
	}
	return listOf(content, root)
}

var errForm = errors.New(`the file is an object with a list of tokens: {"tokens": […]}`)

func parseRoot(content []byte) (hujson.Value, error) {
	if len(content) > MaxBytes {
		return hujson.Value{}, errors.New("it is larger than 4 MiB")
	}
	if bytes.Count(content, []byte("["))+bytes.Count(content, []byte("{")) > maxBrackets {
		return hujson.Value{}, fmt.Errorf("it has more brackets than %d tokens need", MaxTokens)
	}
	root, err := hujson.Parse(content)
	if err != nil {
		return hujson.Value{}, withoutContent(err)
	}
	return root, nil
}

// withoutContent is an error of hujson's without what it quotes of the file.
func withoutContent(err error) error {
	var line, column int
	if _, noPlace := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); noPlace != nil {
		return errors.New("it is no JSON with comments")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("line %d, column %d: it ends early; a quote or a bracket is missing", line, column)
	}
	return fmt.Errorf("line %d, column %d: what stands here cannot stand here; a comma, a quote or a bracket is missing, or one too many", line, column)
}

func listOf(content []byte, root hujson.Value) (*hujson.Array, error) {
	object, ok := root.Value.(*hujson.Object)
	if !ok {
		return nil, at(content, root.StartOffset, errForm)
	}
	var list *hujson.Array
	for _, member := range object.Members {
		if name := literal(member.Name); name != "tokens" || list != nil {
			return nil, at(content, member.Name.StartOffset, fmt.Errorf("%q cannot stand here: %w", name, errForm))
		}
		if list, ok = member.Value.Value.(*hujson.Array); !ok {
			return nil, at(content, member.Value.StartOffset, errForm)
		}
	}
	switch {
	case list == nil:
		return nil, at(content, root.StartOffset, errForm)
	case len(list.Elements) > MaxTokens:
		return nil, fmt.Errorf("it has %d tokens, at most %d are allowed", len(list.Elements), MaxTokens)
	}
	return list, nil
}

func literal(value hujson.Value) string {
	if l, ok := value.Value.(hujson.Literal); ok {
		return l.String()
	}
	return ""
}

// standard is the content without comments and commas at ends, each byte where it was.
// The content has been parsed.
func standard(content []byte) []byte {
	text, _ := hujson.Standardize(bytes.Clone(content))
	return text
}

// A misplaced error stands so many bytes after the beginning of its entry.
type misplaced struct {
	offset int64
	err    error
}

func (e misplaced) Error() string { return e.err.Error() }
func (e misplaced) Unwrap() error { return e.err }

// at says at which line and column an error is.
func at(content []byte, offset int, err error) error {
	if inner, ok := errors.AsType[misplaced](err); ok {
		offset, err = offset+int(inner.offset), inner.err
	}
	before := content[:min(offset, len(content))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Errorf("line %d, column %d: %w", line, column, err)
}

// members are those of an entry, for who has mistyped one.
const members = "name, id, hash, scopes, prefixes, queues, expires and limits (requestsPerSecond, burst, requests, streams)"

// decode reads the JSON of one entry.
func decode(text []byte) (written, error) {
	var w written
	err := json.Unmarshal(text, &w, json.RejectUnknownMembers(true))
	if err == nil {
		return w, nil
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return w, misplaced{syntax.ByteOffset, fmt.Errorf("the member %s stands here twice", syntax.JSONPointer.LastToken())}
		}
		return w, misplaced{syntax.ByteOffset, syntax.Err}
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		place := misplaced{offset: semantic.ByteOffset}
		switch member := semantic.JSONPointer.LastToken(); {
		case errors.Is(err, json.ErrUnknownName):
			place.err = fmt.Errorf("there is no member %q; a token has %s", member, members)
		case semantic.JSONPointer == "":
			place.err = errors.New("a token is an object; it has " + members)
		default:
			place.err = fmt.Errorf("%s cannot be a JSON %s", memberAt(semantic.JSONPointer), kindName(semantic.JSONKind))
		}
		return w, place
	}
	return w, err
}

// memberAt is the member that a pointer leads into, without the number of a list's item.
func memberAt(pointer jsontext.Pointer) string {
	for pointer.Parent() != "" && pointer.Parent() != "/limits" {
		pointer = pointer.Parent()
	}
	return pointer.LastToken()
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case '"':
		return "string"
	case '0':
		return "number of this kind"
	case '{':
		return "object"
	case '[':
		return "list"
	case 'n':
		return "null"
	}
	return "boolean"
}
