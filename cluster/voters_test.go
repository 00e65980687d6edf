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
		return peer{
			raftID: id, nodeID: id, addr: "addr-" + id, status: status, since: ago(since),
			answers: status == Alive, caughtUp: status == Alive, silent: time.Minute,
		}
	}
	leaving := func(id string) peer {
		p := is(id, Left, 0)
		p.answers = true
		return p
	}
	mute := func(id string) peer {
		p := is(id, Alive, time.Hour)
		p.answers, p.silent = false, 29*time.Second
		return p
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
			servers: []server{voter("a"), voter("b"), voter("c"), nonvoter("d"), nonvoter("e")},
			peers:   []peer{alive("a"), alive("b"), alive("c"), is("d", Alive, 10*time.Second), is("e", Alive, 4*time.Second)},
			want:    "[promote d]",
			again:   6 * time.Second,
		},
		{
			name:    "the second voter gets its vote after ten seconds, if there is no third",
			servers: []server{voter("a"), nonvoter("b")},
			peers:   []peer{alive("a"), is("b", Alive, 4*time.Second)},
			want:    "[]",
			again:   6 * time.Second,
		},
		{
			name:    "then it votes, though two are needed now",
			servers: []server{voter("a"), nonvoter("b")},
			peers:   []peer{alive("a"), is("b", Alive, 10*time.Second)},
			want:    "[promote b]",
		},
		{
			name:    "the second and third voter get their votes at once and together, others wait",
			servers: []server{voter("a"), nonvoter("b"), nonvoter("c"), nonvoter("d")},
			peers:   []peer{alive("a"), is("b", Alive, time.Second), is("c", Alive, 0), is("d", Alive, 0)},
			want:    "[promote b promote c]",
			again:   rules.PromoteAfter,
		},
		{
			name:    "so does the third of two",
			servers: []server{voter("a"), voter("b"), nonvoter("c")},
			peers:   []peer{alive("a"), alive("b"), is("c", Alive, 0)},
			want:    "[promote c]",
		},
		{
			name:    "who does not answer raft is not promoted, and does not make two",
			servers: []server{voter("a"), nonvoter("b"), nonvoter("c")},
			peers:   []peer{alive("a"), is("b", Alive, time.Second), mute("c")},
			want:    "[]",
			again:   9 * time.Second,
		},
		{
			name:    "a replacement takes a dead voter's seat, which is free first",
			servers: []server{voter("a"), voter("b"), voter("c"), nonvoter("d")},
			peers:   []peer{alive("a"), alive("b"), is("c", Dead, 0), alive("d")},
			want:    "[remove c promote d]",
		},
		{
			name:    "but not before its ten seconds",
			servers: []server{voter("a"), voter("b"), voter("c"), nonvoter("d")},
			peers:   []peer{alive("a"), alive("b"), is("c", Dead, 0), is("d", Alive, 0)},
			want:    "[]",
			again:   rules.PromoteAfter,
		},
		{
			name:    "and not while it does not answer",
			servers: []server{voter("a"), voter("b"), voter("c"), nonvoter("d")},
			peers:   []peer{alive("a"), alive("b"), is("c", Dead, 0), mute("d")},
			want:    "[]",
		},
		{
			name:    "two replacements take the seats of two dead of five, the longest dead's first",
			servers: []server{voter("a"), voter("b"), voter("c"), voter("d"), voter("e"), nonvoter("f"), nonvoter("g")},
			peers: []peer{
				alive("a"), alive("b"), alive("c"), is("d", Dead, time.Minute), is("e", Dead, time.Hour), alive("f"), alive("g"),
			},
			want: "[remove e promote f remove d promote g]",
		},
		{
			name:    "one replacement takes one seat",
			servers: []server{voter("a"), voter("b"), voter("c"), voter("d"), voter("e"), nonvoter("f")},
			peers:   []peer{alive("a"), alive("b"), alive("c"), is("d", Dead, 0), is("e", Dead, 0), alive("f")},
			want:    "[remove d promote f]",
		},
		{
			name:    "two dead of five keep their seats while nobody takes them",
			servers: []server{voter("a"), voter("b"), voter("c"), voter("d"), voter("e")},
			peers:   []peer{alive("a"), alive("b"), alive("c"), is("d", Dead, time.Hour), is("e", Dead, time.Hour)},
			want:    "[]",
		},
		{
			name:    "a dead voter that makes their number even is removed: it could only cost",
			servers: []server{voter("a"), voter("b"), voter("c"), voter("d")},
			peers:   []peer{alive("a"), alive("b"), alive("c"), is("d", Dead, 0)},
			want:    "[remove d]",
		},
		{
			name:    "whom raft still reaches is not dead",
			servers: []server{voter("a"), voter("b"), voter("c"), voter("d")},
			peers: []peer{alive("a"), alive("b"), alive("c"), func() peer {
				p := is("d", Dead, 0)
				p.answers = true
				return p
			}()},
			want: "[]",
		},
		{
			name:    "a living voter that raft does not reach gives its seat to another after half a minute",
			servers: []server{voter("a"), voter("b"), voter("c"), nonvoter("d")},
			peers: []peer{alive("a"), alive("b"), func() peer {
				p := mute("c")
				p.silent = 30 * time.Second
				return p
			}(), alive("d")},
			want: "[demote c promote d]",
		},
		{
			name:    "a promotion that needs more votes must not need the new one's",
			servers: []server{voter("a"), voter("b"), voter("c"), nonvoter("d")},
			peers:   []peer{alive("a"), alive("b"), mute("c"), alive("d")},
			want:    "[]",
		},
		{
			name:    "of six living voters the youngest gives its vote back",
			servers: []server{voter("a"), voter("b"), voter("c"), voter("d"), voter("e"), voter("f")},
			peers: []peer{
				is("a", Alive, 0), alive("b"), alive("c"), is("d", Alive, time.Minute), alive("e"), alive("f"),
			},
			want: "[demote d]",
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
			again:   rules.LeaveWait / 10,
		},
		{
			name:    "who leaves waits until those that stay answer",
			servers: []server{voter("a"), voter("b"), voter("c")},
			peers:   []peer{alive("a"), mute("b"), leaving("c")},
			want:    "[]",
			again:   rules.LeaveWait / 10,
		},
		{
			name:    "or until the dead are gone that would need it",
			servers: []server{voter("a"), voter("b"), voter("c")},
			peers:   []peer{alive("a"), is("b", Dead, 0), leaving("c")},
			want:    "[remove b]",
			again:   rules.LeaveWait / 10,
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
			name:    "a node has no second vote while its last start is not known to be dead",
			servers: []server{voter("a"), voter("b"), voter("c.1"), nonvoter("c.2")},
			peers: []peer{
				alive("a"), alive("b"),
				{raftID: "c.1", nodeID: "c", addr: "addr-c.1", status: Alive, since: ago(time.Hour), answers: true, caughtUp: true},
				{raftID: "c.2", nodeID: "c", addr: "addr-c.2", status: Alive, since: ago(time.Minute), answers: true, caughtUp: true},
			},
			want: "[]",
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
				got = append(got, [...]string{remove: "remove", add: "add", promote: "promote", demote: "demote"}[ch.kind]+" "+ch.id)
			}
			if fmt.Sprint(got) != c.want || again != c.again {
				t.Errorf("plan = %v again in %v, want %v in %v", got, again, c.want, c.again)
			}
		})
	}
}
