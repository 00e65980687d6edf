package node_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

func TestANodeWithAFullDiskSaysSoServesReadsAndRecoversByItself(t *testing.T) {
	t.Parallel()
	disk := nodetest.MustMountDisk(t, 8<<20)
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{
		Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: "file:" + filepath.Join(disk.Dir(), "keyval.db")})
	c := n.Client
	if _, err := c.Put(t.Context(), api.Key{"small"}, 1); err != nil {
		t.Fatal(err)
	}
	if err := disk.Fill(0); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", 1<<20-2)
	quickest := time.Hour // a machine may stand still meanwhile, but not each time
	for range 3 {
		begun := time.Now()
		if _, err := c.Put(t.Context(), api.Key{"large"}, large); !errors.Is(err, api.StorageFull) {
			t.Errorf("a write without room: %v, want %v", err, api.StorageFull)
		}
		quickest = min(quickest, time.Since(begun))
	}
	if quickest > 10*time.Second {
		t.Errorf("it took %v at least to be refused", quickest)
	}
	if entry, err := c.Get(t.Context(), api.Key{"small"}); err != nil || string(entry.Value) != "1" {
		t.Errorf("a read: %s, %v", entry.Value, err)
	}
	if status, body := readyz(t, n.URL()); status != http.StatusServiceUnavailable || !strings.Contains(body, "check storage failed: the disk of the database is full") {
		t.Errorf("/readyz answers %d %s", status, body)
	}
	if err := disk.Free(); err != nil {
		t.Fatal(err)
	}
	await.That(t, "it is ready again", func() bool { return ready(t.Context(), n.URL()) })
	if _, err := c.Put(t.Context(), api.Key{"large"}, large); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if strings.Contains(n.Logs(), "cannot be reached") {
		t.Errorf("the log says that the primary cannot be reached:\n%s", n.Logs())
	}
}

func TestANodeThatStartsOnAFullDiskWaitsForRoomAndHasLostNothing(t *testing.T) {
	t.Parallel()
	disk := nodetest.MustMountDisk(t, 8<<20)
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{
		Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: "file:" + filepath.Join(disk.Dir(), "keyval.db")})
	if _, err := n.Client.Put(t.Context(), api.Key{"small"}, 1); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(n.Kill(), disk.Fill(0)); err != nil {
		t.Fatal(err)
	}
	started := make(chan error, 1)
	go func() { started <- n.Start(t.Context()) }()
	await.That(t, "it says what it waits for", func() bool {
		status, _, body := answered(t, "GET", n.URL()+"/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "check storage failed: the disk of the database is full")
	})
	if err := disk.Free(); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	if entry, err := n.Client.Get(t.Context(), api.Key{"small"}); err != nil || string(entry.Value) != "1" {
		t.Errorf("what was answered before: %s, %v", entry.Value, err)
	}
}

func readyz(t *testing.T, url string) (status int, body string) {
	t.Helper()
	status, _, body, err := exchange(t, http.MethodGet, url+"/readyz", "")
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

func TestOneProcessOwnsAnEmbeddedDatabaseUntilItEndsHoweverItDoes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keyval.db")
	config := nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: "file:" + file}
	first := nodetest.MustStartNodeProcess(t, config)
	for _, args := range [][]string{
		{"serve", "--http-addr", "127.0.0.1:0", "--gossip-addr", "127.0.0.1:0", "--raft-addr", "127.0.0.1:0", "--libsql-url", "file:" + file},
		{"dev", "--http-addr", "127.0.0.1:0", "--libsql-url", "file:" + file},
		{"incarnation", "raise", "--libsql-url", "file:" + file},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		code, stderr, err := nodetest.RunToExit(ctx, nodetest.Command{Path: keyval(t), Dir: t.TempDir(), Args: args})
		cancel()
		if err != nil || code != 1 || strings.Count(stderr, "\n") != 1 ||
			!strings.Contains(stderr, fmt.Sprintf("process %d ", first.Process().PID())) || !strings.Contains(stderr, file) {
			t.Errorf("keyval %s: exit code %d, %v and %q; want 1 and one line with the process %d and the file", args[0], code, err, stderr, first.Process().PID())
		}
	}
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	config.Dir = t.TempDir()
	second := nodetest.MustStartNodeProcess(t, config)
	if err := newPlain(t, second.URL()).put(t.Context(), "k", 1); err != nil {
		t.Error(err)
	}
}
