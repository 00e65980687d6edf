package node_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// mustStartProfiled starts a node whose profiles are served.
func mustStartProfiled(t *testing.T) *testnode.Node {
	t.Helper()
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.PprofAddr = "127.0.0.1:0"
	return testnode.MustStartNode(t, cfg)
}

// wantProfile takes a profile and looks whether it is whole and has samples of a kind.
func wantProfile(t *testing.T, url, kind string) {
	t.Helper()
	status, _, body := answered(t, http.MethodGet, url)
	if status != http.StatusOK {
		t.Errorf("%s: got %d %s", url, status, body)
		return
	}
	unpacked, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Errorf("%s: %v", url, err)
		return
	}
	profile, err := io.ReadAll(unpacked) // the checksum is at its end
	if err != nil || !bytes.Contains(profile, []byte(kind)) {
		t.Errorf("%s: %d bytes without %q, %v", url, len(profile), kind, err)
	}
}

// The processor's profile is one of the process, so no other test may take one meanwhile.
func TestANodeServesProfilesOnAnAddressOfItsOwn(t *testing.T) {
	n := mustStartProfiled(t)
	at := n.ProfilesURL()
	wantProfile(t, at+"heap", "inuse_space")
	wantProfile(t, at+"goroutine", "goroutine")
	wantProfile(t, at+"profile?seconds=1", "nanoseconds")
	wantProfile(t, at+"block?seconds=1", "contentions")
	wantProfile(t, at+"mutex?seconds=1", "contentions")
	for _, path := range []string{at + "cmdline", at + "nothing", strings.TrimSuffix(at, "debug/pprof/") + "keys"} {
		if status, _, body := answered(t, http.MethodGet, path); status != http.StatusNotFound {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
	if status, _, body := answered(t, http.MethodGet, at+"block"); status != http.StatusBadRequest || !strings.Contains(body, "?seconds=") {
		t.Errorf("the block profile since nothing was noted: got %d %s", status, body)
	}
	stopWhileProfiled(t, n)
	if _, _, _, err := exchange(t, http.MethodGet, at, ""); err == nil {
		t.Error("profiles are served after the node has stopped")
	}
}

// stopWhileProfiled stops a node while the processor's profile is taken for an hour.
func stopWhileProfiled(t *testing.T, n *testnode.Node) {
	t.Helper()
	const taking = "net/http/pprof.Profile("
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.ProfilesURL()+"profile?seconds=3600", nil)
	nodetest.Check(t, err)
	var taker sync.WaitGroup
	defer taker.Wait()
	taker.Go(func() {
		if answer, err := http.DefaultClient.Do(req); err == nil {
			_ = answer.Body.Close()
		}
	})
	await.That(t, "the profile is being taken", func() bool {
		_, _, stacks := answered(t, http.MethodGet, n.ProfilesURL()+"goroutine?debug=2")
		return strings.Contains(stacks, taking)
	})
	stopped := make(chan error, 1)
	go func() { stopped <- n.Stop(t.Context()) }()
	select {
	case err := <-stopped:
		nodetest.Check(t, err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the node waits for the profile")
	}
	var stacks bytes.Buffer
	nodetest.Check(t, pprof.Lookup("goroutine").WriteTo(&stacks, 2))
	if strings.Contains(stacks.String(), taking) {
		t.Errorf("the profile goes on after the node has stopped:\n%s", &stacks)
	}
}

// The command notes no allocations, and these do not come back: who asks for profiles must
// have them noted before the node starts.
func TestAllocationsAreNotedWhereProfilesAreServed(t *testing.T) {
	t.Parallel()
	addr := nodetest.MustReserveAddr(t)
	nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), Flags: []string{"--pprof-addr", addr, "--ephemeral"}})
	_, _, heap := answered(t, http.MethodGet, "http://"+addr+"/debug/pprof/heap?debug=1")
	head, _, _ := strings.Cut(heap, "\n")
	if strings.HasPrefix(head, "heap profile: 0: 0 [0: 0]") || !strings.HasSuffix(head, "@ heap/1048576") { // twice the rate
		t.Errorf("the profile begins %q", head)
	}
}

