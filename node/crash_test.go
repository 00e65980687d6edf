package node_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

func TestAnsweredWritesSurviveAKilledNode(t *testing.T) {
	t.Parallel()
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir()})
	direct := newPlain(t, n.URL())
	for range repetitions(t, 3, 30) {
		load := startTraffic(t, 16, direct)
		await.That(t, "writes are being answered", func() bool { return load.requests.Load() > 200 })
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
		load.stop()
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		load.mustBeThere(t, direct.strongly())
	}
}

func TestAnsweredWritesSurviveAKilledDatabaseAndTheNodeRecoversByItself(t *testing.T) {
	t.Parallel()
	sqld := nodetest.MustStartPrimary(t)
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: sqld.HTTPURL()})
	direct := newPlain(t, n.URL())
	load := startTraffic(t, 16, direct, typed{Client: n.Client, strong: true})
	for range repetitions(t, 2, 20) {
		answered := load.answered()
		await.That(t, "writes are being answered", func() bool { return load.answered() > answered+100 })
		if err := sqld.Kill(); err != nil {
			t.Fatal(err)
		}
		await.That(t, "the node says that it is not ready", func() bool { return !ready(t.Context(), n.URL()) })
		if err := sqld.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		await.That(t, "the node is ready again", func() bool { return ready(t.Context(), n.URL()) })
	}
	answered := load.answered()
	await.That(t, "writes are answered again", func() bool { return load.answered() > answered+100 })
	load.stop()
	load.mustBeThere(t, direct.strongly())
}

func TestANodeServesReadsWhileThePrimaryIsDown(t *testing.T) {
	t.Parallel()
	sqld := nodetest.MustStartSqldPair(t)
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{
		Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: sqld.Primary.HTTPURL(), ReplicaURL: sqld.Replica.HTTPURL(),
	})
	direct := newPlain(t, n.URL())
	if err := direct.put(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	mustIndexDocuments(t, n.Client)
	fillWithDocuments(t, n.Client, documentWords)
	await.That(t, "the replica has it", func() bool {
		// Asked directly: through the node, the primary may answer.
		n, err := oneNumber(t.Context(), sqld.Replica, "SELECT count(*) FROM kv_entries")
		return err == nil && n == 1+documentWords
	})
	if err := sqld.Primary.Kill(); err != nil {
		t.Fatal(err)
	}
	await.That(t, "a read is answered from the replica", func() bool {
		_, err := direct.do(t.Context(), http.MethodGet, "/keys/a?consistency=eventual", nil)
		return err == nil
	})
	const search = "/search?prefix=docs&query=first1&consistency="
	if status, _, body := answered(t, "GET", n.URL()+search+"eventual"); status != 200 || !strings.Contains(body, `"key":["docs",1]`) {
		t.Errorf("a search without a primary: got %d %s, want what the replica has", status, body)
	}
	request{"GET", search + "strong", ""}.wantUnavailable(t, n.URL())
	// Otherwise a load balancer would take all nodes out.
	await.That(t, "the node is ready, as it serves reads", func() bool { return ready(t.Context(), n.URL()) })
	if err := direct.put(t.Context(), "a", 2); err == nil {
		t.Error("a write was answered without a primary")
	}
	if err := sqld.Primary.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	await.That(t, "writes are answered again", func() bool { return direct.put(t.Context(), "a", 3) == nil })
}
