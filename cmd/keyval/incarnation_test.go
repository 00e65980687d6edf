package main

import (
	"path/filepath"
	"testing"

	"github.com/buntime/keyval/node"
)

func TestRaisingTheIncarnationNamesTheDatabase(t *testing.T) {
	cfg := node.DefaultConfig()
	cfg.LibsqlURL = "file:" + filepath.Join(t.TempDir(), "keyval.db")
	db, err := node.OpenDatabase(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"1", "2"} {
		got := runCommand(t, nil, "incarnation", "raise", "--libsql-url", cfg.LibsqlURL)
		want := result{exitClean, "the incarnation of " + cfg.LibsqlURL + " is now " + number + "\n", ""}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}
