package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The entries of books, whose last parts are their numbers: what the original server's
// tests ask of filters is asked of these. due is an hour ago, just now, and in an hour.
const books = `{"mutations":[
{"type":"set","key":["books",1],"value":{"title":"Dune","author":{"name":"Herbert","born":1920},"pages":412,"price":9.5,"lent":true,"tags":["sand","spice"],"editions":[{"year":1965},{"year":1984}],"note":"50% off","due":{"$now":true,"offset":-3600000}}},
{"type":"set","key":["books",2],"value":{"title":"Emma","author":{"name":"Austen","born":1775},"pages":474,"price":7,"lent":false,"tags":["love"],"editions":[{"year":1815}],"note":"a_b","due":{"$now":true}}},
{"type":"set","key":["books",3],"value":{"title":"emil","author":{"name":"Kästner","born":1899},"pages":160,"price":12,"lent":false,"tags":[],"note":"c:\\books","due":{"$now":true,"offset":3600000}}},
{"type":"set","key":["books",4],"value":{"title":"Faust","author":null,"pages":464,"price":null,"lent":true,"tags":["devil","love"],"note":""}},
{"type":"set","key":["books",5],"value":{"title":"Ulysses","pages":"many","isbn":{"__type":"bigint","value":"9007199254740993"},"lent":false}},
{"type":"set","key":["books",6],"value":{"title":"Walden","pages":{"__type":"bigint","value":"352"},"isbn":{"__type":"bigint","value":"9007199254740992"},"notes":{},"a.b":1}},
{"type":"set","key":["shelf",1],"value":{"title":"Dune","pages":412}}]}`

