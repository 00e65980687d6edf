package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"github.com/buntime/keyval/node"
)

type configCmd struct {
	settings
}

// Run prints the settings also when they do not fit together, and then says so.
func (c *configCmd) Run(parsed *kong.Context, from *layers, p process) error {
	for _, warning := range from.warnings() {
		fmt.Fprintln(p.stderr, "keyval:", warning)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "SETTING\tVALUE\tSOURCE")
	for _, flag := range parsed.Selected().Flags {
		fmt.Fprintf(table, "%s\t%s\t%s\n", flag.Name, shown(flag), from.source(flag.Name))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := c.nodeConfig(from)
	return err
}

// shown is a setting's value for people to read, on one line and without secrets.
func shown(flag *kong.Flag) string {
	value := flag.Target.Interface()
	if list, ok := value.([]string); ok {
		value = strings.Join(list, ",")
	}
	text := fmt.Sprint(value)
	switch {
	case text == "":
		return "-"
	case flag.Tag.Has("secret"):
		return "(hidden)"
	case flag.Tag.Has("url"):
		text = node.RedactURL(text)
	}
	return strings.Join(strings.Fields(text), " ")
}
