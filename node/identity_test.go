package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADamagedNodeIDIsABadDataDirBeforeThereIsADatabase(t *testing.T) {
	t.Chdir(t.TempDir())
	cfg := DefaultConfig()
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.DataDir, "node-id"), []byte("a.b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), cfg)
	bad, ok := errors.AsType[*SettingError](err)
	if !ok || bad.Setting != "data-dir" || !strings.Contains(bad.Problem, `"a.b"`) {
		t.Errorf("got %v, want a bad data-dir that holds a.b", err)
	}
	if _, err := os.Stat("keyval.db"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the database: got %v, want none", err)
	}
}
