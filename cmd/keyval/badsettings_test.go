package main

import (
	"context"
	"encoding/base64"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// badSettings are values that no command takes, by the setting that is to blame.
var badSettings = map[string][][]string{
	"http-addr":                   {{""}, {"8080"}, {"localhost:http"}, {"localhost:65536"}, {"300.1.1.1:8080"}, {"a b:8080"}, {":8080"}, {"0.0.0.0:8080"}, {"[::]:8080"}, {"192.0.2.1:8080", "--insecure=false"}},
	"http-advertise":              {{"0.0.0.0"}, {"[::]:8080"}, {"kv.example:0"}, {"kv.example:http"}, {"http://kv.example"}, {"10.1"}, {strings.Repeat("a", 254)}},
	"base-path":                   {{""}, {"/"}, {"kv"}, {"/keys"}},
	"compress":                    {{"maybe"}},
	"cors-origin":                 {{""}, {"a.example"}, {"https://a.example/path"}},
	"allowed-host":                {{""}, {"kv.example:80"}, {"300.1.1.1"}, {"*"}},
	"tls-cert":                    {{"missing.pem", "--tls-key=missing.pem"}},
	"tls-key":                     {{"", "--tls-cert=missing.pem"}},
	"tls-client-ca":               {{"missing.pem"}},
	"max-memory-in-flight":        {{"31MiB"}, {"much"}, {"-1"}},
	"max-connections":             {{"-1"}, {"many"}},
	"max-connections-per-address": {{"-1"}, {"1.5"}},
	"rate-limit-per-token":        {{"-1"}, {"NaN"}, {"many"}},
	"rate-limit-per-address":      {{"-0.5"}, {"+Inf"}, {"10/s"}},
	"max-requests":                {{"-1"}, {"many"}},
	"max-requests-per-token":      {{"-1"}, {"1.5"}},
	"max-streams":                 {{"-1"}, {"many"}},
	"max-streams-per-token":       {{"-1"}, {"1.5"}},
	"trusted-proxy":               {{""}, {"10.0.0.0/33"}, {"proxy.example"}, {"10.0.0.1,10.0.0.0/"}, {"fe80::1%eth0"}},
	"drain-delay":                 {{"-1s"}, {"soon"}},
	"drain-timeout":               {{"0"}, {"-1"}},
	"auth-file":                   {{"missing.jsonc"}},
	"insecure":                    {{"perhaps"}, {"true", "--auth-file=missing.jsonc"}},
	"libsql-url":                  {{""}, {"keyval.db"}, {"file:"}, {"file::memory:"}, {"http://:8080"}, {"postgres://a"}, {"http://300.1.1.1"}},
	"libsql-replica-url":          {{"http://a"}, {"b", "--libsql-url=http://a"}},
	"operation-timeout":           {{"0"}, {"soon"}},
	"max-pending-writes":          {{"0"}},
	"slow-operation":              {{"-1s"}, {"soon"}},
	"default-consistency":         {{"mostly"}},
	"max-value-bytes":             {{"0"}, {"5MiB"}, {"1 stone"}},
	"kvconnect-max-value-bytes":   {{"0"}, {"3MiB"}, {"1 stone"}},
	"public-url":                  {{"kv.example"}, {"ftp://kv.example"}, {"http://"}, {"http://a?b"}, {"http://u:p@a"}},
	"cleanup-interval":            {{"0"}},
	"changelog-retention":         {{"-1h"}},
	"changelog-max-rows":          {{"0"}},
	"node-id":                     {{"a.b"}, {"a b"}, {"ä"}, {strings.Repeat("a", 65)}},
	"data-dir":                    {{""}},
	"ephemeral":                   {{"2"}},
	"cluster-name":                {{""}, {"a b"}, {strings.Repeat("a", 65)}},
	"gossip-addr":                 {{""}, {"7946"}, {"localhost:7946"}, {"127.0.0.1:65536"}, {"10.1:7946"}},
	"gossip-advertise":            {{"node-1"}, {"node-1:7946"}, {":7946"}, {"0.0.0.0"}, {"::"}, {"::ffff:0.0.0.0"}, {"127.0.0.1:0"}, {"127.0.0.1:"}, {"fe80::1%eth0"}, {"[fe80::1%eth0]:7946"}},
	"raft-addr":                   {{"localhost:7947"}, {"127.0.0.1:7946"}, {"127.0.0.1:7947", "--gossip-addr=0.0.0.0:7946"}},
	"raft-advertise":              {{"node-1:7947"}, {"[::]:7947"}, {"127.0.0.1", "--gossip-advertise=10.0.0.1"}},
	"join":                        {{""}, {","}, {"a b"}, {"host:0"}, {"host:"}, {"host:http"}, {":7946"}, {"0.0.0.0"}, {"[::]:7946"}, {"[::1]"}, {"10.1"}, {"300.1.1.1:7946"}, {"http://a:7946"}, {"fe80::1%eth0"}, {"a,[fe80::1%eth0]:7946"}},
	"gossip-key":                  {{""}, {"secret?"}, {base64.StdEncoding.EncodeToString([]byte("hush"))}, {"MDEyMzQ1Njc4OWFiY2RlZg==,aHVzaA=="}},
	"gossip-key-file":             {{"missing.txt"}},
	"raft-tls-cert":               {{"missing.pem", "--raft-tls-key=missing.pem", "--raft-tls-ca=missing.pem"}},
	"raft-tls-key":                {{"", "--raft-tls-cert=missing.pem"}},
	"raft-tls-ca":                 nil, // it is looked at after a pair that fits
	"raft-tls-name":               {{"keyval"}},
	"log-level":                   {{"loud"}},
	"log-format":                  {{"xml"}},
	"access-log":                  {{"some"}},
	"pprof-addr":                  {{"6060"}, {":6060"}, {"0.0.0.0:6060"}, {"[::]:6060"}, {"192.0.2.1:6060"}, {"kv.example:6060"}, {"127.1:6060"}, {"[::1%lo]:6060"}, {"localhost:http"}, {"localhost:65536"}, {"127.0.0.1:8080", "--http-addr=127.0.0.1:8080"}},
	"no-grouping":                 {{"perhaps"}},
	"config":                      {{"missing.jsonc"}},
}

// anyValue are settings whose form is anybody's.
var anyValue = []string{"help", "libsql-token"}

func TestABadSettingIsTheSameLineFromEveryCommandAndMakesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, flag := range serveFlags(t) {
		if _, ok := badSettings[flag.Name]; ok == slices.Contains(anyValue, flag.Name) {
			t.Errorf("--%s: name values that it must not have", flag.Name)
		}
	}
	others := map[string][]*kong.Flag{}
	for _, command := range []string{"config", "cluster recover", "dev", "incarnation raise"} {
		others[command] = commandFlags(t, strings.Fields(command)...)
	}
	for setting, cases := range badSettings {
		for _, c := range cases {
			flags := append([]string{"--" + setting + "=" + c[0]}, c[1:]...)
			t.Run(strings.Join(flags, " "), func(t *testing.T) { sameRefusal(t, others, setting, flags) })
		}
	}
}

