package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

// A deaf server answers the first request on each connection, and breaks the connection
// when it has received the next one. It counts what comes to a path.
func startDeaf(t *testing.T, path string, arrived *atomic.Int64) string {
	t.Helper()
	type served struct{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			arrived.Add(1)
			if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
				t.Errorf("the request announces a body: %d, %v", r.ContentLength, r.TransferEncoding)
			}
		}
		if r.Context().Value(served{}).(*atomic.Bool).Swap(true) {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(`{"messages":[]}`))
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, served{}, new(atomic.Bool))
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

func TestADequeueOnAKeptConnectionThatBreaksIsSentOnce(t *testing.T) {
	var arrived atomic.Int64
	c := newClient(t, startDeaf(t, "/queue/dequeue", &arrived))
	defer c.CloseIdleConnections()
	if _, err := c.Dequeue(testContext(t), "q"); err != nil {
		t.Fatal(err) // the connection is kept from now on
	}
	_, err := c.Dequeue(testContext(t), "q", client.Wait(time.Second))
	if !errors.Is(err, client.ErrAnswerLost) {
		t.Errorf("the lost answer is %v, want ErrAnswerLost", err)
	}
	if n := arrived.Load(); n != 2 {
		t.Errorf("%d requests arrived, want the answered one and one more", n)
	}
}

func TestASessionAheadOfItsDatabaseSaysSoAndStartsOver(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	ahead := c.SessionAt("000000000000ffff0000")
	for name, read := range map[string]func() error{
		"get": func() error { _, err := ahead.Get(ctx, api.Key{"k"}); return err },
		"list": func() error {
			_, err := ahead.List(ctx, api.ListRequest{})
			return err
		},
	} {
		if err := read(); !errors.Is(err, client.ErrPositionAhead) || !errors.Is(err, api.InvalidArgument) {
			t.Errorf("%s: %v, want ErrPositionAhead", name, err)
		}
	}
	ahead.ResetSession()
	if _, err := ahead.List(ctx, api.ListRequest{}); err != nil || ahead.Position() == "000000000000ffff0000" {
		t.Errorf("after ResetSession: at %s, %v", ahead.Position(), err)
	}
}
