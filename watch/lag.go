package watch

import "time"

const (
	// replicaPatience is how long a position that is said to exist is waited for on the
	// replica before the tailer goes to the primary: a little longer than a replica that
	// keeps up takes, 8.5 ms at most.
	replicaPatience = 10 * time.Millisecond
	// primaryStay is how long it stays there before it asks the replica again, and longestStay
	// when that was still behind each time, for twice as long as before.
	primaryStay = 200 * time.Millisecond
	longestStay = 3200 * time.Millisecond
	// primaryBreath is between its questions there: all nodes share the primary.
	primaryBreath = 5 * time.Millisecond
	// firstPause and longestPause are between questions to a replica that is behind.
	firstPause   = 2 * time.Millisecond
	longestPause = 32 * time.Millisecond
)

// A lag is the tailer's account of a replica that does not keep up. sqld's applies one
// transaction after the other, with an fsync or two for each, so that many small ones a
// second leave it behind however idle its machine is; asking it again and again only
// slows it down.
type lag struct {
	since time.Time     // the first question in a row for what it did not have; zero: it keeps up
	until time.Time     // the end of the stay with the primary; zero: there was none since
	stay  time.Duration // the length of the last one
}

// onPrimary tells whether the primary is asked instead.
func (l *lag) onPrimary(now time.Time) bool { return now.Before(l.until) }

// missed notes that the replica did not have yet what is said to exist. One that keeps up
// misses the first question, too, while there are commits all the time.
func (l *lag) missed(now time.Time) {
	if l.since.IsZero() || !l.until.IsZero() {
		l.since, l.until = now, time.Time{}
	}
	if now.Sub(l.since) >= replicaPatience {
		l.stay = min(max(2*l.stay, primaryStay), longestStay)
		l.until = now.Add(l.stay)
	}
}

// over notes that the replica has it all.
func (l *lag) over() { *l = lag{} }
