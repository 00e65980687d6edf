package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// limiter lets a complaint through once in a while and counts what it held back, so
// that a stranger who floods a port fills no disk.
type limiter struct {
	every time.Duration
	mu    sync.Mutex // covers seen
	seen  map[string]*complaint
}

type complaint struct {
	last time.Time
	held int
}

// maxComplaints bounds the classes that are remembered; a flood of new ones starts
// the memory over.
const maxComplaints = 256

func newLimiter(every time.Duration) *limiter {
	return &limiter{every: every, seen: map[string]*complaint{}}
}

// allow reports whether a complaint of this class is to be logged now, and how many
// were held back since the last.
func (l *limiter) allow(class string) (held int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	c := l.seen[class]
	if c == nil {
		if len(l.seen) >= maxComplaints {
			clear(l.seen)
		}
		l.seen[class] = &complaint{last: now}
		return 0, true
	}
	if now.Sub(c.last) < l.every {
		c.held++
		return 0, false
	}
	held, c.held, c.last = c.held, 0, now
	return held, true
}

// logTo logs msg at level through l, unless the same was logged a moment ago. nil
// lets everything through.
func (l *limiter) logTo(logger *slog.Logger, level slog.Level, class, msg string, args ...any) {
	if l != nil {
		held, ok := l.allow(class)
		if !ok {
			return
		}
		if held > 0 {
			args = append(args, "suppressed", held)
		}
	}
	logger.Log(context.Background(), level, msg, args...)
}

// complain logs a warning that may repeat.
func (c *Cluster) complain(msg string, args ...any) {
	c.limiter.logTo(c.log, slog.LevelWarn, msg, msg, args...)
}

// complainAbout is complain with a memory of its own for each subject.
func (c *Cluster) complainAbout(subject, msg string, args ...any) {
	c.limiter.logTo(c.log, slog.LevelWarn, msg+" "+subject, msg, args...)
}

// hclogTo is raft's logger: WARN and above, through logger.
func hclogTo(logger *slog.Logger, limit *limiter) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Warn, Output: io.Discard})
	l.RegisterSink(raftSink{logger.With("library", "raft"), limit})
	return l
}

type raftSink struct {
	logger *slog.Logger
	limit  *limiter
}

// expectedOfRaft are warnings about what is normal here: a node that waits to be
// added has no peers yet, a bootstrapped one votes for itself, and a new follower
// has nothing of the log, for which the leader then goes back.
var expectedOfRaft = []string{
	"no known peers", "not part of stable configuration", "heartbeat timeout reached",
	"failed to get previous log", "appendEntries rejected, sending older logs",
}

// Accept implements hclog.SinkAdapter.
func (s raftSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	if level < hclog.Warn {
		return
	}
	for _, text := range expectedOfRaft {
		if strings.Contains(msg, text) {
			return
		}
	}
	to := slog.LevelWarn
	if level >= hclog.Error {
		to = slog.LevelError
	}
	for i, a := range args {
		if err, ok := a.(error); ok && hungUp(err) {
			return
		}
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			args[i] = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
	}
	s.limit.logTo(s.logger, to, "raft "+msg, msg, args...)
}

// hungUp tells whether one side has ended the connection, this node or a peer that
// stops. If that was no farewell, raft says next that it cannot reach the peer.
func hungUp(err error) bool {
	var decoding interface{ Cause() error } // raft's codec has errors from before errors.Is
	if errors.As(err, &decoding) {
		err = decoding.Cause()
	}
	for _, end := range []error{net.ErrClosed, raft.ErrTransportShutdown, syscall.EPIPE, syscall.ECONNRESET, io.EOF} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// memberlistTo is memberlist's logger.
func memberlistTo(logger *slog.Logger, limit *limiter) *log.Logger {
	return log.New(memberlistSink{logger.With("library", "memberlist"), limit}, "", 0)
}

type memberlistSink struct {
	logger *slog.Logger
	limit  *limiter
}

// strangers translates what memberlist says about packets that are none of ours.
var strangers = []struct{ text, say string }{
	{"no installed keys could decrypt", "gossip that is encrypted with another key was ignored: check gossip-key"},
	{"decrypt packet failed", "gossip that is not encrypted with our key was ignored: check gossip-key"},
	{"remote state is not encrypted", "gossip that is not encrypted was ignored: check gossip-key"},
	{"remote state is encrypted", "gossip that is encrypted was ignored: set gossip-key"},
	{"unacceptable label", "gossip of another cluster was ignored: check the cluster's name and join"},
}

// Write takes one line, "[LEVEL] memberlist: text".
func (s memberlistSink) Write(p []byte) (int, error) {
	line := strings.TrimSpace(string(p))
	level, text, _ := strings.Cut(strings.TrimPrefix(line, "["), "] ")
	text = strings.TrimPrefix(text, "memberlist: ")
	if level != "WARN" && level != "ERR" && level != "ERROR" {
		return len(p), nil
	}
	if strings.Contains(text, net.ErrClosed.Error()) {
		return len(p), nil // this node has closed it itself
	}
	for _, st := range strangers {
		if strings.Contains(strings.ToLower(text), st.text) {
			s.limit.logTo(s.logger, slog.LevelWarn, st.say, st.say, "detail", text)
			return len(p), nil
		}
	}
	s.limit.logTo(s.logger, slog.LevelWarn, class(text), text)
	return len(p), nil
}

// class is the part of a line that does not vary: its first three words.
func class(text string) string {
	words := strings.Fields(text)
	return strings.Join(words[:min(3, len(words))], " ")
}
