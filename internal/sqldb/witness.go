package sqldb

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/internal/spans"
)

// A witness sees what one database is asked, makes a span of each statement whose caller
// is traced, and tells the log of those that are slow. Nil sees nothing.
type witness struct {
	spans    spans.Tracer
	names    *statementNames
	slow     *slowLog                            // nil for none
	asked    func(database string, stmts []Stmt) // nil for nobody
	database string
	common   []attribute.KeyValue // which database it is
}

// newWitness is that of the primary or the replica. Of its address, spans have the host and
// the port alone: the rest may hold a token.
func (db *DB) newWitness(database, address string) *witness {
	if db.spans.Off() && db.slow == nil && db.asked == nil {
		return nil
	}
	w := &witness{spans: db.spans, names: db.names, slow: db.slow, asked: db.asked, database: database}
	w.common = append(systemOf(address), attribute.String("keyval.database", database))
	return w
}

func systemOf(address string) []attribute.KeyValue {
	if urlScheme(address) == "file" {
		return []attribute.KeyValue{attribute.String("db.system.name", "sqlite")}
	}
	system := []attribute.KeyValue{attribute.String("db.system.name", "libsql")}
	u, err := url.Parse(address)
	if err != nil {
		return system // Open has refused it
	}
	system = append(system, attribute.String("server.address", u.Hostname()))
	if port, err := strconv.Atoi(u.Port()); err == nil {
		system = append(system, attribute.Int("server.port", port))
	}
	return system
}

// A sight is one round trip to a database that a witness sees.
type sight struct {
	slow  *slowLog // nil for none
	where *witness
	begun time.Time
	one   Stmt   // or
	all   []Stmt // several
	span  spans.Span
}

// lasting is a context that goes on when ctx ends. Of one that is not traced it keeps
// nothing: to look through it for a span would cost an allocation for each statement.
func (w *witness) lasting(ctx context.Context) context.Context {
	if w == nil || !w.spans.Records(ctx) {
		return context.Background()
	}
	return context.WithoutCancel(ctx)
}

// see begins the sight of one statement.
func (w *witness) see(ctx context.Context, st Stmt) (context.Context, sight) {
	if w == nil {
		return ctx, sight{}
	}
	w.tell(st)
	seen := w.look()
	seen.one = st
	if w.spans.Records(ctx) {
		name := w.names.of(st)
		verb, _, _ := strings.Cut(st.SQL, " ")
		ctx, seen.span = w.begin(ctx, name, name, verb)
	}
	return ctx, seen
}

// tell tells whoever wants to know what is asked.
func (w *witness) tell(stmts ...Stmt) {
	if w.asked != nil {
		w.asked(w.database, stmts)
	}
}

// look begins to measure, if anybody wants to know.
func (w *witness) look() sight {
	if w.slow == nil {
		return sight{}
	}
	return sight{slow: w.slow, where: w, begun: time.Now()}
}

// seeAll begins that of statements that travel together.
func (w *witness) seeAll(ctx context.Context, stmts []Stmt) (context.Context, sight) {
	if len(stmts) == 1 {
		return w.see(ctx, stmts[0])
	}
	if w == nil {
		return ctx, sight{}
	}
	w.tell(stmts...)
	seen := w.look()
	seen.all = stmts
	if w.spans.Records(ctx) {
		ctx, seen.span = w.begin(ctx, spans.Together, w.names.summary(stmts), "BATCH")
		seen.span.Set(attribute.Int("db.operation.batch.size", len(stmts)))
	}
	return ctx, seen
}

func (w *witness) begin(ctx context.Context, name, summary, operation string) (context.Context, spans.Span) {
	ctx, span := w.spans.Below(ctx, name, trace.SpanKindClient)
	span.Set(w.common...)
	span.Set(attribute.String("db.operation.name", operation), attribute.String("db.query.summary", summary))
	return ctx, span
}

// end ends it.
func (s sight) end(ctx context.Context, rows int, err error) {
	s.tellIfSlow(ctx, rows)
	if !s.span.On() {
		return
	}
	if err != nil {
		s.span.Fail(failureKind(err))
	} else {
		s.span.Set(attribute.Int("db.response.returned_rows", rows))
	}
	s.span.End()
}

// tellIfSlow tells the log, if it wants to know.
func (s sight) tellIfSlow(ctx context.Context, rows int) {
	if s.slow == nil {
		return
	}
	took := time.Since(s.begun)
	if took < s.slow.after {
		return
	}
	stmts := s.all
	if stmts == nil {
		stmts = []Stmt{s.one}
	}
	s.slow.statements(ctx, s.where.database, stmts, rows, took)
}

// failureKind is what an error of the driver is called in a span.
func failureKind(err error) string {
	switch reason := guardReason(err); {
	case reason != "":
		return reason
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "timeout"
	case answered(err):
		return "refused"
	}
	return "unavailable"
}

// mostSummary bounds a summary, as the conventions demand.
const mostSummary = 255

// summary names all statements, each once.
func (n *statementNames) summary(stmts []Stmt) string {
	var names []string
	for _, st := range stmts {
		if name := n.of(st); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	summary := strings.Join(names, "; ")
	if len(summary) > mostSummary {
		cut := strings.LastIndex(summary[:mostSummary], "; ")
		summary = summary[:cut]
	}
	return summary
}
