package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// serveWatchIn names the folder in which this test binary serves the API, as a
// process of its own whose memory can be measured.
const serveWatchIn = "KEYVAL_TEST_SERVE_WATCH_IN"

// TestServeWatch is that process: it serves until its input ends.
func TestServeWatch(t *testing.T) {
	dir := os.Getenv(serveWatchIn)
	if dir == "" {
		t.SkipNow() // run by TestManyIdleStreamsAreCheapAndAllReached
	}
	db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: "file:" + filepath.Join(dir, "keyval.db")})
	if err != nil {
		t.Fatal(err)
	}
	store := kv.New(db, kv.Config{})
	hub := watch.New(watch.Config{DB: db, Store: store})
	api, err := httpapi.New(httpapi.Config{Store: store, Watch: hub, OperationTimeout: time.Minute, MaxValueBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httpapi.NewServer(httpapi.ListenConfig{Handler: api})
	go func() { _ = server.Serve(listener) }()
	fmt.Printf("serving on %s\n", listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = server.Close()
	hub.Close()
	_ = db.Close()
}

// startWatchServer starts that process and returns its address and id.
func startWatchServer(t *testing.T) (address string, pid int) {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^TestServeWatch$")
	command.Env = append(os.Environ(), serveWatchIn+"="+t.TempDir(), "GOGC=100") // as in production, whatever the tests have
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "serving on ")), command.Process.Pid
}

// residentKiB is the memory of a process.
func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("SKIPPED, this test did not run: %v", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib
}

// KEYVAL_TEST_STREAMS=10000 runs it in full.
func TestManyIdleStreamsAreCheapAndAllReached(t *testing.T) {
	streams := 1000
	if text := os.Getenv("KEYVAL_TEST_STREAMS"); text != "" {
		var err error
		if streams, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < uint64(streams)+200 {
		t.Skipf("SKIPPED, this test did not run: %d open files are allowed (ulimit -n)", files.Cur)
	}
	address, pid := startWatchServer(t)
	put := func(key string) {
		t.Helper()
		req, err := http.NewRequest("PUT", "http://"+address+"/keys/"+key, strings.NewReader(`{"some":"value"}`))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	put("hot")
	before := residentKiB(t, pid)

	var opened, reached sync.WaitGroup
	opened.Add(streams)
	reached.Add(streams)
	gate := make(chan struct{}, 64)
	for range streams {
		gate <- struct{}{}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		go func() {
			if _, err := io.WriteString(conn, "GET /watch?keys=hot HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Error(err)
			}
			reader := bufio.NewReaderSize(conn, 512)
			await := func(done func()) {
				defer done()
				for {
					line, err := reader.ReadString('\n')
					if err != nil {
						t.Error(err)
						return
					}
					if strings.HasPrefix(line, "data: [{") {
						return
					}
				}
			}
			await(func() { opened.Done(); <-gate })
			await(reached.Done)
		}()
	}
	opened.Wait()
	after := residentKiB(t, pid)
	for range 20 {
		put("cold")
	}
	start := time.Now()
	put("hot")
	reached.Wait()
	took := time.Since(start)
	t.Logf("%d streams: %d KiB before, %d KiB with them (%.1f each), %d KiB after a write to all; reached in %v",
		streams, before, after, float64(after-before)/float64(streams), residentKiB(t, pid), took)
	if each := (after - before) / streams; each > 24 && !raceEnabled {
		t.Errorf("a stream takes %d KiB, so that 10,000 take more than 300 MiB", each)
	}
}
