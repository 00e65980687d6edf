package authfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/access/authfile"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

var rules = authfile.Rules{
	Prefix: func(raw string) (string, error) {
		key, err := kv.ParsePrefixPath(raw)
		return string(key), err
	},
	Queue: queue.ValidateName,
}

var zeros = "sha256:" + strings.Repeat("0", 64)

func TestAFileSaysWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	entries, err := authfile.Parse([]byte(`// who may
{"tokens": [
  {"name": "web", "id": "a1", "hash": "`+zeros+`", "scopes": ["read", "write"], // the site
   "prefixes": ["users", "orders/~i:5"], "queues": ["mail"], "expires": "2027-01-01T02:00:00+02:00",
   "limits": {"requestsPerSecond": 0.5, "burst": 200, "requests": 50, "streams": 100}},
  /* its certificate is its token */ {"name": "Prometheus 1", "scopes": ["admin"]},
]}`), rules)
	if err != nil {
		t.Fatal(err)
	}
	users, _ := kv.ParsePrefixPath("users")
	order, _ := kv.ParsePrefixPath("orders/~i:5")
	want := []access.Token{{
		Name: "web", ID: "a1", Scopes: []access.Scope{access.Read, access.Write},
		Prefixes: []string{string(users), string(order)}, Queues: []string{"mail"},
		Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		Limits:  access.Limits{RequestsPerSecond: 0.5, Burst: 200, Requests: 50, Streams: 100},
	}, {Name: "Prometheus 1", Scopes: []access.Scope{access.Admin}}}
	if got := authfile.Tokens(entries); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestAHashMayBeInBase64(t *testing.T) {
	t.Parallel()
	_, id, hash := access.NewSecret()
	for _, digits := range []string{fmt.Sprintf("%x", hash), fmt.Sprintf("%X", hash), base64Of(hash[:]), strings.TrimRight(base64Of(hash[:]), "=")} {
		entries, err := authfile.Parse([]byte(`{"tokens": [{"name": "a", "id": "`+id+`", "hash": "sha256:`+digits+`", "scopes": ["read"]}]}`), rules)
		if err != nil {
			t.Errorf("%s: %v", digits, err)
		} else if entries[0].Hash != hash {
			t.Errorf("%s: got %x, want %x", digits, entries[0].Hash, hash)
		}
	}
}

