package otel_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A span is one that was received, with the service that sent it.
type span struct {
	ptrace.Span
	service string
}

// spans are all that were received, in the order of their beginnings.
func (r *receiver) spans() []span {
	var all []span
	for _, batch := range r.traces.AllTraces() {
		for _, resource := range batch.ResourceSpans().All() {
			service, _ := resource.Resource().Attributes().Get("service.name")
			for _, scope := range resource.ScopeSpans().All() {
				for _, s := range scope.Spans().All() {
					all = append(all, span{s, service.AsString()})
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.StartTimestamp(), b.StartTimestamp()), cmp.Compare(a.Name(), b.Name()))
	})
	return all
}

// roots are the spans of a name that have no parent.
func roots(all []span, name string) []span {
	var found []span
	for _, s := range all {
		if s.Name() == name && s.ParentSpanID().IsEmpty() {
			found = append(found, s)
		}
	}
	return found
}

// A drawing is a trace as text: a line for each span, below its parent's, with its kind
// and the spans that it is linked with; if it is full, with its attributes. Ids, times
// and what else differs from run to run are left out.
type drawing struct {
	all   []span
	full  bool
	lines strings.Builder
}

func draw(all []span, full bool, of ...span) string {
	d := &drawing{all: all, full: full}
	for i, s := range of {
		if i > 0 {
			d.lines.WriteString("\n")
		}
		d.draw(s, "")
	}
	return d.lines.String()
}

func (d *drawing) draw(s span, indent string) {
	line := indent + s.Name()
	d.lines.WriteString(fmt.Sprintf("%-44s%-9s%-9s%s", line, s.service, strings.ToLower(s.Kind().String()), d.links(s)))
	d.end()
	if d.full {
		d.attributes(s, indent+"  ")
	}
	for _, child := range d.all {
		if child.TraceID() == s.TraceID() && child.ParentSpanID() == s.SpanID() {
			d.draw(child, indent+"  ")
		}
	}
}

// end ends a line without the spaces before it.
func (d *drawing) end() {
	text := strings.TrimRight(d.lines.String(), " ")
	d.lines.Reset()
	d.lines.WriteString(text + "\n")
}

// links are the names of those that a span is linked with, each once.
func (d *drawing) links(s span) string {
	var names []string
	for _, link := range s.Links().All() {
		for _, other := range d.all {
			if other.SpanID() == link.SpanID() && other.TraceID() == link.TraceID() {
				names = append(names, other.Name())
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "-> " + strings.Join(slices.Compact(names), ", ")
}

func (d *drawing) attributes(s span, indent string) {
	var lines []string
	for key, value := range s.Attributes().All() {
		lines = append(lines, fmt.Sprintf("%s. %s = %s\n", indent, key, normal(key, value)))
	}
	slices.Sort(lines)
	d.lines.WriteString(strings.Join(lines, ""))
}

var (
	uuid         = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	address      = regexp.MustCompile(`127\.0\.0\.1(:\d+)?`)
	versionstamp = regexp.MustCompile(`^[0-9a-f]{16,20}$`)
	differs      = regexp.MustCompile(`request_id|port|epoch|duration|user_agent|node|version$`)
)

// normal is a value without what differs from run to run.
func normal(key string, value pcommon.Value) string {
	text := uuid.ReplaceAllString(value.AsString(), "ID")
	text = address.ReplaceAllString(text, "ADDRESS")
	if versionstamp.MatchString(text) || differs.MatchString(key) {
		return "…"
	}
	return text
}
