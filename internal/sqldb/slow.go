package sqldb

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// slowPause is how often the log is warned of what has the same name.
	slowPause = 10 * time.Second
	// mostSlow bounds the names that are remembered, and mostPlan the bytes of a plan.
	mostSlow, mostPlan = 256, 2048
	// planTime is how long the database may take to tell a plan.
	planTime = 2 * time.Second
)

// A slowLog warns of statements, groups and operations that take long: by name, without
// anything of what they were about. Nil warns of nothing.
type slowLog struct {
	db    *DB
	after time.Duration

	mu     sync.Mutex // covers what follows
	told   map[string]*slowName
	plans  map[string]string // of statements, by name
	asking bool              // for a plan
	closed bool
	asks   sync.WaitGroup
	life   context.Context // ends with close
	stop   context.CancelFunc
}

// A slowName is what has been slow under a name.
type slowName struct {
	last   time.Time
	missed int // since then
}

func newSlowLog(db *DB, after time.Duration) *slowLog {
	if after <= 0 {
		return nil
	}
	l := &slowLog{db: db, after: after, told: map[string]*slowName{}, plans: map[string]string{}}
	l.life, l.stop = context.WithCancel(context.Background())
	return l
}

// close waits for the question under way. Nil is safe.
func (l *slowLog) close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.stop()
	l.asks.Wait()
}

// operation is told how long one took, its waiting included.
func (l *slowLog) operation(ctx context.Context, name string, took time.Duration) {
	if l != nil && took >= l.after {
		l.warn(ctx, "an operation was slow", name, took)
	}
}

// group is told how long a transaction took, and of how many operations.
func (l *slowLog) group(ctx context.Context, operations int, took time.Duration) {
	if l != nil && took >= l.after {
		l.warn(ctx, "a group was slow", "commit group", took, slog.Int("operations", operations))
	}
}

// statements are told of when they have been slow, together if there are several. Their
// plans are asked for once, when nobody waits for it, and not of a database that has
// enough to do with itself.
func (l *slowLog) statements(ctx context.Context, database string, stmts []Stmt, rows int, took time.Duration) {
	name := l.db.names.summary(stmts)
	tell := func() {
		about := []slog.Attr{slog.String("database", database), slog.Int("rows", rows)}
		if plan := l.plan(stmts); plan != "" {
			about = append(about, slog.String("plan", plan))
		}
		l.warn(context.WithoutCancel(ctx), "a statement was slow", name, took, about...)
	}
	if !l.ask(stmts, tell) {
		tell()
	}
}

// warn warns, unless it has just done so of the same.
func (l *slowLog) warn(ctx context.Context, message, name string, took time.Duration, about ...slog.Attr) {
	missed, due := l.due(message + name)
	if !due {
		return
	}
	about = append([]slog.Attr{slog.String("name", name), slog.Duration("took", took)}, about...)
	if missed > 0 {
		about = append(about, slog.Int("others", missed))
	}
	l.db.log.LogAttrs(ctx, slog.LevelWarn, message, about...)
}

// due tells whether there is to be a warning, and how many there were not since the last.
func (l *slowLog) due(key string) (missed int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.told[key]
	if n == nil {
		if len(l.told) >= mostSlow {
			clear(l.told)
		}
		n = &slowName{}
		l.told[key] = n
	}
	if time.Since(n.last) < slowPause {
		n.missed++
		return 0, false
	}
	missed = n.missed
	*n = slowName{last: time.Now()}
	return missed, true
}

// plan is what is known of the statements' plans.
func (l *slowLog) plan(stmts []Stmt) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, st := range stmts {
		name := l.db.names.of(st)
		if plan := l.plans[name]; plan != "" {
			all = append(all, name+": "+plan)
		}
	}
	plan := strings.Join(all, " | ")
	return plan[:min(len(plan), mostPlan)]
}

// ask asks for the plans that are not known, and then calls done. It does nothing and
// returns false if there are none, or it is no time to ask.
func (l *slowLog) ask(stmts []Stmt, done func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	unknown := l.unknownLocked(stmts)
	if len(unknown) == 0 || l.asking || l.closed || len(l.plans) >= mostSlow || l.db.suffers() {
		return false
	}
	l.asking = true
	l.asks.Go(func() {
		for _, st := range unknown {
			l.learn(st)
		}
		l.mu.Lock()
		l.asking = false
		l.mu.Unlock()
		done()
	})
	return true
}

// unknownLocked are the statements that have a plan which is not known, without their
// arguments.
func (l *slowLog) unknownLocked(stmts []Stmt) (unknown []Stmt) {
	for _, st := range stmts {
		if _, ok := l.plans[l.db.names.of(st)]; !ok && hasPlan(st.SQL) {
			unknown = append(unknown, Stmt{SQL: st.SQL, Args: make([]any, len(st.Args)), Name: st.Name})
		}
	}
	return unknown
}

func hasPlan(text string) bool {
	switch verb, _, _ := strings.Cut(text, " "); verb {
	case "SELECT", "WITH", "INSERT", "UPDATE", "DELETE":
		return true
	}
	return false
}

// learn asks the primary for the plan of a statement. One that it does not tell is not
// asked for again.
func (l *slowLog) learn(st Stmt) {
	ctx, cancel := context.WithTimeout(l.life, planTime)
	defer cancel()
	e := l.db.primary.engine
	if l.db.primary.refused.Load() {
		e = l.db.primary.plain
	}
	rows, _ := e.queryAny(ctx, Stmt{SQL: "EXPLAIN QUERY PLAN " + st.SQL, Args: st.Args, Name: st.Name})
	steps := make([]string, len(rows))
	for i, row := range rows {
		steps[i] = text(row[len(row)-1])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plans[l.db.names.of(st)] = strings.Join(steps, "; ")
}

// suffers tells whether the database has enough to do with itself.
func (db *DB) suffers() bool {
	return db.committer == nil || db.health.condition() != healthy || db.writer.liveness.isSilent() || db.primary.damage.known()
}
