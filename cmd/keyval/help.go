package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// errHelpShown ends a command line whose help has been printed.
var errHelpShown = errors.New("help shown")

// helpFlag prints the help of the chosen command before anything is checked.
type helpFlag bool

func (helpFlag) BeforeReset(ctx *kong.Context) error {
	if err := ctx.PrintUsage(false); err != nil {
		return err
	}
	return errHelpShown
}

// examples are shown at the end of a command's help.
var examples = map[string]string{
	"": `Examples:
  keyval serve                                   one node on http://127.0.0.1:8080, data in ./keyval.db
  keyval dev --nodes 3                           three nodes in one process
  keyval bench put                               how fast it is (keyval bench --help has the workloads)
  keyval serve --help                            every setting of a node (also: keyval help serve)

Exit codes:
  0  clean end    1  failure at run time    2  bad flag or setting
`,
	"serve": `A setting is taken from its flag, else its environment variable, else the file that --config names,
where it has the flag's name in camelCase, else its default. TIME is 500ms, 30s or 1h; a bare number is
milliseconds. Tracing is set by the standard OTEL_* variables.

Examples:
  keyval serve
  keyval serve --libsql-url http://127.0.0.1:8880 --libsql-replica-url http://127.0.0.1:8882
  keyval serve --http-addr 0.0.0.0:8080 --auth-file tokens.jsonc    (keyval token new makes the file)
  keyval serve --gossip-addr 10.0.0.1:7946 --raft-addr 10.0.0.1:7947 --join 10.0.0.2

SIGTERM and SIGINT drain: /readyz fails, then the listener closes, then running requests end. A second
signal ends the process at once, with exit code 143 or 130.

Exit codes:
  0  drained    1  failure at run time    2  bad flag or setting
`,
	"dev": `Examples:
  keyval dev
  keyval dev --nodes 5 --http-addr 127.0.0.1:9000
  keyval dev --libsql-url http://127.0.0.1:8880
`,
	"check": `Exit codes:
  0  ready    1  not ready, or no answer    2  bad flag

Examples:
  keyval check
  keyval check --url https://127.0.0.1:8443 --skip-verify
  HEALTHCHECK CMD ["keyval", "check"]
`,
	"bench": `A workload works in a database that is empty, or below a --prefix where nothing is, and removes what it made.
Ctrl-C ends it early: what was measured is reported, and the keys are removed. A second one ends it at once.

A closed loop (no --rate) finds out how much the server can do: each connection asks again when it has its
answer. An open loop (--rate) finds out how long callers wait at a load: operations begin on time whatever
the server does, and a late one has waited. docs/bench.md says which to use, and how to read the reports.

Examples:
  keyval bench put                                          what one node can write in a second
  keyval bench get --connections 1,8,64 --html get.html     how it grows with the connections, as a page with plots
  keyval bench put --rate 2000 --duration 60s               how long a write takes at 2,000 a second
  keyval bench mixed --mix b --prefix bench/1               in a database that is in use
  keyval bench watch --watchers 1000 --url http://a:8080 --url http://b:8080
  keyval bench put --repeat 5 --json before.json            and after a change, to another file
  keyval bench compare before.json after.json

Exit codes:
  0  measured, and cleaned up    1  nothing measured, something left behind, or a regression    2  bad flag, or a place
  that is not empty
`,
	"bench compare": `Exit codes:
  0  no regression    1  B is slower than A by more than the threshold    2  no verdict: a file that cannot be read, too
  few runs or seconds, or nothing that belongs together

Examples:
  keyval bench put --repeat 5 --json before.json
  keyval bench put --repeat 5 --json after.json
  keyval bench compare before.json after.json --threshold 10
`,
	"config": `Examples:
  keyval config
  keyval config --config buntime.jsonc
  LIBSQL_URL=http://libsql:8080 keyval config
`,
	"cluster recover": `Run it with the settings of serve, on one node that is left, while that node is stopped: the cluster is
founded again with it alone. Then run it on every other node that is left, before it starts: it forgets the
old cluster and joins. No data is touched.

Examples:
  keyval cluster recover --libsql-url http://127.0.0.1:8880 --data-dir /var/lib/keyval
`,
	"cluster status": `Examples:
  keyval cluster status
  keyval cluster status --url http://10.0.0.2:8080
`,
	"token new": `The secret goes to stdout, alone, everything else to stderr. A file that is not there is made, for its owner
alone. Nodes that read it know the token within a second.

Examples:
  keyval token new --name web --scope read,write --prefix users --auth-file /etc/keyval/tokens.jsonc
  keyval token new --name mailer --scope queue --queue mails --expires 90d --auth-file /etc/keyval/tokens.jsonc
  keyval token new --name prometheus --scope admin --auth-file tokens.jsonc > prometheus.token
`,
	"token list": `Examples:
  keyval token list --auth-file /etc/keyval/tokens.jsonc
  KEYVAL_AUTH_FILE=/etc/keyval/tokens.jsonc keyval token list --json
`,
	"token revoke": `Its streams end, too, within a second, on every node that reads the file.

Examples:
  keyval token revoke web --auth-file /etc/keyval/tokens.jsonc
`,
	"incarnation raise": `Run it once after the database has been restored from a backup or replaced. Versionstamps keep growing,
and positions in the lost part of the change log are refused. On a libSQL server nodes may be up: those that
refuse to write go on without a restart. An embedded database belongs to its node: stop that first.

Examples:
  keyval incarnation raise --libsql-url http://127.0.0.1:8880
`,
	"completion": `Examples:
  source <(keyval completion bash)
  keyval completion zsh > "${fpath[1]}/_keyval"
  keyval completion fish > ~/.config/fish/completions/keyval.fish
`,
}

func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if ctx.Selected() == nil { // its dozen workloads are its own help's
		find(ctx.Model.Node, "bench").Children = nil
	}
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	command := ""
	if selected := ctx.Selected(); selected != nil {
		command = selected.Path()
	}
	text, ok := examples[command]
	if !ok {
		command, _, _ = strings.Cut(command, " ") // a workload has those of all
		text, ok = examples[command]
	}
	if !ok {
		return nil
	}
	_, err := fmt.Fprint(ctx.Stdout, "\n", text)
	return err
}

// describeFlag adds default and environment variable to a flag's help.
func describeFlag(value *kong.Value) string {
	text := value.Help
	if value.Default != "" {
		text += " Default: " + value.Default + "."
	}
	if value.Flag != nil && len(value.Flag.Envs) > 0 {
		text += " [$" + strings.Join(value.Flag.Envs, ", $") + "]"
	}
	return text
}
