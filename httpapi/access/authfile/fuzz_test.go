package authfile_test

import (
	"encoding/base64"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/access/authfile"
)

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// FuzzFile checks that whatever a file has, reading it ends in tokens or in an error of
// one line, and that tokens survive the adding and taking away of another.
func FuzzFile(f *testing.F) {
	f.Add([]byte(`{"tokens": [{"name": "web", "id": "a1", "hash": "` + zeros + `", "scopes": ["read"], "prefixes": ["a"]}, /* x */]} // end`))
	f.Add([]byte(`{"tokens": [// c` + "\n" + `{"name": "web", "scopes": ["admin"], "limits": {"burst": 1}, "expires": "2027-01-01T00:00:00Z"} ]}`))
	f.Add([]byte(`{"tokens": [[[[]]]]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		before, err := authfile.Parse(slices.Clone(content), rules)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%q: more than one line: %v", content, err)
			}
			return
		}
		const name = "a name of its own"
		if slices.ContainsFunc(before, func(e authfile.Entry) bool { return e.Name == name }) {
			return
		}
		more, err := authfile.Append(content, entry(name), rules)
		if err != nil {
			t.Fatalf("%q: %v", content, err)
		}
		back, found, err := authfile.Remove(more, name, rules)
		if err != nil || !found {
			t.Fatalf("%q: %v, %v", more, found, err)
		}
		after, err := authfile.Parse(back, rules)
		if err != nil || !reflect.DeepEqual(after, before) {
			t.Errorf("%q became %q: got %+v, %v, want %+v", content, back, after, err, before)
		}
	})
}
