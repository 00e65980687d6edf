package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// On disk, raft.db is boltStore's file, and "snapshots" has raft's own. Its bucket of
// stable values holds, beside raft's, the founding that the logs belong to:
//
//	KeyvalFounding  {"ID":"e162…","Generation":1,"NodeID":"0ec5…","BootID":"3f19…","Ephemeral":false,"Established":false,"Age":0}

var keyFounding = []byte("KeyvalFounding")

// store is raft's state and the founding that it belongs to: in memory, or in the
// folder "raft" of the data directory.
type store struct {
	logs     raft.LogStore
	stable   raft.StableStore
	snaps    raft.SnapshotStore
	closing  func() error
	founding Founding
	// hasState says that raft has been part of founding before this start.
	hasState bool
}

// openStore opens what is there or makes it. The caller closes it.
func openStore(cfg Config) (*store, error) {
	if cfg.Ephemeral {
		mem := raft.NewInmemStore()
		return &store{
			logs: mem, stable: mem, snaps: raft.NewInmemSnapshotStore(),
			closing: func() error { return nil },
		}, nil
	}
	st, err := openDiskStore(cfg)
	if err != nil {
		return nil, fmt.Errorf("data-dir %q: %w", cfg.DataDir, err)
	}
	return st, nil
}

func openDiskStore(cfg Config) (_ *store, err error) {
	dir := cfg.raftDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	db, err := bolt.Open(filepath.Join(dir, "raft.db"), 0o600, &bolt.Options{Timeout: 250 * time.Millisecond})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, errors.New("another process uses it")
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	disk, err := newBoltStore(db)
	if err != nil {
		return nil, err
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, hclogTo(cfg.Logger, nil))
	if err != nil {
		return nil, err
	}
	st := &store{logs: disk, stable: disk, snaps: snaps, closing: db.Close}
	if st.hasState, err = raft.HasExistingState(disk, disk, snaps); err != nil {
		return nil, err
	}
	return st, st.loadFounding()
}

func (st *store) close() { _ = st.closing() }

func (st *store) loadFounding() error {
	b, err := st.stable.Get(keyFounding)
	if err != nil && err.Error() != errNotFound.Error() {
		return err
	}
	if len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, &st.founding)
}

// keepFounding is called before raft takes part in f.
func (st *store) keepFounding(f Founding) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := st.stable.Set(keyFounding, b); err != nil {
		return fmt.Errorf("keep the founding: %w", err)
	}
	st.founding = f
	return nil
}
