package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/table"
	"github.com/buntime/keyval/bench/unit"
)

//go:embed report.html
var page string

//go:embed report.css
var style string

// HTML writes one file with everything in it: headline figures, table, plots, and what one
// must know to measure it again. It has no script and loads nothing; its own policy forbids
// both, whatever the file that was read has in it.
func HTML(w io.Writer, f result.File) error {
	drawn, err := pictures(f)
	if err != nil {
		return err
	}
	t, err := template.New("report").Parse(page)
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(style))
	return t.Execute(w, view{
		Style:    template.CSS(style),
		Policy:   "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'",
		Title:    title(f),
		Started:  f.Started.UTC().Format(time.DateTime) + " UTC",
		Cards:    cards(f),
		Table:    newTable(f),
		Pictures: drawn,
		Facts:    facts(f),
		Runs:     settings(f),
	})
}

// view is what the page shows.
type view struct {
	Style                  template.CSS
	Policy, Title, Started string
	Cards                  []card
	Table                  table.Table
	Pictures               []template.HTML
	Facts                  []fact
	Runs                   table.Table
}

// card is the headline of one group: how its first operation, which it is about, went.
type card struct {
	Name, Load, Rate, Operation, Spread, Median, Tail string
	Failed                                            string
}

// fact is something about the machine or the command.
type fact struct{ Name, Value string }

func title(f result.File) string {
	var workloads []string
	for _, run := range f.Runs {
		if !slices.Contains(workloads, run.Workload) {
			workloads = append(workloads, run.Workload)
		}
	}
	if workloads == nil {
		return "keyval bench"
	}
	return "keyval bench: " + strings.Join(workloads, ", ")
}

func cards(f result.File) []card {
	var all []card
	name := result.NewNaming(f.Runs)
	for _, g := range f.Groups() {
		if len(g.Operations()) == 0 {
			continue
		}
		run, operation := g.Runs[0], g.Operations()[0]
		rate, p50, p99 := rates(g, operation), latencies(g, operation, 50), latencies(g, operation, 99)
		c := card{
			Name: name.Workload(run) + " · " + run.Target, Load: run.Settings.Load(), Rate: unit.PerSecond(rate.median()), Operation: operation,
			Median: unit.Latency.String(p50.median()), Tail: unit.Latency.String(p99.median()),
		}
		if len(rate) > 1 {
			c.Spread = fmt.Sprintf("%s–%s in %d runs", unit.PerSecond(rate.least()), unit.PerSecond(rate.greatest()), len(rate))
		}
		if failed := failures(g, operation); failed != "0" {
			c.Failed = failed
		}
		all = append(all, c)
	}
	return all
}

func facts(f result.File) []fact {
	m := f.Machine
	all := []fact{
		{"Command", strings.Join(f.Command, " ")},
		{"keyval", m.Keyval},
		{"System", strings.TrimSpace(m.OS + " " + m.Arch + ", " + m.Go)},
		{"Processor", strings.TrimSpace(fmt.Sprintf("%s × %d", m.CPU, m.Cores))},
	}
	if m.MemoryBytes > 0 {
		all = append(all, fact{"Memory", unit.Bytes.String(float64(m.MemoryBytes))})
	}
	return all
}

// settings are those of every run, to repeat it.
func settings(f result.File) table.Table {
	t := table.Table{Head: []table.Column{
		{Name: "run", Right: true}, {Name: "target"}, {Name: "workload"}, {Name: "started"}, {Name: "seconds", Right: true}, {Name: "warm-up", Right: true},
		{Name: "load"}, {Name: "keys", Right: true}, {Name: "value bytes", Right: true}, {Name: "seed", Right: true}, {Name: "endpoints", Right: true}, {Name: "watchers", Right: true},
	}}
	for i, run := range f.Runs {
		s := run.Settings
		t.Add(fmt.Sprint(i+1), run.Target, result.Naming{}.Group(result.Group{Runs: []result.Run{run}}), run.Started.UTC().Format(time.TimeOnly),
			unit.Digits(run.Seconds), unit.Digits(s.WarmUpSeconds), s.Load(), orNone(s.Keys), s.Sizes(), fmt.Sprint(s.Seed), orNone(s.Endpoints), orNone(s.Watchers))
	}
	return t
}

func orNone(count int) string {
	if count == 0 {
		return "–"
	}
	return unit.Thousands(float64(count))
}