// Which of the books a where of the original's client finds.
var originalFilters = []struct{ where, want string }{
	{`{}`, "1 2 3 4 5 6"},

	{`{"title":"Dune"}`, "1"},
	{`{"title":{"$eq":"dune"}}`, ""},
	{`{"pages":{"$eq":412}}`, "1"},
	{`{"pages":{"$eq":352}}`, "6"},
	{`{"price":9.5}`, "1"},
	{`{"lent":true}`, "1 4"},
	{`{"lent":{"$ne":true}}`, "2 3 5"},
	{`{"title":{"$ne":"Dune"}}`, "2 3 4 5 6"},
	{`{"pages":{"$gt":412}}`, "2 4"},
	{`{"pages":{"$gte":412}}`, "1 2 4"},
	{`{"pages":{"$lt":412}}`, "3 6"},
	{`{"pages":{"$lte":412}}`, "1 3 6"},
	{`{"title":{"$gt":"Emma"}}`, "3 4 5 6"},
	{`{"pages":{"$gt":"a"}}`, "5"},
	{`{"title":{"$gt":5}}`, ""},
	{`{"pages":{"$between":[352,464]}}`, "1 4 6"},
	{`{"title":{"$between":["Emma","Faust"]}}`, "2 4"},
	{`{"isbn":{"$gt":{"__type":"bigint","value":"9007199254740992"}}}`, "5"},
	{`{"isbn":{"__type":"bigint","value":"9007199254740993"}}`, "5"},

	{`{"pages":{"$in":[160,474,352]}}`, "2 3 6"},
	{`{"title":{"$in":["Dune","Faust","None"]}}`, "1 4"},
	{`{"title":{"$in":[]}}`, ""},
	{`{"lent":{"$nin":[true]}}`, "2 3 5"},
	{`{"author.name":{"$nin":["Herbert"]}}`, "2 3"},

	{`{"author.born":{"$lt":1900}}`, "2 3"},
	{`{"editions[0].year":{"$lt":1900}}`, "2"},
	{`{"editions[1].year":1984}`, "1"},
	{`{"[\"a.b\"]":1}`, "6"},
	{`{"title.length":4}`, ""},

	{`{"note":{"$contains":"%"}}`, "1"},
	{`{"note":{"$contains":"_"}}`, "2"},
	{`{"note":{"$contains":"\\"}}`, "3"},
	{`{"title":{"$contains":"m"}}`, "2 3"},
	{`{"title":{"$notContains":"m"}}`, "1 4 5 6"},
	{`{"author.name":{"$notContains":"ert"}}`, "2 3"},
	{`{"title":{"$startsWith":"Em"}}`, "2"},
	{`{"note":{"$startsWith":"c:\\"}}`, "3"},
	{`{"title":{"$endsWith":"a"}}`, "2"},
	{`{"title":{"$containsi":"E"}}`, "1 2 3 5 6"},
	{`{"title":{"$notContainsi":"e"}}`, "4"},
	{`{"title":{"$startsWithi":"EM"}}`, "2 3"},
	{`{"title":{"$endsWithi":"E"}}`, "1"},
	{`{"note":{"$containsi":"% O"}}`, "1"},
	{`{"tags":{"$contains":"love"}}`, "2 4"},
	{`{"tags":{"$notContains":"love"}}`, "1 3"},

	{`{"author":{"$null":true}}`, "4 5 6"},
	{`{"author":{"$null":false}}`, "1 2 3"},
	{`{"author":null}`, "4 5 6"},
	{`{"price":{"$eq":null}}`, "4 5 6"},
	{`{"price":{"$ne":null}}`, "1 2 3"},
	{`{"tags":{"$empty":true}}`, "3 5 6"},
	{`{"tags":{"$empty":false}}`, "1 2 4"},
	{`{"tags":{"$notEmpty":true}}`, "1 2 4"},
	{`{"tags":{"$notEmpty":false}}`, "3 5 6"},
	{`{"note":{"$empty":true}}`, "4 5 6"},
	{`{"notes":{"$empty":true}}`, "1 2 3 4 5 6"},

	{`{"$and":[{"lent":true},{"pages":{"$gte":450}}]}`, "4"},
	{`{"$or":[{"title":"Dune"},{"pages":{"$gte":470}}]}`, "1 2"},
	{`{"$not":{"lent":true}}`, "2 3 5"},
	{`{"$not":{"author.born":{"$gt":1800}}}`, "2"},
	{`{"$and":[]}`, "1 2 3 4 5 6"},
	{`{"$or":[]}`, ""},
	{`{"lent":false,"pages":{"$gte":160,"$lte":300}}`, "3"},
	{`{"$and":[{"lent":false},{"$or":[{"pages":160},{"title":"Ulysses"}]}]}`, "3 5"},
	{`{"$and":[{"lent":true},{"$not":{"title":"Dune"}}]}`, "4"},

	{`{"due":{"$lt":{"$now":true,"offset":-1800000}}}`, "1"},
	{`{"due":{"$lte":{"$now":true}}}`, "1 2"},
	{`{"due":{"$gt":{"$now":true}}}`, "3"},
	{`{"due":{"$gte":{"$now":true,"offset":7200000}}}`, ""},
	{`{"due":{"$gt":0,"$lt":{"$now":true}},"$not":{"due":{"$gt":{"$now":true,"offset":-1800000}}}}`, "1"},
}

func TestTheOriginalClientsFiltersFindWhatTheyFoundThere(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		f.must("POST", "/atomic", books)
		for _, c := range originalFilters {
			for _, base := range []string{"", basePath} {
				f.wantFiltered(base, c.where, strings.Fields(c.want))
			}
		}
	})
}

// wantFiltered asks for the books on all routes that take a where.
func (f *fixture) wantFiltered(base, where string, want []string) {
	f.t.Helper()
	if got := f.numbers(f.must("POST", base+"/keys/list", fmt.Sprintf(`{"prefix":["books"],"where":%s}`, where)).body); !slices.Equal(got, want) {
		f.t.Errorf("%s/keys/list %s: got %v, want %v", base, where, got, want)
	}
	if got := f.pages(base, where); !slices.Equal(got, want) {
		f.t.Errorf("%s/keys/paginate %s: got %v, want %v", base, where, got, want)
	}
	got := f.must("POST", base+"/keys/count", fmt.Sprintf(`{"prefix":["books"],"where":%s}`, where)).body
	if count := fmt.Sprintf(`{"count":%d}`, len(want)); got != count {
		f.t.Errorf("%s/keys/count %s: got %s, want %s", base, where, got, count)
	}
}

