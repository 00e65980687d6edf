package access

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/buntime/keyval/httpapi/api"
)

// Kind is what a request is to the Gate.
type Kind uint8

// The kinds. Those that Relieve or show the node, the essential ones, have room for
// themselves: whatever else is refused, they come through.
const (
	Ordinary  Kind = iota
	Waiting        // a stream or a long poll
	Relieving      // ends or prolongs a delivery: refused, it would be made again
	Operating      // health and metrics
	kinds
)

// kindNames are the kinds as metrics have them.
var kindNames = [kinds]string{"ordinary", "waiting", "relieving", "operating"}

// GateConfig is what NewGate needs. Zero in any of its limits is none.
type GateConfig struct {
	// RatePerToken and RatePerAddress are requests a second; a burst may have as many as
	// a second, but at least 10. Of IPv6 a /64 is one address. Essential requests are
	// counted by them where there is something left, and never refused.
	RatePerToken, RatePerAddress float64
	// Requests and RequestsPerToken are how many may be under way, apart from essential
	// ones, for which there is a quarter as much beside it, and from those that wait.
	Requests, RequestsPerToken int
	// Streams and StreamsPerToken are how many streams and long polls there may be.
	Streams, StreamsPerToken int
	// Registerer takes the metrics. Nil: there are none.
	Registerer prometheus.Registerer
}

// A Gate refuses what is too much before anything is done for it. It is for concurrent
// use.
type Gate struct {
	cfg       GateConfig
	addresses *addresses // nil: they have no limit
	most      [kinds]int64
	full      [kinds]*LimitError
	under     [kinds]atomic.Int64
	refused   map[*limit]prometheus.Counter
}

// minReserve is the least room for essential requests.
const minReserve = 16

// NewGate makes a gate that nobody has passed.
func NewGate(cfg GateConfig) (*Gate, error) {
	reserve := 0
	if cfg.Requests > 0 {
		reserve = max(cfg.Requests/4, minReserve)
	}
	g := &Gate{
		cfg:  cfg,
		most: [kinds]int64{int64(cfg.Requests), int64(cfg.Streams), int64(reserve), int64(reserve)},
		full: [kinds]*LimitError{errNodeRequests, errNodeStreams, errReserve, errReserve},
	}
	if cfg.RatePerAddress > 0 {
		g.addresses = newAddresses(cfg.RatePerAddress)
	}
	return g, g.register(cfg.Registerer)
}

// Knock is for a request of which nothing is known but where it comes from, before its
// token is looked at.
func (g *Gate) Knock(from netip.Prefix, kind Kind) error {
	if g.addresses == nil || kind == Operating {
		return nil
	}
	ok, wait := g.addresses.allow(from, time.Now())
	if ok || kind == Relieving {
		return nil
	}
	return g.refuse(tooFast(addressRate, wait))
}

// guessCost is what a token that is not known costs its address, in requests.
const guessCost = 10

// Guessed is for an address whose token is not known: who tries many of them is slower
// at it than who has one. On loopback it costs nothing more: there a proxy on this machine
// may stand for everybody.
func (g *Gate) Guessed(from netip.Prefix) {
	if g.addresses != nil && !from.Addr().IsLoopback() {
		g.addresses.charge(from, guessCost-1, time.Now())
	}
}

// Enter lets a request in, until it leaves by the Pass. A grant of no token, or none, has
// no limits of a token's.
func (g *Gate) Enter(grant *Grant, kind Kind) (Pass, error) {
	var of *usage
	if grant != nil && grant.token.Name != "" && kind != Operating {
		of = &grant.usage
		if err := g.enterToken(grant, kind); err != nil {
			return Pass{}, g.refuse(err)
		}
	}
	if !enter(&g.under[kind], g.most[kind]) {
		of.leave(kind)
		return Pass{}, g.refuse(g.full[kind])
	}
	return Pass{gate: g, of: of, kind: kind}, nil
}

