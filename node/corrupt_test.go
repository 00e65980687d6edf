package node_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/node/nodetest"
)

// damage overwrites the second half of a file.
func damage(t *testing.T, name string) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	half := info.Size() / 2
	_, err = file.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size()-half)), half)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// What a damaged file does not show may be there all the same.
func TestACorruptDatabaseIsNamedAndNeverAnswersThatSomethingIsNotThere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keyval.db")
	config := nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: "file:" + file, Flags: []string{"--drain-delay", "0s"}}
	n := nodetest.MustStartNodeProcess(t, config)
	for _, key := range []api.Key{{"a"}, {"b"}} {
		if _, err := n.Client.Put(t.Context(), key, strings.Repeat("x", 1<<20-2)); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	damage(t, file)
	config.Dir = t.TempDir()
	n = nodetest.MustStartNodeProcess(t, config)
	for _, c := range []struct{ method, target string }{
		{"GET", "/keys/b"}, // which meets the damage
		{"GET", "/keys/missing"}, {"GET", "/keys/a"}, {"GET", "/keys?prefix="}, {"GET", "/keys/count"}, {"HEAD", "/keys/missing"},
		{"DELETE", "/keys/a"}, {"GET", "/queue/dequeue"}, {"GET", "/queue/dlq"},
	} {
		if status, _, body := answered(t, c.method, n.URL()+c.target); status != 503 || c.method != "HEAD" && !strings.Contains(body, "the database is corrupt; stop keyval and restore") {
			t.Errorf("%s %s: got %d %s, want 503 and what to do", c.method, c.target, status, body)
		}
	}
	if status, body := readyz(t, n.URL()); status != 503 || !strings.Contains(body, "the database is corrupt") {
		t.Errorf("/readyz answers %d %s", status, body)
	}
	if got := strings.Count(n.Logs(), "the database is corrupt; nothing is read or written any more"); got != 1 {
		t.Errorf("the log says so %d times, want once:\n%s", got, n.Logs())
	}
}
