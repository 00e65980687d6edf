package access

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
)

func mustGate(t testing.TB, cfg GateConfig) *Gate {
	t.Helper()
	g, err := NewGate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func address(text string) netip.Prefix { return AddressOf(netip.MustParseAddr(text)) }

// refusal is what a request was refused with, nil if it was not.
func refusal(t testing.TB, err error) *LimitError {
	t.Helper()
	refused, ok := errors.AsType[*LimitError](err)
	if err != nil && !ok {
		t.Fatalf("got %v, want a refusal by a limit", err)
	}
	return refused
}

// until counts how many pass before the first one is refused, at most 1,000.
func until(t testing.TB, ask func() error) (passed int, refused *LimitError) {
	t.Helper()
	for passed = range 1000 {
		if refused = refusal(t, ask()); refused != nil {
			return passed, refused
		}
	}
	return 1000, nil
}

// exhaust asks until it is refused.
func exhaust(t testing.TB, ask func() error) {
	t.Helper()
	if _, refused := until(t, ask); refused == nil {
		t.Fatal("nothing is refused")
	}
}

func (g *Gate) enterBy(grant *Grant, kind Kind) func() error {
	return func() error {
		_, err := g.Enter(grant, kind)
		return err
	}
}

func (g *Gate) knockFrom(from string, kind Kind) func() error {
	return func() error { return g.Knock(address(from), kind) }
}

func TestATokenBeyondItsRateIsToldWhenToAskAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			setting    float64
			own        Limits
			want, wait int
		}{
			{setting: 100, want: 100, wait: 1},
			{setting: 0.1, want: 10, wait: 10},
			{setting: 100, own: Limits{RequestsPerSecond: 0.5, Burst: 3}, want: 3, wait: 2},
			{setting: 100, own: Limits{Burst: 3}, want: 3, wait: 1},
			{own: Limits{RequestsPerSecond: 20}, want: 20, wait: 1},
			{want: 1000},
		} {
			ask := mustGate(t, GateConfig{RatePerToken: c.setting}).enterBy(newGrant(Token{Name: "a", Limits: c.own}), Ordinary)
			passed, refused := until(t, ask)
			if passed != c.want || c.wait == 0 != (refused == nil) {
				t.Errorf("%+v: %d passed, then %v", c, passed, refused)
				continue
			}
			if refused == nil {
				continue
			}
			if refused.Code() != api.TooManyRequests || refused.Seconds != c.wait || !strings.Contains(refused.Error(), "--rate-limit-per-token") {
				t.Errorf("%+v: got %s, %v; want to be told to wait for %d s", c, refused.Code(), refused, c.wait)
			}
			await.Pass(time.Duration(refused.Seconds) * time.Second)
			if err := ask(); err != nil {
				t.Errorf("%+v: after the time that was told: %v", c, err)
			}
		}
	})
}

func TestEachAddressHasARateOfItsOwnAndANetworkOfIPv6IsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := mustGate(t, GateConfig{RatePerAddress: 10})
		for _, from := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"} {
			if passed, refused := until(t, g.knockFrom(from, Ordinary)); passed != 10 || refused.Code() != api.TooManyRequests || !strings.Contains(refused.Error(), "--rate-limit-per-address") {
				t.Errorf("%s: %d passed, then %v", from, passed, refused)
			}
		}
		if err := g.Knock(address("2001:db8::2"), Ordinary); err == nil {
			t.Error("another address of the same /64 passed")
		}
		if err := g.Knock(address("2001:db8:0:1::1"), Ordinary); err != nil {
			t.Errorf("another /64: %v", err)
		}
	})
}

func TestATokenThatIsNotKnownCostsMoreButNotOnLoopback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := mustGate(t, GateConfig{RatePerAddress: 100})
		for from, want := range map[string]int{"192.0.2.1": 10, "127.0.0.1": 100} {
			passed, _ := until(t, func() error {
				err := g.Knock(address(from), Ordinary)
				if err == nil {
					g.Guessed(address(from))
				}
				return err
			})
			if passed != want {
				t.Errorf("%s: %d guesses, want %d", from, passed, want)
			}
		}
	})
}

func TestEssentialRequestsPassWhateverElseIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := mustGate(t, GateConfig{RatePerToken: 10, RatePerAddress: 10, Requests: 100, RequestsPerToken: 20, Streams: 1, StreamsPerToken: 1})
		grant := newGrant(Token{Name: "a"})
		exhaust(t, g.knockFrom("192.0.2.1", Ordinary))
		exhaust(t, g.enterBy(grant, Ordinary))
		exhaust(t, g.enterBy(grant, Waiting))
		exhaust(t, g.enterBy(Everything, Ordinary))
		exhaust(t, g.enterBy(Everything, Waiting))
		for _, c := range []struct {
			kind Kind
			want int
			code api.Code
		}{{Relieving, 20, api.TooManyRequests}, {Operating, 25, api.Unavailable}} {
			if passed, refused := until(t, g.knockFrom("192.0.2.1", c.kind)); refused != nil {
				t.Errorf("%s: after %d: %v", kindNames[c.kind], passed, refused)
			}
			// The token's own bound of those that relieve comes first; health has none.
			if passed, refused := until(t, g.enterBy(grant, c.kind)); passed != c.want || refused.Code() != c.code {
				t.Errorf("%s: %d passed, then %v; want %d and %s", kindNames[c.kind], passed, refused, c.want, c.code)
			}
		}
	})
}

func TestWhatRelievesCountsByTheRateOfItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := mustGate(t, GateConfig{RatePerToken: 10})
		grant := newGrant(Token{Name: "a"})
		if passed, refused := until(t, g.enterBy(grant, Relieving)); refused != nil {
			t.Errorf("after %d of them: %v", passed, refused)
		}
		if _, err := g.Enter(grant, Ordinary); err == nil {
			t.Error("after more of them than the rate allows, another request passed")
		}
	})
}

func TestEachBoundOfWhatIsUnderWayIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg     GateConfig
		own     Limits
		kind    Kind
		want    int
		code    api.Code
		setting string
	}{
		{cfg: GateConfig{Requests: 3}, want: 3, code: api.Unavailable, setting: "--max-requests "},
		{cfg: GateConfig{RequestsPerToken: 3}, want: 3, code: api.TooManyRequests, setting: "--max-requests-per-token"},
		{cfg: GateConfig{RequestsPerToken: 3}, own: Limits{Requests: 5}, want: 5, code: api.TooManyRequests, setting: "--max-requests-per-token"},
		{cfg: GateConfig{Requests: 3, RequestsPerToken: 5}, want: 3, code: api.Unavailable, setting: "--max-requests "},
		{kind: Waiting, cfg: GateConfig{Streams: 3, Requests: 1}, want: 3, code: api.Unavailable, setting: "--max-streams "},
		{kind: Waiting, cfg: GateConfig{StreamsPerToken: 3, RequestsPerToken: 1}, want: 3, code: api.TooManyRequests, setting: "--max-streams-per-token"},
		{kind: Waiting, cfg: GateConfig{StreamsPerToken: 3}, own: Limits{Streams: 5}, want: 5, code: api.TooManyRequests, setting: "--max-streams-per-token"},
	} {
		g := mustGate(t, c.cfg)
		passed, refused := until(t, g.enterBy(newGrant(Token{Name: "a", Limits: c.own}), c.kind))
		if passed != c.want || refused == nil || refused.Code() != c.code || refused.Seconds != 1 || !strings.Contains(refused.Error(), c.setting) {
			t.Errorf("%+v: %d passed, then %v", c, passed, refused)
		}
	}
}

func TestWithoutTokensOnlyTheNodesBoundsCount(t *testing.T) {
	t.Parallel()
	g := mustGate(t, GateConfig{RatePerToken: 1, RequestsPerToken: 1, Requests: 500})
	for _, grant := range []*Grant{Everything, nil} {
		var passes []Pass
		_, refused := until(t, func() error {
			pass, err := g.Enter(grant, Ordinary)
			passes = append(passes, pass)
			return err
		})
		if len(passes) != 501 || refused.Code() != api.Unavailable {
			t.Errorf("%d passed, then %v", len(passes)-1, refused)
		}
		for _, pass := range passes {
			pass.Leave() // the last one, too, which was refused
		}
	}
}