// numbers are the last parts of the keys of entries.
func (f *fixture) numbers(entries string) []string {
	f.t.Helper()
	var list []struct{ Key []any }
	if err := json.Unmarshal([]byte(entries), &list); err != nil {
		f.t.Fatal(err)
	}
	numbers := []string{}
	for _, e := range list {
		numbers = append(numbers, fmt.Sprint(e.Key[len(e.Key)-1]))
	}
	return numbers
}

// pages are the numbers of the books in pages of two, to the last one.
func (f *fixture) pages(base, where string) (numbers []string) {
	f.t.Helper()
	for cursor := `null`; ; {
		var page struct {
			Entries json.RawMessage
			Cursor  json.RawMessage
			HasMore bool
		}
		body := f.must("POST", base+"/keys/paginate", fmt.Sprintf(`{"prefix":["books"],"where":%s,"limit":2,"cursor":%s}`, where, cursor)).body
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			f.t.Fatal(err)
		}
		numbers = append(numbers, f.numbers(string(page.Entries))...)
		if cursor = string(page.Cursor); page.HasMore == (cursor == "null") {
			f.t.Errorf("%s/keys/paginate %s: got cursor %s with hasMore %v", base, where, cursor, page.HasMore)
		}
		if !page.HasMore {
			return numbers
		}
	}
}

// What is deleted by a where, each time of all the books, and what it leaves.
var originalFilteredDeletes = []struct {
	call, method, target, body string
	deleted                    int
	left                       string
}{
	{`delete(["books"], {where: {lent: {$eq: false}}})`, "DELETE", "/keys/books", `{"where":{"lent":{"$eq":false}}}`, 3, "1 4 6"},
	{`delete(["books"], {where: {title: {$ne: "Dune"}, author: {$null: false}}})`, "DELETE", "/keys/books", `{"where":{"title":{"$ne":"Dune"},"author":{"$null":false}}}`, 2, "1 4 5 6"},
	{`delete(["books"], {where: {due: {$lt: kv.now()}}})`, "DELETE", "/keys/books", `{"where":{"due":{"$lt":{"$now":true}}}}`, 2, "3 4 5 6"},
	{`delete(["books"], {where: {due: {$lt: kv.now().sub("30m")}}})`, "DELETE", "/keys/books", `{"where":{"due":{"$lt":{"$now":true,"offset":-1800000}}}}`, 1, "2 3 4 5 6"},
	{`delete(["books"], {where: {$or: […]}})`, "DELETE", "/keys/books", `{"where":{"$or":[{"pages":160},{"tags":{"$contains":"love"}}]}}`, 3, "1 5 6"},
	{`delete(["books"], {where} that nothing meets)`, "DELETE", "/keys/books", `{"where":{"pages":9}}`, 0, "1 2 3 4 5 6"},
	{`delete(["books", 1], {where})`, "DELETE", "/keys/books/1", `{"where":{"lent":true}}`, 1, "2 3 4 5 6"},
	{`delete(["books"], {exact: true, where})`, "DELETE", "/keys/books", `{"exact":true,"where":{"lent":true}}`, 0, "1 2 3 4 5 6"},
	{`delete(["books", 4], {exact: true, where})`, "DELETE", "/keys/books/4", `{"exact":true,"where":{"lent":true}}`, 1, "1 2 3 5 6"},
	{`delete([["books", 1], ["books", 2]], {where})`, "POST", "/keys/delete-batch", `{"keys":[["books",1],["books",2]],"where":{"lent":true}}`, 1, "2 3 4 5 6"},
	{`delete([["books"], ["books", 1]], {where})`, "POST", "/keys/delete-batch", `{"keys":[["books"],["books",1]],"where":{"lent":true}}`, 2, "2 3 5 6"},
	{`delete([["books", 1], ["books"]], {exact: true, where})`, "POST", "/keys/delete-batch", `{"keys":[["books",1],["books"]],"exact":true,"where":{"lent":true}}`, 1, "2 3 4 5 6"},
	{`by keys with a where`, "DELETE", "/keys", `{"keys":[["books"]],"where":{"lent":true}}`, 2, "2 3 5 6"},
	{`by prefix with a where`, "DELETE", "/keys?prefix=books", `{"where":{"lent":true}}`, 2, "2 3 5 6"},
}

