package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/buntime/keyval/httpapi/client"
)

// hostiles are neighbours who do nothing but hold connections and memory, each from an
// address of its own.
func (d dose) hostiles(store plain) map[string]meanNeighbour {
	get := func(target, more string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n"
	}
	addr := strings.TrimPrefix(store.url, "http://")
	return map[string]meanNeighbour{
		"sends bodies without an end": &uploading{store.url, d.uploads, d.hold},
		"announces bodies to routes that wait": &holding{addr: addr, from: "127.0.0.3", connections: d.connections, hold: d.hold,
			says: get("/queue/dequeue?wait=60000", "Content-Length: 1000\r\n")},
		"reads no answers": &holding{addr: addr, from: "127.0.0.4", connections: d.connections, hold: d.hold, says: strings.Repeat(get("/openapi.json", ""), 40)},
		"reads no streams": &holding{addr: addr, from: "127.0.0.5", connections: d.unread, hold: d.hold, says: get("/watch/prefix?prefix=middle&limit=1000", "")},
		"never ends a header": &holding{addr: addr, from: "127.0.0.6", connections: d.connections, hold: d.hold, drips: true,
			says: "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("x", d.header)},
		"floods headers": &holding{addr: addr, from: "127.0.0.7", connections: d.connections, hold: d.hold,
			says: strings.Repeat(get("/healthz", strings.Repeat("X-Many: x\r\n", d.header/len("X-Many: x\r\n"))), 4)},
		"waits with a long header": &holding{addr: addr, from: "127.0.0.8", connections: d.connections, hold: d.hold,
			says: get("/queue/dequeue?wait=60000", "X-Long: "+strings.Repeat("x", d.header)+"\r\n")},
		"closes one half": &holding{addr: addr, from: "127.0.0.9", connections: d.connections, hold: d.hold, half: true,
			says: get("/watch/prefix?prefix=small", "")},
		"opens connections": &holding{addr: addr, from: "127.0.0.2", connections: d.crowd, hold: d.hold},
	}
}

// holding opens connections, says something on each, reads nothing, and holds them.
type holding struct {
	addr, from  string // to and from: two of this machine's addresses
	connections int
	says        string
	hold        time.Duration
	half        bool // closes its half of each once it has said it
	drips       bool // goes on, a byte at a time
}

func (*holding) moveIn(context.Context, *client.Client) error { return nil }

func (h *holding) bother(ctx context.Context, _ *client.Client) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(h.from)}}
	return atOnce(h.connections, func(int) error {
		conn, err := dialer.DialContext(ctx, "tcp", h.addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		go h.say(conn) // the node may stop reading
		return rest(ctx, h.hold)
	})
}

// say fails once the connection is closed, or the node has had enough.
func (h *holding) say(conn net.Conn) {
	_, err := io.WriteString(conn, h.says)
	for h.drips && err == nil {
		<-time.After(10 * time.Millisecond)
		_, err = io.WriteString(conn, "x")
	}
	if tcp, ok := conn.(*net.TCPConn); ok && h.half {
		_ = tcp.CloseWrite()
	}
}

// uploading begins to send many large bodies over one HTTP/2 connection, all but their
// ends.
type uploading struct {
	url    string
	bodies int
	hold   time.Duration
}

func (*uploading) moveIn(context.Context, *client.Client) error { return nil }

func (u *uploading) bother(ctx context.Context, _ *client.Client) error {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, HTTP2: &http.HTTP2Config{StrictMaxConcurrentRequests: true}}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, u.hold)
	defer cancel()
	const size = 3 << 20
	return atOnce(u.bodies, func(i int) error {
		body, sender := io.Pipe()
		go func() {
			_, _ = io.WriteString(sender, `"`+strings.Repeat("x", size-2))
			<-ctx.Done()
			_ = sender.CloseWithError(ctx.Err())
		}()
		request, err := http.NewRequestWithContext(ctx, http.MethodPut, fmt.Sprintf("%s/keys/uploaded/%d", u.url, i), body)
		if err != nil {
			return err
		}
		request.ContentLength = size
		answer, err := transport.RoundTrip(request)
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				return nil
			}
			return err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusRequestEntityTooLarge {
			return fmt.Errorf("an upload without an end was answered with %s", answer.Status)
		}
		return nil
	})
}

// rest waits for a while, or for the end of ctx.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
