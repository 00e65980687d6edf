package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/kv"
)

// documents are stored below "d", under one letter each.
const documents = `{"mutations":[
{"type":"set","key":["d","a"],"value":{"n":1,"s":"apple pie","t":["x","y"],"o":{"p":true},"e":null,"at":1000}},
{"type":"set","key":["d","b"],"value":{"n":2,"s":"Banana","t":["y"],"o":{"p":false},"e":"","at":{"$now":true,"offset":3600000},"big":{"__type":"bigint","value":"9007199254740993"}}},
{"type":"set","key":["d","c"],"value":{"n":3,"s":"100% apple","t":[],"ação":{"日本":[{"🎉":1}]},"a.b":7}},
{"type":"set","key":["d","d"],"value":{"z":1}},
{"type":"set","key":["d","e"],"value":42}]}`

// Each operator once; what they mean is in docs/filters.md and the tests of kv/filter.
var filters = []struct{ where, want string }{
	{`{}`, "a b c d e"},
	{`{"n":1}`, "a"},
	{`{"n":{"$eq":2}}`, "b"},
	{`{"n":{"$ne":2}}`, "a c"},
	{`{"n":{"$gt":1}}`, "b c"},
	{`{"n":{"$gte":2}}`, "b c"},
	{`{"n":{"$lt":2}}`, "a"},
	{`{"n":{"$lte":2}}`, "a b"},
	{`{"n":{"$between":[2,3]}}`, "b c"},
	{`{"n":{"$gt":1,"$lt":3}}`, "b"},
	{`{"n":{"$in":[1,3]}}`, "a c"},
	{`{"n":{"$in":[]}}`, ""},
	{`{"n":{"$nin":[1,3]}}`, "b"},
	{`{"s":{"$contains":"apple"}}`, "a c"},
	{`{"s":{"$contains":"%"}}`, "c"},
	{`{"s":{"$notContains":"apple"}}`, "b"},
	{`{"s":{"$startsWith":"Ban"}}`, "b"},
	{`{"s":{"$endsWith":"pie"}}`, "a"},
	{`{"s":{"$containsi":"BANANA"}}`, "b"},
	{`{"s":{"$notContainsi":"APPLE"}}`, "b"},
	{`{"s":{"$startsWithi":"APPLE"}}`, "a"},
	{`{"s":{"$endsWithi":"APPLE"}}`, "c"},
	{`{"t":{"$contains":"x"}}`, "a"},
	{`{"e":{"$null":true}}`, "a c d e"},
	{`{"e":{"$null":false}}`, "b"},
	{`{"e":null}`, "a c d e"},
	{`{"s":{"$empty":true}}`, "d e"},
	{`{"t":{"$notEmpty":true}}`, "a b"},
	{`{"$and":[{"n":{"$gt":1}},{"s":{"$contains":"apple"}}]}`, "c"},
	{`{"$or":[{"n":1},{"n":3}]}`, "a c"},
	{`{"$not":{"n":1}}`, "b c"},
	{`{"n":{"$gt":1},"s":"Banana"}`, "b"},
	{`{"o.p":true}`, "a"},
	{`{"t[0]":"y"}`, "b"},
	{`{"[\"a.b\"]":7}`, "c"},
	{`{"ação.日本[0].🎉":1}`, "c"},
	{`{"big":{"$gt":9007199254740992}}`, "b"},
	{`{"big":{"__type":"bigint","value":"9007199254740993"}}`, "b"},
	{`{"at":{"$lt":{"$now":true}}}`, "a"},
	{`{"at":{"$gt":{"$now":true,"offset":1800000}}}`, "b"},
	{`{"at":{"$lt":{"$now":true,"offset":7200000}}}`, "a b"},
}