func TestNothingOfTheProfilesIsServedOnTheAPI(t *testing.T) {
	t.Parallel()
	n := mustStartProfiled(t)
	for _, base := range []string{"", node.DefaultConfig().BasePath} {
		for _, path := range []string{"/debug", "/debug/", "/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars"} {
			if status, _, body := answered(t, http.MethodGet, n.URL()+base+path); status != http.StatusNotFound {
				t.Errorf("%s: got %d %s", base+path, status, body)
			}
		}
	}
}

func TestByDefaultNoProfilesAreServed(t *testing.T) {
	t.Parallel()
	if got := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir())).ProfilesURL(); got != "" {
		t.Errorf("profiles are at %s", got)
	}
}

func TestPagesReachNoProfiles(t *testing.T) {
	t.Parallel()
	at := mustStartProfiled(t).ProfilesURL()
	for name, test := range map[string]struct {
		host, header, value string
		want                int
	}{
		"a name of loopback":          {"localhost:6060", "", "", http.StatusOK},
		"somebody else's name":        {"evil.example", "", "", http.StatusMisdirectedRequest},
		"this page itself":            {"", "Sec-Fetch-Site", "same-origin", http.StatusOK},
		"a page of another site":      {"", "Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		"an older browser's page":     {"", "Origin", "https://evil.example", http.StatusForbidden},
		"a page of another port here": {"", "Origin", "http://127.0.0.1:1", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"heap", nil)
			nodetest.Check(t, err)
			req.Host = test.host
			if test.header != "" {
				req.Header.Set(test.header, test.value)
			}
			answer, err := http.DefaultClient.Do(req)
			nodetest.Check(t, err)
			_ = answer.Body.Close()
			if answer.StatusCode != test.want {
				t.Errorf("got %d, want %d", answer.StatusCode, test.want)
			}
		})
	}
}

func TestThePortOfTheProfilesIsNamedWhenItIsTaken(t *testing.T) {
	t.Parallel()
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.PprofAddr = strings.TrimPrefix(testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir())).URL(), "http://")
	if _, err := testnode.StartNode(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "choose another with --pprof-addr") {
		t.Errorf("got %v", err)
	}
}

func TestADevelopmentClusterServesOneSetOfProfiles(t *testing.T) {
	t.Parallel()
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.PprofAddr = nodetest.MustReserveAddr(t) // which only one node can have
	var log journal
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- node.RunDev(ctx, node.DevConfig{Nodes: 2, Node: cfg, Logger: func(int) *slog.Logger { return log.logger() }})
	}()
	await.That(t, "both nodes serve", func() bool { return strings.Count(log.String(), "msg=serving ") == 2 }, log.String)
	wantProfile(t, "http://"+cfg.PprofAddr+"/debug/pprof/heap", "inuse_space")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "http://"+cfg.PprofAddr+"/debug/pprof/"); n != 1 {
		t.Errorf("the log tells %d times where they are:\n%s", n, log.String())
	}
}

func TestProfilesAreForThisMachineAlone(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"": true, "127.0.0.1:6060": true, "127.9.9.9:0": true, "[::1]:0": true, "localhost:6060": true, "LOCALHOST:0": true,
		"[::ffff:127.0.0.1]:0": true, "[::ffff:192.0.2.1]:0": false, ":0": false, "0.0.0.0:0": false, "kv.localhost:0": false,
		"localhost.evil.example:0": false, "192.0.2.1:6060": false, "127.0.0.1": false,
	} {
		cfg := node.DefaultConfig()
		cfg.PprofAddr = addr
		err := cfg.Validate()
		bad, ok := errors.AsType[*node.SettingError](err)
		if (err == nil) != want || !want && (!ok || bad.Setting != "pprof-addr") {
			t.Errorf("%q: got %v", addr, err)
		}
		if strings.HasPrefix(addr, "192.") && !strings.Contains(err.Error(), "ssh -L") {
			t.Errorf("%q: %v does not say how to reach them from elsewhere", addr, err)
		}
	}
}
