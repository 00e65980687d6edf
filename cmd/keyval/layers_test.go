package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/buntime/keyval/node"
)

// parseServe reads a command line of serve as main does, without running it.
func parseServe(t *testing.T, env map[string]string, args ...string) (*serveCmd, *layers, error) {
	t.Helper()
	grammar := &cli{}
	from := newLayers(func(name string) (string, bool) { value, ok := env[name]; return value, ok })
	parser, err := newParser(grammar, from, process{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"serve"}, args...))
	return &grammar.Serve, from, err
}

func mustParseServe(t *testing.T, env map[string]string, args ...string) (node.Config, *layers) {
	t.Helper()
	serve, from, err := parseServe(t, env, args...)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := serve.nodeConfig(from)
	if err != nil {
		t.Fatal(err)
	}
	return cfg, from
}

func mustWrite(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyval.jsonc")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWithoutSettingsANodeHasTheDefaultConfig(t *testing.T) {
	got, _ := mustParseServe(t, nil)
	want := node.DefaultConfig()
	want.Version = version()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhatIsOnByDefaultIsSwitchedOffInEveryWay(t *testing.T) {
	file := mustWrite(t, `{"compress": false}`)
	for _, c := range []struct {
		env  map[string]string
		args []string
		want bool
	}{
		{nil, nil, true},
		{nil, []string{"--no-compress"}, false},
		{nil, []string{"--compress=false"}, false},
		{nil, []string{"--config", file}, false},
		{nil, []string{"--config", file, "--compress"}, true},
		{map[string]string{"KEYVAL_COMPRESS": "false"}, nil, false},
		{map[string]string{"KEYVAL_COMPRESS": "false"}, []string{"--compress"}, true},
	} {
		if cfg, _ := mustParseServe(t, c.env, c.args...); cfg.Compress != c.want {
			t.Errorf("%v %v: got %v, want %v", c.env, c.args, cfg.Compress, c.want)
		}
	}
}

func TestAFlagWinsOverTheEnvironmentOverTheFileOverTheDefault(t *testing.T) {
	file := mustWrite(t, `{"httpAddr": "127.0.0.1:3"}`)
	tests := []struct {
		name         string
		env          map[string]string
		args         []string
		addr, source string
	}{
		{"all", map[string]string{"KEYVAL_HTTP_ADDR": "127.0.0.1:2"}, []string{"--config", file, "--http-addr", "127.0.0.1:1"}, "127.0.0.1:1", "flag --http-addr"},
		{"no flag", map[string]string{"KEYVAL_HTTP_ADDR": "127.0.0.1:2"}, []string{"--config", file}, "127.0.0.1:2", "environment variable KEYVAL_HTTP_ADDR"},
		{"an empty variable is not set", map[string]string{"KEYVAL_HTTP_ADDR": ""}, []string{"--config", file}, "127.0.0.1:3", "file " + file},
		{"file named by the environment", map[string]string{"KEYVAL_CONFIG": file}, nil, "127.0.0.1:3", "file " + file},
		{"nothing", nil, nil, "127.0.0.1:8080", "default"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg, from := mustParseServe(t, test.env, test.args...)
			if cfg.HTTPAddr != test.addr {
				t.Errorf("address: got %s, want %s", cfg.HTTPAddr, test.addr)
			}
			if got := from.source("http-addr"); got != test.source {
				t.Errorf("source: got %s, want %s", got, test.source)
			}
		})
	}
}

func TestTheConfigFlagWinsOverItsVariable(t *testing.T) {
	flag, variable := mustWrite(t, `{"nodeId": "flag"}`), mustWrite(t, `{"nodeId": "variable"}`)
	cfg, _ := mustParseServe(t, map[string]string{"KEYVAL_CONFIG": variable}, "--config="+flag)
	if cfg.NodeID != "flag" {
		t.Errorf("got the file of the %s, want that of the flag", cfg.NodeID)
	}
}

