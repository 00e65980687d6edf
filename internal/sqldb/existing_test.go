package sqldb_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

func TestADatabaseThatMustExistIsNotMade(t *testing.T) {
	t.Parallel()
	t.Run("no file", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		_, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: "file:" + filepath.Join(dir, "typo.db"), MustExist: true})
		wantNoSchema(t, err, "typo.db: no such file")
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("it left %v behind", left)
		}
	})
	t.Run("somebody else's file", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "other.db")
		mustExec(t, openRaw(t, "file:"+file), "CREATE TABLE others (n)")
		before := mustReadFile(t, file)
		_, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: "file:" + file, MustExist: true})
		wantNoSchema(t, err, "")
		if !bytes.Equal(mustReadFile(t, file), before) {
			t.Error("it changed the file")
		}
	})
	t.Run("an empty server", func(t *testing.T) {
		t.Parallel()
		primary := nodetest.MustStartPrimary(t)
		_, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: primary.HTTPURL(), MustExist: true})
		wantNoSchema(t, err, "")
		if tables, err := primary.Query(t.Context(), "SELECT count(*) FROM sqlite_master"); err != nil || !strings.Contains(tables, "0") {
			t.Errorf("it made tables: %s, %v", tables, err)
		}
	})
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		for _, address := range []string{embeddedURL(t), nodetest.MustStartPrimary(t).HTTPURL()} {
			if err := open(t, sqldb.Config{PrimaryURL: address}).Close(); err != nil {
				t.Fatal(err)
			}
			open(t, sqldb.Config{PrimaryURL: address, MustExist: true})
		}
	})
}

func wantNoSchema(t *testing.T, err error, says string) {
	t.Helper()
	if !errors.Is(err, sqldb.ErrNoSchema) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want ErrNoSchema that says %q", err, says)
	}
}

func mustReadFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestAFileThatCannotBeMadeIsNamedWithTheReason(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "no-such-directory", "keyval.db")
	_, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: "file:" + path})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the file and that the directory is not there", err)
	}
}

func TestAServerThatWantsATokenIsTold(t *testing.T) {
	t.Parallel()
	binary, err := nodetest.FindSqld()
	nodetest.Check(t, err)
	addr := nodetest.MustReserveAddr(t)
	server := nodetest.NewProcess(nodetest.Command{Path: binary, Args: []string{
		"--no-welcome", "-d", t.TempDir(), "--http-listen-addr", addr, "--http-auth", "basic:aHVzaDpodXNo"}})
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	await.That(t, "it refuses the token", func() bool {
		_, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: "http://" + addr, Token: "wrong"})
		return sqldb.RefusesToken(err)
	})
}