func TestEveryOperatorFiltersListsPagesAndCountsInBothDialects(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		f.must("POST", "/atomic", documents)
		for _, c := range filters {
			for _, base := range []string{"", basePath} {
				body := `{"prefix":["d"],"where":` + c.where + `}`
				if got := namesOf(t, f.must("POST", base+"/keys/list", body).body); got != c.want {
					t.Errorf("%s: the list is %q, want %q", c.where, got, c.want)
				}
				var page struct{ Entries json.RawMessage }
				if err := json.Unmarshal([]byte(f.must("POST", base+"/keys/paginate", body).body), &page); err != nil {
					t.Fatal(err)
				}
				if got := namesOf(t, string(page.Entries)); got != c.want {
					t.Errorf("%s: the page is %q, want %q", c.where, got, c.want)
				}
				want := fmt.Sprintf(`{"count":%d}`, len(strings.Fields(c.want)))
				if got := f.must("POST", base+"/keys/count", body).body; got != want {
					t.Errorf("%s: got %s, want %s", c.where, got, want)
				}
			}
		}
	})
}

// namesOf are the last parts of the keys of an array of entries.
func namesOf(t *testing.T, body string) string {
	t.Helper()
	var entries []struct{ Key []any }
	if err := json.Unmarshal([]byte(body), &entries); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, fmt.Sprint(e.Key[len(e.Key)-1]))
	}
	return strings.Join(names, " ")
}

// A filteredDelete is of one of these entries, which are numbers that they have for n.
type filteredDelete struct {
	method, target, body string
	left                 string // the values
}

const numbered = `{"mutations":[{"type":"set","key":["a"],"value":{"n":1}},{"type":"set","key":["a",1],"value":{"n":2}},{"type":"set","key":["a",2],"value":{"n":3}},
{"type":"set","key":["b"],"value":{"n":2}},{"type":"set","key":["b",1],"value":{"n":4}},{"type":"set","key":["c"],"value":"none"}]}`

var filteredDeletes = []filteredDelete{
	{"DELETE", "/keys/a", `{"where":{"n":{"$lt":3}}}`, "3 2 4 -"},
	{"DELETE", "/keys/a", `{"where":{"n":{"$lt":3}},"exact":false}`, "3 2 4 -"},
	{"DELETE", "/keys/a?children=true", `{"where":{"n":{"$lt":3}}}`, "3 2 4 -"},
	{"DELETE", "/keys/a", `{"where":{"n":{"$lt":3}},"exact":true}`, "2 3 2 4 -"},
	{"DELETE", "/keys/a?exact=true", `{"where":{"n":{"$lt":3}}}`, "2 3 2 4 -"},
	{"DELETE", "/keys/a?exact=true", `{"where":{"n":3}}`, "1 2 3 2 4 -"},
	{"DELETE", "/keys/a", `{"where":{}}`, "2 4 -"},
	{"DELETE", "/keys/none", `{"where":{"n":1}}`, "1 2 3 2 4 -"},
	{"DELETE", "/keys?prefix=a", `{"where":{"n":{"$lt":3}}}`, "1 3 2 4 -"},
	{"DELETE", "/keys?prefix=a", `{"where":{}}`, "1 2 4 -"},
	{"DELETE", "/keys?prefix=a", `{}`, "1 2 4 -"},
	{"DELETE", "/keys?prefix=a", `{"where":null,"keys":null}`, "1 2 4 -"},
	{"DELETE", "/keys", `{"where":{"n":2}}`, "1 3 4 -"},
	{"DELETE", "/keys?prefix=", `{"where":{"n":2}}`, "1 3 4 -"},
	{"DELETE", "/keys?all=true", `{"where":{"n":2}}`, "1 3 4 -"},
	{"DELETE", "/keys?all=true", `{"where":{}}`, ""},
	{"DELETE", "/keys", `{"where":{"$not":{"n":2}}}`, "2 2 -"}, // of what has no n it is not known
	{"DELETE", "/keys", `{"keys":[["a"],["b"]],"where":{"n":{"$gte":2}}}`, "1 -"},
	{"DELETE", "/keys", `{"keys":[["a"],["b"]],"exact":true,"where":{"n":{"$gte":2}}}`, "1 2 3 4 -"},
	{"POST", "/keys/delete-batch", `{"keys":[["a"],["b"]],"where":{"n":{"$gte":2}}}`, "1 -"},
	{"POST", "/keys/delete-batch", `{"keys":[["a"],["b"]],"exact":true,"where":{"n":{"$gte":2}}}`, "1 2 3 4 -"},
	{"POST", "/keys/delete-batch", `{"where":{"n":2}}`, "1 3 4 -"},
	{"POST", "/keys/delete-batch", `{"keys":[["a"],["a",1]],"where":{"n":2}}`, "1 3 2 4 -"},
}

