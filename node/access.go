package node

import (
	"context"
	"net"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/access/authfile"
	"github.com/buntime/keyval/internal/filewatch"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// TokenRules are the forms of what a file of tokens names.
var TokenRules = authfile.Rules{
	Prefix: func(raw string) (string, error) {
		key, err := kv.ParsePrefixPath(raw)
		return string(key), err
	},
	Queue: queue.ValidateName,
}

func (c Config) validateAccess() error {
	if c.AuthFile != "" && c.Insecure {
		return badSetting("insecure", "auth-file is set too, and one says that everybody may do everything, the other that only its tokens may; keep one of them")
	}
	if host, _, _ := cluster.SplitHostPort(c.HTTPAddr); host == "" || isOther(host) {
		if err := c.checkOpen(); err != nil {
			return err
		}
	}
	_, err := c.tokens()
	return err
}

// isOther tells whether a host is an address that is not loopback's; where names lead
// turns out later.
func isOther(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && !ip.Unmap().IsLoopback()
}

// checkOpen refuses to let everybody in from other machines, unless somebody means it.
func (c Config) checkOpen() error {
	if c.AuthFile != "" || c.Insecure {
		return nil
	}
	return badSetting("http-addr", "other machines reach %s, and everybody there could do everything; start with --auth-file and a file of tokens (keyval token new makes it), or with --insecure to mean it", c.HTTPAddr)
}

// tokens are those of the file; nil without one.
func (c Config) tokens() ([]access.Token, error) {
	if c.AuthFile == "" {
		return nil, nil
	}
	entries, err := authfile.Read(c.AuthFile, TokenRules)
	if err != nil {
		return nil, badSetting("auth-file", "%v", err)
	}
	return authfile.Tokens(entries), nil
}

// doorkeeper keeps the authority as the file of tokens is. What the file has that cannot
// be read changes nothing.
type doorkeeper struct {
	authority access.Authority
	watcher   *filewatch.Watcher
	reloads   *prometheus.CounterVec
}

// admitTokens reads the file for the first time, and again whenever it changes.
func (n *Node) admitTokens(context.Context) error {
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "keyval_auth_file_reloads_total",
		Help: "How often the file of tokens has been read again after a change: outcome is loaded, or failed, after which the tokens are those of before.",
	}, []string{"outcome"})
	if err := n.cfg.Registerer.Register(reloads); err != nil {
		return err
	}
	tokens, err := n.cfg.tokens()
	if err != nil || n.cfg.AuthFile == "" {
		return err
	}
	n.keeper = &doorkeeper{reloads: reloads}
	for _, outcome := range []string{"loaded", "failed"} {
		reloads.WithLabelValues(outcome)
	}
	n.keeper.authority.Admit(tokens)
	n.log.Info("callers need a token", "file", n.cfg.AuthFile, "tokens", len(tokens))
	n.keeper.watcher = filewatch.Start(filewatch.Config{
		Paths: []string{n.cfg.AuthFile}, Load: n.readmitTokens, Complain: n.keepTokens})
	return nil
}

// readmitTokens takes over what the file has now.
func (n *Node) readmitTokens() error {
	tokens, err := n.cfg.tokens()
	if err != nil {
		return err
	}
	added, gone, changed := n.keeper.authority.Admit(tokens)
	if len(added)+len(gone)+len(changed) == 0 {
		return nil
	}
	n.keeper.reloads.WithLabelValues("loaded").Inc()
	access.LogChange(n.log, added, gone, changed)
	return nil
}

// keepTokens says that the file cannot be read.
func (n *Node) keepTokens(err error) {
	n.keeper.reloads.WithLabelValues("failed").Inc()
	n.log.Warn("the file of tokens has changed and cannot be used; the tokens are those of before", "error", err)
}

// authorities is who knows the tokens; nil if everybody may do everything.
func (n *Node) authorities() *access.Authority {
	if n.keeper == nil {
		return nil
	}
	return &n.keeper.authority
}

// reload has the file read now.
func (k *doorkeeper) reload() {
	if k != nil {
		k.watcher.Poke()
	}
}

func (k *doorkeeper) close() {
	if k != nil {
		k.watcher.Stop()
		k.authority.Close()
	}
}

// checkListener looks at the address that a name has led to.
func (n *Node) checkListener(addr net.Addr) error {
	if isLoopback(addr) {
		return nil
	}
	if n.cfg.AuthFile != "" && n.tls == nil {
		n.log.Warn("tokens are sent in the clear: set tls-cert and tls-key, unless something before this node ends TLS", "address", addr.String())
	}
	return n.cfg.checkOpen()
}
