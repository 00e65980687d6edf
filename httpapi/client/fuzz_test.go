package client

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
)

// What a server, or something that stands before it, answers.
func FuzzAnswer(f *testing.F) {
	f.Add(503, "5", `{"error":"a","code":"unavailable"}`)
	f.Add(410, "Thu, 01 Jan 1970 00:00:00 GMT", `{"code":"position_lost","oldest":"0"}`)
	f.Add(200, "-1", `[{"key":["a",{"__type":"bytes","value":"AA"}],"value":1,"versionstamp":null}]`)
	f.Add(502, "1e9", "<html>")
	f.Fuzz(func(t *testing.T, status int, retryAfter, body string) {
		header := http.Header{}
		header.Set("Retry-After", retryAfter)
		answer := func() *http.Response {
			return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}
		}
		err := readError(answer())
		if err == nil || err.Error() == "" {
			t.Errorf("%d %q is no error", status, body)
		}
		if wait := retryAfterOf(err); wait < 0 {
			t.Errorf("Retry-After: %s is %v", retryAfter, wait)
		}
		_ = outcomeOf(err)
		var entries []api.Entry
		_ = decode([]byte(body), &entries)
		var message api.Message
		_ = decode([]byte(body), &message)
	})
}
