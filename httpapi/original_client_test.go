package httpapi_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

var (
	stampPattern = regexp.MustCompile(`"[0-9a-f]{20}"`)
	timePattern  = regexp.MustCompile(`"(expiresAt|due)":[0-9]+`)
)

type originalRequest struct {
	call                 string
	method, target, body string
	status               int
	want                 string
}

// The requests of the original JavaScript client, @buntime/keyval, as it sends
// them to the base path: parts go through encodeURIComponent, and in a query
// through URLSearchParams on top of that. Requests build on those before them.
// What the client reads of an answer is in want, with <vs> for any versionstamp.
var originalRequests = []originalRequest{
	{`set(["users", 123], {name: "Ann"})`, "PUT", "/keys/users/123", `{"name":"Ann"}`, 200, `{"ok":true,"versionstamp":"<vs>"}`},
	{`set(["users", 123, "mail"], "a@b", {expiresIn: "1h"})`, "PUT", "/keys/users/123/mail?expiresIn=3600000", `"a@b"`, 200, `{"ok":true,"versionstamp":"<vs>"}`},
	{`set(["a b", "ä/,%"], 1n)`, "PUT", "/keys/a%20b/%C3%A4%2F%2C%25", `1`, 200, `{"ok":true,"versionstamp":"<vs>"}`},
	{`set(["it's(*)!~"], null)`, "PUT", "/keys/it's(*)!~", `null`, 200, `{"ok":true,"versionstamp":"<vs>"}`},
	{`get(["a b", "ä/,%"])`, "GET", "/keys/a%20b/%C3%A4%2F%2C%25", "", 200, `{"key":["a b","ä/,%"],"value":1,"versionstamp":"<vs>"}`},
	{`get(["it's(*)!~"])`, "GET", "/keys/it's(*)!~", "", 200, `{"key":["it's(*)!~"],"value":null,"versionstamp":"<vs>"}`},
	{`get(["users", 123])`, "GET", "/keys/users/123", "", 200, `{"key":["users",123],"value":{"name":"Ann"},"versionstamp":"<vs>"}`},
	{`get(["users", 9])`, "GET", "/keys/users/9", "", 404, ``},
	{`get([["users", 123], ["none"]])`, "POST", "/keys/batch", `{"keys":[["users",123],["none"]]}`, 200,
		`[{"key":["users",123],"value":{"name":"Ann"},"versionstamp":"<vs>"},{"key":["none"],"value":null,"versionstamp":null}]`},

	{`list([])`, "GET", "/keys?limit=1", "", 200, `[{"key":["a b","ä/,%"],"value":1,"versionstamp":"<vs>"}]`},
	{`list(["a b"])`, "GET", "/keys?prefix=a%2520b", "", 200, `[{"key":["a b","ä/,%"],"value":1,"versionstamp":"<vs>"}]`},
	{`list(["a b"], {start: ["a b", "ä/,%"], reverse: true})`, "GET", "/keys?prefix=a%2520b&start=a%2520b%2F%25C3%25A4%252F%252C%2525&reverse=true", "", 200,
		`[{"key":["a b","ä/,%"],"value":1,"versionstamp":"<vs>"}]`},
	{`list(["users"], {limit: 1})`, "GET", "/keys?prefix=users&limit=1", "", 200, `[{"key":["users",123],"value":{"name":"Ann"},"versionstamp":"<vs>"}]`},
	{`list(["users"], {start: ["users", 9], end: ["users", 1]})`, "GET", "/keys?prefix=users&start=users%2F9&end=users%2F1", "", 200, `[]`},
	{`count(["users"])`, "GET", "/keys/count?prefix=users", "", 200, `{"count":2}`},
	{`count([])`, "GET", "/keys/count", "", 200, `{"count":4}`},
	{`paginate(["users", 123], {limit: 10})`, "GET", "/keys/paginate?prefix=users%2F123&limit=10", "", 200,
		`{"entries":[{"key":["users",123,"mail"],"value":"a@b","versionstamp":"<vs>","expiresAt":<ms>}],"cursor":null,"hasMore":false}`},

	{`atomic().check(…).set(…).sum(…).append(…).delete(…).commit()`, "POST", "/atomic",
		`{"checks":[{"key":["n"],"versionstamp":null}],"mutations":[{"type":"set","key":["s"],"value":{"n":{"__type":"bigint","value":"5"}},"expiresIn":60000},{"type":"sum","key":["n"],"value":{"__type":"bigint","value":"5"}},{"type":"max","key":["n"],"value":{"__type":"bigint","value":"7"}},{"type":"append","key":["l"],"value":[1]},{"type":"prepend","key":["l"],"value":[0]},{"type":"delete","key":["s"]}]}`,
		200, `{"ok":true,"versionstamp":"<vs>"}`},
	{`atomic().check(…) that fails`, "POST", "/atomic", `{"checks":[{"key":["n"],"versionstamp":null}],"mutations":[]}`, 200,
		`{"ok":false,"conflicts":[{"key":["n"],"versionstamp":"<vs>"}]}`},
	{`atomic().check({key: ["n"], versionstamp: "wrong-versionstamp"})`, "POST", "/atomic",
		`{"checks":[{"key":["n"],"versionstamp":"wrong-versionstamp"}],"mutations":[{"type":"set","key":["n"],"value":0}]}`, 200,
		`{"ok":false,"conflicts":[{"key":["n"],"versionstamp":"<vs>"}]}`},
	{`a check for a UUID, where there is no entry`, "POST", "/atomic",
		`{"checks":[{"key":["none"],"versionstamp":"5f0c954e-4d51-4a6e-9a0b-5d7a6f8d1c11"}],"mutations":[{"type":"set","key":["none"],"value":0}]}`, 200,
		`{"ok":false,"conflicts":[{"key":["none"],"versionstamp":null}]}`},
	{`a check for an empty versionstamp`, "POST", "/atomic", `{"checks":[{"key":["none"],"versionstamp":""}],"mutations":[]}`, 200,
		`{"ok":false,"conflicts":[{"key":["none"],"versionstamp":null}]}`},
	{`a transaction's check for one of another program`, "POST", "/transaction",
		`{"checks":[{"key":["n"],"versionstamp":"0123456789ABCDEF0123"}],"mutations":[{"type":"delete","key":["n"]}]}`, 200,
		`{"ok":false,"error":"conflict","conflicts":[{"key":["n"],"versionstamp":"<vs>"}]}`},
	{`get(["n"]) after sum and max`, "GET", "/keys/n", "", 200, `{"key":["n"],"value":7,"versionstamp":"<vs>"}`},
	{`atomic().set(["m"], 10).sum(["m"], 5n).min(["m"], 12n).commit()`, "POST", "/atomic",
		`{"checks":[],"mutations":[{"type":"set","key":["m"],"value":10},{"type":"sum","key":["m"],"value":{"__type":"bigint","value":"5"}},{"type":"min","key":["m"],"value":{"__type":"bigint","value":"12"}}]}`,
		200, `{"ok":true,"versionstamp":"<vs>"}`},
	{`get(["m"])`, "GET", "/keys/m", "", 200, `{"key":["m"],"value":12,"versionstamp":"<vs>"}`},
	{`atomic().sum(["m"], 2n ** 53n).commit()`, "POST", "/atomic",
		`{"checks":[],"mutations":[{"type":"sum","key":["m"],"value":{"__type":"bigint","value":"9007199254740992"}}]}`, 200, `{"ok":true,"versionstamp":"<vs>"}`},
	{`get(["m"]) beyond 2^53`, "GET", "/keys/m", "", 200, `{"key":["m"],"value":{"__type":"bigint","value":"9007199254741004"},"versionstamp":"<vs>"}`},
	{`delete(["m"])`, "DELETE", "/keys/m", "", 200, `{"success":true,"deletedCount":1}`},
	{`get(["l"]) after append and prepend`, "GET", "/keys/l", "", 200, `{"key":["l"],"value":[0,1],"versionstamp":"<vs>"}`},
	{`transaction(tx => tx.get(["none"])) without writes`, "POST", "/atomic", `{"checks":[{"key":["none"],"versionstamp":null}],"mutations":[]}`, 200, `{"ok":true,"versionstamp":"<vs>"}`},

	{`delete(["users", 123], {exact: true})`, "DELETE", "/keys/users/123", `{"exact":true}`, 200, `{"success":true,"deletedCount":1}`},
	{`delete([["users", 123], ["l"]], {exact: true})`, "POST", "/keys/delete-batch", `{"keys":[["users",123],["l"]],"exact":true}`, 200, `{"success":true,"deletedCount":1}`},
	{`delete(["users"])`, "DELETE", "/keys/users", "", 200, `{"success":true,"deletedCount":1}`},
	{`delete([["n"], ["a b"]])`, "POST", "/keys/delete-batch", `{"keys":[["n"],["a b"]]}`, 200, `{"success":true,"deletedCount":2}`},
}

