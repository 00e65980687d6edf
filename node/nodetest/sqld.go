package nodetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// readyTimeout bounds a start whose context has no deadline of its own.
// A machine that is busy with other tests may need long for what is done in 1 s.
const readyTimeout = 2 * time.Minute

// Patience is how long a test's nodes give a server for the least question: a machine that
// stands still makes none silent.
const Patience = time.Minute

// Sqld is one libSQL server, a primary or a replica, as a child process on
// 127.0.0.1. Addresses and directory stay the same over all its lives, so that a
// client's URL holds after a restart. Its methods may be called by several
// goroutines at once.
type Sqld struct {
	process *Process
	http    *Port
	grpc    *Port // nil for a replica
}

// StartPrimary starts a libSQL primary that keeps its database in dir, which is
// made if need be, and returns when it answers a query. Further arguments go to
// sqld as they are, for example "--max-concurrent-connections", "16".
//
// ctx bounds the start only; without a deadline it takes at most 2 minutes.
func StartPrimary(ctx context.Context, dir string, args ...string) (*Sqld, error) {
	grpc, err := ReservePort()
	if err != nil {
		return nil, err
	}
	args = append([]string{"--grpc-listen-addr", grpc.Addr()}, args...)
	s, err := startSqld(ctx, dir, args)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start sqld primary: %w", err), grpc.Close())
	}
	s.grpc = grpc
	return s, nil
}

// StartReplica starts a libSQL replica that keeps its copy in dir and follows
// the primary at primaryGRPC, which is [Sqld.GRPCURL] or the URL of a proxy in
// front of it. It returns when the replica answers a query, for which the
// primary must be reachable. Arguments and ctx are as for [StartPrimary].
func StartReplica(ctx context.Context, dir, primaryGRPC string, args ...string) (*Sqld, error) {
	args = append([]string{"--primary-grpc-url", primaryGRPC}, args...)
	s, err := startSqld(ctx, dir, args)
	if err != nil {
		return nil, fmt.Errorf("start sqld replica: %w", err)
	}
	return s, nil
}

