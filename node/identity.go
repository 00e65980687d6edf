package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/buntime/keyval/cluster"
)

// The file node-id of the data directory has the id that a node made for itself:
//
//	0ec5ef4c-b5c3-4605-a3a6-e3ceeef47acd

// identity is the node's id: the one that was set, the one that the data
// directory keeps, or a new one.
func identity(cfg Config) (string, error) {
	if cfg.Ephemeral && cfg.NodeID == "" {
		return uuid.NewString(), nil
	}
	kept, err := keptIdentity(cfg)
	if kept != "" || err != nil {
		return kept, err
	}
	id := uuid.NewString()
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return "", cannotUse("data-dir", err, "cannot be made: %v", err)
	}
	if err := os.WriteFile(identityFile(cfg), []byte(id+"\n"), 0o600); err != nil {
		return "", cannotUse("data-dir", err, "cannot be written: %v", err)
	}
	return id, nil
}

// keptIdentity is the id that was set, or that the data directory keeps; "" if
// there is none.
func keptIdentity(cfg Config) (string, error) {
	if cfg.NodeID != "" {
		return cfg.NodeID, nil
	}
	kept, err := os.ReadFile(identityFile(cfg))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", cannotUse("data-dir", err, "cannot be read: %v", err)
	}
	id := strings.TrimSpace(string(kept))
	if err := cluster.CheckNodeID(id); id != "" && err != nil {
		return "", badSetting("data-dir", "what its file node-id holds is no node's id: %v; write back the one that this node had", err)
	}
	return id, nil
}

func identityFile(cfg Config) string { return filepath.Join(cfg.DataDir, "node-id") }
