package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Every shell's script only passes the words so far to `keyval __complete`,
// which knows the grammar, so a script stays right when flags are added.
var completionScripts = map[string]string{
	"bash": `# keyval completion for bash
_keyval() {
  local IFS=$'\n'
  COMPREPLY=($(keyval __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _keyval keyval
`,
	"zsh": `#compdef keyval
# keyval completion for zsh
_keyval() {
  local -a found
  found=("${(@f)$(keyval __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=("${(@)found%%$'\t'*}")
  if [[ -n "$found" ]]; then compadd -- $found; else _files; fi
}
compdef _keyval keyval
`,
	"fish": `# keyval completion for fish
complete -c keyval -a '(set -l words (commandline -opc) (commandline -ct); keyval __complete $words[2..] 2>/dev/null)'
`,
}

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

func (c *completionCmd) Run(p process) error {
	_, err := fmt.Fprint(p.stdout, completionScripts[c.Shell])
	return err
}

// completeCmd prints what may stand in place of the last word, one a line, each
// with its description after a tab. Nothing: the shell offers files.
type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

func (c *completeCmd) Run(parsed *kong.Context, p process) error {
	for _, candidate := range completions(parsed.Model.Node, c.Words) {
		if _, err := fmt.Fprintln(p.stdout, candidate); err != nil {
			return err
		}
	}
	return nil
}

func completions(app *kong.Node, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	last, before := words[len(words)-1], words[:len(words)-1]
	command, waiting := walk(app, before)
	if waiting != nil {
		return matching(last, values(waiting.Value))
	}
	if strings.HasPrefix(last, "-") {
		return matching(last, flags(command))
	}
	if len(command.Positional) > 0 {
		return matching(last, values(command.Positional[0]))
	}
	return matching(last, commands(command))
}

// walk follows the words from the application to the chosen command. waiting is
// a flag that the next word is the value of.
func walk(app *kong.Node, words []string) (command *kong.Node, waiting *kong.Flag) {
	command = app
	for _, word := range words {
		if waiting != nil {
			if word != "=" { // bash makes it a word of its own
				waiting = nil
			}
			continue
		}
		if child := find(command, word); child != nil {
			command = child
			continue
		}
		waiting = valueFlag(command, word)
	}
	return command, waiting
}

func find(command *kong.Node, word string) *kong.Node {
	i := slices.IndexFunc(command.Children, func(c *kong.Node) bool { return c.Name == word && !c.Hidden })
	if i < 0 {
		return nil
	}
	return command.Children[i]
}

func valueFlag(command *kong.Node, word string) *kong.Flag {
	for _, flag := range command.Flags {
		if word == "--"+flag.Name && !flag.IsBool() {
			return flag
		}
	}
	return nil
}

func commands(command *kong.Node) []string {
	var lines []string
	for _, child := range command.Children {
		if !child.Hidden {
			lines = append(lines, child.Name+"\t"+child.Help)
		}
	}
	return lines
}

func flags(command *kong.Node) []string {
	lines := []string{"--help\tShow help."}
	for _, flag := range command.Flags {
		if flag.Name != "help" {
			lines = append(lines, "--"+flag.Name+"\t"+flag.Help)
		}
	}
	return lines
}

func values(value *kong.Value) []string {
	if value.Enum == "" {
		return nil
	}
	return slices.DeleteFunc(value.EnumSlice(), func(s string) bool { return s == "" })
}

func matching(prefix string, lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return !strings.HasPrefix(line, prefix) })
}
