package httpapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/route/sse"
)

// ListenConfig is what NewServer makes an http.Server from.
type ListenConfig struct {
	Handler http.Handler
	// TLS is nil for plain HTTP/1.1 and h2c on the same port.
	TLS *tls.Config
	// ReadTimeout bounds the reading of a request, header and body. It does not
	// end streams. Zero: one minute.
	ReadTimeout time.Duration
	// OperationTimeout is the Handler's, and how long it may take to answer what has
	// been read. Zero: 30 seconds.
	OperationTimeout time.Duration
	// WriteGrace is how long a reader may take nothing of what the Handler writes
	// without saying so. Zero: 30 seconds.
	WriteGrace time.Duration
	// Logger takes what net/http has to say about connections. Nil: nothing.
	Logger *slog.Logger
}

// maxStreams is how many requests one HTTP/2 connection may have under way. A program on
// Deno has one connection for all that it does, and beyond the limit its requests wait
// in silence for a watch to end: so that it is as high as that of a node's requests. What
// one client may have at a time is limited where its token and its requests are known.
const maxStreams = 4096

// NewServer makes an http.Server for the API: HTTP/1.1 and HTTP/2, the latter also
// without TLS, which clients with prior knowledge use. Slow readers are dealt with where
// answers are written; the server's own timeout is for what is written elsewhere, and is
// longer than any request takes.
func NewServer(cfg ListenConfig) *http.Server {
	const maxHeaderBytes = 1 << 20 // a thousand keys in the query of GET /watch
	cfg.ReadTimeout, cfg.OperationTimeout = cmp.Or(cfg.ReadTimeout, time.Minute), cmp.Or(cfg.OperationTimeout, 30*time.Second)
	grace := cmp.Or(cfg.WriteGrace, route.SlowGrace)
	server := &http.Server{
		Handler:           withStack(endHead(cfg.Handler)),
		TLSConfig:         cfg.TLS,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       cfg.ReadTimeout,
		WriteTimeout:      cfg.ReadTimeout + cfg.OperationTimeout + grace,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
		// The write timeout is HTTP/2's for streams; a connection through which nothing
		// goes at all has another.
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: grace},
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return withHead(sse.WithConn(ctx, conn), conn)
		},
		ConnState: followHead,
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	if cfg.Logger != nil {
		server.ErrorLog = slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug)
	}
	return server
}