func TestListsAreTheSameFromEveryLayer(t *testing.T) {
	want := []string{"a", "b:1", "c"}
	tests := []struct {
		name string
		env  map[string]string
		args []string
	}{
		{"repeated flag", nil, []string{"--join", "a", "--join=b:1", "--join", "c"}},
		{"flag with commas", nil, []string{"--join", "a,b:1", "--join", "c"}},
		{"variable", map[string]string{"KEYVAL_JOIN": "a, b:1,c,"}, nil},
		{"list in a file", nil, []string{"--config", mustWrite(t, `{"join": ["a", "b:1", "c"]}`)}},
		{"text in a file", nil, []string{"--config", mustWrite(t, `{"join": "a,b:1,c"}`)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg, _ := mustParseServe(t, test.env, test.args...)
			if !slices.Equal(cfg.Join, want) {
				t.Errorf("got %q, want %q", cfg.Join, want)
			}
		})
	}
}

func TestDurationsAreGoDurationsOrBareMilliseconds(t *testing.T) {
	tests := map[string]time.Duration{
		"60000": time.Minute,
		"90s":   90 * time.Second,
		"1h30m": 90 * time.Minute,
		"0":     0,
		"-1":    -time.Millisecond,
	}
	for text, want := range tests {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1.5", "abc", "1 s", "9223372036854775807"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestSizesAreBytesWithOrWithoutAUnit(t *testing.T) {
	for text, want := range map[string]int64{
		"1048576": 1 << 20, "1MiB": 1 << 20, "2 MB": 2_000_000, "512kib": 512 << 10, "3KB": 3000, "7B": 7, "1GiB": 1 << 30,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "1.5MiB", "1MBB", "1M", "1 x", "9223372036854775807KB"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestABadValueNamesItsSettingAndSource(t *testing.T) {
	tests := []struct {
		name            string
		env             map[string]string
		args            []string
		setting, source string
	}{
		{"flag", nil, []string{"--cleanup-interval", "x"}, "cleanup-interval", "flag --cleanup-interval"},
		{"variable", map[string]string{"KEYVAL_CLEANUP_INTERVAL": "x"}, nil, "cleanup-interval", "environment variable KEYVAL_CLEANUP_INTERVAL"},
		{"file", nil, []string{"--config", "FILE"}, "cleanup-interval", "file FILE"},
		{"boolean", map[string]string{"KEYVAL_EPHEMERAL": "x"}, nil, "ephemeral", "environment variable KEYVAL_EPHEMERAL"},
		{"number", map[string]string{"KEYVAL_MAX_VALUE_BYTES": "1MiBs"}, nil, "max-value-bytes", "environment variable KEYVAL_MAX_VALUE_BYTES"},
		{"enumeration", map[string]string{"KEYVAL_LOG_LEVEL": "loud"}, nil, "log-level", "environment variable KEYVAL_LOG_LEVEL"},
		{"relation", map[string]string{"KEYVAL_TLS_CERT": "x"}, nil, "tls-key", "default"},
		{"no value", nil, []string{"--node-id"}, "node-id", "flag --node-id"},
	}
	file := mustWrite(t, `{"cleanupInterval": "x"}`)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for i, arg := range test.args {
				if arg == "FILE" {
					test.args[i], test.source = file, "file "+file
				}
			}
			serve, from, err := parseServe(t, test.env, test.args...)
			if err == nil {
				_, err = serve.nodeConfig(from)
			}
			if !errors.Is(err, node.ErrBadSetting) {
				t.Fatalf("got %v, want a bad setting", err)
			}
			bad, _ := errors.AsType[*node.SettingError](err)
			if bad.Setting != test.setting || bad.Source != test.source {
				t.Errorf("got %s (%s), want %s (%s)", bad.Setting, bad.Source, test.setting, test.source)
			}
		})
	}
}

func TestEverySettingHasAVariable(t *testing.T) {
	for _, flag := range serveFlags(t) {
		if len(flag.Envs) != 1 {
			t.Errorf("--%s has the variables %q, want one", flag.Name, flag.Envs)
		}
	}
}

// serveFlags are the settings as the parser knows them.
func serveFlags(t *testing.T) []*kong.Flag {
	t.Helper()
	return commandFlags(t, "serve")
}

func commandFlags(t *testing.T, words ...string) []*kong.Flag {
	t.Helper()
	parser, err := newParser(&cli{}, newLayers(os.LookupEnv), process{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	command := parser.Model.Node
	for _, word := range words {
		command = find(command, word)
	}
	return command.Flags
}
