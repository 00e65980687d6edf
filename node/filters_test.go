package node_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// asDeployed runs a test through a client of one embedded node, and of two nodes on a
// primary and a replica behind the shipped load balancer.
func asDeployed(t *testing.T, test func(t *testing.T, c *client.Client)) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir())).Client)
	})
	t.Run("two nodes behind a load balancer", func(t *testing.T) {
		t.Parallel()
		test(t, clientOfTwo(t))
	})
}

func clientOfTwo(t *testing.T) *client.Client {
	t.Helper()
	cfg, sqld := testnode.NodeConfig(t.TempDir()), nodetest.MustStartSqldPair(t)
	cfg.LibsqlURL, cfg.LibsqlReplicaURL = sqld.Primary.HTTPURL(), sqld.Replica.HTTPURL()
	nodes := testnode.MustStartCluster(t, cfg, 2).Nodes
	config, err := os.ReadFile("../deploy/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	// The nodes live in this process, which may be slow: that alone makes them not unready.
	text := strings.Replace(string(config), "defaults\n", "defaults\n  timeout check 60s\n", 1)
	text = strings.Replace(text, "timeout connect 1s", "timeout connect 60s", 1)
	addr := func(i int) string { return strings.TrimPrefix(nodes[i].URL(), "http://") }
	balancer := nodetest.MustStartHAProxy(t, nodetest.HAProxyConfig{
		Config: text,
		Listen: []string{"KEYVAL_LISTEN", "KEYVAL_STATS"},
		Env:    []string{"KEYVAL_NODE_1=" + addr(0), "KEYVAL_NODE_2=" + addr(1), "KEYVAL_NODE_3=" + addr(1)},
	})
	url := balancer.URL("KEYVAL_LISTEN")
	await.That(t, "the balancer has a node", func() bool { return statusFor(t, url, "localhost") == 200 })
	c, err := client.New(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// keysOf are the last parts of entries' keys.
func keysOf(entries []api.Entry) string {
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = fmt.Sprint(e.Key[len(e.Key)-1])
	}
	return strings.Join(keys, " ")
}

func TestAFilterSelectsWhatIsListedCountedAndDeleted(t *testing.T) {
	asDeployed(t, func(t *testing.T, c *client.Client) {
		ctx := t.Context()
		prefix := api.Key{"users"}
		for i := range 40 {
			value := map[string]any{"age": i, "city": []string{"Rio", "Porto"}[i%2], "a.b": map[string]any{"x": i % 3}}
			if _, err := c.Put(ctx, api.Key{"users", i}, value); err != nil {
				t.Fatal(err)
			}
		}
		where := api.And(
			api.Field("age").Between(10, 29),
			api.Or(api.Field("city").StartsWithFold("rI"), api.Field("nobody").Null(false)),
			api.Not(api.Path("a.b", "x").In(1, 2)),
		)
		const want = "12 18 24"

		list, err := c.List(ctx, api.ListRequest{Prefix: prefix, Where: where, Limit: 2})
		if err != nil || keysOf(list) != "12 18" {
			t.Errorf("listed %q, %v; want 12 and 18", keysOf(list), err)
		}
		var all []api.Entry
		for e, err := range c.Paginate(ctx, api.ListRequest{Prefix: prefix, Where: where, Limit: 1, Reverse: true}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		if slices.Reverse(all); keysOf(all) != want {
			t.Errorf("paginated %q, want %s", keysOf(all), want)
		}
		if n, err := c.Count(ctx, api.CountRequest{Prefix: prefix, Where: where}); n != 3 || err != nil {
			t.Errorf("counted %d, %v; want 3", n, err)
		}
		before := api.RawWhere([]byte(`{"age":{"$lt":{"$now":true,"offset":-60000}}}`))
		if n, err := c.Count(ctx, api.CountRequest{Prefix: prefix, Where: api.And(where, before)}); n != 3 || err != nil {
			t.Errorf("counted %d before the database's time, %v; want 3", n, err)
		}
		_, err = c.List(ctx, api.ListRequest{Where: api.RawWhere([]byte(`{"age":{"$like":1}}`))})
		if !errors.Is(err, api.InvalidFilter) {
			t.Errorf("an unknown operator: %v, want %v", err, api.InvalidFilter)
		}
		wantDeletes(t, c, prefix, where)
	})
}

// wantDeletes deletes what of 40 users matches, three of them by where, in every way.
func wantDeletes(t *testing.T, c *client.Client, prefix api.Key, where api.Where) {
	t.Helper()
	ctx := t.Context()
	age := api.Field("age")
	for _, step := range []struct {
		name string
		do   func() (int64, error)
		want int64
	}{
		{"exact keys", func() (int64, error) {
			return c.DeleteMany(ctx, []api.Key{{"users", 12}, {"users", 13}}, client.Where(where))
		}, 1},
		{"below a prefix", func() (int64, error) { return c.DeletePrefix(ctx, prefix, client.Where(where)) }, 2},
		{"at and below a key", func() (int64, error) { return c.DeleteTree(ctx, prefix, client.Where(age.Gte(30))) }, 10},
		{"everywhere", func() (int64, error) { return c.DeleteAll(ctx, client.Where(age.Lt(5))) }, 5},
		{"nothing, for want of the field", func() (int64, error) { return c.DeleteAll(ctx, client.Where(api.Field("b").Ne(1))) }, 0},
	} {
		if n, err := step.do(); n != step.want || err != nil {
			t.Errorf("%s: deleted %d, %v; want %d", step.name, n, err, step.want)
		}
	}
	if n, err := c.Count(ctx, api.CountRequest{Prefix: prefix}); n != 22 || err != nil {
		t.Errorf("%d are left, %v; want 22", n, err)
	}
}

// posts are what the search tests look in.
var posts = api.Key{"posts"}

type post struct {
	Title string   `json:"title"`
	Tags  []string `json:"tags,omitempty"`
	Likes int      `json:"likes"`
}

// wantFound searches and compares the last parts of the keys, in any order.
func wantFound(t *testing.T, c *client.Client, req api.SearchRequest, want string) []api.Found {
	t.Helper()
	req.Prefix = posts
	found, err := c.Search(t.Context(), req)
	if err != nil {
		t.Fatalf("%s: %v", req.Query, err)
	}
	entries := make([]api.Entry, len(found))
	for i, f := range found {
		entries[i] = f.Entry
	}
	slices.SortFunc(entries, func(a, b api.Entry) int { return strings.Compare(keysOf([]api.Entry{a}), keysOf([]api.Entry{b})) })
	if got := keysOf(entries); got != want {
		t.Errorf("%s: found %q, want %q", req.Query, got, want)
	}
	return found
}

func TestASearchFindsWhatIsThereFromTheFirstWriteToTheDelete(t *testing.T) {
	asDeployed(t, func(t *testing.T, c *client.Client) {
		ctx := t.Context()
		put := func(name string, value post, opts ...client.PutOption) {
			t.Helper()
			if _, err := c.Put(ctx, append(posts[:1:1], name), value, opts...); err != nil {
				t.Fatal(err)
			}
		}
		put("old", post{Title: "Running a marathon", Likes: 12})
		if _, err := c.Search(ctx, api.SearchRequest{Prefix: posts, Query: "marathon"}); !errors.Is(err, api.NotFound) {
			t.Errorf("without an index: %v, want %v", err, api.NotFound)
		}
		index := api.Index{Prefix: posts, Fields: []string{"title", "tags"}, Tokenize: api.TokenizePorter}
		if err := c.CreateIndex(ctx, index); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitForIndex(ctx, posts); err != nil {
			t.Fatal(err)
		}
		put("new", post{Title: "Runners need water", Tags: []string{"sport", "health"}, Likes: 3})
		put("brief", post{Title: "A run that ends soon"}, client.ExpireIn(time.Second))

		wantFound(t, c, api.SearchRequest{Query: "marathon"}, "old")
		wantFound(t, c, api.SearchRequest{Query: "run*", Where: api.Field("likes").Gt(0)}, "new old")
		wantFound(t, c, api.SearchRequest{Query: "sport", Where: api.Field("likes").Gt(10)}, "")
		found := wantFound(t, c, api.SearchRequest{Query: "water OR nothing", Highlight: true}, "new")
		if len(found) == 1 && !strings.Contains(found[0].Highlight, "<mark>water</mark>") {
			t.Errorf("the highlight is %q, want water marked", found[0].Highlight)
		}
		await.That(t, "what has expired is not found", func() bool {
			found, err := c.Search(ctx, api.SearchRequest{Prefix: posts, Query: "soon"})
			return err == nil && len(found) == 0
		})

		put("old", post{Title: "Swimming in the sea"})
		wantFound(t, c, api.SearchRequest{Query: "marathon"}, "")
		wantFound(t, c, api.SearchRequest{Query: "swim"}, "old")
		if _, err := c.DeletePrefix(ctx, posts, client.Where(api.Field("likes").Eq(3))); err != nil {
			t.Fatal(err)
		}
		wantFound(t, c, api.SearchRequest{Query: "water OR swim"}, "old")
		wantDropped(t, c, index)
	})
}

// wantDropped drops the only index.
func wantDropped(t *testing.T, c *client.Client, index api.Index) {
	t.Helper()
	ctx := t.Context()
	indexes, err := c.Indexes(ctx, client.Consistency(api.Strong))
	if err != nil || len(indexes) != 1 || indexes[0].State != api.StateReady || !slices.Equal(indexes[0].Fields, index.Fields) || indexes[0].Tokenize != index.Tokenize {
		t.Errorf("the indexes are %+v, %v; want %+v, ready", indexes, err, index)
	}
	if err := c.DropIndex(ctx, index.Prefix); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Search(ctx, api.SearchRequest{Prefix: index.Prefix, Query: "swim"}); !errors.Is(err, api.NotFound) {
		t.Errorf("after the drop: %v, want %v", err, api.NotFound)
	}
	if err := c.WaitForIndex(ctx, index.Prefix); !errors.Is(err, api.NotFound) {
		t.Errorf("waiting for what was dropped: %v, want %v", err, api.NotFound)
	}
}
