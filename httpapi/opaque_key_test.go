package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/kv"
)

// opaques are keys that no parts make, in order.
var opaques = []kv.Key{"\x00", "\x02", "\x02a\x00\x99", "\x02a\x00\xff", "\x02\xff\x00", "\x99", "\xff", "\xff\xff", kv.Key(strings.Repeat("\xff", kv.MaxKeyBytes))}

// listed are the keys of an array of entries, in their JSON form.
func listed(t *testing.T, entries string) (keys []string) {
	t.Helper()
	var all []struct{ Key json.RawMessage }
	if err := json.Unmarshal([]byte(entries), &all); err != nil {
		t.Fatalf("%v: %s", err, entries)
	}
	for _, e := range all {
		keys = append(keys, string(e.Key))
	}
	return keys
}

func formsOf(keys ...kv.Key) (forms []string) {
	for _, k := range keys {
		forms = append(forms, k.String())
	}
	return forms
}

func TestOpaqueKeysAreWrittenReadAndListedLikeOthers(t *testing.T) {
	t.Parallel()
	onEachDatabaseWithSearch(t, func(t *testing.T, f *fixture) {
		f.must("POST", "/indexes", `{"prefix":[],"fields":["n"]}`)
		for _, k := range opaques {
			f.must("PUT", "/keys/"+k.Path(), `{"n":"word"}`)
			want := `{"key":` + k.String() + `,"value":{"n":"word"},`
			if got := f.must("GET", "/keys/"+k.Path(), "").body; !strings.HasPrefix(got, want) {
				t.Errorf("got %.80s, want %.80s", got, want)
			}
		}
		f.must("PUT", "/keys/a", `{"n":"word"}`)
		all := formsOf(slices.Sorted(slices.Values(append([]kv.Key{mustParse(t, "a")}, opaques...)))...)
		n := fmt.Sprintf(`{"count":%d}`, len(all))
		for what, got := range map[string][]string{
			"a list":                         listed(t, f.must("GET", "/keys", "").body),
			"one with a filter":              listed(t, f.must("POST", "/keys/list", `{"where":{"n":"word"}}`).body),
			"one from the first to the last": listed(t, f.must("GET", "/keys?start="+opaques[0].Path(), "").body),
			"a batch":                        listed(t, f.must("POST", "/keys/batch", `{"keys":[`+strings.Join(all, ",")+`]}`).body),
			"its pages":                      paged(t, f),
		} {
			if !slices.Equal(got, all) {
				t.Errorf("%s: got %.300q, want %.300q", what, got, all)
			}
		}
		for _, got := range []string{f.must("GET", "/keys/count", "").body, f.must("POST", "/keys/count", `{"where":{"n":"word"}}`).body} {
			if got != n {
				t.Errorf("count: got %s, want %s", got, n)
			}
		}
		found := listed(t, f.must("GET", "/search?query=word&limit=100", "").body)
		if slices.Sort(found); len(found) != len(all) {
			t.Errorf("a search: got %.300q", found)
		}
		if got := listed(t, f.must("POST", "/keys/list", `{"start":`+opaques[5].String()+`,"end":`+opaques[7].String()+`}`).body); !slices.Equal(got, formsOf(opaques[5:7]...)) {
			t.Errorf("between two: got %q", got)
		}
		if got := f.must("DELETE", "/keys?all=true", "").body; !strings.Contains(got, fmt.Sprintf(`"deletedCount":%d}`, len(all))) {
			t.Errorf("deleted everything: %s", got)
		}
	})
}

