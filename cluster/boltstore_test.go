package cluster

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	bolt "go.etcd.io/bbolt"
)

func openBolt(t *testing.T, path string) (*boltStore, func()) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newBoltStore(db)
	if err != nil {
		t.Fatal(err)
	}
	return s, func() { _ = db.Close() }
}

func TestTheLogIsThereAfterReopening(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "raft.db")
	s, shut := openBolt(t, path)
	var logs []*raft.Log
	for i := uint64(1); i <= 300; i++ {
		logs = append(logs, &raft.Log{
			Index: i, Term: i / 10, Type: raft.LogConfiguration, Data: []byte{0, byte(i), 255},
			Extensions: []byte("x"), AppendedAt: time.Unix(int64(i), 5).UTC(),
		})
	}
	if err := s.StoreLogs(logs); err != nil {
		t.Fatal(err)
	}
	if err := s.SetUint64([]byte("CurrentTerm"), 1<<63+1); err != nil {
		t.Fatal(err)
	}
	shut()

	s, shut = openBolt(t, path)
	defer shut()
	for _, want := range logs {
		var got raft.Log
		if err := s.GetLog(want.Index, &got); err != nil || !reflect.DeepEqual(got, *want) {
			t.Fatalf("log %d = %+v, %v, want %+v", want.Index, got, err, want)
		}
	}
	if got, err := s.GetUint64([]byte("CurrentTerm")); got != 1<<63+1 || err != nil {
		t.Errorf("term = %d, %v", got, err)
	}
}

func TestDeleteRangeDeletesBothEndsAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name               string
		from, to           uint64
		first, last, count uint64
	}{
		{"the head", 1, 40, 41, 100, 60},
		{"the tail", 61, 100, 1, 60, 60},
		{"more than there is", 61, 1 << 40, 1, 60, 60},
		{"all", 1, 100, 0, 0, 0},
		{"one", 100, 100, 1, 99, 99},
		{"none", 101, 200, 1, 100, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, shut := openBolt(t, filepath.Join(t.TempDir(), "raft.db"))
			defer shut()
			var logs []*raft.Log
			for i := uint64(1); i <= 100; i++ {
				logs = append(logs, &raft.Log{Index: i})
			}
			if err := s.StoreLogs(logs); err != nil {
				t.Fatal(err)
			}
			if err := s.DeleteRange(c.from, c.to); err != nil {
				t.Fatal(err)
			}
			first, _ := s.FirstIndex()
			last, _ := s.LastIndex()
			if first != c.first || last != c.last {
				t.Errorf("log = %d to %d, want %d to %d", first, last, c.first, c.last)
			}
			var n uint64
			for i := uint64(1); i <= 100; i++ {
				var log raft.Log
				if err := s.GetLog(i, &log); err == nil {
					n++
				} else if !errors.Is(err, raft.ErrLogNotFound) {
					t.Fatal(err)
				}
			}
			if n != c.count {
				t.Errorf("%d entries are left, want %d", n, c.count)
			}
		})
	}
}

func TestAMissingStableKeyIsWhatRaftExpects(t *testing.T) {
	t.Parallel()
	s, shut := openBolt(t, filepath.Join(t.TempDir(), "raft.db"))
	defer shut()
	if _, err := s.GetUint64([]byte("CurrentTerm")); err == nil || err.Error() != "not found" {
		t.Errorf("error = %v, want \"not found\"", err)
	}
	if has, err := raft.HasExistingState(s, s, raft.NewDiscardSnapshotStore()); has || err != nil {
		t.Errorf("an empty store has state: %v, %v", has, err)
	}
}
