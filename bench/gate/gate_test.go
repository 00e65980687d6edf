// Package gate counts what requests cost and compares it with what is stored. Allocations
// and SQL statements do not depend on how fast a machine is or what else it does, so a
// single one more fails, and so does one less: what is stored stays true. Speed is none of
// its business; that is compared in pairs, by "make bench".
package gate_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/node/nodetest"
)

var update = flag.Bool("update", false, "write what is counted instead of comparing it")

// The databases.
const (
	embedded = "embedded"
	sqld     = "sqld"
)

// databases are the addresses of a new one of each.
var databases = []struct {
	name string
	open func(*testing.T) string
}{
	{embedded, func(t *testing.T) string { return "file:" + filepath.Join(t.TempDir(), "keyval.db") }},
	{sqld, func(t *testing.T) string { return nodetest.MustStartPrimary(t).HTTPURL() }},
}

// Nothing here may be parallel: allocations are the whole process's.
func TestARequestCostsWhatIsStored(t *testing.T) {
	if *update {
		storeCosts(t)
		return
	}
	stored := mustReadCosts(t)
	if want := len(operations()) * len(databases); len(stored) != want {
		t.Errorf("%s has %d rows, want %d; run: make gate UPDATE=1", costsFile, len(stored), want)
	}
	for _, database := range databases {
		t.Run(database.name, func(t *testing.T) {
			for _, got := range wrong(t, stored, database.name, database.open) {
				compare(t, stored, got)
			}
		})
	}
}

// counts is how often is counted what is not as it is stored. A machine that stands still
// may disturb one count; what a request really costs more or less is in each.
const counts = 3

// wrong are the costs that are never as they are stored, as they were the last time.
func wrong(t *testing.T, stored []cost, database string, open func(*testing.T) string) (all []counted) {
	t.Helper()
	for n := range counts {
		var again []counted
		t.Run(fmt.Sprintf("count=%d", n+1), func(t *testing.T) { again = count(t, database, open) })
		again = slices.DeleteFunc(again, func(c counted) bool {
			was := find(stored, c.database, c.operation)
			return was != nil && len(differences(*was, c.cost)) == 0 || n > 0 && !slices.ContainsFunc(all, c.isOf)
		})
		if all = again; len(all) == 0 {
			break
		}
	}
	return all
}

// isOf tells whether another count is of the same operation.
func (c counted) isOf(other counted) bool { return c.operation == other.operation }

// A counted is a cost with the texts of its statements, for whoever wonders.
type counted struct {
	cost
	texts []string
}

// count is what every operation costs on a database. What asks for statements costs
// allocations, so these are counted on another server, and not under the race detector.
func count(t *testing.T, database string, open func(*testing.T) string) (all []counted) {
	t.Helper()
	var c tally
	s := mustServe(t, open(t), c.ask)
	for _, op := range operations() {
		a := c.statements(s, op)
		all = append(all, counted{
			cost{database: database, operation: op.name, statements: a.statements(), calls: a.calls, transactions: a.transactions()}, a.texts})
	}
	if raceEnabled {
		return all
	}
	s = mustServe(t, open(t), nil)
	s.fill("numbered", numbered, "%d")
	for i, op := range operations() {
		all[i].allocations = s.allocations(op)
	}
	return all
}

func compare(t *testing.T, stored []cost, got counted) {
	t.Helper()
	was := find(stored, got.database, got.operation)
	if was == nil {
		t.Errorf("%s has no row for %s %s; run: make gate UPDATE=1", costsFile, got.database, got.operation)
		return
	}
	for _, difference := range differences(*was, got.cost) {
		t.Error(difference)
	}
	if got.statements != was.statements {
		t.Logf("%s %s asks the database\n%s", got.database, got.operation, strings.Join(got.texts, ";\n"))
	}
}

// storeCosts counts everything anew and writes it, with the tolerances that are stored.
func storeCosts(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Fatal("the race detector allocates: run make gate UPDATE=1, which goes without it")
	}
	var stored, all []cost
	if _, err := os.Stat(costsFile); err == nil {
		stored = mustReadCosts(t)
	}
	for _, database := range databases {
		for _, got := range count(t, database.name, database.open) {
			got.tolerance = got.usualTolerance()
			if was := find(stored, got.database, got.operation); was != nil {
				got.tolerance = was.tolerance
			}
			all = append(all, got.cost)
		}
	}
	with := runtime.Version() + " on " + runtime.GOOS + "/" + runtime.GOARCH
	mustWrite(t, costsFile, formatCosts(all, with))
	writePage(t, all)
}

func mustWrite(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTheGateRefusesMoreAndLess(t *testing.T) {
	stored := cost{"embedded", "put", 7, 7, 1, 200, 0}
	tolerant := stored
	tolerant.tolerance = 2
	for name, c := range map[string]struct {
		stored, got cost
		want        []string // what each difference has
	}{
		"the same":                  {stored, stored, nil},
		"a statement more":          {stored, cost{"embedded", "put", 8, 7, 1, 200, 0}, []string{"embedded put: 8 statements, stored are 7: worse"}},
		"a call and a commit more":  {stored, cost{"embedded", "put", 7, 8, 2, 200, 0}, []string{"8 calls", "2 transactions"}},
		"an allocation more":        {stored, cost{"embedded", "put", 7, 7, 1, 201, 0}, []string{"201 allocations, stored are 200: worse"}},
		"an allocation less":        {stored, cost{"embedded", "put", 7, 7, 1, 199, 0}, []string{"better: run make gate UPDATE=1"}},
		"a statement less":          {stored, cost{"embedded", "put", 6, 7, 1, 200, 0}, []string{"better: run make gate UPDATE=1"}},
		"as many as is tolerated":   {tolerant, cost{"embedded", "put", 7, 7, 1, 202, 0}, nil},
		"more than that":            {tolerant, cost{"embedded", "put", 7, 7, 1, 203, 0}, []string{"203 allocations"}},
		"less than that":            {tolerant, cost{"embedded", "put", 7, 7, 1, 197, 0}, []string{"197 allocations"}},
		"allocations not counted":   {stored, cost{"embedded", "put", 7, 7, 1, 0, 0}, nil},
		"statements, tolerance too": {tolerant, cost{"embedded", "put", 8, 7, 1, 200, 0}, []string{"8 statements"}},
	} {
		got := differences(c.stored, c.got)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: got %q, want %q", name, got[i], want)
			}
		}
	}
}

func TestCostsSurviveTheirFile(t *testing.T) {
	all := []cost{{"embedded", "put", 7, 7, 1, 200, 0}, {"sqld", "get", 1, 1, 0, 253, 2}}
	got, err := parseCosts(formatCosts(all, "go0"))
	if err != nil || len(got) != 2 || got[0] != all[0] || got[1] != all[1] {
		t.Errorf("got %+v, %v", got, err)
	}
}