func TestADeleteTakesWhatMatchesAndCountsIt(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		for _, base := range []string{"", basePath} {
			for _, d := range filteredDeletes {
				f.must("DELETE", "/keys?all=true", "")
				f.must("POST", "/atomic", numbered)
				got := f.must(d.method, base+d.target, d.body).body
				want := fmt.Sprintf(`{"success":true,"deletedCount":%d}`, 6-len(strings.Fields(d.left)))
				if left := f.numbersLeft(t); got != want || left != d.left {
					t.Errorf("%s %s %s: got %s, want %s; left are %q, want %q", d.method, base+d.target, d.body, got, want, left, d.left)
				}
			}
		}
	})
}

// numbersLeft are the numbers of all entries, - where there is none.
func (f *fixture) numbersLeft(t *testing.T) string {
	t.Helper()
	var entries []struct{ Value json.RawMessage }
	if err := json.Unmarshal([]byte(f.everything()), &entries); err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for _, e := range entries {
		var value struct{ N *int }
		if json.Unmarshal(e.Value, &value) != nil || value.N == nil {
			numbers = append(numbers, "-")
			continue
		}
		numbers = append(numbers, fmt.Sprint(*value.N))
	}
	return strings.Join(numbers, " ")
}

func TestADeleteByVersionAndFilterTakesWhatIsBoth(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		for _, c := range []struct {
			where, header string // STAMP is the entry's
			status        int
			deleted       int
		}{
			{`{"n":1}`, `If-Match: "STAMP"`, 200, 1},
			{`{"n":1}`, `If-Match: *`, 200, 1},
			{`{"n":1}`, `If-None-Match: "00010000000000000000"`, 200, 1},
			{`{"n":2}`, `If-Match: "STAMP"`, 200, 0},
			{`{"n":1}`, stale, 412, 0},
			{`{"n":2}`, stale, 412, 0},
			{`{"n":1}`, `If-None-Match: *`, 412, 0},
		} {
			stamp := f.must("PUT", "/keys/v", `{"n":1}`).versionstamp()
			got := f.do("DELETE", "/keys/v?exact=true", `{"where":`+c.where+`}`, strings.Replace(c.header, "STAMP", stamp, 1))
			if got.status != c.status || c.status == 200 && got.body != fmt.Sprintf(`{"success":true,"deletedCount":%d}`, c.deleted) {
				t.Errorf("%s with %s: got %d %s, want %d and %d deleted", c.where, c.header, got.status, got.body, c.status, c.deleted)
			}
			if left := f.do("GET", "/keys/v", "").status == 200; left != (c.deleted == 0) {
				t.Errorf("%s with %s: the entry is left: %v", c.where, c.header, left)
			}
		}
		f.do("DELETE", "/keys/v", "")
		if got := f.do("DELETE", "/keys/v?exact=true", `{"where":{}}`, "If-Match: *"); got.status != 412 {
			t.Errorf("no entry: got %d %s, want 412", got.status, got.body)
		}
	})
}

