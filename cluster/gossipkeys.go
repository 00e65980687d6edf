package cluster

import (
	"bytes"
	"errors"
	"slices"

	"github.com/hashicorp/memberlist"
)

// SetGossipKeys changes Config.GossipKeys of a node that runs; the first key encrypts
// from now on. Keys have the lengths that CheckGossipKeys wants, and there must have been
// one before: members that encrypt and such that do not are none to each other.
func (c *Cluster) SetGossipKeys(keys [][]byte) error {
	if err := CheckGossipKeys(keys); err != nil {
		return err
	}
	if len(keys) == 0 || c.keyring == nil {
		return errors.New("encryption is neither begun nor ended while a node runs; restart it")
	}
	c.rekeying.Lock()
	defer c.rekeying.Unlock()
	return rekey(c.keyring, keys)
}

// rekey makes a ring hold these keys. What others still encrypt can be read at each
// moment between.
func rekey(ring *memberlist.Keyring, keys [][]byte) error {
	for _, key := range keys {
		if err := ring.AddKey(key); err != nil {
			return err
		}
	}
	if err := ring.UseKey(keys[0]); err != nil {
		return err
	}
	if !endsWithUnwanted(ring.GetKeys(), keys) {
		for _, key := range slices.Backward(keys) {
			if err := ring.UseKey(key); err != nil {
				return err
			}
		}
	}
	for _, key := range slices.Backward(slices.Clone(ring.GetKeys())) {
		if !contains(keys, key) {
			if err := ring.RemoveKey(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// endsWithUnwanted tells whether the keys that are to go stand behind all others. Only
// there does the library remove one without moving others in a list that packets are
// being decrypted with.
func endsWithUnwanted(have, want [][]byte) bool {
	first := slices.IndexFunc(have, func(key []byte) bool { return !contains(want, key) })
	return first < 0 || !slices.ContainsFunc(have[first:], func(key []byte) bool { return contains(want, key) })
}

func contains(keys [][]byte, key []byte) bool {
	return slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) })
}
