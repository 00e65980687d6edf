package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// indexed are more entries than making an index indexes by itself.
const indexed = 1200

// ask sends a request to a node and returns its answer.
func ask(t *testing.T, n *testnode.Node, method, target, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, n.URL()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == http.StatusConflict && res.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s: 409 without Retry-After", method, target)
	}
	return res.StatusCode, string(read)
}

func mustAsk(t *testing.T, n *testnode.Node, method, target, body string) string {
	t.Helper()
	status, answer := ask(t, n, method, target, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: got %d %s", method, target, status, answer)
	}
	return answer
}

// fillDocs writes the entries docs/0, docs/1 and so on.
func fillDocs(t *testing.T, n *testnode.Node) {
	t.Helper()
	for begin := 0; begin < indexed; begin += 300 {
		var sets []string
		for i := begin; i < begin+300; i++ {
			sets = append(sets, fmt.Sprintf(`{"type":"set","key":["docs",%d],"value":{"t":"word%d"}}`, i, i))
		}
		mustAsk(t, n, "POST", "/atomic", `{"mutations":[`+strings.Join(sets, ",")+`]}`)
	}
}

// finds tells whether a search is answered with one entry.
func finds(t *testing.T, n *testnode.Node, word string) bool {
	t.Helper()
	status, answer := ask(t, n, "GET", "/search?prefix=docs&query="+word, "")
	if status != http.StatusOK && (status != http.StatusConflict || !strings.Contains(answer, `"index_building"`)) {
		t.Fatalf("search: got %d %s, want 200, or 409 index_building", status, answer)
	}
	var found []api.Entry
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(answer), &found); err != nil {
			t.Fatal(err)
		}
	}
	return len(found) == 1
}

func indexesOf(t *testing.T, n *testnode.Node) (counts api.ClusterIndexes) {
	t.Helper()
	var status api.ClusterStatus
	if err := json.Unmarshal([]byte(mustAsk(t, n, "GET", "/cluster", "")), &status); err != nil {
		t.Fatal(err)
	}
	if status.Indexes != nil {
		counts = *status.Indexes
	}
	return counts
}

func TestAnIndexThatANodeMakesIsBuiltByTheLeaderAndSearchedOnEveryNode(t *testing.T) {
	t.Parallel()
	pair := nodetest.MustStartSqldPair(t)
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.LibsqlURL, cfg.LibsqlReplicaURL = pair.Primary.HTTPURL(), pair.Replica.HTTPURL()
	c := testnode.MustStartCluster(t, cfg, 2)
	fillDocs(t, c.Nodes[0])
	for i, n := range c.Nodes { // one of them does not lead
		mustAsk(t, n, "POST", "/indexes", fmt.Sprintf(`{"prefix":["docs"],"fields":["t","t%d"]}`, i))
		for _, other := range c.Nodes {
			await.That(t, "the index is ready", func() bool { return finds(t, other, "word1199") })
		}
		mustAsk(t, n, "PUT", "/keys/docs/0", fmt.Sprintf(`{"t":"changed%d"}`, i))
		if !finds(t, n, fmt.Sprintf("changed%d", i)) {
			t.Error("a node does not find what it has written")
		}
	}
	if got := indexesOf(t, c.Nodes[1]); got.Ready != 1 || got.Building != 0 {
		t.Errorf("GET /cluster tells of %+v, want one that is ready", got)
	}
}

func TestWhenTheLeaderIsGoneWhileItBuildsAnIndexAnotherGoesOn(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.LibsqlURL = primary.HTTPURL()
	leader := testnode.MustStartNode(t, cfg)
	fillDocs(t, leader)
	mustAsk(t, leader, "POST", "/indexes", `{"prefix":["docs"],"fields":["t"]}`)
	mustAsk(t, leader, "PUT", "/keys/docs/1100", `{"t":"meanwhile"}`)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_ = leader.Stop(ended) // what it was doing is cut off
	// As if the leader had done no more than this.
	if _, err := primary.Query(t.Context(), "UPDATE keyval_search_indexes SET state='building'"); err != nil {
		t.Fatal(err)
	}

	cfg.DataDir = t.TempDir()
	next := testnode.MustStartNode(t, cfg)
	await.That(t, "the other node has built it", func() bool { return finds(t, next, "word1199") })
	if !finds(t, next, "meanwhile") || finds(t, next, "word1100") {
		t.Error("what was written while the index was being built is not what is found")
	}
	if got := indexesOf(t, next); got.Ready != 1 || got.Building != 0 {
		t.Errorf("GET /cluster tells of %+v, want one that is ready", got)
	}
}

