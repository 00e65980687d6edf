package client_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

func TestAConflictSaysWhichKeys(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	key := api.Key{"k"}
	is := must(c.Put(ctx, key, 1))(t)
	_, err := c.Atomic().Check(key, "").Check(api.Key{"other"}, "").Set(key, 2).Commit(ctx)
	var conflict *client.ConflictError
	if !errors.Is(err, client.ErrConflict) || !errors.As(err, &conflict) {
		t.Fatalf("error %v", err)
	}
	if len(conflict.Conflicts) != 1 || conflict.Conflicts[0].Versionstamp != is {
		t.Errorf("conflicts %v, want k at %s", conflict.Conflicts, is)
	}
	if got := must(c.Get(ctx, key))(t); string(got.Value) != "1" {
		t.Errorf("the value is %s", got.Value)
	}
}

func TestAnAtomicOperationDoesAllKinds(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	old := must(c.Put(ctx, api.Key{"old"}, 1))(t)
	commit := must(c.Atomic().
		CheckEntry(api.Entry{Key: api.Key{"old"}, Versionstamp: old}).
		Delete(api.Key{"old"}).
		Set(api.Key{"set"}, "v").
		Sum(api.Key{"sum"}, 2).Sum(api.Key{"sum"}, 3).
		Min(api.Key{"min"}, 2).Min(api.Key{"min"}, 1).
		Max(api.Key{"max"}, 2).Max(api.Key{"max"}, 1).
		Append(api.Key{"list"}, 2, 3).Prepend(api.Key{"list"}, 0, 1).Append(api.Key{"list"}).
		Mutate(api.Mutation{Type: api.MutationSet, Key: api.Key{"raw"}, Value: []byte("7")}).
		Enqueue("a", 1).Enqueue("b", 2, client.Priority(3)).
		Commit(ctx))(t)
	if len(commit.IDs) != 2 {
		t.Errorf("ids %v, want 2", commit.IDs)
	}
	got := ""
	for _, e := range must(c.List(ctx, api.ListRequest{}))(t) {
		got += fmt.Sprintf("%v=%s ", e.Key[0], e.Value)
	}
	if want := `list=[0,1,2,3] max=2 min=1 raw=7 set="v" sum=5 `; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestACommitTellsItsFirstMistake(t *testing.T) {
	c, n := startClient(t)
	_, err := c.Atomic().Set(api.Key{"a"}, 1).Set(api.Key{"b"}, make(chan int)).Set(api.Key{"c"}, func() {}).Commit(testContext(t))
	if err == nil || err.Error() != "keyval: atomic: mutation 2: json: unsupported type: chan int" {
		t.Errorf("error %v", err)
	}
	if got := len(n.seen()); got != 0 {
		t.Errorf("%d requests", got)
	}
}

func TestTransactionsAreSerialisable(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	const workers, rounds = 4, 10
	counter := api.Key{"n"}
	must(c.Put(ctx, counter, 0))(t)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				_, err := c.RunTransaction(ctx, func(tx *client.Tx) error {
					entry, err := tx.Get(counter)
					if err != nil {
						return err
					}
					n, err := client.Value[int](entry)
					if err != nil {
						return err
					}
					tx.Set(counter, n+1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := must(c.Get(ctx, counter))(t); string(got.Value) != strconv.Itoa(workers*rounds) {
		t.Errorf("counted %s, want %d", got.Value, workers*rounds)
	}
}

func TestATransactionIsRunAgain(t *testing.T) {
	for name, interfere := range map[string]func(context.Context, *client.Client, *node) error{
		"when a key that it read has changed": func(ctx context.Context, c *client.Client, _ *node) error {
			_, err := c.Put(ctx, api.Key{"read"}, 1)
			return err
		},
		"when a key has come into a range": func(ctx context.Context, c *client.Client, _ *node) error {
			_, err := c.Put(ctx, api.Key{"range", "new"}, 1)
			return err
		},
		"when its snapshot is too old": func(ctx context.Context, c *client.Client, n *node) error {
			_, err := c.Put(ctx, api.Key{"other"}, 1)
			n.compact()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, n := startClient(t)
			ctx := testContext(t)
			runs := 0
			_, err := c.RunTransaction(ctx, func(tx *client.Tx) error {
				runs++
				if _, err := tx.Get(api.Key{"read"}); err != nil {
					return err
				}
				if _, err := tx.List(api.Read{Prefix: api.Key{"range"}}); err != nil {
					return err
				}
				tx.Set(api.Key{"result"}, runs)
				if runs == 1 {
					return interfere(ctx, c, n)
				}
				return nil
			})
			if err != nil || runs != 2 {
				t.Errorf("%d runs, error %v; want 2", runs, err)
			}
			if got := must(c.Get(ctx, api.Key{"result"}))(t); string(got.Value) != "2" {
				t.Errorf("the result is of run %s", got.Value)
			}
		})
	}
}

func TestALaterReadOfATransactionIsOfTheSameSnapshot(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	a, b := api.Key{"a"}, api.Key{"b"}
	set := func(v int) { must(c.Atomic().Set(a, v).Set(b, v).Commit(ctx))(t) }
	set(1)
	runs := 0
	commit, err := c.RunTransaction(ctx, func(tx *client.Tx) error {
		runs++
		first, err := tx.Get(a)
		if err != nil {
			return err
		}
		if runs == 1 {
			set(2)
		}
		second, err := tx.Get(b)
		if err != nil {
			// Making something else of a conflict does not hide it.
			return errors.New("something else")
		}
		if string(first.Value) != string(second.Value) {
			t.Errorf("saw a=%s with b=%s", first.Value, second.Value)
		}
		return nil
	})
	if err != nil || runs != 2 || commit.Versionstamp == "" {
		t.Errorf("%d runs, commit %v, error %v; want 2", runs, commit, err)
	}
}

func TestATransactionThatFailsWritesNothing(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	mine := errors.New("not enough money")
	_, err := c.RunTransaction(ctx, func(tx *client.Tx) error {
		tx.Set(api.Key{"k"}, 1)
		tx.Delete(api.Key{"k"})
		tx.Sum(api.Key{"n"}, 1)
		tx.Append(api.Key{"l"}, 1)
		tx.Enqueue("q", 1)
		return mine
	})
	if !errors.Is(err, mine) || len(n.seen()) != 0 {
		t.Errorf("error %v after %d requests", err, len(n.seen()))
	}
}

func TestATransactionGivesUp(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	runs := 0
	_, err := c.RunTransaction(ctx, func(tx *client.Tx) error {
		runs++
		if _, err := tx.Get(api.Key{"k"}); err != nil {
			return err
		}
		must(c.Put(ctx, api.Key{"k"}, runs))(t)
		tx.Set(api.Key{"mine"}, runs)
		return nil
	})
	if !errors.Is(err, client.ErrConflict) || runs != 20 {
		t.Errorf("%d runs, error %v; want 20 and a conflict", runs, err)
	}
}

func TestACommitWithALostAnswerHasItsEffectOnce(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	runs := 0
	must(c.RunTransaction(ctx, func(tx *client.Tx) error {
		runs++
		if _, err := tx.Get(api.Key{"n"}); err != nil {
			return err
		}
		tx.Sum(api.Key{"n"}, 1)
		n.spoil(cutAfter)
		return nil
	}))(t)
	if got := must(c.Get(ctx, api.Key{"n"}))(t); string(got.Value) != "1" || runs != 1 {
		t.Errorf("the sum is %s after %d runs, want 1 after 1", got.Value, runs)
	}
}
