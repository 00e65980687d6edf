package client_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

// refusing answers with an error of the contract; nothing is carried out.
func refusing(code api.Code, retryAfter time.Duration) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		fail(w, &api.Error{Code: code, Message: "spoiled", Status: code.Status(), RetryAfter: retryAfter})
		return true
	}
}

// cutOff refuses a delete of which it has done a part.
func cutOff(code api.Code, deleted int64) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		fail(w, &api.Error{Code: code, Message: "cut off", Status: code.Status(), DeletedCount: deleted})
		return true
	}
}

// foreign answers as a proxy does.
func foreign(status int) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		http.Error(w, "<html>nginx</html>", status)
		return true
	}
}

// cutBefore breaks the connection and carries nothing out.
func cutBefore(http.ResponseWriter, *http.Request, http.Handler) bool {
	panic(http.ErrAbortHandler)
}

// cutAfter carries the request out and breaks the connection before the answer.
func cutAfter(_ http.ResponseWriter, r *http.Request, serve http.Handler) bool {
	serve.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// cutWithin carries the request out and breaks the connection within the answer.
func cutWithin(w http.ResponseWriter, r *http.Request, serve http.Handler) bool {
	whole := httptest.NewRecorder()
	serve.ServeHTTP(whole, r)
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// unknownCommit carries the request out and says that it does not know.
func unknownCommit(w http.ResponseWriter, r *http.Request, serve http.Handler) bool {
	serve.ServeHTTP(httptest.NewRecorder(), r)
	return refusing(api.CommitUnknown, 0)(w, r, serve)
}

// silent never answers.
func silent(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
	// The server notices that the client has gone only once the body is read.
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	return true
}

// quick is a retry policy for tests.
var quick = client.RetryPolicy{MinDelay: time.Millisecond, MaxDelay: 2 * time.Millisecond}

func newClient(t testing.TB, baseURL string, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(baseURL, append([]client.Option{client.WithRetry(quick)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// startClient returns a client of a new node.
func startClient(t testing.TB, opts ...client.Option) (*client.Client, *node) {
	t.Helper()
	n, baseURL := startNode(t)
	return newClient(t, baseURL, opts...), n
}

// inMemory carries requests to a node without a network: for tests in a bubble of
// testing/synctest, whose time passes only when all of them wait.
type inMemory struct{ n *node }

// RoundTrip implements http.RoundTripper.
func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	request := r.Clone(r.Context())
	if request.Body == nil {
		request.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	m.n.ServeHTTP(answer, request)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return answer.Result(), nil
}

// inMemoryClient returns a client of a new node in the same bubble.
func inMemoryClient(t testing.TB) (*client.Client, *node) {
	t.Helper()
	n := newNode()
	return newClient(t, "http://node", client.WithHTTPClient(&http.Client{Transport: inMemory{n}})), n
}

// testContext ends with the test, or when that hangs.
func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