func TestTheOriginalClientsFiltersDeleteWhatTheyFind(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		for _, c := range originalFilteredDeletes {
			for _, base := range []string{"", basePath} {
				f.must("DELETE", "/keys?all=true", "")
				f.must("POST", "/atomic", books)
				got := f.must(c.method, base+c.target, c.body, "Content-Type: application/json").body
				if want := fmt.Sprintf(`{"success":true,"deletedCount":%d}`, c.deleted); got != want {
					t.Errorf("%s%s: got %s, want %s", base, c.call, got, want)
				}
				if left := f.numbers(f.must("GET", base+"/keys?prefix=books", "").body); !slices.Equal(left, strings.Fields(c.left)) {
					t.Errorf("%s%s: leaves %v, want %s", base, c.call, left, c.left)
				}
				f.must("GET", base+"/keys/shelf/1", "")
			}
		}
	})
}

func TestWhatIsNoFilterIsRefusedAndDeletesNothing(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("POST", "/atomic", books)
	before := f.everything()
	for _, where := range []string{
		`[]`, `"title"`, `5`, `{"title":{"$regex":"D"}}`, `{"$nor":[]}`, `{"$and":{}}`, `{"$or":[1]}`, `{"$not":[]}`,
		`{"pages":{"$in":5}}`, `{"pages":{"$between":[1]}}`, `{"title":{"$startsWith":5}}`, `{"title":{"$null":1}}`,
		`{"title":{"$eq":"Dune","$then":1}}`, `{"title[":1}`, `{"a..b":1}`, `{"due":{"$lt":{"$now":true,"offset":"1h"}}}`, `{"due":{"$lt":{"$now":1}}}`,
	} {
		for _, base := range []string{"", basePath} {
			for _, r := range [][3]string{
				{"POST", "/keys/list", `{"prefix":["books"],"where":%s}`},
				{"POST", "/keys/paginate", `{"prefix":["books"],"where":%s}`},
				{"POST", "/keys/count", `{"prefix":["books"],"where":%s}`},
				{"DELETE", "/keys/books", `{"where":%s}`},
				{"DELETE", "/keys?prefix=books", `{"where":%s}`},
				{"POST", "/keys/delete-batch", `{"keys":[["books"]],"where":%s}`},
			} {
				got := f.do(r[0], base+r[1], fmt.Sprintf(r[2], where))
				if got.status != 400 || !strings.Contains(got.body, `"code":"invalid_filter"`) {
					t.Errorf("%s %s with %s: got %d %s, want 400 invalid_filter", r[0], base+r[1], where, got.status, got.body)
				}
			}
		}
	}
	if after := f.everything(); after != before {
		t.Errorf("a refused filter changed something: got %s, want %s", after, before)
	}
}

// What is a time in a value that is set is one in a filter, and what is refused there is refused here.
func TestATimeIsWrittenInAFilterAsInAValue(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for _, time := range []string{
		`{"$now":true}`, `{"$now":true,"offset":5}`, `{"$now":true,"offset":-5}`, `{"offset":5,"$now":true}`, `{"$now":true,"offset":null}`,
		`{"$now":true,"offset":1e3}`, `{"$now":true,"offset":1.0}`, `{"$now":true,"offset":"5"}`, `{"$now":true,"offset":4503599627370496}`,
		`{"$now":true,"offset":4503599627370497}`, `{"$now":true,"offset":1.5}`, `{"$now":true,"offset":"1h"}`, `{"$now":true,"offset":true}`,
	} {
		set := f.do("POST", "/atomic", `{"mutations":[{"type":"set","key":["t",1],"value":{"at":`+time+`}}]}`)
		found := f.do("POST", "/keys/list", `{"prefix":["t"],"where":{"at":{"$lte":`+time+`}}}`)
		if set.status != found.status || (found.status == 200 && len(f.numbers(found.body)) != 1) {
			t.Errorf("%s: in a value %d %s, in a filter %d %s", time, set.status, set.body, found.status, found.body)
		}
	}
}
