package cluster

import (
	"fmt"
	"testing"
	"time"
)

func TestPlanVoters(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	rules := DefaultTimings()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	voter := func(id string) server { return server{id: id, addr: "addr-" + id, voter: true} }
	nonvoter := func(id string) server { return server{id: id, addr: "addr-" + id} }
	is := func(id string, status Status, since time.Duration) peer {
		return peer{raftID: id, nodeID: id, addr: "addr-" + id, status: status, since: ago(since)}
	}
	alive := func(id string) peer { return is(id, Alive, time.Hour) }

	for _, c := range []struct {
		name    string
		servers []server
		peers   []peer
		want    string
		again   time.Duration
	}{
		{
			name:    "nothing to do",
			servers: []server{voter("a"), voter("b"), voter("c")},
			peers:   []peer{alive("a"), alive("b"), alive("c")},
			want:    "[]",
		},
		{
			name:    "a new member is added without a vote",
			servers: []server{voter("a")},
			peers:   []peer{alive("a"), alive("b")},
			want:    "[add b]",
			again:   rules.PromoteAfter,
		},
		{
			name:    "a member gets its vote after ten seconds",
			servers: []server{voter("a"), nonvoter("b"), nonvoter("c")},
			peers:   []peer{alive("a"), is("b", Alive, 10*time.Second), is("c", Alive, 4*time.Second)},
			want:    "[promote b]",
			again:   6 * time.Second,
		},
		{
			name:    "at most five vote, the longest living first",
			servers: []server{voter("a"), voter("b"), voter("c"), voter("d"), nonvoter("e"), nonvoter("f")},
			peers:   []peer{alive("a"), alive("b"), alive("c"), alive("d"), is("e", Alive, time.Minute), is("f", Alive, 2*time.Minute)},
			want:    "[promote f]",
		},
		{
			name:    "who left is removed at once, even the second of two",
			servers: []server{voter("a"), voter("b")},
			peers:   []peer{alive("a"), is("b", Left, 0)},
			want:    "[remove b]",
		},
		{
			name:    "the leader does not remove itself",
			servers: []server{voter("a"), voter("b"), voter("c")},
			peers:   []peer{is("a", Left, 0), alive("b"), alive("c")},
			want:    "[]",
		},
		{
			name:    "no more than a minority of voters is removed in one pass",
			servers: []server{voter("a"), voter("b"), voter("c"), voter("d"), voter("e")},
			peers:   []peer{alive("a"), alive("b"), is("c", Left, 0), is("d", Left, 0), is("e", Left, 0)},
			want:    "[remove c remove d]",
		},
		{
			name:    "leaves and deaths share the minority",
			servers: []server{voter("a"), voter("b"), voter("c")},
			peers:   []peer{alive("a"), is("b", Left, 0), is("c", Dead, 73*time.Hour)},
			want:    "[remove b]",
		},
		{
			name:    "non-voters are removed without a limit",
			servers: []server{voter("a"), nonvoter("b"), nonvoter("c")},
			peers:   []peer{alive("a"), is("b", Left, 0), is("c", Dead, 73*time.Hour)},
			want:    "[remove b remove c]",
		},
		{
			name:    "the dead keep their seat for three days",
			servers: []server{voter("a"), voter("b"), voter("c")},
			peers:   []peer{alive("a"), alive("b"), is("c", Dead, 71*time.Hour)},
			want:    "[]",
		},
		{
			name:    "then they lose it",
			servers: []server{voter("a"), voter("b"), voter("c")},
			peers:   []peer{alive("a"), alive("b"), is("c", Dead, 73*time.Hour)},
			want:    "[remove c]",
		},
		{
			name:    "the second of two voters is never removed for being dead",
			servers: []server{voter("a"), voter("b")},
			peers:   []peer{alive("a"), is("b", Dead, 100*time.Hour)},
			want:    "[]",
		},
		{
			name:    "another start of a node replaces the dead one at once",
			servers: []server{voter("a"), voter("b"), voter("c.1")},
			peers: []peer{
				alive("a"), alive("b"),
				{raftID: "c.1", nodeID: "c", addr: "addr-c.1", status: Dead, since: now},
				{raftID: "c.2", nodeID: "c", addr: "addr-c.2", status: Alive, since: now},
			},
			want:  "[remove c.1 add c.2]",
			again: rules.PromoteAfter,
		},
		{
			name:    "another node on the same address replaces the dead one",
			servers: []server{voter("a"), voter("b"), voter("c")},
			peers: []peer{
				alive("a"), alive("b"), is("c", Dead, time.Second),
				{raftID: "d", nodeID: "d", addr: "addr-c", status: Alive, since: now},
			},
			want:  "[remove c add d]",
			again: rules.PromoteAfter,
		},
		{
			name:    "a new address changes nothing",
			servers: []server{voter("a"), voter("b")},
			peers:   []peer{alive("a"), {raftID: "b", nodeID: "b", addr: "elsewhere", status: Alive, since: ago(time.Hour)}},
			want:    "[]",
		},
		{
			name:    "a server that gossip does not mention is left alone",
			servers: []server{voter("a"), voter("b"), voter("c")},
			peers:   []peer{alive("a")},
			want:    "[]",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			changes, again := planVoters(c.servers, c.peers, "a", now, rules)
			var got []string
			for _, ch := range changes {
				got = append(got, [...]string{remove: "remove", add: "add", promote: "promote"}[ch.kind]+" "+ch.id)
			}
			if fmt.Sprint(got) != c.want || again != c.again {
				t.Errorf("plan = %v again in %v, want %v in %v", got, again, c.want, c.again)
			}
		})
	}
}