// sameRefusal runs serve and each other command that has these flags.
func sameRefusal(t *testing.T, others map[string][]*kong.Flag, setting string, flags []string) {
	said := refusal(t, "serve", flags)
	if !strings.HasPrefix(said, "keyval: "+setting+" (") || strings.Count(said, "\n") != 1 {
		t.Errorf("serve says %q, want one line about %s", said, setting)
	}
	for command, have := range others {
		if takes(have, flags) {
			if got := refusal(t, command, flags); got != said {
				t.Errorf("%s says %q, serve %q", command, got, said)
			}
		}
	}
}

// refusal is what a command says that is to end with 2 and leave nothing behind.
func refusal(t *testing.T, command string, flags []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // serve would go on for ever
	defer cancel()
	got := runCommandUntil(ctx, nil, append(strings.Fields(command), flags...)...)
	if got.code != exitBadSetting {
		t.Errorf("%s: got exit code %d, want %d; it said %q", command, got.code, exitBadSetting, got.stderr)
	}
	made, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range made {
		t.Errorf("%s has made %s", command, entry.Name())
		if err := os.RemoveAll(entry.Name()); err != nil {
			t.Fatal(err)
		}
	}
	return got.stderr
}

func takes(have []*kong.Flag, flags []string) bool {
	return !slices.ContainsFunc(flags, func(flag string) bool {
		name, _, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		return !slices.ContainsFunc(have, func(f *kong.Flag) bool { return f.Name == name })
	})
}

func TestDevMakesNothingWhenThereIsNoPortForItsLastNode(t *testing.T) {
	t.Chdir(t.TempDir())
	said := refusal(t, "dev", []string{"--http-addr=127.0.0.1:65534"})
	if !strings.Contains(said, "http-addr") || !strings.Contains(said, "65536") {
		t.Errorf("got %q, want a line about http-addr and the port", said)
	}
}
