package workload_test

import (
	"net/http"
	"testing"

	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/node/testnode"
)

func TestWhatIsLeftCanBeRemovedByHand(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	for _, name := range []string{"queue", "search"} {
		settings := workload.Defaults()
		settings.URLs, settings.Prefix, settings.Connections = []string{n.URL()}, api.Key{"by hand", 1}, 1
		if name == "search" {
			settings.Keys = 5
		}
		w, err := workload.Open(name, settings)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Prepare(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		mustLeave(t, n, name, settings)
		for _, target := range workload.Leftover(name, settings) {
			mustDelete(t, n.URL()+target)
		}
		if keys, messages, indexes := left(t, n); keys+messages+indexes != 0 {
			t.Errorf("%s: left are %d keys, %d messages and %d indexes", name, keys, messages, indexes)
		}
	}
}

// mustLeave checks that there is something to remove; a queue gets a message taken, and one
// that is not.
func mustLeave(t *testing.T, n *testnode.Node, name string, settings workload.Settings) {
	t.Helper()
	if name == "queue" {
		for range 2 {
			if _, err := n.Client.Enqueue(t.Context(), workload.QueueName(settings), 1); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := n.Client.Dequeue(t.Context(), workload.QueueName(settings)); err != nil {
			t.Fatal(err)
		}
	}
	if keys, messages, indexes := left(t, n); keys+messages+indexes < 2 {
		t.Fatalf("%s: left are only %d keys, %d messages and %d indexes: the test tests nothing", name, keys, messages, indexes)
	}
}

func mustDelete(t *testing.T, url string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("DELETE %s: status %d", url, answer.StatusCode)
	}
}

func left(t *testing.T, n *testnode.Node) (keys, messages, indexes int) {
	t.Helper()
	count, err := n.Client.Count(t.Context(), api.CountRequest{Consistency: api.Strong})
	if err != nil {
		t.Fatal(err)
	}
	stats, err := n.Client.QueueStats(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	list, err := n.Client.Indexes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(count), int(stats.Total), len(list)
}
