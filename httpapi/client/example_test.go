package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/node/testnode"
)

// exampleNode is where the examples find a node: its base URL, and how to stop it.
func exampleNode() (baseURL string, stop func()) {
	dir, err := os.MkdirTemp("", "keyval-example-*")
	if err != nil {
		log.Fatal(err)
	}
	node, err := testnode.StartNode(context.Background(), testnode.NodeConfig(dir))
	if err != nil {
		log.Fatal(err)
	}
	return node.URL(), func() {
		_ = node.Close()
		_ = os.RemoveAll(dir)
	}
}

// exampleClient is what every example begins with.
func exampleClient() (c *client.Client, ctx context.Context, stop func()) {
	baseURL, stopNode := exampleNode()
	c, err := client.New(baseURL)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	return c, ctx, func() {
		cancel()
		c.CloseIdleConnections()
		stopNode()
	}
}

type user struct {
	Name string `json:"name"`
	Age  int    `json:"age"`
}

func Example() {
	c, ctx, stop := exampleClient()
	defer stop()

	key := api.Key{"users", "alice"}
	if _, err := c.Put(ctx, key, user{"Alice", 30}); err != nil {
		log.Fatal(err)
	}
	entry, err := c.Get(ctx, key)
	if err != nil {
		log.Fatal(err)
	}
	alice, err := client.Value[user](entry)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(alice.Name, alice.Age)

	_, err = c.Get(ctx, api.Key{"users", "nobody"})
	fmt.Println(errors.Is(err, api.NotFound))
	// Output:
	// Alice 30
	// true
}

