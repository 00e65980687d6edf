package node

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/filewatch"
)

// secrets follow the files from which the node has read certificates and keys: what is
// replaced while the node runs is used from then on, and what cannot be used leaves in
// use what was there before.
type secrets struct {
	log                    *slog.Logger
	watchers               []*filewatch.Watcher
	loaded, unused, expiry *prometheus.GaugeVec
}

// The values of the label "secret".
const (
	apiTLSSecret     = "api_tls"
	raftTLSSecret    = "raft_tls"
	gossipKeysSecret = "gossip_keys"
)

func newSecrets(log *slog.Logger, registerer prometheus.Registerer) (*secrets, error) {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"secret"})
	}
	s := &secrets{
		log:    log,
		loaded: gauge("keyval_secret_loaded_timestamp_seconds", "When the content of a secret's files that is in use was read first."),
		unused: gauge("keyval_secret_unusable", "1 while a secret's files hold something that cannot be used, and what they held before is in use."),
		expiry: gauge("keyval_tls_certificate_expiry_timestamp_seconds", "When the certificate that is in use expires."),
	}
	for _, metric := range []prometheus.Collector{s.loaded, s.unused, s.expiry} {
		if err := registerer.Register(metric); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// follow has load called when files may have changed. It takes over what they hold and
// tells whether that is something new, or returns why it cannot be used.
func (s *secrets) follow(secret string, files []string, load func() (changed bool, err error)) {
	s.loaded.WithLabelValues(secret).SetToCurrentTime()
	s.unused.WithLabelValues(secret).Set(0)
	s.watchers = append(s.watchers, filewatch.Start(filewatch.Config{
		Paths: files,
		Load: func() error {
			changed, err := load()
			if err != nil {
				return err
			}
			s.unused.WithLabelValues(secret).Set(0)
			if changed {
				s.loaded.WithLabelValues(secret).SetToCurrentTime()
			}
			return nil
		},
		Complain: func(err error) {
			s.unused.WithLabelValues(secret).Set(1)
			s.log.Warn("files have changed and cannot be used; what they held before stays in use", "secret", secret, "error", err)
		},
	}))
}

// followTLS keeps live as the files are that read reads.
func (s *secrets) followTLS(secret string, live *liveTLS, read func() (*credentials, error), files ...string) {
	first := live.current.Load()
	s.expires(secret, first)
	if err := first.check(time.Now()); err != nil {
		s.log.Warn("clients will refuse this node's certificate; replace its files", "secret", secret, "error", err)
	}
	files = slices.DeleteFunc(files, func(file string) bool { return file == "" })
	s.follow(secret, files, func() (changed bool, err error) {
		next, err := read()
		if err != nil {
			return false, err
		}
		if slices.Equal(next.files, live.current.Load().files) {
			return false, nil
		}
		if err := next.check(time.Now()); err != nil {
			return false, err
		}
		live.current.Store(next)
		s.expires(secret, next)
		s.log.Info("new connections use what was read again", "secret", secret, "serial", next.certificate().SerialNumber.Text(16), "expires", next.certificate().NotAfter)
		return true, nil
	})
}

func (s *secrets) expires(secret string, c *credentials) {
	s.expiry.WithLabelValues(secret).Set(float64(c.certificate().NotAfter.Unix()))
}

func (s *secrets) reload() {
	for _, w := range s.watchers {
		w.Poke()
	}
}

func (s *secrets) stop() {
	for _, w := range s.watchers {
		w.Stop()
	}
}

// openSecrets begins to follow the files of what listen has read.
func (n *Node) openSecrets(context.Context) (err error) {
	if n.secrets, err = newSecrets(n.log, n.cfg.Registerer); err != nil {
		return err
	}
	if n.tls != nil {
		n.secrets.followTLS(apiTLSSecret, n.tls, n.cfg.httpTLS, n.cfg.TLSCert, n.cfg.TLSKey, n.cfg.TLSClientCA)
	}
	return nil
}

// liveRaftTLS is raft's TLS, nil without.
func (c Config) liveRaftTLS() (*liveTLS, error) {
	read, err := c.raftTLS()
	if read == nil || err != nil {
		return nil, err
	}
	live := new(liveTLS)
	live.current.Store(read)
	return live, nil
}

// followClusterSecrets begins to follow what joinCluster has read.
func (n *Node) followClusterSecrets(raft *liveTLS, keys [][]byte) {
	if raft != nil {
		n.secrets.followTLS(raftTLSSecret, raft, n.raftTLSForUs, n.cfg.RaftTLSCert, n.cfg.RaftTLSKey, n.cfg.RaftTLSCA)
	}
	if n.cfg.GossipKeyFile != "" {
		n.secrets.follow(gossipKeysSecret, []string{n.cfg.GossipKeyFile}, n.gossipKeyLoader(keys))
	}
}

// raftTLSForUs refuses a certificate by which the other nodes would not know this one.
func (n *Node) raftTLSForUs() (*credentials, error) {
	read, err := n.cfg.raftTLS()
	if err != nil || n.cfg.RaftTLSName != "" {
		return read, err
	}
	host, _, _ := net.SplitHostPort(n.cluster.RaftAddr())
	if err := read.certificate().VerifyHostname(host); err != nil {
		return nil, badSetting("raft-tls-cert", "%q is not for the address by which the others reach this node: %v", n.cfg.RaftTLSCert, err)
	}
	return read, nil
}

// gossipKeyLoader takes over the keys that are not those in use.
func (n *Node) gossipKeyLoader(inUse [][]byte) func() (bool, error) {
	return func() (changed bool, err error) {
		keys, err := n.cfg.gossipKeys()
		if err != nil || slices.EqualFunc(keys, inUse, bytes.Equal) {
			return false, err
		}
		if err := n.cluster.SetGossipKeys(keys); err != nil {
			return false, err
		}
		inUse = keys
		n.log.Info("gossip uses the keys that were read again", "secret", gossipKeysSecret, "keys", len(keys))
		return true, nil
	}
}

// Reload has the node read again at once what it reads again anyway, a moment after it
// has changed: certificates, keys, authorities and tokens. It does not wait; what cannot be used
// is logged, and changes nothing. Not before Start has returned.
func (n *Node) Reload() {
	n.secrets.reload()
	n.keeper.reload()
}
