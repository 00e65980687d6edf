package main

import (
	"fmt"
	"io"
	"time"

	"github.com/buntime/keyval/bench"
	"github.com/buntime/keyval/bench/load"
	measurement "github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/unit"
)

// A benchDisplay tells people how a benchmark goes: on a terminal in one line that is drawn
// anew, elsewhere in a line a second. It is a bench.Observer.
type benchDisplay struct {
	w        io.Writer
	workload string
	live     bool
	color    bool
	prepared int    // per cent that were shown, -1 at first
	cleaning string // what was said of it last
	// unheard is called when nobody reads what is shown; nil is nobody.
	unheard func()
}

func newBenchDisplay(workload string, from *layers, stderr io.Writer) *benchDisplay {
	kind, _ := from.env("TERM")
	_, plain := from.env("NO_COLOR")
	live := isTerminal(stderr) && kind != "dumb"
	return &benchDisplay{w: stderr, workload: workload, live: live, color: live && !plain, prepared: -1}
}

// show puts text in the place of what is on the line, or on a line of its own. A terminal
// that is too narrow cuts it off: what it wrapped could not be drawn anew.
func (d *benchDisplay) show(text string) {
	if d.live {
		d.print("\x1b[?7l\r\x1b[K" + text + "\x1b[?7h")
		return
	}
	d.print(text + "\n")
}

func (d *benchDisplay) print(text string) {
	if _, err := io.WriteString(d.w, text); err != nil && d.unheard != nil {
		d.unheard()
	}
}

// keep shows text so that it stays.
func (d *benchDisplay) keep(text string) {
	d.end()
	d.print(text + "\n")
}

// end leaves an empty line to whoever writes next.
func (d *benchDisplay) end() {
	if d.live {
		d.print("\r\x1b[K")
	}
}

// Preparing shows each per cent on a terminal, and each quarter elsewhere.
func (d *benchDisplay) Preparing(done float64) {
	step := 25
	if d.live {
		step = 1
	}
	percent := int(100*done) / step * step
	if percent > d.prepared {
		d.prepared = percent
		d.show(fmt.Sprintf("%s  preparing  %d %%", d.workload, percent))
	}
}

// Running shows the last second of what the workload is about, and the failures of all. What
// one looks for comes first: a narrow terminal cuts the end off.
func (d *benchDisplay) Running(run measurement.Settings, p load.Progress) {
	if len(p.Second) == 0 {
		return
	}
	s := p.Second[0]
	stage := ""
	if p.WarmingUp {
		stage = "  warming up"
	}
	d.show(fmt.Sprintf("%s  %s/%s s%s  %s  %s  p50 %s  p99 %s  max %s  %s", d.about(p.Operations), seconds(p.Elapsed),
		seconds(p.Total), stage, rate(s), d.failures(p.Failed), latency(s.P50), latency(s.P99), latency(s.Max), run.Load()))
}

// about names the workload, and of several operations the first, whose rate is shown.
func (d *benchDisplay) about(operations []string) string {
	if len(operations) < 2 {
		return d.workload
	}
	return d.workload + " " + operations[0]
}

// failures stands out if there are any.
func (d *benchDisplay) failures(n int64) string {
	text := fmt.Sprintf("%d failed", n)
	if n > 0 && d.color {
		return "\x1b[31m" + text + "\x1b[0m"
	}
	return text
}

// Ran leaves a line for each run.
func (d *benchDisplay) Ran(run measurement.Run) {
	if len(run.Operations) == 0 {
		return
	}
	o, failed := run.Operations[0], int64(0)
	names := measurement.Group{Runs: []measurement.Run{run}}.Operations()
	for _, count := range run.Failed() {
		failed += count
	}
	end := ""
	if run.Interrupted {
		end = "  interrupted"
	}
	d.keep(fmt.Sprintf("%s  %s  %s  %s  p50 %s  p99 %s%s", d.about(names), run.Settings.Load(), unit.Rate.String(o.Rate(run)),
		d.failures(failed), latency(int64(o.Latency.At(50))), latency(int64(o.Latency.At(99))), end))
}

// Cleaning says why it is not over yet, and to who is impatient, what comes of that. What it
// has said once holds until there is something else to say.
func (d *benchDisplay) Cleaning(c bench.Cleaning) {
	text := d.workload + "  cleaning up"
	if c.Trouble != nil {
		text += fmt.Sprintf(": %v; trying again", c.Trouble)
	}
	show := d.show
	if c.Interrupted {
		text += "; if you end that, " + c.ByHand
		show = d.keep // to be copied
	}
	if text != d.cleaning {
		show(text)
	}
	d.cleaning = text
}

func seconds(d time.Duration) string {
	return unit.Digits(d.Round(time.Millisecond).Seconds())
}

// rate is how many succeeded each second of a slice.
func rate(s measurement.Slice) string {
	if s.Seconds == 0 {
		return unit.Rate.String(0)
	}
	return unit.Rate.String(float64(s.Count) / s.Seconds)
}

// latency is a dash where nothing has succeeded.
func latency(ns int64) string {
	if ns == 0 {
		return "–"
	}
	return unit.Latency.String(float64(ns))
}
