package load_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/bench/conn"
	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/internal/sleep"
)

// A lane is a worker over a connection.
type lane struct{ *conn.Conn }

func (l lane) Do(ctx context.Context) (int, error) {
	answer, err := l.Conn.Do(ctx, "GET", "/", nil, nil)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("status %d", answer.Status)
	}
	return 0, err
}

// lanes opens connections to a server that is in the bubble with them, so that what it takes
// for an answer is exact: before each, it calls pause. The server's ctx cuts that short.
func lanes(serving context.Context, pause func(context.Context)) func(context.Context, int) (load.Worker, error) {
	dial := func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go answerAll(serving, server, pause)
		return client, nil
	}
	return func(ctx context.Context, _ int) (load.Worker, error) {
		c, err := conn.Open(ctx, conn.Config{URL: "http://server.test", Dial: dial})
		return lane{c}, err
	}
}

// answerAll ends when the client has closed the connection.
func answerAll(ctx context.Context, client net.Conn, pause func(context.Context)) {
	defer client.Close()
	for in := bufio.NewReader(client); ; {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		pause(ctx)
		if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

func TestPercentilesOverConnectionsAreThoseOfTheServer(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				each := evenly()
				pause := func(ctx context.Context) { _, _ = each(ctx) }
				op := mustRun(t.Context(), t, load.Config{Workers: 16, Rate: rate, Duration: 50 * time.Second, New: lanes(t.Context(), pause)}).Operations[0]
				if op.Count < 5000 || len(op.Failures) > 0 {
					t.Errorf("%d succeeded, %v failed", op.Count, op.Failures)
				}
				for _, percentile := range []float64{10, 50, 90, 99, 99.9, 100} {
					mustBeNear(t, op, percentile, time.Duration(percentile*float64(time.Millisecond)))
				}
			})
		})
	}
}

func TestAnInterruptionEndsWaitingOnAConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		begun := time.Now()
		hour := func(ctx context.Context) { sleep.For(ctx, time.Hour) }
		run := mustRun(ctx, t, load.Config{Workers: 4, Duration: time.Minute, New: lanes(t.Context(), hour)})
		if took := time.Since(begun); took != 1500*time.Millisecond || !run.Interrupted {
			t.Errorf("it ended after %v (interrupted: %v)", took, run.Interrupted)
		}
		if op := run.Operations[0]; op.Count != 0 || len(op.Failures) > 0 {
			t.Errorf("%d succeeded, %v failed, of what was cut off", op.Count, op.Failures)
		}
	})
}