func mustParse(t *testing.T, path string) kv.Key {
	t.Helper()
	k, err := kv.ParseKeyPath(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// paged are the keys of all pages of one entry.
func paged(t *testing.T, f *fixture) (keys []string) {
	t.Helper()
	for cursor := ""; ; {
		var page struct {
			Entries json.RawMessage
			Cursor  *string
		}
		if err := json.Unmarshal([]byte(f.must("GET", "/keys/paginate?limit=1&cursor="+cursor, "").body), &page); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, listed(t, string(page.Entries))...)
		if page.Cursor == nil {
			return keys
		}
		cursor = *page.Cursor
	}
}

func TestOpaqueKeysAreTakenInBodies(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	k := kv.Key("\x02a\x00\xff")
	form := `{"value":"` + base64.RawURLEncoding.EncodeToString([]byte(k)) + `","__type":"key"}`
	f.must("POST", "/atomic", `{"checks":[{"key":`+form+`,"versionstamp":null}],"mutations":[{"type":"set","key":`+form+`,"value":1},{"type":"sum","key":`+form+`,"value":2}]}`)
	got := f.must("POST", "/transaction", `{"reads":[{"key":`+form+`},{"start":`+form+`}],"mutations":[{"type":"delete","key":`+form+`}]}`).body
	if n := strings.Count(got, `{"key":`+k.String()+`,"value":3,`); n != 2 {
		t.Errorf("the transaction read %s, want the entry twice", got)
	}
	conflict := f.must("POST", "/atomic", `{"checks":[{"key":`+form+`,"versionstamp":"00010000000000010000"}]}`).body
	if want := `"conflicts":[{"key":` + k.String() + `,"versionstamp":null}]`; !strings.Contains(conflict, want) {
		t.Errorf("got %s, want %s", conflict, want)
	}
	id := f.must("POST", "/queue/enqueue", `{"value":"late","options":{"keysIfUndelivered":[`+form+`],"maxAttempts":1}}`).body
	if !strings.Contains(id, `"id"`) {
		t.Errorf("enqueued: %s", id)
	}
	f.must("PUT", "/keys/"+k.Path(), `1`)
	for _, body := range []string{`{"keys":[` + form + `]}`, `{"keys":[` + form + `],"exact":true}`} {
		f.must("POST", "/keys/delete-batch", body)
		f.must("PUT", "/keys/"+k.Path(), `1`)
	}
	for _, body := range []string{`{"prefix":` + form + `}`} {
		if got := f.do("POST", "/keys/list", body); got.status != 400 || !strings.Contains(got.body, "invalid_key") {
			t.Errorf("an opaque prefix: %d %s, want invalid_key", got.status, got.body)
		}
	}
}

func TestNothingIsBelowAnOpaqueKey(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("PUT", "/keys/a/b", `1`)
	f.must("PUT", "/keys/~k:Ag", `1`) // the tag of a string, which all strings begin with
	for _, got := range []string{
		f.must("DELETE", basePath+"/keys/~k:Ag", "").body,
		f.must("POST", "/keys/delete-batch", `{"keys":[{"__type":"key","value":"Ag=="}]}`).body,
		f.must("DELETE", "/keys/~k:Ag?children=true", "").body,
	} {
		if strings.Contains(got, `"deletedCount":2`) {
			t.Errorf("deleted %s, want no more than the key", got)
		}
	}
	if got := listed(t, f.everything()); !slices.Equal(got, []string{`["a","b"]`}) {
		t.Errorf("what is left: %q", got)
	}
}

func TestATokenDoesNotReachBeyondItsPrefixByAnOpaqueKey(t *testing.T) {
	t.Parallel()
	mine := newBearer("mine", []access.Scope{access.Read, access.Write, access.Watch}, boundTo("a"))
	all := newBearer("all", access.Scopes)
	f, _ := mustServeTo(t, mine, all)
	a := mustParse(t, "a")
	for _, c := range []struct {
		key     kv.Key
		reaches bool
	}{
		{a, true}, {a + "\x99", true}, {a + "\x02b", true},
		{a + "\xff", false}, {a + "\xff\x00", false}, {"\x02a", false}, {"\x02", false}, {"\x02b\x00", false}, {"\xff", false}, {"\x00", false},
	} {
		path, form := "~k:"+base64.RawURLEncoding.EncodeToString([]byte(c.key)), `{"__type":"key","value":"`+base64.StdEncoding.EncodeToString([]byte(c.key))+`"}`
		f.must("PUT", "/keys/"+path, `"secret"`, all.header())
		for _, r := range []struct{ method, target, body string }{
			{"GET", "/keys/" + path, ""},
			{"PUT", "/keys/" + path, `"secret"`},
			{"POST", "/keys/batch", `{"keys":[` + form + `]}`},
			{"POST", "/transaction", `{"reads":[{"key":` + form + `}]}`},
			{"POST", "/atomic", `{"checks":[{"key":` + form + `,"versionstamp":null}]}`},
			{"GET", "/watch/poll?keys=" + path, ""},
			{"POST", "/keys/delete-batch", `{"keys":[` + form + `]}`},
		} {
			got := f.do(r.method, r.target, r.body, mine.header())
			if refused := got.status == 403; refused == c.reaches {
				t.Errorf("%x: %s %s: %d %s, want that it is reached: %v", string(c.key), r.method, r.target, got.status, got.body, c.reaches)
			}
		}
	}
	for _, bound := range []string{"start=~k:YQ", "prefix=a&end=~k:_w", "start=a&end=" + (a + "\xff\x00").Path(), "prefix=a&start=" + (a + "\xff").Path()} {
		if got := f.do("GET", "/keys?"+bound, "", mine.header()); got.status < 400 {
			t.Errorf("a list with %s: %d %s", bound, got.status, got.body)
		}
	}
}