// An entry that changes between the look at it and its delete is looked at again.
func TestADeleteByVersionAndFilterLooksAgainWhereSomebodyWasFaster(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for _, c := range []struct {
		name, header, faster string
		want                 int
		deleted              bool
	}{
		{"it still matches", "If-Match: *", `{"n":1,"again":true}`, 200, true},
		{"it does not match any more", "If-Match: *", `{"n":2}`, 200, false},
		{"it is not that version any more", `If-Match: "STAMP"`, `{"n":1}`, 412, false},
	} {
		stamp := f.must("PUT", "/keys/v", `{"n":1}`).versionstamp()
		faster := func() { f.must("PUT", "/keys/v", c.faster) }
		f.store.beforeAtomic.Store(&faster)
		got := f.do("DELETE", "/keys/v?exact=true", `{"where":{"n":1}}`, strings.Replace(c.header, "STAMP", stamp, 1))
		if left := f.do("GET", "/keys/v", "").status == 200; got.status != c.want || left == c.deleted {
			t.Errorf("%s: got %d %s, and it is left: %v", c.name, got.status, got.body, left)
		}
	}
}

// deep filters and wide ones.
var (
	deepFilter = strings.Repeat(`{"$not":`, 40) + `{"a":1}` + strings.Repeat("}", 40)
	wideFilter = `{"$or":` + listOf(1001, `{"a":1}`) + `}`
)

var badFilters = []struct{ where, says string }{
	{`{"a":{"$regex":"x"}}`, "a.$regex"},
	{`{"$nor":[]}`, "$nor"},
	{`{"$or":[{"b":1},{"a":{"$near":1}}]}`, "$or[1].a.$near"},
	{`{"a":{"$between":[1]}}`, "a.$between"},
	{`{"a":{"$in":5}}`, "a.$in"},
	{`{"a":{"$contains":{}}}`, "a.$contains"},
	{`{"a":{"$null":1}}`, "a.$null"},
	{`{"a":{"$gt":[]}}`, "a.$gt"},
	{`{"$and":{}}`, "$and"},
	{`{"$not":[]}`, "$not"},
	{`{"a":{"$gt":{"$now":true,"offset":"1"}}}`, "a.$gt"},
	{`{"a..b":1}`, "a..b"},
	{`{"a[x]":1}`, "a[x]"},
	{`{"":1}`, "where"},
	{`[]`, "where"},
	{`"a"`, "where"},
	{deepFilter, "32"},
	{wideFilter, "where.$or[999].a is one too many"},
}

func TestABadFilterIsRefusedByItsPlaceAndChangesNothing(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("POST", "/atomic", numbered)
	before := f.everything()
	for _, c := range badFilters {
		for _, r := range []struct{ method, target, body string }{
			{"POST", "/keys/list", `{"where":%s}`},
			{"POST", "/keys/paginate", `{"where":%s}`},
			{"POST", "/keys/count", `{"where":%s}`},
			{"DELETE", "/keys/a", `{"where":%s}`},
			{"DELETE", "/keys", `{"where":%s}`},
			{"DELETE", "/keys?prefix=a", `{"where":%s}`},
			{"POST", "/keys/delete-batch", `{"keys":[["a"]],"where":%s}`},
		} {
			want := refusal{code: api.InvalidFilter, says: c.says}
			want.check(t, f.do(r.method, r.target, fmt.Sprintf(r.body, c.where)))
		}
	}
	if after := f.everything(); after != before {
		t.Errorf("the entries changed: %s", after)
	}
}

func TestAPageOfMatchesGoesOnBehindWhatDoesNotMatch(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		for i := range 9 {
			f.must("PUT", fmt.Sprintf("/keys/p/%d", i), fmt.Sprintf(`{"n":%d}`, i%3))
		}
		page := func(more string) func(string) reply {
			return func(cursor string) reply {
				return f.must("POST", "/keys/paginate", `{"prefix":["p"],"cursor":"`+cursor+`",`+more+`}`)
			}
		}
		walk(t, f, page(`"where":{"n":1},"limit":2`), `{"n":1} {"n":1} | {"n":1}`)
		walk(t, f, page(`"where":{"n":{"$in":[1,2]}},"limit":4,"reverse":true`), `{"n":2} {"n":1} {"n":2} {"n":1} | {"n":2} {"n":1}`)
		if got := namesOf(t, f.must("POST", "/keys/list", `{"prefix":["p"],"where":{"n":2},"limit":2}`).body); got != "2 5" {
			t.Errorf("two matches: got %q, want the keys 2 and 5", got)
		}
	})
}

