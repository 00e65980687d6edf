package cluster

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"testing"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/raft"
)

// What gossip says of a member: its name, its address and what it adds.
func FuzzMember(f *testing.F) {
	f.Add("node.boot", []byte(`{"v":"1","s":5,"r":"127.0.0.1:1","d":"x","c":"y","g":18446744073709551615,"e":true}`), []byte{127, 0, 0, 1}, uint16(1))
	f.Add("a.b.c", []byte(`{"s":1e400}`), []byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, name string, meta, ip []byte, port uint16) {
		n := &memberlist.Node{Name: name, Meta: meta, Addr: net.IP(ip), Port: port}
		r, err := newRecord(n)
		d := newDirectory(Config{NodeID: "self", BootID: "boot"})
		d.NotifyJoin(n)
		d.NotifyUpdate(n)
		d.NotifyLeave(n)
		if err != nil {
			if len(d.records) > 0 {
				t.Errorf("%q was refused (%v) and put down", name, err)
			}
			return
		}
		if id := r.raftID(); !idForm.MatchString(r.nodeID) || id == "" {
			t.Errorf("%q was accepted as the node %q, %q", name, r.nodeID, id)
		}
	})
}

// What others put into raft's log, and into its snapshots.
func FuzzMarker(f *testing.F) {
	f.Add([]byte(`{"node":"a","boot":"b","term":3}`))
	f.Add([]byte(`{"node":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s markerState
		got := s.Apply(&raft.Log{Data: data, Term: 7})
		if err, failed := got.(error); failed != !json.Valid(data) && !failed {
			t.Errorf("%q was applied: %v", data, err)
		}
		if m, ok := got.(marker); ok && m.Term != 7 {
			t.Errorf("%q has chosen its own term: %+v", data, m)
		}
		_ = new(markerState).Restore(io.NopCloser(bytes.NewReader(data)))
	})
}
