package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
	"github.com/buntime/keyval/bench/unit"
)

// costs is the processor time of a request and the cores in use for each point: a rate is
// these divided by that, and bends where one of the two does.
func (d Dimension) costs(runs turns.Runs) string {
	header := []string{d.Name}
	var rows [][]string
	for _, at := range d.Points {
		rows = append(rows, []string{d.label(at)})
	}
	for _, c := range d.curves(runs) {
		header = append(header, c.name+": µs each", "cores in use")
		for i, at := range d.Points {
			of := c.at(at)
			if of.Cores().Of == 0 {
				rows[i] = append(rows[i], "", "")
				continue
			}
			rows[i] = append(rows[i], microseconds(of.Spent(turns.All).Median), coresInUse(of))
		}
	}
	return table(header, rows)
}

// curve is one system doing one measure along a dimension.
type curve struct {
	Dimension
	name, measure string
	// points are those that were measured, with the processors.
	points []int
	at     func(int) turns.Runs
}

// curves are all of a dimension that were measured.
func (d Dimension) curves(runs turns.Runs) (all []curve) {
	for _, name := range names() {
		for _, measure := range d.Measures {
			c := curve{Dimension: d, name: measure + ", " + name, measure: measure}
			c.at = func(at int) turns.Runs { return d.along(runs, name, measure, at) }
			for _, at := range d.Points {
				if c.at(at).Spent(turns.All).Of > 0 {
					c.points = append(c.points, at)
				}
			}
			if c.points != nil {
				all = append(all, c)
			}
		}
	}
	return all
}

// reasons says of each curve where it bends, and why.
func (d Dimension) reasons(runs turns.Runs, cores int) string {
	var b strings.Builder
	for _, c := range d.curves(runs) {
		if len(c.points) > 1 {
			fmt.Fprintf(&b, "- **%s**: %s\n", c.name, c.reason(cores))
		}
	}
	return b.String()
}

func (c curve) reason(cores int) string {
	first, last := c.points[0], c.points[len(c.points)-1]
	if c.measure == systems.Watch {
		return c.latencies(first, last)
	}
	filled, words := c.fullFrom(cores)
	bent, more := c.costBend()
	words += more
	cuts := []int{first, filled, bent, last}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for i := 1; i < len(cuts); i++ {
		words += c.between(cuts[i-1], cuts[i])
	}
	if c.unit == unit.Bytes {
		words += c.byBytes()
	}
	return strings.TrimSpace(words)
}

// fullFrom is the point from which on the processors are all in use, the last one if there is
// none.
func (c curve) fullFrom(cores int) (at int, words string) {
	from := len(c.points)
	for from > 0 && c.at(c.points[from-1]).Busy().Median >= full*float64(cores) {
		from--
	}
	switch from {
	case 0:
		return c.points[0], fmt.Sprintf("the %d cores are in use at every point. ", cores)
	case len(c.points):
		return c.points[from-1], fmt.Sprintf("the %d cores are not all in use at the end, where it waits as well. ", cores)
	}
	return c.points[from], fmt.Sprintf("the %d cores are in use from %s on. ", cores, c.label(c.points[from]))
}

// spent is the processor time of a request at a point, in microseconds.
func (c curve) spent(at int) float64 { return c.at(at).Spent(turns.All).Median }

// level is by how much the processor time of a request may differ where it counts as the same.
const level = 1.25

// costBend is the point from which on a request gets hardly cheaper, or after which it gets
// dearer; the first one if neither is so.
func (c curve) costBend() (at int, words string) {
	first, last := c.spent(c.points[0]), c.spent(c.points[len(c.points)-1])
	switch {
	case last*level < first:
		i := slices.IndexFunc(c.points, func(at int) bool { return c.spent(at) <= last*level })
		return c.points[i], fmt.Sprintf("A request gets hardly cheaper from %s on. ", c.label(c.points[i]))
	case last > first*level:
		i := slices.IndexFunc(c.points, func(at int) bool { return c.spent(at) > first*level })
		return c.points[i-1], fmt.Sprintf("A request gets dearer after %s. ", c.label(c.points[i-1]))
	}
	return c.points[0], "A request costs about the same at both ends. "
}

// between takes what a rate changes by apart: into the cores that the system and its clients
// had, and the processor time of a request.
func (c curve) between(first, last int) string {
	a, b := c.at(first), c.at(last)
	return fmt.Sprintf("From %s to %s the rate becomes %s ×: %s × the cores that it had, %s × the processor time of a request%s. ",
		c.label(first), c.label(last), ratio(a.Rate(), b.Rate()), ratio(a.Cores(), b.Cores()),
		ratio(a.Spent(turns.All), b.Spent(turns.All)), mostOf(a, b))
}

func ratio(from, to turns.Figure) string { return digits(to.Median / from.Median) }

// mostOf names the part that changed most.
func mostOf(from, to turns.Runs) string {
	all := changed(from, to)
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf(", of which %s has changed most, by %s µs", all[0].name, signed(all[0].more))
}

// latencies is what there is to say where the rate is given.
func (c curve) latencies(first, last int) string {
	a, b := c.at(first), c.at(last)
	return fmt.Sprintf("from %s to %s p99 goes from %s to %s, the processor time of an event from %s to %s µs (%s), and the cores in use from %s to %s.",
		c.label(first), c.label(last), milliseconds(a.Percentile(99).Median), milliseconds(b.Percentile(99).Median),
		digits(c.spent(first)), digits(c.spent(last)), changes(a, b), coresInUse(a), coresInUse(b))
}

// byBytes is what a byte costs where bytes are nearly all that costs, and where they begin to.
func (c curve) byBytes() string {
	n := len(c.points)
	from, to := c.points[n-2], c.points[n-1]
	each := (c.spent(to) - c.spent(from)) / float64(to-from) // microseconds
	if each <= 0 {
		return ""
	}
	small := c.spent(c.points[0])
	return fmt.Sprintf("From %s to %s each byte takes %s ns: as much as all the rest of a request takes, %s µs, at about %s, where the curve bends.",
		c.label(from), c.label(to), digits(each*1000), digits(small), c.unit.String(small/each))
}