// foundKeys are the keys that a search below a finds for a word, as JSON.
func foundKeys(t *testing.T, n *testnode.Node, word string) string {
	t.Helper()
	var found []struct{ Key json.RawMessage }
	if err := json.Unmarshal([]byte(mustAsk(t, n, "GET", "/search?prefix=a&consistency=strong&query="+word, "")), &found); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, f := range found {
		keys = append(keys, string(f.Key))
	}
	return strings.Join(keys, " ")
}

func wantFoundKeys(t *testing.T, n *testnode.Node, word, want string) {
	t.Helper()
	if got := foundKeys(t, n, word); got != want {
		t.Errorf("a search for %s finds %q, want %q", word, got, want)
	}
}

func TestWhatQueuesWriteIsFoundAndWhatHasExpiredIsNot(t *testing.T) {
	t.Parallel()
	for name, sqld := range map[string]bool{"embedded": false, "sqld": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testnode.NodeConfig(t.TempDir())
			cfg.CleanupInterval = time.Second
			if sqld {
				pair := nodetest.MustStartSqldPair(t)
				cfg.LibsqlURL, cfg.LibsqlReplicaURL = pair.Primary.HTTPURL(), pair.Replica.HTTPURL()
			}
			nodes := testnode.MustStartCluster(t, cfg, 2).Nodes
			n, other := nodes[0], nodes[1]
			mustAsk(t, n, "POST", "/indexes", `{"prefix":["a"],"fields":["t","[0].t"]}`)

			const undelivered = `"options":{"maxAttempts":1,"keysIfUndelivered":[["a","lost"],["b","lost"]]}`
			mustAsk(t, n, "POST", "/queue/enqueue", `{"value":{"t":"first"},`+undelivered+`}`)
			mustAsk(t, n, "POST", "/queue/nack/"+dequeued(t, n, ""), `{"error":"no"}`)
			wantFoundKeys(t, other, "first", `["a","lost"]`)

			mustAsk(t, n, "POST", "/atomic", `{"enqueue":[{"value":{"t":"second"},`+undelivered+`}]}`)
			dequeued(t, n, "?lock=1")
			await.That(t, "the lock has ended, and the dead letter is found", func() bool { return foundKeys(t, other, "second") == `["a","lost"]` })
			wantFoundKeys(t, other, "first", "")

			mustAsk(t, n, "POST", "/atomic", `{"mutations":[{"type":"append","key":["a","list"],"value":[{"t":"third"}]},
{"type":"set","key":["a",{"__type":"commitVersionstamp"}],"value":{"t":"fourth"},"expireIn":3600000},
{"type":"set","key":["a","brief"],"value":{"t":"third"},"expireIn":1}]}`)
			await.That(t, "what has expired is not found", func() bool { return foundKeys(t, other, "third") == `["a","list"]` })
			if got := foundKeys(t, other, "fourth"); strings.Count(got, `["a","`) != 1 {
				t.Errorf("the key with a versionstamp is not found, but %q", got)
			}
			await.That(t, "what has expired is swept from the index", func() bool {
				return strings.Contains(mustAsk(t, n, "GET", "/indexes?consistency=strong", ""), `"indexed":3`)
			})
		})
	}
}

// dequeued takes a message and returns its id.
func dequeued(t *testing.T, n *testnode.Node, query string) string {
	t.Helper()
	var taken api.DequeueResult
	if err := json.Unmarshal([]byte(mustAsk(t, n, "GET", "/queue/dequeue"+query, "")), &taken); err != nil || taken.Message == nil {
		t.Fatalf("no message was taken: %v", err)
	}
	return taken.Message.ID
}