// However few of the entries match, a page comes in its time, and its cursor goes on.
func TestAPageWithoutMatchesHasACursor(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		var mutations []string
		for i := range 900 {
			mutations = append(mutations, fmt.Sprintf(`{"type":"set","key":["m",%d],"value":{"n":%d}}`, i, i))
		}
		f.must("POST", "/atomic", `{"mutations":[`+strings.Join(mutations, ",")+`]}`)
		f.store.hasty.Store(true)
		for reverse, last := range map[bool]int{false: 899, true: 0} {
			empty, found := 0, ""
			for cursor := `null`; cursor != ""; {
				var page api.Page
				got := f.must("POST", "/keys/paginate", fmt.Sprintf(`{"prefix":["m"],"reverse":%v,"where":{"n":%d},"cursor":%s}`, reverse, last, cursor))
				if err := json.Unmarshal([]byte(got.body), &page); err != nil {
					t.Fatal(err)
				}
				for _, e := range page.Entries {
					found += string(e.Value)
				}
				if page.HasMore != (page.Cursor != nil) {
					t.Fatalf("%s: a cursor and no more, or the reverse", got.body)
				}
				if page.HasMore && len(page.Entries) == 0 {
					empty++
				}
				cursor = ""
				if page.Cursor != nil {
					cursor = `"` + *page.Cursor + `"`
				}
			}
			if want := fmt.Sprintf(`{"n":%d}`, last); empty == 0 || found != want {
				t.Errorf("after %d pages without matches found %q, want some, and then %s", empty, found, want)
			}
			// A list has no way to say that it is not all, so it looks at all.
			body := fmt.Sprintf(`{"prefix":["m"],"reverse":%v,"where":{"n":%d}}`, reverse, last)
			if got := namesOf(t, f.must("POST", "/keys/list", body).body); got != fmt.Sprint(last) {
				t.Errorf("the list is %q, want %d", got, last)
			}
		}
	})
}

func TestACursorBelongsToItsFilter(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("POST", "/atomic", documents)
	var page api.Page
	first := f.must("POST", "/keys/paginate", `{"prefix":["d"],"limit":1,"where":{"n":{"$gt":0}}}`)
	if err := json.Unmarshal([]byte(first.body), &page); err != nil || page.Cursor == nil {
		t.Fatal(first.body, err)
	}
	r := refusal{code: api.InvalidCursor, says: "belongs to another list"}
	for _, where := range []string{`{"n":{"$gt":1}}`, `{"n":{"$gte":0}}`, `{"m":{"$gt":0}}`, `{}`, `null`} {
		r.check(t, f.do("POST", "/keys/paginate", `{"prefix":["d"],"cursor":"`+*page.Cursor+`","where":`+where+`}`))
	}
	r.check(t, f.do("GET", "/keys/paginate?prefix=d&cursor="+*page.Cursor, ""))
	f.must("POST", "/keys/paginate", `{"cursor":"`+*page.Cursor+`","where": { "n" : {"$gt": 0} },"prefix":["d"]}`)
}

func TestAFilteredDeleteIsRepeatedOnlyAsItWas(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		f.must("POST", "/atomic", numbered)
		remove := func(where string) reply {
			return f.do("DELETE", "/keys?prefix=a", `{"where":`+where+`}`, "Idempotency-Key: k")
		}
		first := remove(`{"n":2}`)
		f.must("PUT", "/keys/a/1", `{"n":2}`)
		if again := remove(`{"n":2}`); again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("got %s and then %s, want a replay", first.body, again.body)
		}
		want := refusal{code: api.InvalidArgument, says: "the Idempotency-Key has been used"}
		want.check(t, remove(`{"n":3}`))
		f.must("GET", "/keys/a/1", "")
	})
}

