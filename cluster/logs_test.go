package cluster

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestARepeatedComplaintIsLoggedOnceAndCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&out, nil))
		limit := newLimiter(time.Minute)
		for range 100 {
			limit.logTo(logger, slog.LevelWarn, "knock", "knock")
			limit.logTo(logger, slog.LevelWarn, "ring", "ring")
		}
		if got := strings.Count(out.String(), "\n"); got != 2 {
			t.Errorf("%d lines, want one for each complaint: 2", got)
		}
		time.Sleep(time.Minute)
		limit.logTo(logger, slog.LevelWarn, "knock", "knock")
		if !strings.Contains(out.String(), "suppressed=99") {
			t.Errorf("log does not count what was held back:\n%s", out.String())
		}
	})
}

func TestAFloodOfDifferentComplaintsUsesBoundedMemory(t *testing.T) {
	t.Parallel()
	limit := newLimiter(time.Hour)
	for i := range 10 * maxComplaints {
		limit.allow(fmt.Sprint(i))
	}
	if got := len(limit.seen); got > maxComplaints {
		t.Errorf("%d complaints are remembered, want at most %d", got, maxComplaints)
	}
}

func TestLibraryLinesBelowWarningAreDropped(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	m := memberlistTo(logger, newLimiter(time.Hour))
	r := hclogTo(logger, newLimiter(time.Hour))
	m.Printf("[DEBUG] memberlist: chatter")
	m.Printf("[INFO] memberlist: chatter")
	r.Debug("chatter")
	r.Info("chatter")
	if out.Len() != 0 {
		t.Errorf("logged %q, want nothing", out.String())
	}
	m.Printf("[WARN] memberlist: Something is odd from=127.0.0.1:1")
	r.Error("failed to contact", "peer", "b")
	for _, want := range []string{
		`level=WARN msg="Something is odd from=127.0.0.1:1" library=memberlist`,
		`level=ERROR msg="failed to contact" library=raft peer=b`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log %q lacks %q", out.String(), want)
		}
	}
}