func startSqld(ctx context.Context, dir string, args []string) (*Sqld, error) {
	path, err := FindSqld()
	if err != nil {
		return nil, err
	}
	port, err := ReservePort()
	if err != nil {
		return nil, err
	}
	args = append([]string{"--no-welcome", "-d", dir, "--http-listen-addr", port.Addr()}, args...)
	s := &Sqld{
		process: NewProcess(Command{Path: path, Args: args, Env: []string{"NO_COLOR=1"}}),
		http:    port,
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Addr returns the address of the HTTP and WebSocket port, as host:port.
func (s *Sqld) Addr() string { return s.http.Addr() }

// HTTPURL returns the URL for the driver's HTTP protocol, without trailing slash.
func (s *Sqld) HTTPURL() string { return "http://" + s.http.Addr() }

// WSURL returns the URL for the driver's WebSocket protocol.
func (s *Sqld) WSURL() string { return "ws://" + s.http.Addr() }

// GRPCAddr returns the address that replicas connect to, as host:port. It is
// empty for a replica.
func (s *Sqld) GRPCAddr() string {
	if s.grpc == nil {
		return ""
	}
	return s.grpc.Addr()
}

// GRPCURL returns the URL that replicas connect to, empty for a replica.
func (s *Sqld) GRPCURL() string {
	if s.grpc == nil {
		return ""
	}
	return "http://" + s.grpc.Addr()
}

// Process returns the server's process, for its id, its exit and other signals.
func (s *Sqld) Process() *Process { return s.process }

// Logs returns the last 256 KiB that the server wrote in all its lives.
func (s *Sqld) Logs() string { return s.process.Logs() }

// Stop ends the server with SIGTERM and waits for it, within ctx.
func (s *Sqld) Stop(ctx context.Context) error { return s.process.Stop(ctx) }

// Kill ends the server with SIGKILL and waits for it.
func (s *Sqld) Kill() error { return s.process.Kill() }

// Pause stops the server with SIGSTOP: connections stay open, nothing answers.
func (s *Sqld) Pause() error { return s.process.Pause() }

// Resume wakes a paused server with SIGCONT.
func (s *Sqld) Resume() error { return s.process.Resume() }

// Start starts a server that was stopped or killed, on the same addresses and
// directory, and returns when it answers a query. On failure the error carries
// the end of its log. ctx is as for [StartPrimary].
func (s *Sqld) Start(ctx context.Context) error {
	if err := s.process.Start(); err != nil {
		return err
	}
	if err := s.WaitReady(ctx); err != nil {
		return fmt.Errorf("%w; its log ends:\n%s", err, lastLines(s.Logs(), 30))
	}
	return nil
}

// WaitReady returns when the server answers a query. It gives up with an error
// when the server has ended or ctx is over; without a deadline after 2 minutes.
func (s *Sqld) WaitReady(ctx context.Context) error {
	return waitReady(ctx, s.process, func(ctx context.Context) error {
		_, err := s.Query(ctx, "SELECT 1")
		return err
	})
}

// Query runs one SQL statement through the server's HTTP protocol, without any
// driver, and returns the raw JSON answer. It is meant for looking at a server
// from outside what is being tested.
func (s *Sqld) Query(ctx context.Context, sql string) (string, error) {
	return query(ctx, s.HTTPURL(), sql)
}

// Close kills the server, waits for it and gives its ports back. The directory
// stays. It does not ask first, as Stop does, because sqld would wait for its
// clients and nobody waits for its good-bye.
func (s *Sqld) Close() error {
	err := errors.Join(s.process.Kill(), s.http.Close())
	if s.grpc != nil {
		err = errors.Join(err, s.grpc.Close())
	}
	return err
}

// SqldPair is a primary and a replica that follows it.
type SqldPair struct {
	Primary *Sqld
	Replica *Sqld
}

// StartSqldPair starts a primary and a replica in two folders below dir. ctx is
// as for [StartPrimary].
func StartSqldPair(ctx context.Context, dir string) (*SqldPair, error) {
	primary, err := StartPrimary(ctx, filepath.Join(dir, "primary"))
	if err != nil {
		return nil, err
	}
	replica, err := StartReplica(ctx, filepath.Join(dir, "replica"), primary.GRPCURL())
	if err != nil {
		return nil, errors.Join(err, primary.Close())
	}
	return &SqldPair{Primary: primary, Replica: replica}, nil
}

// Close ends both servers, the replica first so that it does not complain about
// the primary's death.
func (p *SqldPair) Close() error {
	return errors.Join(p.Replica.Close(), p.Primary.Close())
}

// query posts one statement to sqld's HTTP protocol (Hrana 2).
func query(ctx context.Context, url, sql string) (string, error) {
	body, err := json.Marshal(map[string]any{"requests": []any{
		map[string]any{"type": "execute", "stmt": map[string]any{"sql": sql}},
		map[string]any{"type": "close"},
	}})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v2/pipeline", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	// A connection of its own: nothing is left open that a test for leaks would
	// find or that a killed server would break later.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"type":"error"`)) {
		return "", fmt.Errorf("query %s: %s: %s", sql, response.Status, answer)
	}
	return string(answer), nil
}

// waitReady calls ready until it succeeds, the process ends or ctx is over.
func waitReady(ctx context.Context, process *Process, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	// Short at first, because an idle machine is ready within milliseconds, and
	// longer later, because a busy one needs its time for other things.
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		attempt, cancelAttempt := context.WithTimeout(ctx, readyTimeout/12)
		err := ready(attempt)
		cancelAttempt()
		if err == nil {
			return nil
		}
		select {
		case <-process.Exited():
			return fmt.Errorf("%s ended before it was ready: %w", process.path(), exitReason(process))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w", process.path(), context.Cause(ctx), err)
		case <-time.After(pause):
		}
	}
}

// exitReason tells how an ended process ended, in words also for status 0.
func exitReason(process *Process) error {
	if err := process.ExitErr(); err != nil {
		return err
	}
	return errors.New("exit status 0")
}

// lastLines returns the last n lines of text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
