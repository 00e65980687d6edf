package main

import (
	"bytes"
	"testing"

	"github.com/buntime/keyval/node"
)

func mustParseDev(t *testing.T, env map[string]string, args ...string) node.DevConfig {
	t.Helper()
	grammar := &cli{}
	from := newLayers(lookup(env))
	parser, err := newParser(grammar, from, process{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{"dev"}, args...)); err != nil {
		t.Fatal(err)
	}
	cfg, err := grammar.Dev.devConfig(from)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestADevelopmentClusterKeepsNoIdentityAndStopsAtOnce(t *testing.T) {
	got := mustParseDev(t, nil)
	if got.Nodes != 3 {
		t.Errorf("nodes: got %d, want 3", got.Nodes)
	}
	if !got.Node.Ephemeral {
		t.Error("its nodes keep an identity on disk")
	}
	if got.Node.DrainDelay != 0 {
		t.Errorf("drain delay: got %v, want 0", got.Node.DrainDelay)
	}
}

func TestADevelopmentClusterTakesTheSettingsOfItsDatabase(t *testing.T) {
	file := mustWrite(t, `{"maxValueBytes": 2000, "gossipAddr": "10.0.0.1:7946"}`)
	env := map[string]string{"LIBSQL_URL": "http://127.0.0.1:8880"}
	got := mustParseDev(t, env, "--nodes", "5", "--http-addr", "127.0.0.1:0", "--config", file)
	if got.Nodes != 5 || got.Node.HTTPAddr != "127.0.0.1:0" || got.Node.LibsqlURL != "http://127.0.0.1:8880" || got.Node.MaxValueBytes != 2000 {
		t.Errorf("got %+v", got)
	}
	if want := node.DefaultConfig().GossipAddr; got.Node.GossipAddr != want {
		t.Errorf("gossip address: got %s, want the default %s", got.Node.GossipAddr, want)
	}
}