// Those on queues, which the client reads 404 of as null.
var originalQueueRequests = []originalRequest{
	{`dlq.get("non-existent")`, "GET", "/queue/dlq/non-existent", "", 404, ``},
	{`dlq.requeue("non-existent")`, "POST", "/queue/dlq/non-existent/requeue", "", 404, ``},
	{`dlq.delete("non-existent")`, "DELETE", "/queue/dlq/non-existent", "", 200, `{"ok":true}`},
	{`ack("non-existent")`, "POST", "/queue/ack", `{"id":"non-existent"}`, 200, `{"ok":true}`},
	{`nack("non-existent")`, "POST", "/queue/nack", `{"id":"non-existent"}`, 200, `{"ok":true}`},
}

func TestTheOriginalClientsRequestsWorkUnchanged(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) { f.wantOriginal(originalRequests) })
}

func TestTheOriginalClientsQueueRequestsWorkUnchanged(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	f.wantOriginal(originalQueueRequests)
}

func (f *fixture) wantOriginal(requests []originalRequest) {
	f.t.Helper()
	for _, c := range requests {
		var headers []string
		if c.body != "" {
			headers = append(headers, "Content-Type: application/json")
		}
		got := f.do(c.method, basePath+c.target, c.body, headers...)
		if got.status != c.status {
			f.t.Errorf("%s: got %d %s, want %d", c.call, got.status, got.body, c.status)
		}
		if text := blank(got.body); c.want != "" && text != c.want {
			f.t.Errorf("%s: got %s, want %s", c.call, text, c.want)
		}
	}
}

// blank puts <vs>, <ms> and <n> in place of versionstamps, times and what is indexed.
func blank(body string) string {
	body = timePattern.ReplaceAllString(stampPattern.ReplaceAllString(body, `"<vs>"`), `"$1":<ms>`)
	return indexedPattern.ReplaceAllString(body, `"indexed":<n>`)
}

func TestTheOriginalClientReadsItsMetrics(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("PUT", basePath+"/keys/a", "1")
	var metrics struct {
		Operations map[string]struct {
			Count, Errors int64
			AvgLatencyMs  float64
		}
	}
	if err := json.Unmarshal([]byte(f.must("GET", basePath+"/metrics", "", "Accept: */*").body), &metrics); err != nil {
		t.Fatal(err)
	}
	if set := metrics.Operations["set"]; set.Count != 1 || set.Errors != 0 || set.AvgLatencyMs <= 0 {
		t.Errorf("operations.set: got %+v, want one that took some time", set)
	}
	if text := f.must("GET", basePath+"/metrics/prometheus", "").body; !strings.Contains(text, "keyval_http_request_duration_seconds_count") {
		t.Errorf("/metrics/prometheus: got %.200s, want Prometheus text", text)
	}
}
