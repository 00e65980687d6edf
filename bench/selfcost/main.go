// Command selfcost is both ends of bench/selfcost.sh: a server that does nothing, and the
// harness's own load on it.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/buntime/keyval/bench/conn"
	"github.com/buntime/keyval/bench/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // a program of its own
	}
}

// run does one of the two commands.
func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "serve":
		return serve(ctx, args[1])
	case len(args) == 4 && args[0] == "load":
		return measure(ctx, args[1], args[2], args[3])
	}
	return errors.New("usage: selfcost serve ADDRESS | selfcost load URL CONNECTIONS SECONDS")
}

// serve answers everything with as little work as a server in Go can, so that the client is
// what limits.
func serve(ctx context.Context, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	answer := []byte(`{"name":"Alice Example","age":42,"x":1}`)
	return fasthttp.Serve(l, func(r *fasthttp.RequestCtx) { r.SetBody(answer) })
}

// getter is a load.Worker that asks for one path.
type getter struct{ *conn.Conn }

func (g getter) Do(ctx context.Context) (int, error) {
	answer, err := g.Conn.Do(ctx, http.MethodGet, "/", nil, nil)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("status %d", answer.Status)
	}
	return 0, err
}

// measure prints how many answers came each second, in wrk's words.
func measure(ctx context.Context, url, connections, seconds string) error {
	workers, err := strconv.Atoi(connections)
	if err != nil {
		return err
	}
	duration, err := strconv.Atoi(seconds)
	if err != nil {
		return err
	}
	run, err := load.Run(ctx, load.Config{
		Operations: []string{"get"}, Workers: workers, Duration: time.Duration(duration) * time.Second,
		New: func(ctx context.Context, _ int) (load.Worker, error) {
			c, err := conn.Open(ctx, conn.Config{URL: url})
			return getter{c}, err
		},
	})
	if err != nil {
		return err
	}
	get := run.Operations[0]
	if len(get.Failures) > 0 {
		return fmt.Errorf("failures: %v", get.Failures)
	}
	fmt.Fprintf(os.Stdout, "Requests/sec: %.2f\n", get.Rate(run))
	return nil
}
