package httpapi_test

import (
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
)

func TestAConditionIsAListOverAllItsLines(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		const other = `"00000000000000000001"`
		for _, c := range []struct {
			name    string
			headers []string // STAMP is the entry's
			holds   bool
		}{
			{"any version", []string{"If-Match: *"}, true},
			{"a list", []string{"If-Match: " + other + `, "STAMP"`}, true},
			{"two lines", []string{"If-Match: " + other, `If-Match: "STAMP"`}, true},
			{"two lines in the other order", []string{`If-Match: "STAMP"`, "If-Match: " + other}, true},
			{"two lines of others", []string{"If-Match: " + other, `If-Match: "x"`}, false},
			{"a weak tag", []string{`If-Match: W/"STAMP"`}, false},
			{"a weak tag beside the strong one", []string{`If-Match: W/"STAMP", "STAMP"`}, true},
			{"none of others", []string{"If-None-Match: " + other + `, W/"x"`}, true},
			{"none of these", []string{"If-None-Match: " + other, `If-None-Match: "STAMP"`}, false},
			{"none of these, weakly", []string{`If-None-Match: W/"STAMP"`}, false},
			{"both hold", []string{"If-Match: *", "If-None-Match: " + other}, true},
			{"the second does not hold", []string{"If-Match: *", `If-None-Match: "STAMP"`}, false},
		} {
			for _, method := range []string{"PUT", "DELETE"} {
				stamp := f.must("PUT", "/keys/a", "1").versionstamp()
				headers := make([]string, len(c.headers))
				for i, h := range c.headers {
					headers[i] = strings.ReplaceAll(h, "STAMP", stamp)
				}
				want := 412
				if c.holds {
					want = 200
				}
				if got := f.do(method, "/keys/a", map[string]string{"PUT": "2"}[method], headers...); got.status != want {
					t.Errorf("%s with %s: got %d %s, want %d", method, c.name, got.status, got.body, want)
				}
			}
		}
	})
}

func TestAReadHonoursBothConditions(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	stamp := f.must("PUT", "/keys/a", "1").versionstamp()
	for _, c := range []struct {
		headers []string
		want    int
	}{
		{[]string{"If-Match: *"}, 200},
		{[]string{`If-Match: "` + stamp + `"`}, 200},
		{[]string{`If-Match: W/"` + stamp + `"`}, 412},
		{[]string{`If-Match: "x"`, `If-None-Match: "` + stamp + `"`}, 412},
		{[]string{"If-Match: *", `If-None-Match: "x"`, `If-None-Match: W/"` + stamp + `"`}, 304},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			if got := f.do(method, "/keys/a", "", c.headers...); got.status != c.want {
				t.Errorf("%s with %s: got %d, want %d", method, c.headers, got.status, c.want)
			}
		}
	}
}

// Whoever sends a condition relies on it: where it would be ignored, the request is
// refused.
func TestAConditionThatARouteDoesNotHonourIsRefused(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	for _, r := range f.routes(t) {
		if r.template == "/keys/{key}" {
			continue
		}
		for _, header := range []string{`If-Match: "00010000000000000000"`, "If-None-Match: *"} {
			name, _, _ := strings.Cut(header, ":")
			got := f.do(r.method, r.target, "", header)
			if got.status != 400 || r.method != "HEAD" && !strings.Contains(got.body, name) {
				t.Errorf("%s %s with %s: got %d %s, want 400", r.method, r.target, header, got.status, got.body)
			}
		}
	}
}

func TestConditionsOfTimeAreIgnored(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("PUT", "/keys/a", "1")
	for _, header := range []string{"If-Modified-Since", "If-Unmodified-Since", "If-Range"} {
		f.must("GET", "/keys/a", "", header+": Thu, 01 Jan 1970 00:00:00 GMT")
	}
}

func TestARepetitionWithAnotherConditionIsAnotherRequest(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	stamp := f.must("PUT", "/keys/a", "1").versionstamp()
	match := `If-Match: "` + stamp + `"`
	f.must("PUT", "/keys/a", "2", "Idempotency-Key: k", match)
	if got := f.must("PUT", "/keys/a", "2", "Idempotency-Key: k", match); got.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the same again: got %v, want a replay", got.header)
	}
	for _, headers := range [][]string{{}, {"If-Match: *"}, {"If-None-Match: *"}, {match, "If-None-Match: *"}} {
		r := refusal{code: api.InvalidArgument, says: "Idempotency-Key"}
		r.check(t, f.do("PUT", "/keys/a", "2", append(headers, "Idempotency-Key: k")...))
	}
}

func TestAReplayedAnswerIsTheFirstOne(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	for _, name := range []string{"a", "b", "c"} {
		f.must("PUT", "/keys/tree/"+name, "1")
	}
	for _, c := range []struct{ method, target, body string }{
		{"PUT", "/keys/a", "1"},
		{"DELETE", "/keys/a", ""},
		{"DELETE", "/keys/a", `{"exact":true}`},
		{"DELETE", "/keys/none", ""},
		{"DELETE", basePath + "/keys/tree/a", ""},
		{"DELETE", "/keys?prefix=tree", ""},
		{"POST", "/keys/delete-batch", `{"keys":[["a"]],"exact":true}`},
		{"POST", "/atomic", `{"mutations":[{"type":"sum","key":["n"],"value":1}],"enqueue":[{"value":1}]}`},
		{"POST", "/atomic", `{}`},
		{"POST", "/transaction", `{"reads":[{"key":["n"]},{"prefix":[]}],"mutations":[{"type":"sum","key":["n"],"value":1}],"enqueue":[{"value":1}]}`},
		{"POST", "/queue/enqueue", `{"value":1,"options":{"dedupeId":"d"}}`},
		{"POST", "/queue/enqueue", `{"value":1,"options":{"dedupeId":"d","delay":null}}`},
	} {
		key := "Idempotency-Key: " + c.method + c.target + c.body[:min(len(c.body), 80)]
		first := f.must(c.method, c.target, c.body, key)
		f.must("PUT", "/keys/n", "100") // it is not carried out again
		again := f.must(c.method, c.target, c.body, key)
		if again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s %s %s: it is not replayed", c.method, c.target, c.body)
		}
		if again.body != first.body || again.status != first.status {
			t.Errorf("%s %s %s: got %d %s, want %d %s", c.method, c.target, c.body, again.status, again.body, first.status, first.body)
		}
		for _, name := range []string{"ETag", "Keyval-Versionstamp", "Content-Type", "Content-Length", "Cache-Control"} {
			if got, want := again.header.Get(name), first.header.Get(name); got != want {
				t.Errorf("%s %s %s: %s: got %q, want %q", c.method, c.target, c.body, name, got, want)
			}
		}
	}
}
