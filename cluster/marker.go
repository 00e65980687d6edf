package cluster

import (
	"encoding/json"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// marker is what a new leader writes first. Once it is applied, everything of
// earlier leaders has been applied too. The entry of raft's log:
//
//	{"node":"0ec5ef4c-b5c3-4605-a3a6-e3ceeef47acd","boot":"3f19b33f-9e72-4d47-ab60-4317c8537314"}
type marker struct {
	Node string `json:"node"`
	Boot string `json:"boot"`
	Term uint64 `json:"term,omitempty"`
}

// markerState is the whole replicated state: the last marker. Everything else that
// the cluster must agree on is in the database.
type markerState struct {
	mu   sync.Mutex // covers last
	last marker
}

// Apply implements raft.FSM and returns the marker with its term.
func (s *markerState) Apply(l *raft.Log) any {
	var m marker
	if err := json.Unmarshal(l.Data, &m); err != nil {
		return err
	}
	m.Term = l.Term
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = m
	return m
}

// Snapshot implements raft.FSM.
func (s *markerState) Snapshot() (raft.FSMSnapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return markerSnapshot(s.last), nil
}

// Restore implements raft.FSM.
func (s *markerState) Restore(r io.ReadCloser) error {
	defer r.Close()
	var m marker
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = m
	return nil
}

type markerSnapshot marker

// Persist implements raft.FSMSnapshot.
func (s markerSnapshot) Persist(sink raft.SnapshotSink) error {
	if err := json.NewEncoder(sink).Encode(marker(s)); err != nil {
		_ = sink.Cancel()
		return err
	}
	return sink.Close()
}

// Release implements raft.FSMSnapshot.
func (s markerSnapshot) Release() {}
