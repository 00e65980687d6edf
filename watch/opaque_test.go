package watch_test

import (
	"testing"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

func TestAWatchSeesOpaqueKeysWhereTheirBytesBelong(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		a := key(t, "a")
		high, below, beside := kv.Key("\xff\xff"), a+"\x99", a+"\xff"
		n.commit(t, set(high, "1"))
		everything := n.open(t, watch.Request{Keys: []kv.Key{""}, Prefixes: true, Initial: true, Limit: 100})
		prefix := n.open(t, watch.Request{Keys: []kv.Key{a}, Prefixes: true})
		exact := n.open(t, watch.Request{Keys: []kv.Key{high}, Initial: true})
		for _, s := range []*watch.Stream{everything, exact} {
			if got, want := show(next(t, s)), high.Path()+"=1"; got != want {
				t.Errorf("at the start: got %s, want %s", got, want)
			}
		}
		n.commit(t, set(high, "2"), set(below, "3"), set(beside, "4"))
		for s, want := range map[*watch.Stream]string{
			everything: below.Path() + "=3 " + beside.Path() + "=4 " + high.Path() + "=2",
			prefix:     below.Path() + "=3",
			exact:      high.Path() + "=2",
		} {
			if got := show(next(t, s)); got != want {
				t.Errorf("after a write: got %s, want %s", got, want)
			}
		}
	})
}
