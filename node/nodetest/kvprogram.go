package nodetest

import (
	"encoding/json"
	"strings"
)

// A KVRuntime is what a JavaScript program over Deno KV runs under.
type KVRuntime string

// The runtimes: Deno with what it has built in, and Node with npm's @deno/kv.
const (
	Deno KVRuntime = "deno"
	Node KVRuntime = "node"
)

// KVProgram is how to run a program (file) under a runtime. It finds modules of npm in the
// directory $KV_MODULES. dir is for what Deno keeps. If something is not installed:
// [ErrToolMissing].
func KVProgram(runtime KVRuntime, dir, file string, args ...string) (Command, error) {
	find, flags := FindNode, []string{}
	if runtime == Deno {
		find, flags = FindDeno, []string{"run", "--allow-all", "--unstable-kv", "--no-config", "--no-lock"}
	}
	path, err := find()
	if err != nil {
		return Command{}, err
	}
	modules, err := FindKVModules()
	if err != nil {
		return Command{}, err
	}
	return Command{
		Path: path,
		Args: append(append(flags, file), args...),
		// No client opens a database over the network without a token, whatever it is.
		Env: []string{"KV_MODULES=" + modules, "DENO_KV_ACCESS_TOKEN=any", "DENO_DIR=" + dir, "DENO_NO_UPDATE_CHECK=1", "NO_COLOR=1"},
	}, nil
}

// KVLines are the results that a program has printed: lines of JSON, [what, result]. What
// the runtimes print beside them, such as Deno's retries, is left out.
func KVLines(output string) (lines [][2]string) {
	for line := range strings.Lines(output) {
		var said [2]string
		if strings.HasPrefix(line, "[") && json.Unmarshal([]byte(line), &said) == nil {
			lines = append(lines, said)
		}
	}
	return lines
}
