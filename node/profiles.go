package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/profiles"
)

// validateProfiles refuses an address that other machines could reach: no token guards the
// profiles. Another name than localhost leads where a name server says.
func (c Config) validateProfiles() error {
	if c.PprofAddr == "" {
		return nil
	}
	host, port, err := cluster.SplitHostPort(c.PprofAddr)
	if err != nil {
		return badSetting("pprof-addr", "%v, such as 127.0.0.1:6060", err)
	}
	ip, err := netip.ParseAddr(host)
	if !strings.EqualFold(host, "localhost") && (err != nil || !ip.Unmap().IsLoopback() || ip.Zone() != "") {
		return badSetting("pprof-addr", "%q is no loopback address, and everybody who reaches it could slow this process down and see what it does; use one such as 127.0.0.1:6060 and, from elsewhere, ssh -L 6060:127.0.0.1:6060 HOST", c.PprofAddr)
	}
	if port != 0 && c.PprofAddr == c.HTTPAddr {
		return badSetting("pprof-addr", "%s is http-addr too; give them different ports", c.PprofAddr)
	}
	return nil
}

// A profiler serves the profiles of this process on an address of its own, so that they
// are there also when the API is not.
type profiler struct {
	listener net.Listener
	server   *http.Server
	stop     context.CancelFunc // ends what is being taken
	// serving is the listener and the connections, which outlive http.Server.Close.
	serving sync.WaitGroup
}

// serveProfiles begins to serve profiles, if the settings say so.
func (n *Node) serveProfiles(ctx context.Context) error {
	if n.cfg.PprofAddr == "" {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, cluster.OfFamily("tcp", n.cfg.PprofAddr), n.cfg.PprofAddr)
	if err != nil {
		return cannotUse("pprof-addr", err, "cannot listen on %s: %v", n.cfg.PprofAddr, cause(err))
	}
	if !isLoopback(listener.Addr()) {
		_ = listener.Close()
		return badSetting("pprof-addr", "%s leads to %s here, which is no loopback address; use 127.0.0.1 or [::1]", n.cfg.PprofAddr, listener.Addr())
	}
	n.profiler = startProfiler(listener, n.log)
	n.log.Info("profiles are served to everybody on this machine", "url", "http://"+listener.Addr().String()+profiles.Path)
	return nil
}

func startProfiler(listener net.Listener, logger *slog.Logger) *profiler {
	ctx, stop := context.WithCancel(context.Background())
	p := &profiler{listener: listener, stop: stop}
	p.server = &http.Server{
		Handler:           httpapi.LoopbackOnly(profiles.Handler()),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnState:         p.follow,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	p.serving.Go(func() {
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Warn("profiles are not served any more", "error", err) // the node goes on
		}
	})
	return p
}

// follow counts connections. The serving goroutine tells of a new one before it goes on.
func (p *profiler) follow(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		p.serving.Add(1)
	case http.StateClosed, http.StateHijacked:
		p.serving.Done()
	}
}

// close ends profiles that are being taken, which could take hours, and waits for that.
func (p *profiler) close() error {
	if p == nil {
		return nil
	}
	p.stop()
	err := p.server.Close()
	p.serving.Wait()
	return err
}

// ProfilesURL is where profiles are served; "" if they are not.
func (n *Node) ProfilesURL() string {
	if n.profiler == nil {
		return ""
	}
	return "http://" + n.profiler.listener.Addr().String() + profiles.Path
}
