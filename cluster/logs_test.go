package cluster

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/buntime/keyval/internal/await"
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
		await.Pass(time.Minute)
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

func TestAPeerThatHangsUpInsteadOfAnsweringIsNoComplaint(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1)) // the rest of it has the connection reset
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}()
	transport, err := raft.NewTCPTransport("127.0.0.1:0", nil, 1, time.Minute, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = transport.Close() })
	var answer raft.AppendEntriesResponse
	err = transport.AppendEntries("peer", raft.ServerAddress(listener.Addr().String()), &raft.AppendEntriesRequest{}, &answer)
	var out bytes.Buffer
	hclogTo(slog.New(slog.NewTextHandler(&out, nil)), newLimiter(time.Hour)).Error("failed to heartbeat to", "error", err)
	if err == nil || out.Len() != 0 {
		t.Errorf("the error is %v, logged as %q; want one that is not logged", err, out.String())
	}
}