func TestAConditionalFilteredDeleteIsRepeatedOnce(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	stamp := f.must("PUT", "/keys/a", `{"n":1}`).versionstamp()
	remove := func() reply {
		return f.must("DELETE", "/keys/a?exact=true", `{"where":{"n":1}}`, "Idempotency-Key: k", `If-Match: "`+stamp+`"`)
	}
	first, again := remove(), remove()
	if first.body != `{"success":true,"deletedCount":1}` || again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("got %s and then %s, want a replay", first.body, again.body)
	}
}

func TestAFilterThatIsNotDoneInTimeSaysWhatToDo(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.store.failWith(kv.ErrTimeout)
	narrow := refusal{code: api.Timeout, says: "narrow prefix, start and end, or go from page to page with /keys/paginate"}
	narrow.check(t, f.do("POST", "/keys/list", `{"where":{"a":1}}`))
	narrow.check(t, f.do("POST", "/keys/count", `{"where":{"a":1}}`))
	far := refusal{code: api.Timeout, says: "after 2000 entries had been deleted"}
	far.check(t, f.do("DELETE", "/keys", `{"where":{"a":1}}`))
	plain := refusal{code: api.Timeout, says: "the operation timeout passed; nothing was changed"}
	plain.check(t, f.do("POST", "/keys/list", `{}`))
}

// How many entries a filter takes with it tells what their values are.
func TestADeleteByFilterNeedsTheScopeOfReading(t *testing.T) {
	t.Parallel()
	writer := newBearer("writer", []access.Scope{access.Write})
	both := newBearer("both", []access.Scope{access.Read, access.Write})
	bound := newBearer("bound", []access.Scope{access.Read, access.Write}, boundTo("a"))
	f, _ := mustServeTo(t, writer, both, bound)
	f.must("POST", "/atomic", numbered, both.header())
	for _, d := range []struct{ method, target, body, header string }{
		{"DELETE", "/keys/a", `{"where":{"n":9}}`, ""},
		{"DELETE", "/keys/a", `{"where":{}}`, ""},
		{"DELETE", "/keys/a?exact=true", `{"where":{"n":9}}`, ""},
		{"DELETE", "/keys/a?exact=true", `{"where":{"n":9}}`, "If-Match: *"},
		{"DELETE", "/keys?prefix=a", `{"where":{"n":9}}`, ""},
		{"POST", "/keys/delete-batch", `{"keys":[["a"]],"where":{"n":9}}`, ""},
	} {
		headers := []string{d.header}
		if d.header == "" {
			headers = nil
		}
		want := refusal{code: api.Forbidden, says: "lacks the scope read"}
		want.check(t, f.do(d.method, d.target, d.body, append(headers, writer.header())...))
		for _, may := range []bearer{both, bound} {
			if got := f.must(d.method, d.target, d.body, append(headers, may.header())...); !strings.Contains(d.body, "{}") && !strings.Contains(got.body, `"deletedCount":0`) {
				t.Errorf("%s %s %s: got %s", d.method, d.target, d.body, got.body)
			}
		}
		f.must("POST", "/atomic", numbered, both.header())
	}
	f.must("DELETE", "/keys?prefix=a", "", writer.header())
}

func TestADeleteOfWhatMatchesAnywhereIsInTheAudit(t *testing.T) {
	t.Parallel()
	ops := newBearer("ops", access.Scopes)
	f, log := mustServeAudited(t, ops)
	f.must("DELETE", "/keys?prefix=a", `{"where":{"n":"secret"}}`, ops.header())
	f.must("DELETE", "/keys", `{"where":{"n":"secret"}}`, ops.header())
	f.must("POST", "/keys/delete-batch", `{"where":{"n":"secret"}}`, ops.header())
	f.must("POST", "/keys/delete-batch", `{"keys":[["a"]],"where":{"n":"secret"}}`, ops.header())
	want := []string{"delete ops ok DELETE /keys", "delete ops ok POST /keys/delete-batch"}
	await.That(t, "the audit has them", func() bool { return len(audited(t, log)) >= len(want) }, log.String)
	if got := strings.Join(audited(t, log), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the audit is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if strings.Contains(log.String(), "secret") {
		t.Error("the log has the filter")
	}
}