func TestAMistakeIsNamedWithItsPlaceAndWhatToDo(t *testing.T) {
	t.Parallel()
	token := func(members string) string { return "{\"tokens\": [\n  {" + members + "}]}" }
	tests := []struct{ content, want string }{
		{``, "line 1, column 1: it ends early; a quote or a bracket is missing"},
		{"{\n  \"tokens\": [}\n}", "line 2, column 14: what stands here cannot stand here"},
		{`{"tokens": [hush]}`, "line 1, column 13: what stands here cannot stand here"},
		{`[]`, `line 1, column 1: the file is an object with a list of tokens: {"tokens": […]}`},
		{`{}`, `line 1, column 1: the file is an object with a list`},
		{`{"tokens": {}}`, `line 1, column 12: the file is an object`},
		{"{\"tokens\": [],\n \"tokns\": []}", `line 2, column 2: "tokns" cannot stand here`},
		{`{"tokens": [], "tokens": []}`, `line 1, column 16: "tokens" cannot stand here`},
		{`{"tokens": ["web"]}`, `line 1, column 13: a token is an object; it has name, id, hash`},
		{token(`"name": "web", "scope": ["read"]`), `line 2, column 19: there is no member "scope"; a token has name, id, hash, scopes`},
		{token(`"name": "web", "scopes": "read"`), `line 2, column 29: scopes cannot be a JSON string`},
		{token(`"name": "web", "scopes": ["read", 1]`), `: scopes cannot be a JSON number`},
		{token(`"name": "web", "name": "x"`), `line 2, column 19: the member name stands here twice`},
		{token(`"name": "web", "scopes": ["read"], "limits": {"rate": 1}`), `there is no member "rate"`},
		{token(`"name": "web", "scopes": ["read"], "limits": {"burst": 1.5}`), `burst cannot be a JSON number of this kind`},
		{token(`"scopes": ["read"]`), `line 2, column 3: a token needs a name of 1 to 64 characters`},
		{token(`"name": " web", "scopes": ["read"]`), `a token needs a name`},
		{token(`"name": "we\nb", "scopes": ["read"]`), `a token needs a name`},
		{token(`"name": "` + strings.Repeat("ä", 65) + `", "scopes": ["read"]`), `a token needs a name`},
		{token(`"name": "web"`), `line 2, column 3: the token "web": it has no scopes, so it may do nothing: give it some of read, write, queue, watch, admin`},
		{token(`"name": "web", "scopes": []`), `it has no scopes`},
		{token(`"name": "web", "scopes": ["reed"]`), `the token "web": there is no scope "reed"; there are read, write, queue, watch, admin`},
		{token(`"name": "web", "scopes": ["read", "read"]`), `it has the scope read twice`},
		{token(`"name": "web", "scopes": ["read"], "id": "a"`), `id and hash belong together`},
		{token(`"name": "web", "scopes": ["read"], "hash": "` + zeros + `"`), `id and hash belong together`},
		{token(`"name": "web", "scopes": ["read"], "id": "a_b", "hash": "` + zeros + `"`), `its id is not 1 to 32 letters and digits`},
		{token(`"name": "web", "scopes": ["read"], "id": "a", "hash": "keyval_a_hush"`), `its hash is not sha256:`},
		{token(`"name": "web", "scopes": ["read"], "id": "a", "hash": "sha256:00"`), `its hash is not sha256:`},
		{token(`"name": "web", "scopes": ["read"], "prefixes": []`), `prefixes is an empty list, which would bind it to nothing: leave prefixes out`},
		{token(`"name": "web", "scopes": ["read"], "prefixes": ["users", "/"]`), `prefix 2 is empty, and everything is below it: leave prefixes out`},
		{token(`"name": "web", "scopes": ["read"], "prefixes": ["~i:x"]`), `prefix 1: `},
		{token(`"name": "web", "scopes": ["queue"], "queues": []`), `queues is an empty list`},
		{token(`"name": "web", "scopes": ["queue"], "queues": ["a b"]`), `queue 1: `},
		{token(`"name": "web", "scopes": ["read"], "expires": "tomorrow"`), `expires is no time such as 2027-01-31T00:00:00Z`},
		{token(`"name": "web", "scopes": ["read"], "limits": {"requests": -1}`), `a limit is below 0`},
		{token(`"name": "web", "scopes": ["read", "admin"], "prefixes": ["users"]`), `the scope admin sees the whole node, so it cannot be bound`},
		{token(`"name": "web", "scopes": ["admin"], "queues": ["mail"]`), `the scope admin sees the whole node`},
		{token("\"name\": \"web\", \"scopes\": [\"read\"]},\n  {\"name\": \"web\", \"scopes\": [\"read\"]"), `line 3, column 3: the token "web" stands here for a second time`},
		{token(`"name": "a", "scopes": ["read"], "id": "x", "hash": "` + zeros + `"}, {"name": "b", "scopes": ["read"], "id": "x", "hash": "` + zeros + `"`), `the token "b" has the id of another one`},
		{strings.Repeat("[", 100_000), `more brackets`},
		{strings.Repeat(" ", authfile.MaxBytes+1), `it is larger than 4 MiB`},
		{`{"tokens": [` + strings.Repeat("0,", authfile.MaxTokens+1) + `]}`, `it has 10001 tokens, at most 10000 are allowed`},
	}
	for _, test := range tests {
		_, err := authfile.Parse([]byte(test.content), rules)
		short := test.content[:min(len(test.content), 120)]
		switch {
		case err == nil:
			t.Errorf("%s: got no error, want %q", short, test.want)
		case !strings.Contains(err.Error(), test.want):
			t.Errorf("%s: got %q, want %q", short, err, test.want)
		case strings.Contains(err.Error(), "hush") || strings.ContainsAny(err.Error(), "\r\n"):
			t.Errorf("%s: got %q, want one line without what stands there", short, err)
		}
	}
}

// entry is one that only certificates stand for.
func entry(name string) authfile.Entry {
	return authfile.Entry{Token: access.Token{Name: name, Scopes: []access.Scope{access.Read}}}
}

