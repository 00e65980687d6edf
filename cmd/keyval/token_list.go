package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/access/authfile"
)

type tokenListCmd struct {
	JSON bool `name:"json" help:"Print a list of objects."`
	tokenFile
}

// listedToken is a token as it is shown: with nothing of its secret.
type listedToken struct {
	Name     string         `json:"name"`
	Scopes   []access.Scope `json:"scopes"`
	Prefixes []string       `json:"prefixes,omitzero"`
	Queues   []string       `json:"queues,omitzero"`
	Expires  *time.Time     `json:"expires,omitzero"`
	// State is valid or expired.
	State string `json:"state"`
	// By is secret or certificate.
	By string `json:"by"`
}

func (c *tokenListCmd) Run(from *layers, p process) error {
	entries, err := c.read(from)
	if err != nil {
		return err
	}
	list := make([]listedToken, len(entries))
	for i, e := range entries {
		list[i] = listed(e, time.Now())
	}
	if c.JSON {
		text, err := json.Marshal(list, jsontext.WithIndent("  "))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%s\n", text)
		return err
	}
	return printTokens(p.stdout, list)
}

func listed(e authfile.Entry, now time.Time) listedToken {
	t := listedToken{Name: e.Name, Scopes: e.Scopes, Prefixes: e.Written, Queues: e.Queues, State: "valid", By: "secret"}
	if e.ID == "" {
		t.By = "certificate"
	}
	if !e.Expires.IsZero() {
		t.Expires = &e.Expires
		if !e.Expires.After(now) {
			t.State = "expired"
		}
	}
	return t
}

func printTokens(w io.Writer, list []listedToken) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSCOPES\tPREFIXES\tQUEUES\tEXPIRES\tSTATE\tBY")
	for _, t := range list {
		expires := "never"
		if t.Expires != nil {
			expires = t.Expires.Format(time.RFC3339)
		}
		var scopes []string
		for _, s := range t.Scopes {
			scopes = append(scopes, string(s))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, strings.Join(scopes, ","),
			orAll(t.Prefixes), orAll(t.Queues), expires, t.State, t.By)
	}
	return table.Flush()
}

func orAll(items []string) string { return cmp.Or(strings.Join(items, ","), "all") }
