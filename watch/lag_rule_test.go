package watch

import (
	"testing"
	"time"
)

// miss has a replica not have what it is asked for again and again, each millisecond, until
// the tailer goes to the primary, and returns when that is.
func miss(t *testing.T, l *lag, from time.Time) time.Time {
	t.Helper()
	for now := from; now.Before(from.Add(time.Second)); now = now.Add(time.Millisecond) {
		if l.missed(now); l.onPrimary(now) {
			return now
		}
	}
	t.Fatal("the replica is waited for all the time")
	return from
}

func TestAReplicaHasItsPatienceAnewAfterAStayWithThePrimary(t *testing.T) {
	t.Parallel()
	now, l := time.Now(), lag{}
	stay := primaryStay
	for range 8 {
		went := miss(t, &l, now)
		if got := went.Sub(now); got != replicaPatience {
			t.Fatalf("it went to the primary after %v, want %v", got, replicaPatience)
		}
		// Each stay is longer than the one before.
		if now = went.Add(stay); l.onPrimary(now) || !l.onPrimary(now.Add(-1)) {
			t.Fatalf("it stays for other than %v", stay)
		}
		stay = min(2*stay, longestStay)
	}
}

func TestAReplicaThatKeepsUpEndsTheStaysWithThePrimary(t *testing.T) {
	t.Parallel()
	l := lag{}
	went := miss(t, &l, time.Now())
	now := went.Add(primaryStay)
	l.missed(now) // it is a little behind, as ever
	l.over()
	if l.onPrimary(now) {
		t.Error("it is still on the primary")
	}
	if again := miss(t, &l, now); again.Sub(now) != replicaPatience || l.onPrimary(again.Add(primaryStay)) {
		t.Error("an earlier lag is held against it")
	}
}
