package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/buntime/keyval/node"
)

var unknownFlag = regexp.MustCompile(`^unknown flag --([a-z][a-z0-9-]*)$`)

// advised adds what to do to those errors of kong's that do not say it.
func advised(app *kong.Application, err error) error {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok || errors.Is(err, node.ErrBadSetting) {
		return err
	}
	command := ""
	if selected := parse.Context.Selected(); selected != nil {
		command = selected.Path() + " "
	}
	text := parse.Error()
	if match := unknownFlag.FindStringSubmatch(text); match != nil {
		if owner := ownerOf(app, match[1]); owner != "" {
			return fmt.Errorf("%w: %s; it is a flag of %s: keyval %s --%s", errUsage, text, owner, owner, match[1])
		}
	} else if !strings.HasPrefix(text, "unexpected argument ") || strings.Contains(text, "did you mean") {
		return err
	}
	return fmt.Errorf("%w: %s; see keyval %s--help", errUsage, text, command)
}

// ownerOf is the first command that has the flag.
func ownerOf(app *kong.Application, flag string) string {
	for _, command := range app.Leaves(true) {
		for _, f := range command.Flags {
			if f.Name == flag {
				return command.Path()
			}
		}
	}
	return ""
}