func TestAddingAndTakingAwayLeavesAllElseAsItIs(t *testing.T) {
	t.Parallel()
	const added = `{"name": "new", "scopes": ["read"]}`
	tests := []struct{ name, before, after string }{
		{"comma at the end", `{
	// All of them.
	"tokens": [
		// The site.
		{"name": "web",   "scopes": ["read"]}, // ask Bob
		// More to come.
	],
}
`, `{
	// All of them.
	"tokens": [
		// The site.
		{"name": "web",   "scopes": ["read"]}, // ask Bob
		// More to come.

		` + added + `,
	],
}
`},
		{"no comma at the end", `{"tokens": [
  {"name": "web", "scopes": ["read"]} // ask Bob
]}`, `{"tokens": [
  {"name": "web", "scopes": ["read"]}, // ask Bob
  ` + added + `
]}`},
		{"one line", `{"tokens": [{"name": "web", "scopes": ["read"]}]}`, `{"tokens": [{"name": "web", "scopes": ["read"]},
    ` + added + `
  ]}`},
		{"empty list", `{"tokens": [/* none yet */]}`, `{"tokens": [/* none yet */

    ` + added + `
  ]}`},
	}
	for _, test := range tests {
		got, err := authfile.Append([]byte(test.before), entry("new"), rules)
		if err != nil || string(got) != test.after {
			t.Errorf("%s: got %v\n%s\nwant\n%s", test.name, err, got, test.after)
			continue
		}
		back, found, err := authfile.Remove(got, "new", rules)
		if err != nil || !found {
			t.Errorf("%s: got %v, %v", test.name, found, err)
		}
		for _, kept := range []string{"// All of them.", "// The site.", "// ask Bob", "// More to come.", "/* none yet */"} {
			if strings.Contains(test.before, kept) && !strings.Contains(string(back), kept) {
				t.Errorf("%s: %s is gone from\n%s", test.name, kept, back)
			}
		}
		if left, err := authfile.Parse(back, rules); err != nil || len(left) != strings.Count(test.before, "web") {
			t.Errorf("%s: got %v, %v from\n%s", test.name, left, err, back)
		}
	}
}

func TestATokenGoesWithItsOwnCommentAlone(t *testing.T) {
	t.Parallel()
	got, found, err := authfile.Remove([]byte(`{"tokens": [
  // The site.
  {"name": "web", "scopes": ["read"]}, // ask Bob

  // The worker.
  {"name": "worker", "scopes": ["queue"]},
  // The dashboard.
  {"name": "graphs", "scopes": ["admin"]},
]}`), "worker", rules)
	want := `{"tokens": [
  // The site.
  {"name": "web", "scopes": ["read"]}, // ask Bob

  // The dashboard.
  {"name": "graphs", "scopes": ["admin"]},
]}`
	if err != nil || !found || string(got) != want {
		t.Errorf("got %v, %v\n%s\nwant\n%s", found, err, got, want)
	}
	if _, found, err := authfile.Remove([]byte(want), "worker", rules); err != nil || found {
		t.Errorf("a second time: got %v, %v", found, err)
	}
}

func TestWhatWouldBeNoFileIsNotAppended(t *testing.T) {
	t.Parallel()
	one, err := authfile.Append(nil, entry("web"), rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []authfile.Entry{entry("web"), {}, {Token: access.Token{Name: "x"}}} {
		if _, err := authfile.Append(one, e, rules); err == nil {
			t.Errorf("%+v: got no error", e)
		}
	}
}

func TestSeveralThatUpdateAFileAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.jsonc")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			err := authfile.Update(path, func(content []byte) ([]byte, error) {
				return authfile.Append(content, entry(fmt.Sprint("token ", i)), rules)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	entries, err := authfile.Read(path, rules)
	if err != nil || len(entries) != 20 {
		t.Errorf("got %d tokens, %v, want 20", len(entries), err)
	}
	mustHaveMode(t, path, 0o600)
	mustBeAlone(t, path)
}

func TestAnUpdateKeepsModeAndLink(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	path, file := filepath.Join(dir, "tokens.jsonc"), filepath.Join(elsewhere, "real.jsonc")
	if err := os.WriteFile(file, []byte(`{"tokens": []}`), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, path); err != nil {
		t.Fatal(err)
	}
	if err := authfile.Update(path, func([]byte) ([]byte, error) { return []byte("new"), nil }); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(path); err != nil || target != file {
		t.Errorf("the link leads to %q, %v, want %q", target, err, file)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "new" {
		t.Errorf("the file has %q, %v, want what was written", content, err)
	}
	mustHaveMode(t, file, 0o640)
	mustBeAlone(t, file)
}

func TestAnUpdateThatFailsLeavesTheFileAsItIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.jsonc")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := authfile.Update(path, func([]byte) ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("got %v, want what the change said", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "old" {
		t.Errorf("the file has %q, %v", content, err)
	}
	mustBeAlone(t, path)
	dangling := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	if err := authfile.Update(dangling, func([]byte) ([]byte, error) { return nil, nil }); err == nil || !strings.Contains(err.Error(), "not there") {
		t.Errorf("a link to nowhere: got %v", err)
	}
}

func mustHaveMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", path, got, want)
	}
}

// mustBeAlone checks that nothing temporary is left beside a file.
func mustBeAlone(t *testing.T, path string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("beside it there are %v, %v", left, err)
	}
}
