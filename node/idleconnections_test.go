package node_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

func TestFiveThousandIdleConnectionsAreInNobodysWay(t *testing.T) {
	t.Parallel()
	const connections, most = 5000, 200 << 20
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), Flags: []string{"--ephemeral"}})
	before := residentBytes(t, n)
	var mu sync.Mutex
	var idle []net.Conn
	closeAll := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range idle {
			_ = conn.Close()
		}
		idle = nil
	}
	t.Cleanup(closeAll)
	// One request each, so that the node has no reason to close them for two minutes.
	const dialers = 20
	err := atOnce(dialers, func(i int) error {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}}
		for range connections / dialers {
			conn, err := from.DialContext(t.Context(), "tcp", n.HTTPAddr())
			if err != nil {
				return err
			}
			mu.Lock()
			idle = append(idle, conn)
			mu.Unlock()
			if _, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				return err
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return err
			}
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("got %s", answer.Status)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if open := metric(t, n, "keyval_http_connections"); open < connections {
		t.Fatalf("the node has %.0f connections, want %d", open, connections)
	}
	for i := range 200 {
		key := api.Key{"beside", i}
		if _, err := n.Client.Put(t.Context(), key, i); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Client.Get(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if grown := residentBytes(t, n) - before; grown > most {
		t.Errorf("the node has grown by %d MiB, want at most %d", grown>>20, most>>20)
	} else {
		t.Logf("the node has grown by %d MiB", grown>>20)
	}
	closeAll()
	await.That(t, "the node has forgotten them", func() bool { return metric(t, n, "keyval_http_connections") < 100 },
		func() string { return fmt.Sprintf("it has %.0f", metric(t, n, "keyval_http_connections")) })
}