// enterToken counts a request among those of its token, or says which limit it passes.
func (g *Gate) enterToken(grant *Grant, kind Kind) *LimitError {
	if ok, wait := g.allowToken(grant, time.Now()); !ok && kind != Relieving {
		return tooFast(tokenRate, wait)
	}
	most, full := g.mostOf(grant, kind)
	if !enter(&grant.usage.under[kind], most) {
		return full
	}
	return nil
}

func (g *Gate) allowToken(grant *Grant, now time.Time) (ok bool, wait time.Duration) {
	limiter := grant.usage.rate.Load()
	if limiter == nil {
		if limiter = g.newRate(grant.token.Limits); limiter == nil {
			return true, 0
		}
		if !grant.usage.rate.CompareAndSwap(nil, limiter) {
			limiter = grant.usage.rate.Load()
		}
	}
	return allow(limiter, now)
}

// newRate is that of a token: its own, or the setting's. Nil: none.
func (g *Gate) newRate(own Limits) *rate.Limiter {
	perSecond := g.cfg.RatePerToken
	if own.RequestsPerSecond > 0 {
		perSecond = own.RequestsPerSecond
	}
	if perSecond <= 0 {
		return nil
	}
	burst := own.Burst
	if burst <= 0 {
		burst = burstOf(perSecond)
	}
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

// mostOf is how many of a kind a token may have: its own limit, or the setting's.
func (g *Gate) mostOf(grant *Grant, kind Kind) (most int64, full *LimitError) {
	own, set, full := grant.token.Limits.Requests, g.cfg.RequestsPerToken, errTokenRequests
	if kind == Waiting {
		own, set, full = grant.token.Limits.Streams, g.cfg.StreamsPerToken, errTokenStreams
	}
	if own > 0 {
		return int64(own), full
	}
	return int64(set), full
}

// refuse counts a refusal.
func (g *Gate) refuse(err *LimitError) error {
	if counter := g.refused[err.limit]; counter != nil {
		counter.Inc()
	}
	return err
}

// enter counts one more, unless there are as many as may be; 0 is no limit.
func enter(under *atomic.Int64, most int64) bool {
	if under.Add(1) > most && most > 0 {
		under.Add(-1)
		return false
	}
	return true
}

// A usage is what the requests of one token have of its limits.
type usage struct {
	rate  atomic.Pointer[rate.Limiter] // nil until the first one, and where there is no limit
	under [kinds]atomic.Int64
}

// leave may be called on nil.
func (u *usage) leave(kind Kind) {
	if u != nil {
		u.under[kind].Add(-1)
	}
}

// A Pass is what lets a request out that has been let in. The zero Pass is of nobody.
type Pass struct {
	gate *Gate
	of   *usage // nil: of no token
	kind Kind
}

// Leave is called once for every Pass; on the zero Pass it does nothing.
func (p Pass) Leave() {
	if p.gate != nil {
		p.gate.under[p.kind].Add(-1)
		p.of.leave(p.kind)
	}
}

// register makes the gauges and the counters.
func (g *Gate) register(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "keyval_http_refused_total",
		Help: "Requests that were refused before anything was done for them, by the limit that they passed.",
	}, []string{"limit"})
	g.refused = map[*limit]prometheus.Counter{}
	for _, l := range limits {
		g.refused[l] = refused.WithLabelValues(l.name)
	}
	if err := reg.Register(refused); err != nil {
		return err
	}
	for kind := range kinds {
		if err := reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "keyval_http_requests_under_way",
			Help:        "Requests that have been let in and have not ended, by kind: ordinary ones, those that wait (streams and long polls), those that relieve the node (ack, nack, extend), and those for who operates it (health, metrics).",
			ConstLabels: prometheus.Labels{"kind": kindNames[kind]},
		}, func() float64 { return float64(g.under[kind].Load()) })); err != nil {
			return err
		}
	}
	return nil
}

// Code is what the refusal is in the contract.
func (e *LimitError) Code() api.Code { return e.limit.code }