func TestWhoLeavesMakesRoomForOneMore(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	g := mustGate(t, GateConfig{Requests: 5, RequestsPerToken: 3, Registerer: registry})
	var crowd sync.WaitGroup
	grants := []*Grant{newGrant(Token{Name: "a"}), newGrant(Token{Name: "b"}), Everything}
	for i := range 12 {
		crowd.Go(func() {
			for range 500 {
				if pass, err := g.Enter(grants[i%3], Ordinary); err == nil {
					if n := g.under[Ordinary].Load(); n > 5+12 { // those who ask are counted for a moment
						t.Errorf("%d are under way", n)
					}
					pass.Leave()
				}
			}
		})
	}
	crowd.Wait()
	for _, grant := range grants {
		if n := grant.usage.under[Ordinary].Load(); n != 0 {
			t.Errorf("%d of %q are left", n, grant.Name())
		}
	}
	if passed, _ := until(t, g.enterBy(Everything, Ordinary)); passed != 5 {
		t.Errorf("after all have left %d passed, want 5", passed)
	}
	if got := metric(t, registry, "keyval_http_requests_under_way", "ordinary").GetGauge().GetValue(); got != 5 {
		t.Errorf("the metric says %v, want 5", got)
	}
}

func TestARefusalIsCountedByItsLimit(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	g := mustGate(t, GateConfig{Requests: 1, RatePerAddress: 1, Registerer: registry})
	exhaust(t, g.enterBy(Everything, Ordinary))
	exhaust(t, g.knockFrom("192.0.2.1", Ordinary))
	for l, want := range map[*limit]float64{nodeRequests: 1, addressRate: 1, tokenRate: 0} {
		if got := metric(t, registry, "keyval_http_refused_total", l.name).GetCounter().GetValue(); got != want {
			t.Errorf("%s: %v, want %v", l.name, got, want)
		}
	}
}

// metric is the one of a name whose only label has a value.
func metric(t *testing.T, from prometheus.Gatherer, name, label string) *dto.Metric {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.Metric {
			if family.GetName() == name && m.Label[0].GetValue() == label {
				return m
			}
		}
	}
	t.Fatalf("there is no %s of %s", name, label)
	return nil
}

func TestMoreAddressesThanThereIsRoomForShareOneRateUntilSomebodyHasBeenIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 1000
		a := newAddresses(10)
		a.most = most
		nth := func(i int) netip.Prefix {
			return AddressOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		}
		for i := range most {
			a.allow(nth(i), time.Now())
		}
		shared := 0
		for i := range 100 * most {
			if ok, _ := a.allow(nth(most+i), time.Now()); ok {
				shared++
			}
		}
		if len(a.known) != most || shared != 10 {
			t.Errorf("%d addresses are known and %d newcomers passed, want %d and 10", len(a.known), shared, most)
		}
		await.Pass(time.Minute)
		for i := range most / 2 {
			a.allow(nth(2*most+i), time.Now())
		}
		for i := range most / 2 {
			if a.known[nth(2*most+i)] == nil {
				t.Fatal("somebody found no room beside those who have long been idle")
			}
		}
	})
}

func TestNothingIsAllocatedToLetARequestIn(t *testing.T) {
	g := mustGate(t, busy)
	grant, from := newGrant(Token{Name: "a"}), address("192.0.2.1")
	if got := testing.AllocsPerRun(100, func() { pass(t, g, grant, from) }); got != 0 {
		t.Errorf("got %v allocations", got)
	}
}

// busy has every limit, and no request that passes one.
var busy = GateConfig{RatePerToken: 1e12, RatePerAddress: 1e12, Requests: 100, RequestsPerToken: 100, Streams: 100, StreamsPerToken: 100}

func pass(t testing.TB, g *Gate, grant *Grant, from netip.Prefix) {
	if err := g.Knock(from, Ordinary); err != nil {
		t.Fatal(err)
	}
	in, err := g.Enter(grant, Ordinary)
	if err != nil {
		t.Fatal(err)
	}
	in.Leave()
}

func BenchmarkGate(b *testing.B) {
	for name, cfg := range map[string]GateConfig{"no limits": {}, "all limits": busy} {
		b.Run(name, func(b *testing.B) {
			g := mustGate(b, cfg)
			grant := newGrant(Token{Name: "a"})
			for i := range 10_000 {
				_ = g.Knock(address(fmt.Sprintf("10.0.%d.%d", i>>8, i&255)), Ordinary)
			}
			from := address("10.0.1.1")
			b.ReportAllocs()
			for b.Loop() {
				pass(b, g, grant, from)
			}
		})
	}
}
