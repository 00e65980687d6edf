package bench_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/bench"
	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/node/testnode"
)

// ofPuts is a short series of puts at a server.
func ofPuts(url string) bench.Config {
	settings := workload.Defaults()
	settings.URLs, settings.Keys = []string{url}, 20
	return bench.Config{
		Workload:    "put",
		Settings:    settings,
		Connections: []int{2},
		Duration:    200 * time.Millisecond,
	}
}

// below is the same in a place of its own.
func below(cfg bench.Config, prefix ...any) bench.Config {
	cfg.OwnPrefix, cfg.Settings.Prefix = true, prefix
	return cfg
}

func mustRun(t *testing.T, cfg bench.Config) []result.Run {
	t.Helper()
	runs, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

func mustPut(t *testing.T, c *client.Client, key ...any) {
	t.Helper()
	if _, err := c.Put(t.Context(), key, "kept"); err != nil {
		t.Fatal(err)
	}
}

// keys are all keys that a server has.
func mustListKeys(t *testing.T, c *client.Client) []string {
	t.Helper()
	entries, err := c.List(t.Context(), api.ListRequest{Consistency: api.Strong})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, e := range entries {
		path, err := e.Key.Path()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, path)
	}
	return keys
}

func TestASeriesRunsEachLoadInTurnAndLeavesNothing(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	cfg := ofPuts(n.URL())
	cfg.Connections, cfg.Rates, cfg.Repeat = []int{1, 3}, []float64{50, 100}, 2
	var got []result.Settings
	for _, run := range mustRun(t, cfg) {
		got = append(got, result.Settings{Connections: run.Settings.Connections, Rate: run.Settings.Rate})
		if run.Workload != "put" || run.Target != n.URL() || run.Settings.Keys != 20 || run.Settings.Seed != 1 || run.Settings.Endpoints != 1 {
			t.Errorf("got %q of %q with %+v", run.Workload, run.Target, run.Settings)
		}
	}
	once := []result.Settings{{Connections: 1, Rate: 50}, {Connections: 1, Rate: 100}, {Connections: 3, Rate: 50}, {Connections: 3, Rate: 100}}
	if want := append(once, once...); !slices.EqualFunc(got, want, sameLoad) {
		t.Errorf("loads: got %+v, want %+v", got, want)
	}
	if left := mustListKeys(t, n.Client); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func sameLoad(a, b result.Settings) bool { return a.Connections == b.Connections && a.Rate == b.Rate }

func TestASettingThatAWorkloadHasNoUseForIsNotInItsResults(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	for _, run := range mustRun(t, ofPuts(n.URL())) {
		if run.Settings.Watchers != 0 || run.Settings.Extra != nil {
			t.Errorf("got %+v, want neither watchers nor a mix", run.Settings)
		}
	}
}

func TestADatabaseThatIsNotEmptyIsLeftAsItIs(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	mustPut(t, n.Client, "keyval-bench", 3) // where a benchmark would write
	_, err := bench.Run(t.Context(), ofPuts(n.URL()))
	if !errors.Is(err, bench.ErrNotEmpty) || !strings.Contains(err.Error(), "--prefix") || !strings.Contains(err.Error(), "/keys?prefix=keyval-bench'") {
		t.Errorf("got %v, want ErrNotEmpty with what to do", err)
	}
	entry, err := n.Client.Get(t.Context(), api.Key{"keyval-bench", 3})
	if err != nil || string(entry.Value) != `"kept"` {
		t.Errorf("got %s, %v; want the entry as it was", entry.Value, err)
	}
}

func TestADatabaseWithMessagesIsNotEmpty(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	if _, err := n.Client.Enqueue(t.Context(), "mails", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := bench.Run(t.Context(), ofPuts(n.URL())); !errors.Is(err, bench.ErrNotEmpty) {
		t.Errorf("got %v, want ErrNotEmpty", err)
	}
}

func TestEachServerMustBeEmpty(t *testing.T) {
	empty := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	other := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	mustPut(t, other.Client, "users", "alice")
	cfg := ofPuts(empty.URL())
	cfg.Settings.URLs = append(cfg.Settings.URLs, other.URL())
	if _, err := bench.Run(t.Context(), cfg); !errors.Is(err, bench.ErrNotEmpty) {
		t.Errorf("got %v, want ErrNotEmpty", err)
	}
}

func TestAPlaceOfItsOwnIsAllThatIsRemoved(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	mustPut(t, n.Client, "bench", 1)
	mustPut(t, n.Client, "bench", 22)
	mustPut(t, n.Client, "users", "alice")
	mustRun(t, below(ofPuts(n.URL()), "bench", 2))
	if got, want := mustListKeys(t, n.Client), []string{"bench/1", "bench/22", "users/alice"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAPlaceWhereSomethingIsIsLeftAsItIs(t *testing.T) {
	for _, there := range []api.Key{{"bench", 2}, {"bench", 2, "x", "y"}} {
		n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
		mustPut(t, n.Client, there...)
		_, err := bench.Run(t.Context(), below(ofPuts(n.URL()), "bench", 2))
		if !errors.Is(err, bench.ErrNotEmpty) {
			t.Errorf("with %v: got %v, want ErrNotEmpty", there, err)
		}
		if got := mustListKeys(t, n.Client); len(got) != 1 {
			t.Errorf("with %v: got %v, want it alone", there, got)
		}
	}
}

// A stopper ends a series at its first second.
type stopper struct {
	stop    func()
	cleaned bool
}

func (*stopper) Preparing(float64)                        {}
func (s *stopper) Running(result.Settings, load.Progress) { s.stop() }
func (*stopper) Ran(result.Run)                           {}
func (s *stopper) Cleaning(bench.Cleaning)                { s.cleaned = true }

func TestASeriesThatIsEndedReturnsWhatItHasAndCleansUp(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := ofPuts(n.URL())
	observer := &stopper{stop: cancel}
	cfg.Duration, cfg.Repeat, cfg.Observer = time.Hour, 5, observer
	runs, err := bench.Run(ctx, cfg)
	if err != nil || len(runs) != 1 || !runs[0].Interrupted {
		t.Errorf("got %d runs and %v, want one that was interrupted", len(runs), err)
	}
	if !observer.cleaned {
		t.Error("nobody was told of the cleaning")
	}
	if left := mustListKeys(t, n.Client); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWhatCannotBeRemovedIsSaidWithHowToDoIt(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	target, err := url.Parse(n.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	keeping := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			http.Error(w, `{"error":"not here","code":"forbidden"}`, http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(keeping.Close)
	cfg := below(ofPuts(keeping.URL), "bench", "a b")
	cfg.Settings.Token, cfg.AuthorityFile = "hush", "my ca.pem"
	runs, err := bench.Run(t.Context(), cfg)
	if len(runs) != 1 || !errors.Is(err, bench.ErrNotCleaned) {
		t.Fatalf("got %d runs and %v, want one and ErrNotCleaned", len(runs), err)
	}
	if want := "curl -X DELETE '" + keeping.URL + "/keys?prefix=bench%2Fa%2520b' --cacert 'my ca.pem' -H"; !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v, want it to say %s", err, want)
	}
	if left := mustListKeys(t, n.Client); len(left) == 0 {
		t.Error("nothing is left: the test tests nothing")
	}
}

func TestABadConfigIsRefusedBeforeAnythingIsSent(t *testing.T) {
	for field, change := range map[string]func(*bench.Config){
		"Connections":                  func(c *bench.Config) { c.Connections = []int{8, 0} },
		"Rates":                        func(c *bench.Config) { c.Rates = []float64{-1} },
		"Rates of an endless schedule": func(c *bench.Config) { c.Rates = []float64{1e300} },
		"Duration":                     func(c *bench.Config) { c.Duration = 0 },
		"WarmUp of centuries":          func(c *bench.Config) { c.WarmUp = math.MaxInt64 },
		"Duration of centuries":        func(c *bench.Config) { c.Duration = math.MaxInt64 },
		"WarmUp":                       func(c *bench.Config) { c.WarmUp = -1 },
		"Repeat":                       func(c *bench.Config) { c.Repeat = -1 },
		"Prefix":                       func(c *bench.Config) { c.OwnPrefix, c.Settings.Prefix = true, nil },
		"URLs":                         func(c *bench.Config) { c.Settings.URLs = nil },
		"Watchers":                     func(c *bench.Config) { c.Settings.Watchers = 7 },
	} {
		cfg := ofPuts("http://127.0.0.1:1") // where nobody is
		change(&cfg)
		_, err := bench.Run(t.Context(), cfg)
		bad, ok := errors.AsType[*workload.SettingError](err)
		if field, _, _ := strings.Cut(field, " "); !ok || bad.Setting != field || !errors.Is(err, bench.ErrBadConfig) {
			t.Errorf("%s: got %v, want ErrBadConfig that names it", field, err)
		}
	}
}
