package queue

import (
	"context"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
)

// lookTimeout bounds one question to the database.
const lookTimeout = 5 * time.Second

// A glance is what the dispatcher asks the database at one time.
type glance struct {
	lines map[*line]uint64 // with their news when the glance began
	once  []*taker         // those who were in line by then and do not wait
	held  map[string]receipt
}

func (d *dispatcher) lookLoop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-d.closing:
			return
		case <-d.lookWake:
		case <-timer.C:
		}
		for {
			g, wait := d.nextGlance(time.Now())
			if len(g.lines) == 0 && len(g.held) == 0 {
				timer.Reset(wait)
				break
			}
			d.glance(g)
		}
	}
}

// nextGlance makes hot what is due, collects what the database is to be asked
// now, and tells how long there is nothing to do otherwise.
func (d *dispatcher) nextGlance(now time.Time) (*glance, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := &glance{lines: map[*line]uint64{}}
	if d.closed {
		return g, time.Hour
	}
	next := d.warmLocked(now)
	if past(next, now) {
		// Who is to be asked about soon is asked about now: one question for
		// all of them is the same work.
		soon := now.Add(d.interval / 2)
		for _, l := range d.active {
			if past(l.lookAt, soon) {
				l.lookAt = now.Add(d.interval)
				if !l.hot && l.wantedLocked() { // else a round will tell, or nobody wants to know
					g.addLocked(l)
				}
			}
		}
		if past(d.checkAt, soon) {
			d.checkAt = time.Time{}
			g.held = d.heldReceiptsLocked()
		}
		next = d.warmLocked(now)
	}
	if next.IsZero() {
		return g, time.Hour
	}
	return g, max(next.Sub(now), 0)
}

// warmLocked makes the lines hot that are due and tells when the next one will be, or
// the database is to be asked.
func (d *dispatcher) warmLocked(now time.Time) (next time.Time) {
	next = d.checkAt
	for _, l := range d.active {
		if past(l.due, now) {
			l.due = time.Time{}
			l.wakeLocked()
			poke(d.takeWake)
		}
		next = earliest(next, earliest(l.due, l.lookAt))
	}
	return next
}

func (g *glance) addLocked(l *line) {
	g.lines[l] = l.news
	for _, t := range l.takers {
		if t.once && !t.inRound {
			g.once = append(g.once, t)
		}
	}
}

// glance asks the database.
func (d *dispatcher) glance(g *glance) {
	ctx, cancel := sqldb.Within(d.looks, lookTimeout)
	defer cancel()
	if len(g.lines) > 0 {
		names := make([]string, 0, len(g.lines))
		for l := range g.lines {
			names = append(names, l.name)
		}
		due, err := d.queue.look(ctx, names)
		d.saw(g, due, err)
	}
	if len(g.held) > 0 {
		remaining, err := d.queue.stillHeld(ctx, g.held)
		d.checked(g.held, remaining, err)
	}
}

// saw notes when the lines will be due, by this node's timers.
func (d *dispatcher) saw(g *glance, due map[string]int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for l, news := range g.lines {
		in, coming := due[l.name]
		switch {
		case err != nil:
			l.scheduleLookLocked(now.Add(restTime))
		case coming && in <= 0:
			l.wakeLocked()
			poke(d.takeWake)
		case l.news != news:
			// Something has come since: the answer may be too old.
			l.scheduleLookLocked(now)
		case coming:
			l.due = now.Add(time.Duration(in) * time.Millisecond)
		default:
			l.due = time.Time{}
		}
	}
	for _, t := range g.once {
		switch {
		case t.gone || t.inRound || t.line.hot:
			// It is served by a round.
		case err != nil:
			d.leaveLocked(t)
			t.answer <- answer{err: failure(err)}
		case t.line.news == g.lines[t.line]:
			d.leaveLocked(t)
			t.answer <- answer{}
		}
	}
}

// lookSQL asks when each queue will have something to deliver, in milliseconds
// from now: 0 or less if it has something.
var lookSQL = levelsOf(`SELECT value FROM json_each(?1)`) + `
SELECT l.queue,min(` + firstDueSQL + `)-` + sqldb.NowSQL + `
FROM level l CROSS JOIN keyval_sequence s WHERE l.priority IS NOT NULL GROUP BY l.queue`

// look asks for many queues at once. Queues that have nothing to come are not in
// the answer.
func (q *Queue) look(ctx context.Context, queues []string) (map[string]int64, error) {
	rows, err := q.db.Primary().Query(ctx, sqldb.Stmt{SQL: lookSQL, Args: []any{sqldb.TextKeys(queues)}})
	if err != nil {
		return nil, err
	}
	due := make(map[string]int64, len(rows))
	for _, row := range rows {
		due[row.Text(0)] = row.Integer(1)
	}
	return due, nil
}

// heldSQL asks which deliveries, [id, receipt], still hold their messages, and
// for how many more milliseconds.
const heldSQL = `SELECT q.id,q.locked_until-` + sqldb.NowSQL + `
FROM keyval_sequence s CROSS JOIN json_each(?1) j CROSS JOIN kv_queue q
WHERE q.id=j.value->>0 AND q.receipt=j.value->>1 AND ` + lockedSQL

// stillHeld asks for many deliveries, by id, at once.
func (q *Queue) stillHeld(ctx context.Context, receipts map[string]receipt) (map[string]int64, error) {
	rows := sqldb.NewRows(heldSQL)
	for id, receipt := range receipts {
		rows.Add(id, string(receipt))
	}
	found, err := q.db.Primary().Query(ctx, rows.Array())
	if err != nil {
		return nil, err
	}
	held := make(map[string]int64, len(found))
	for _, row := range found {
		held[row.Text(0)] = row.Integer(1)
	}
	return held, nil
}
