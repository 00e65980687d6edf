package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/buntime/keyval/internal/authority"
	"github.com/buntime/keyval/internal/wholefile"
)

// secretsDir holds the secrets of a cluster: in authority/ what makes them, which no
// node needs, and in nodes/NAME/ what one node is given. Which keys and authorities
// there are beside the current ones, next to come or old, says how far a rotation is.
type secretsDir string

// A rotated secret is made, and is in a file of authority/ for each of its slots.
type rotated struct {
	file string // with %s for the slot
	make func() ([]byte, error)
}

const (
	current = ""
	next    = "-next"
	old     = "-old"
)

var (
	gossipKey     = rotated{"gossip%s.key", newGossipKey}
	raftAuthority = rotated{"raft-ca%s.pem", newRaftAuthority}
)

// raftName is in all certificates, so that nodes know each other whatever their address.
const raftName = "keyval"

func newGossipKey() ([]byte, error) {
	var key [32]byte
	_, err := rand.Read(key[:])
	return []byte(base64.StdEncoding.EncodeToString(key[:]) + "\n"), err
}

func newRaftAuthority() ([]byte, error) {
	a, err := authority.New("keyval raft", time.Now())
	if err != nil {
		return nil, err
	}
	return a.PEM()
}

func (d secretsDir) path(r rotated, slot string) string {
	return filepath.Join(string(d), "authority", fmt.Sprintf(r.file, slot))
}

func (d secretsDir) node(name, file string) string {
	return filepath.Join(string(d), "nodes", name, file)
}

// nodes are the names of those that have been given secrets.
func (d secretsDir) nodes() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(string(d), "nodes"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

// found makes what there is none of yet.
func (d secretsDir) found() error {
	for _, r := range []rotated{gossipKey, raftAuthority} {
		if exists(d.path(r, current)) || exists(d.path(r, next)) {
			continue
		}
		if err := d.fill(r, current); err != nil {
			return err
		}
	}
	return nil
}

func (d secretsDir) fill(r rotated, slot string) error {
	content, err := r.make()
	if err != nil {
		return err
	}
	return writeSecret(d.path(r, slot), content)
}

// advance does the next step of a rotation and returns its number. A step that was cut
// off is finished.
func (d secretsDir) advance(r rotated) (step int, err error) {
	now, coming, gone := d.path(r, current), d.path(r, next), d.path(r, old)
	switch {
	case exists(coming):
		if exists(now) {
			err = os.Rename(now, gone)
		}
		if err == nil {
			err = os.Rename(coming, now)
		}
		return 2, err
	case exists(gone):
		return 3, os.Remove(gone)
	case exists(now):
		return 1, d.fill(r, next)
	}
	return 0, fmt.Errorf("%s is not there; make the secrets first, with --node", now)
}

// share gives a node the gossip keys and authorities that it needs now.
func (d secretsDir) share(name string) error {
	files, err := d.shared()
	if err != nil {
		return err
	}
	for file, content := range files {
		if err := writeSecret(d.node(name, file), content); err != nil {
			return err
		}
	}
	return nil
}

// behind tells whether a node has not what share would give it: a step was cut off.
func (d secretsDir) behind(name string) (bool, error) {
	files, err := d.shared()
	if err != nil {
		return false, err
	}
	for file, content := range files {
		has, err := os.ReadFile(d.node(name, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if !bytes.Equal(has, content) {
			return true, nil
		}
	}
	return false, nil
}

// shared are the files that are the same for all nodes.
func (d secretsDir) shared() (map[string][]byte, error) {
	keys, err := d.all(gossipKey)
	if err != nil {
		return nil, err
	}
	authorities, err := d.all(raftAuthority)
	if err != nil {
		return nil, err
	}
	var bundle []byte
	for _, text := range authorities {
		a, err := authority.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("an authority in %s: %w", filepath.Join(string(d), "authority"), err)
		}
		bundle = append(bundle, a.CertPEM()...)
	}
	return map[string][]byte{"gossip.keys": slices.Concat(keys...), "raft-ca.pem": bundle}, nil
}

// all are the contents of a secret's files, the current one first.
func (d secretsDir) all(r rotated) (contents [][]byte, err error) {
	for _, slot := range []string{current, next, old} {
		content, err := os.ReadFile(d.path(r, slot))
		if errors.Is(err, fs.ErrNotExist) && slot != current {
			continue
		}
		if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}

// issue gives a node a new key and certificate, for hosts and the name of all nodes.
func (d secretsDir) issue(name string, hosts []string) error {
	text, err := os.ReadFile(d.path(raftAuthority, current))
	if err != nil {
		return err
	}
	a, err := authority.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", d.path(raftAuthority, current), err)
	}
	if !slices.Contains(hosts, raftName) {
		hosts = append(slices.Clone(hosts), raftName)
	}
	cert, key, err := a.Issue(name, hosts, time.Now())
	if err != nil {
		return err
	}
	if err := writeSecret(d.node(name, "raft.key"), key); err != nil {
		return err
	}
	return writeSecret(d.node(name, "raft.pem"), cert)
}

// renew gives a node a new key and certificate for the hosts of the one that it has.
func (d secretsDir) renew(name string) error {
	file := d.node(name, "raft.pem")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	hosts, err := authority.Hosts(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return d.issue(name, hosts)
}

// writeSecret puts content in the place of a file, whole or not at all, for the owner
// alone.
func writeSecret(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return wholefile.Replace(file, content, nil)
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}
