package route

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/internal/await"
)

// A reading takes a piece in a while.
type reading struct {
	each     func(n int) time.Duration
	deadline time.Time
}

func (r *reading) SetWriteDeadline(t time.Time) error {
	r.deadline = t
	return nil
}

func (r *reading) Write(p []byte) (int, error) {
	done := time.Now().Add(r.each(len(p)))
	if done.After(r.deadline) {
		await.Pass(time.Until(r.deadline))
		return 0, os.ErrDeadlineExceeded
	}
	await.Pass(time.Until(done))
	return len(p), nil
}

func TestASlowReaderOfALargeAnswerIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Frame{cfg: Config{Patience: SlowGrace}}
		slow := &reading{each: func(n int) time.Duration { return time.Duration(n) * time.Second / slowBytesPerSecond }}
		start := time.Now()
		if _, err := s.Pace(slow, make([]byte, 54<<20)); err != nil {
			t.Error(err)
		}
		t.Logf("it took %v", time.Since(start))
	})
}

func TestAReaderThatTakesNothingIsCutOffLongBeforeASlowOneWouldBeThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Frame{cfg: Config{Patience: SlowGrace}}
		never := &reading{each: func(int) time.Duration { return 24 * time.Hour }}
		for _, size := range []int{0, 100, 54 << 20} {
			start := time.Now()
			if _, err := s.Pace(never, make([]byte, size)); err == nil {
				t.Errorf("%d bytes: it was written", size)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("%d bytes: it took %v", size, took)
			}
		}
	})
}

func TestAReaderThatTakesAByteNowAndThenIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Frame{cfg: Config{Patience: SlowGrace}}
		slower := &reading{each: func(n int) time.Duration { return time.Duration(n) * 2 * time.Second / slowBytesPerSecond }}
		if _, err := s.Pace(slower, make([]byte, 54<<20)); err == nil {
			t.Error("it was written at half of the least speed")
		}
	})
}
