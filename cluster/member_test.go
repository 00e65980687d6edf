package cluster

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/buntime/keyval/internal/await"
)

func testConfig() Config {
	return Config{NodeID: "self", BootID: "1", DatabaseID: "db"}.withDefaults()
}

func gossipNode(t *testing.T, name string, m meta) *memberlist.Node {
	t.Helper()
	p, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	return &memberlist.Node{Name: name, Addr: net.IPv4(10, 0, 0, 1).To4(), Port: 7946, Meta: p}
}

func TestAMemberThatIsSilentForTwoRoundsIsSuspected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(testConfig())
		n := gossipNode(t, "other.1", meta{})
		d.NotifyJoin(n)
		status := func() bool { return d.suspected(d.others()[0], 3) }
		await.Pass(4 * time.Second)
		if status() {
			t.Error("suspected after 4 s, want two rounds of 2 s and an answer's time")
		}
		d.NotifyPingComplete(n, 0, nil)
		await.Pass(4 * time.Second)
		if status() {
			t.Error("suspected 4 s after its last answer")
		}
		await.Pass(time.Second)
		if !status() {
			t.Error("not suspected 5 s after its last answer")
		}
		d.NotifyLeave(n)
		if d.snapshot()[0].status != Dead {
			t.Errorf("status after its death = %v, want dead", d.snapshot()[0].status)
		}
	})
}

func TestALeaveThatWasAnnouncedIsNoDeath(t *testing.T) {
	t.Parallel()
	d := newDirectory(testConfig())
	d.NotifyJoin(gossipNode(t, "other.1", meta{}))
	d.NotifyUpdate(gossipNode(t, "other.1", meta{Leaving: true}))
	d.NotifyLeave(gossipNode(t, "other.1", meta{Leaving: true}))
	if got := d.snapshot()[0].status; got != Left {
		t.Errorf("status = %v, want left", got)
	}
}

func TestWhoLeftIsForgottenAndTheDeadAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(testConfig())
		d.NotifyLeave(gossipNode(t, "gone.1", meta{Leaving: true}))
		await.Pass(11 * time.Minute)
		d.NotifyJoin(gossipNode(t, "other.1", meta{}))
		if got := len(d.snapshot()); got != 1 {
			t.Errorf("%d records after ten minutes, want 1", got)
		}
		for i := range 2 * maxRecords {
			d.NotifyLeave(gossipNode(t, "dead."+strings.Repeat("x", i%60)+string(rune('a'+i/60)), meta{}))
		}
		if got := len(d.snapshot()); got > maxRecords {
			t.Errorf("%d records, want at most %d", got, maxRecords)
		}
		if len(d.others()) != 1 {
			t.Error("a living member was forgotten")
		}
	})
}

func TestOnlyTheLatestDeadWithoutALivingStartAreCalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(testConfig())
		d.NotifyJoin(gossipNode(t, "back.2", meta{}))
		d.NotifyLeave(gossipNode(t, "back.1", meta{}))
		d.NotifyLeave(gossipNode(t, "left.1", meta{Leaving: true}))
		if got := d.deadAddrs(); len(got) != 0 {
			t.Errorf("dead = %v, want none", got)
		}
		for i := range 2 * maxDead {
			n := gossipNode(t, "dead."+strconv.Itoa(i), meta{})
			n.Port = uint16(i)
			d.NotifyLeave(n)
			await.Pass(time.Second)
		}
		got := d.deadAddrs()
		if len(got) != maxDead || got[0] != "10.0.0.1:31" || got[maxDead-1] != "10.0.0.1:16" {
			t.Errorf("dead = %v, want the latest %d", got, maxDead)
		}
		await.Pass(73 * time.Hour)
		d.NotifyJoin(gossipNode(t, "other.1", meta{}))
		if got := d.deadAddrs(); len(got) != 0 {
			t.Errorf("dead after three days = %v, want none", got)
		}
	})
}

func TestTheLivingStartOfANodeSpeaksForIt(t *testing.T) {
	t.Parallel()
	d := newDirectory(testConfig())
	d.NotifyJoin(gossipNode(t, "other.new", meta{StartedMs: 2, RaftAddr: "new"}))
	d.NotifyLeave(gossipNode(t, "other.old", meta{StartedMs: 1, RaftAddr: "old"}))
	d.NotifyLeave(gossipNode(t, "other.skewed", meta{StartedMs: 3, RaftAddr: "skewed"}))
	if got, ok := d.addressOf("other"); got != "new" || !ok {
		t.Errorf("address = %q %v, want new", got, ok)
	}
	if _, ok := d.addressOf("nobody"); ok {
		t.Error("an address was found for nobody")
	}
}

func TestMetadataFitsIntoGossip(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.HTTPAddr = strings.Repeat("h", 253) + ":65535"
	m := cfg.largestMeta()
	p, err := m.encode()
	if err != nil || len(p) > maxMeta {
		t.Errorf("%d bytes, %v, want at most %d", len(p), err, maxMeta)
	}
}
