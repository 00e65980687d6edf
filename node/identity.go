package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// identity is the node's id: the one that was set, the one that the data
// directory keeps, or a new one.
func identity(cfg Config) (string, error) {
	if cfg.NodeID != "" || cfg.Ephemeral {
		if cfg.NodeID == "" {
			return uuid.NewString(), nil
		}
		return cfg.NodeID, nil
	}
	file := filepath.Join(cfg.DataDir, "node-id")
	kept, err := os.ReadFile(file)
	if err == nil && strings.TrimSpace(string(kept)) != "" {
		return strings.TrimSpace(string(kept)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", badSetting("data-dir", "cannot be read: %v", err)
	}
	id := uuid.NewString()
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return "", badSetting("data-dir", "cannot be made: %v", err)
	}
	if err := os.WriteFile(file, []byte(id+"\n"), 0o600); err != nil {
		return "", badSetting("data-dir", "cannot be written: %v", err)
	}
	return id, nil
}