func ExampleClient_Put() {
	c, ctx, stop := exampleClient()
	defer stop()

	key := api.Key{"sessions", 42}
	first, err := c.Put(ctx, key, "here", client.IfAbsent{}, client.ExpireIn(time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Put(ctx, key, "there", client.IfMatch(first)); err != nil {
		log.Fatal(err)
	}
	_, err = c.Put(ctx, key, "nowhere", client.IfMatch(first))
	fmt.Println(errors.Is(err, api.PreconditionFailed))
	// Output:
	// true
}

func ExampleClient_GetMany() {
	c, ctx, stop := exampleClient()
	defer stop()

	if _, err := c.Put(ctx, api.Key{"a"}, 1); err != nil {
		log.Fatal(err)
	}
	entries, err := c.GetMany(ctx, []api.Key{{"a"}, {"b"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		fmt.Println(e.Key, e.Exists(), string(e.Value))
	}
	// Output:
	// [a] true 1
	// [b] false null
}

func ExampleClient_Paginate() {
	c, ctx, stop := exampleClient()
	defer stop()

	for day := range 5 {
		if _, err := c.Put(ctx, api.Key{"log", day}, fmt.Sprint("line ", day)); err != nil {
			log.Fatal(err)
		}
	}
	for entry, err := range c.Paginate(ctx, api.ListRequest{Prefix: api.Key{"log"}, Reverse: true, Limit: 2}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(entry.Key[1], string(entry.Value))
	}
	// Output:
	// 4 "line 4"
	// 3 "line 3"
	// 2 "line 2"
	// 1 "line 1"
	// 0 "line 0"
}

func ExampleClient_DeletePrefix() {
	c, ctx, stop := exampleClient()
	defer stop()

	for _, key := range []api.Key{{"a"}, {"a", "b"}, {"a", "c"}} {
		if _, err := c.Put(ctx, key, true); err != nil {
			log.Fatal(err)
		}
	}
	below, err := c.DeletePrefix(ctx, api.Key{"a"})
	if err != nil {
		log.Fatal(err)
	}
	left, err := c.Count(ctx, api.CountRequest{})
	if err != nil {
		log.Fatal(err)
	}
	existed, err := c.Delete(ctx, api.Key{"a"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(below, left, existed)
	// Output:
	// 2 1 true
}

func ExampleClient_List_filter() {
	c, ctx, stop := exampleClient()
	defer stop()

	for name, age := range map[string]int{"alice": 30, "bob": 12, "carol": 70} {
		if _, err := c.Put(ctx, api.Key{"users", name}, user{name, age}); err != nil {
			log.Fatal(err)
		}
	}
	where := api.Or(api.Field("age").Lt(18), api.Field("name").StartsWith("a"))
	entries, err := c.List(ctx, api.ListRequest{Prefix: api.Key{"users"}, Where: where})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		fmt.Println(e.Key[1], string(e.Value))
	}
	n, err := c.DeletePrefix(ctx, api.Key{"users"}, client.Where(api.Not(where)))
	fmt.Println("deleted:", n, err)
	// Output:
	// alice {"name":"alice","age":30}
	// bob {"name":"bob","age":12}
	// deleted: 1 <nil>
}

func ExampleClient_Search() {
	c, ctx, stop := exampleClient()
	defer stop()

	for id, title := range []string{"Running a marathon", "Runners need water"} {
		if _, err := c.Put(ctx, api.Key{"posts", id}, map[string]any{"title": title, "likes": id}); err != nil {
			log.Fatal(err)
		}
	}
	posts := api.Key{"posts"}
	if err := c.CreateIndex(ctx, api.Index{Prefix: posts, Fields: []string{"title"}}); err != nil {
		log.Fatal(err)
	}
	if err := c.WaitForIndex(ctx, posts); err != nil {
		log.Fatal(err)
	}
	found, err := c.Search(ctx, api.SearchRequest{
		Prefix: posts, Query: `water OR "a marathon"`, Where: api.Field("likes").Gt(0), Highlight: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range found {
		fmt.Println(f.Key, f.Highlight)
	}
	// Output:
	// [posts 1] Runners need <mark>water</mark>
}

func ExampleClient_Atomic() {
	c, ctx, stop := exampleClient()
	defer stop()

	order := api.Key{"orders", 7}
	place := func() error {
		_, err := c.Atomic().
			Check(order, ""). // there is no such order yet
			Set(order, map[string]any{"item": "book"}).
			Sum(api.Key{"stats", "orders"}, 1).
			Enqueue("mail", "order 7 placed").
			Commit(ctx)
		return err
	}
	fmt.Println(place())
	fmt.Println(errors.Is(place(), client.ErrConflict))

	total, err := c.Get(ctx, api.Key{"stats", "orders"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(total.Value))
	// Output:
	// <nil>
	// true
	// 1
}

func ExampleClient_RunTransaction() {
	c, ctx, stop := exampleClient()
	defer stop()

	from, to := api.Key{"accounts", "alice"}, api.Key{"accounts", "bob"}
	for _, key := range []api.Key{from, to} {
		if _, err := c.Put(ctx, key, 100); err != nil {
			log.Fatal(err)
		}
	}
	_, err := c.RunTransaction(ctx, func(tx *client.Tx) error {
		accounts, err := tx.GetMany(from, to)
		if err != nil {
			return err
		}
		alice, err := client.Value[int](accounts[0])
		if err != nil {
			return err
		}
		bob, err := client.Value[int](accounts[1])
		if err != nil {
			return err
		}
		if alice < 30 {
			return errors.New("not enough money")
		}
		tx.Set(from, alice-30)
		tx.Set(to, bob+30)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	entries, err := c.List(ctx, api.ListRequest{Prefix: api.Key{"accounts"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		fmt.Println(e.Key[1], string(e.Value))
	}
	// Output:
	// alice 70
	// bob 130
}

func ExampleClient_Dequeue() {
	c, ctx, stop := exampleClient()
	defer stop()

	if _, err := c.Enqueue(ctx, "mail", "hello", client.Priority(10)); err != nil {
		log.Fatal(err)
	}
	messages, err := c.Dequeue(ctx, "mail", client.Wait(10*time.Second), client.Max(10))
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range messages {
		text, err := client.MessageValue[string](m)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(text, m.Attempts)
		if err := c.Ack(ctx, m); err != nil {
			log.Fatal(err)
		}
	}
	stats, err := c.QueueStats(ctx, "mail")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("left:", stats.Total)
	// Output:
	// hello 1
	// left: 0
}

func ExampleClient_Consume() {
	c, ctx, stop := exampleClient()
	defer stop()

	for _, to := range []string{"alice", "", "bob"} {
		if _, err := c.Enqueue(ctx, "mail", to); err != nil {
			log.Fatal(err)
		}
	}
	// A real worker's context ends with a signal: signal.NotifyContext.
	working, done := context.WithCancel(ctx)
	err := c.Consume(working, "mail", func(ctx context.Context, m api.Message) error {
		to, err := client.MessageValue[string](m)
		if err != nil || to == "" {
			return client.Permanent(errors.New("no address"))
		}
		fmt.Println("mail to", to)
		if to == "bob" {
			done()
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	letters, err := c.DeadLetters(ctx, client.DeadLetterPage{Queue: "mail"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("undelivered:", letters[0].ErrorMessage)
	// Output:
	// mail to alice
	// mail to bob
	// undelivered: no address
}

func ExampleClient_Messages() {
	c, ctx, stop := exampleClient()
	defer stop()

	for i, to := range []string{"alice", "bob", "carol"} {
		if _, err := c.Enqueue(ctx, "mail", to, client.Priority(i)); err != nil {
			log.Fatal(err)
		}
	}
	// What waits, in the order in which it will come.
	for m, err := range c.Messages(ctx, client.MessageList{Queue: "mail", State: api.MessageReady}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Priority, string(m.Value))
	}
	// Output:
	// 2 "carol"
	// 1 "bob"
	// 0 "alice"
}

func ExampleClient_PurgeMessages() {
	c, ctx, stop := exampleClient()
	defer stop()

	for _, delay := range []time.Duration{0, 0, time.Hour} {
		if _, err := c.Enqueue(ctx, "mail", "hello", client.Delay(delay)); err != nil {
			log.Fatal(err)
		}
	}
	purged, err := c.PurgeMessages(ctx, "mail", api.MessageDelayed)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("delayed:", purged)
	purged, err = c.PurgeMessages(ctx, "mail", "") // all that waits
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready:", purged)
	// Output:
	// delayed: 1
	// ready: 2
}

func ExampleClient_Watch() {
	c, ctx, stop := exampleClient()
	defer stop()

	key := api.Key{"config", "limit"}
	next := 0
	for event, err := range c.Watch(ctx, key) {
		if err != nil {
			log.Fatal(err) // errors.Is(err, api.PositionLost): read the state anew
		}
		for _, e := range event.Entries {
			fmt.Println(e.Key, string(e.Value))
		}
		if next++; next == 4 {
			break
		}
		if _, err := c.Put(ctx, key, next*100); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// [config limit] null
	// [config limit] 100
	// [config limit] 200
	// [config limit] 300
}

func ExampleClient_WatchPrefix() {
	c, ctx, stop := exampleClient()
	defer stop()

	start, err := c.Put(ctx, api.Key{"users", "alice"}, json.RawMessage(`{"age":30}`))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Delete(ctx, api.Key{"users", "alice"}); err != nil {
		log.Fatal(err)
	}
	// A consumer that has kept its position goes on from there.
	w := c.Watcher(client.WatchOptions{Since: start})
	for event, err := range w.WatchPrefix(ctx, api.Key{"users"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Entries[0].Key, "exists:", event.Entries[0].Exists())
		break
	}
	// Output:
	// [users alice] exists: false
}

func ExampleClient_ResetSession() {
	c, ctx, stop := exampleClient()
	defer stop()

	// The position of a database that has been replaced by an empty one since.
	c = c.SessionAt("00000000000000ff0000")
	_, err := c.Get(ctx, api.Key{"a"})
	if errors.Is(err, client.ErrPositionAhead) {
		fmt.Println("the database was restored or replaced")
		c.ResetSession()
	}
	_, err = c.Get(ctx, api.Key{"a"})
	fmt.Println(errors.Is(err, api.NotFound))
	// Output:
	// the database was restored or replaced
	// true
}

func ExampleClient_Session() {
	c, ctx, stop := exampleClient()
	defer stop()

	// One process writes and hands its position to another, say in a cookie.
	if _, err := c.Put(ctx, api.Key{"a"}, 1); err != nil {
		log.Fatal(err)
	}
	position := c.Position()

	// The other one sees the write, from whichever node it reads.
	entry, err := c.SessionAt(position).Get(ctx, api.Key{"a"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(entry.Value))
	// Output:
	// 1
}
