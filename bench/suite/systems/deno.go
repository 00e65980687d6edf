package systems

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/buntime/keyval/bench/conn"
	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/node/nodetest"
)

//go:embed deno.ts
var denoServer []byte

// Deno is Deno KV, which knows no network, behind the least server.
func Deno() System {
	return System{
		Name:          NameDeno,
		Configuration: "`deno run -A --unstable-kv bench/suite/systems/deno.ts`; 64 connections of HTTP/1.1, as for keyval",
		Durability:    "fsync by its SQLite",
		Cannot:        map[string]string{Queue: "its queue delivers to one listener, within the process", Filter: noDocuments, Search: noDocuments, Watch: "its watch is within the process"},
		Start:         startDeno,
		Version:       versionOf("deno", "deno ", findDeno),
	}
}

func findDeno(context.Context, *Host) (string, error) { return nodetest.FindDeno() }

func startDeno(ctx context.Context, host *Host) (*Instance, error) {
	path, err := findDeno(ctx, host)
	if err != nil {
		return nil, err
	}
	return assemble(func(i *Instance) error {
		dir, addrs, err := i.place(host, "deno", 1)
		if err != nil {
			return err
		}
		script := filepath.Join(dir, "deno.ts")
		if err := os.WriteFile(script, denoServer, 0o600); err != nil {
			return err
		}
		_, port, err := net.SplitHostPort(addrs[0])
		if err != nil {
			return err
		}
		dial := func(ctx context.Context) (*conn.Conn, error) {
			return conn.Open(ctx, conn.Config{URL: "http://" + addrs[0]})
		}
		i.Open = func(measure string, s Size) (workload.Workload, error) { return openDeno(dial, measure, s) }
		return i.run(ctx, nodetest.Command{
			Path: path,
			Args: []string{"run", "-A", "--unstable-kv", script, port, filepath.Join(dir, "deno.db")},
			Env:  []string{"DENO_NO_UPDATE_CHECK=1", "NO_COLOR=1", "DENO_DIR=" + dir},
		}, func(ctx context.Context) error {
			c, err := dial(ctx)
			if err != nil {
				return err
			}
			_, err = ask(ctx, c, "GET", "/keys/ready", "")
			return errors.Join(err, c.Close())
		})
	})
}

// plainKey is a key as a URL's path has it, and jsonKey as JSON.
func plainKey(n int) string { return fmt.Sprintf("/keys/bench/k%08d", n) }
func jsonKey(n int) string  { return fmt.Sprintf(`["bench","k%08d"]`, n) }

func openDeno(dial func(context.Context) (*conn.Conn, error), measure string, s Size) (workload.Workload, error) {
	j := job[*conn.Conn]{operations: []string{measure}, dial: dial, hangUp: (*conn.Conn).Close}
	j.prepare = func(ctx context.Context, c *conn.Conn) error { return fillDeno(ctx, c, s) }
	return j.doing(NameDeno, measure, s, map[string]maker[*conn.Conn]{
		Put: denoPut, Get: denoGet, Sum: denoSum, Atomic: denoAtomic, List: denoList,
	})
}

func fillDeno(ctx context.Context, c *conn.Conn, s Size) error {
	draw := newDraws(s, 0)
	for from := 0; from < s.Keys; from += 500 {
		var entries []string
		for k := from; k < min(from+500, s.Keys); k++ {
			entries = append(entries, fmt.Sprintf(`{"key":%s,"value":%s}`, jsonKey(k), draw.value()))
		}
		if _, err := ask(ctx, c, "POST", "/fill", `{"entries":[`+strings.Join(entries, ",")+`]}`); err != nil {
			return err
		}
	}
	return nil
}

func denoPut(c *conn.Conn, draw *draws, _ int) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := ask(ctx, c, "PUT", plainKey(draw.key()), draw.value())
		return err
	}
}

func denoGet(c *conn.Conn, draw *draws, _ int) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := ask(ctx, c, "GET", plainKey(draw.key()), "")
		return err
	}
}

func denoSum(c *conn.Conn, _ *draws, _ int) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := ask(ctx, c, "POST", "/sum", `{"key":["bench-counter"]}`)
		return err
	}
}

// denoAtomic sets a key if it has the versionstamp that this worker gave it last.
func denoAtomic(c *conn.Conn, draw *draws, i int) func(context.Context) error {
	stamps := newVersions[string](draw.size, i)
	return func(ctx context.Context) error {
		key, versionstamp, known := stamps.take()
		if !known {
			entry, err := askStamp(ctx, c, "GET", plainKey(key), "")
			if err != nil {
				return err
			}
			versionstamp = entry.Versionstamp
		}
		done, err := askStamp(ctx, c, "POST", "/atomic",
			fmt.Sprintf(`{"key":%s,"versionstamp":%q,"value":%s}`, jsonKey(key), versionstamp, draw.value()))
		if err != nil {
			return err
		}
		if done.OK != nil && !*done.OK {
			return errCheckFailed
		}
		stamps.set(key, done.Versionstamp)
		return nil
	}
}

func denoList(c *conn.Conn, draw *draws, _ int) func(context.Context) error {
	return func(ctx context.Context) error {
		from := draw.random.IntN(max(1, draw.size.Keys-listed))
		_, err := ask(ctx, c, "POST", "/list", fmt.Sprintf(`{"start":%s,"end":%s,"limit":%d}`, jsonKey(from), jsonKey(from+listed), listed))
		return err
	}
}

// ask sends a request and returns the body of its answer, which must be a 2xx.
func ask(ctx context.Context, c *conn.Conn, method, target, body string) ([]byte, error) {
	answer, err := c.Do(ctx, method, target, nil, []byte(body))
	if err != nil {
		return nil, err
	}
	if answer.Status/100 != 2 {
		return nil, fmt.Errorf("%s %s: status %d: %s", method, target, answer.Status, answer.Body)
	}
	return answer.Body, nil
}

// stamp is what an entry or a commit tells of its versionstamp.
type stamp struct {
	OK           *bool  `json:"ok"`
	Versionstamp string `json:"versionstamp"`
}

func askStamp(ctx context.Context, c *conn.Conn, method, target, body string) (s stamp, err error) {
	answer, err := ask(ctx, c, method, target, body)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(answer, &s)
}
