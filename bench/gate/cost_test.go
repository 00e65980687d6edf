package gate_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
)

// costsFile has what each operation costs on each database.
const costsFile = "testdata/costs.txt"

// costsHead explains it.
const costsHead = `# What a request costs, counted from its parsed header to its written answer.
# Written by: make gate UPDATE=1. The tolerance is kept; to change it, edit it.
#
# statements    that the database is asked, BEGIN and COMMIT included
# calls         that they travel in; a file is asked one by one
# transactions  that are begun
# allocations   of the whole process, with %s
# tolerance     by how many allocations it may be more or less. Where a file is written that
#               is none: each run counts the same. A read may be ended, and for each
#               statement that can, database/sql starts a goroutine, which makes two if it
#               runs before the rows are closed and none if it runs afterwards. On sqld the
#               goroutines of the driver and of net/http race for buffers in each call.
#
`

// A cost is what an operation costs on a database.
type cost struct {
	database, operation             string
	statements, calls, transactions int
	allocations, tolerance          int
}

// column is what a cost has under a name.
type column struct {
	name string
	of   func(*cost) *int
}

var columns = []column{
	{"statements", func(c *cost) *int { return &c.statements }},
	{"calls", func(c *cost) *int { return &c.calls }},
	{"transactions", func(c *cost) *int { return &c.transactions }},
	{"allocations", func(c *cost) *int { return &c.allocations }},
	{"tolerance", func(c *cost) *int { return &c.tolerance }},
}

// parseCosts reads the file's form.
func parseCosts(text string) (all []cost, err error) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		var c cost
		into := []any{&c.database, &c.operation}
		for _, col := range columns {
			into = append(into, col.of(&c))
		}
		if _, err := fmt.Sscan(line, into...); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// formatCosts is the file's form, a table.
func formatCosts(all []cost, with string) string {
	var text strings.Builder
	fmt.Fprintf(&text, costsHead, with)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "# database\toperation")
	for _, col := range columns {
		fmt.Fprint(table, "\t", col.name)
	}
	fmt.Fprintln(table)
	for _, c := range all {
		fmt.Fprintf(table, "%s\t%s", c.database, c.operation)
		for _, col := range columns {
			fmt.Fprintf(table, "\t%d", *col.of(&c))
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // a Builder takes everything
	return text.String()
}

func mustReadCosts(t *testing.T) []cost {
	t.Helper()
	text, err := os.ReadFile(costsFile)
	if err != nil {
		t.Fatal(err)
	}
	all, err := parseCosts(string(text))
	if err != nil {
		t.Fatalf("%s: %v", costsFile, err)
	}
	return all
}

// usualTolerance is that of a row which is new.
func (c *cost) usualTolerance() int {
	switch {
	case c.database == sqld:
		return 1 + c.calls
	case c.transactions == 0:
		return 2 * c.statements
	}
	return 0
}

// find is the cost of an operation on a database, nil for none.
func find(all []cost, database, operation string) *cost {
	for i, c := range all {
		if c.database == database && c.operation == operation {
			return &all[i]
		}
	}
	return nil
}

// differences says where a cost is not the stored one, nothing where it is. Allocations that
// were not counted are 0.
func differences(stored, got cost) (all []string) {
	for _, col := range columns[:len(columns)-1] {
		was, is, tolerance := *col.of(&stored), *col.of(&got), 0
		if col.name == "allocations" {
			if is == 0 {
				continue
			}
			tolerance = stored.tolerance
		}
		if off := is - was; off > tolerance {
			all = append(all, fmt.Sprintf("%s %s: %d %s, stored are %d: worse. If it must be, say why in the commit, and run: make gate UPDATE=1", got.database, got.operation, is, col.name, was))
		} else if -off > tolerance {
			all = append(all, fmt.Sprintf("%s %s: %d %s, stored are %d: better: run make gate UPDATE=1", got.database, got.operation, is, col.name, was))
		}
	}
	return all
}
