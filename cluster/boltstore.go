package cluster

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/hashicorp/raft"
	bolt "go.etcd.io/bbolt"
)

// errNotFound has the text by which raft recognises a missing stable key.
var errNotFound = errors.New("not found")

var (
	bucketLogs   = []byte("logs")
	bucketStable = []byte("stable")
)

// boltStore is raft's LogStore and StableStore in one bbolt file. Every change is
// one transaction with fsync. Our log holds a few small entries per change of
// leader or member, so it needs durability, not speed.
//
//	logs    0000000000000003  {"Index":3,"Term":2,"Type":0,"Data":"eyJub2Rl…"}
//	stable  CurrentTerm       0000000000000002
//
// It stands in for raft-boltdb, which cannot be built with the go-metrics that raft
// 1.8 requires; see DESIGN.md.
type boltStore struct{ db *bolt.DB }

func newBoltStore(db *bolt.DB) (*boltStore, error) {
	err := db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketLogs, bucketStable} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	return &boltStore{db: db}, err
}

// FirstIndex implements raft.LogStore.
func (s *boltStore) FirstIndex() (uint64, error) {
	return s.edge(func(c *bolt.Cursor) ([]byte, []byte) { return c.First() })
}

// LastIndex implements raft.LogStore.
func (s *boltStore) LastIndex() (uint64, error) {
	return s.edge(func(c *bolt.Cursor) ([]byte, []byte) { return c.Last() })
}

func (s *boltStore) edge(move func(*bolt.Cursor) ([]byte, []byte)) (index uint64, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		if k, _ := move(tx.Bucket(bucketLogs).Cursor()); k != nil {
			index = binary.BigEndian.Uint64(k)
		}
		return nil
	})
	return index, err
}

// GetLog implements raft.LogStore.
func (s *boltStore) GetLog(index uint64, log *raft.Log) error {
	return s.db.View(func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketLogs).Get(uint64Key(index))
		if v == nil {
			return raft.ErrLogNotFound
		}
		*log = raft.Log{}
		return json.Unmarshal(v, log)
	})
}

// StoreLog implements raft.LogStore.
func (s *boltStore) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs implements raft.LogStore.
func (s *boltStore) StoreLogs(logs []*raft.Log) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(bucketLogs)
		for _, log := range logs {
			v, err := json.Marshal(log)
			if err != nil {
				return err
			}
			if err := bucket.Put(uint64Key(log.Index), v); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteRange implements raft.LogStore; both ends are deleted too.
func (s *boltStore) DeleteRange(first, last uint64) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(bucketLogs)
		var doomed [][]byte // a cursor must not step over what it deletes
		c := bucket.Cursor()
		for k, _ := c.Seek(uint64Key(first)); k != nil && binary.BigEndian.Uint64(k) <= last; k, _ = c.Next() {
			doomed = append(doomed, bytes.Clone(k))
		}
		for _, k := range doomed {
			if err := bucket.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// Set implements raft.StableStore.
func (s *boltStore) Set(key, val []byte) error {
	return s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketStable).Put(key, val) })
}

// Get implements raft.StableStore.
func (s *boltStore) Get(key []byte) (val []byte, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketStable).Get(key)
		if v == nil {
			return errNotFound
		}
		val = append([]byte{}, v...) // v is only valid inside the transaction
		return nil
	})
	return val, err
}

// SetUint64 implements raft.StableStore.
func (s *boltStore) SetUint64(key []byte, val uint64) error { return s.Set(key, uint64Key(val)) }

// GetUint64 implements raft.StableStore.
func (s *boltStore) GetUint64(key []byte) (uint64, error) {
	v, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(v), nil
}

// uint64Key sorts as the number does.
func uint64Key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
