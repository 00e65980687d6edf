package httpapi

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/route"
)

// ConnectionLimits is what LimitConnections needs.
type ConnectionLimits struct {
	// Total and PerAddress are how many connections there may be at a time, of
	// everybody and of one address; of IPv6 a /64 counts as one. Positive.
	Total, PerAddress int
	// Heads is how many bytes of heads of requests there may be, of each what is over 8
	// KiB; a connection that sends more is closed. Zero: 32 MiB.
	Heads int64
	// Plain says that connections are without TLS, so that who is refused can be told.
	Plain bool
	// Logger is told of refusals, at most once a minute. Nil: nobody is.
	Logger *slog.Logger
	// Registerer takes the metrics. Nil: there are none.
	Registerer prometheus.Registerer
}

// LimitConnections is a listener that closes connections beyond the limits at once. It
// does not leave them waiting, as netutil.LimitListener does: a health check that waits
// has failed, and in the queue of one who opens thousands everybody waits.
func LimitConnections(listener net.Listener, limits ConnectionLimits) (net.Listener, error) {
	l := &limited{Listener: listener, limits: limits, byAddress: map[netip.Prefix]int{}, refused: newRefusals(), talks: make(chan struct{}, maxRefusalTalks)}
	l.heads = semaphore.NewWeighted(cmp.Or(limits.Heads, defaultHeads))
	if limits.Logger == nil {
		l.limits.Logger = slog.New(slog.DiscardHandler)
	}
	if limits.Registerer == nil {
		return l, nil
	}
	if err := limits.Registerer.Register(l.refused); err != nil {
		return nil, err
	}
	return l, errors.Join(
		limits.Registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "keyval_http_connections",
			Help: "Open connections of the API.",
		}, func() float64 { return float64(l.count()) })),
		limits.Registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "keyval_http_connections_limit",
			Help: "Connections that the API takes on: --max-connections, or fewer where the process may open fewer files.",
		}, func() float64 { return float64(limits.Total) })))
}

func newRefusals() *prometheus.CounterVec {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "keyval_http_connections_refused_total",
		Help: "Connections that were closed at once, by the limit that they passed: total, address, or heads, which is of the bytes of requests' heads.",
	}, []string{"limit"})
	refused.WithLabelValues("total")
	refused.WithLabelValues("address")
	refused.WithLabelValues("heads")
	return refused
}

type limited struct {
	net.Listener
	limits  ConnectionLimits
	refused *prometheus.CounterVec
	heads   *semaphore.Weighted
	talks   chan struct{} // has one element for each refusal that is being told

	mu        sync.Mutex // covers what follows
	total     int
	byAddress map[netip.Prefix]int
	logged    time.Time
}

// Accept returns the next connection within the limits.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := addressOf(conn)
		passed := l.admit(from)
		if passed == "" {
			return l.counted(conn, from), nil
		}
		l.refuse(conn, passed)
	}
}

// admit counts a connection, or names the limit that it passes.
func (l *limited) admit(from netip.Prefix) (passed string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.total >= l.limits.Total:
		return "total"
	case l.byAddress[from] >= l.limits.PerAddress:
		return "address"
	}
	l.total++
	l.byAddress[from]++
	return ""
}

func (l *limited) leave(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.byAddress[from]--; l.byAddress[from] == 0 {
		delete(l.byAddress, from)
	}
}

func (l *limited) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// refuse closes a connection, after a word if few are being told.
func (l *limited) refuse(conn net.Conn, passed string) {
	l.refused.WithLabelValues(passed).Inc()
	l.log(conn, passed)
	if !l.limits.Plain {
		_ = conn.Close()
		return
	}
	select {
	case l.talks <- struct{}{}:
		go func() {
			defer func() { <-l.talks }()
			sayBusy(conn)
		}()
	default:
		_ = conn.Close()
	}
}

// refusalsLogged is how often refusals are logged at most.
const refusalsLogged = time.Minute

func (l *limited) log(conn net.Conn, passed string) {
	l.mu.Lock()
	due := time.Since(l.logged) >= refusalsLogged
	if due {
		l.logged = time.Now()
	}
	total := l.total
	l.mu.Unlock()
	if due {
		l.limits.Logger.Warn("connections are refused", "limit", passed, "from", conn.RemoteAddr().String(), "open", total,
			"max_connections", l.limits.Total, "max_connections_per_address", l.limits.PerAddress)
	}
}

const (
	// maxRefusalTalks is how many are told at a time that they are refused.
	maxRefusalTalks = 64
	// refusalTime is how long that may take.
	refusalTime = 500 * time.Millisecond
	busyHead    = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: application/json\r\nRetry-After: " + route.RetryAfterSeconds + "\r\n\r\n"
	busyBody    = `{"error":"the node has as many connections as it takes on; nothing was done","code":"unavailable"}` + "\n"

	noHeadRoomBody = `{"error":"too many requests with long headers or targets are on their way; nothing was done","code":"unavailable"}` + "\n"
)

// sayBusy answers a request that nobody reads, so that its sender sees why. A connection
// that is closed with something unread loses the answer, so that is dropped first.
func sayBusy(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(refusalTime))
	if _, err := io.WriteString(conn, busyHead+busyBody); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, conn, 64<<10)
	}
}

// addressOf is where a connection comes from.
func addressOf(conn net.Conn) netip.Prefix {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return access.AddressOf(tcp.AddrPort().Addr())
}

// counted is a connection that leaves when it is closed.
func (l *limited) counted(conn net.Conn, from netip.Prefix) net.Conn {
	if tcp, ok := conn.(*net.TCPConn); ok {
		conn = &prompt{TCPConn: tcp}
	}
	return &countedConn{Conn: conn, of: l, head: &head{room: l.heads}, leave: sync.OnceFunc(func() { l.leave(from) })}
}

type countedConn struct {
	net.Conn
	of    *limited
	head  *head
	leave func()
}

// errNoHeadRoom ends the reading of a head, in the words of a network.
var errNoHeadRoom = &net.OpError{Op: "read", Err: errors.New("there is no room for the head of this request")}

// Read counts what it reads.
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.head.count(n) {
		c.of.refused.WithLabelValues("heads").Inc()
		c.of.log(c.Conn, "heads")
		if c.of.limits.Plain {
			_ = c.SetWriteDeadline(time.Now().Add(refusalTime))
			_, _ = io.WriteString(c.Conn, busyHead+noHeadRoomBody)
		}
		return 0, errNoHeadRoom
	}
	return n, err
}

func (c *countedConn) Close() error {
	c.head.forget()
	c.leave()
	return c.Conn.Close()
}

// CloseWrite closes one half, which net/http does with those that have two.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
