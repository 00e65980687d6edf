package kv_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// The test binary is also the process that is killed: it writes numbers to
// the database in this variable and prints those that were answered.
const writerEnv = "KEYVAL_TEST_WRITER"

func TestMain(m *testing.M) {
	if url := os.Getenv(writerEnv); url != "" {
		if err := writeNumbers(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writeNumbers writes until it is killed.
func writeNumbers(url string) error {
	db, err := sqldb.Open(context.Background(), sqldb.Config{PrimaryURL: url})
	if err != nil {
		return err
	}
	store := kv.New(db, kv.Config{})
	var print sync.Mutex
	failed := make(chan error)
	for w := range 8 {
		go func() {
			for n := 0; ; n++ {
				key, _ := kv.NewKey("number", float64(w), float64(n))
				result, err := store.Atomic(context.Background(), kv.AtomicRequest{Mutations: []kv.Mutation{set(key, `1`)}})
				if err != nil {
					failed <- err
					return
				}
				print.Lock()
				fmt.Println(w, n, result.Versionstamp)
				print.Unlock()
			}
		}()
	}
	return <-failed
}

func TestEveryAnsweredWriteSurvivesAKillOfTheProcess(t *testing.T) {
	t.Parallel()
	d := embedded(t)
	answered := map[kv.Key]kv.Versionstamp{}
	for round := range 3 {
		writer := exec.CommandContext(t.Context(), os.Args[0])
		writer.Env = append(os.Environ(), writerEnv+"="+d.primary)
		writer.Stderr = os.Stderr
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for count := 0; lines.Scan(); count++ {
			// What it said before it died counts; a torn last line does not.
			var w, n float64
			var stamp kv.Versionstamp
			if _, err := fmt.Sscan(lines.Text(), &w, &n, &stamp); err != nil || len(stamp) != 20 {
				continue
			}
			answered[mustKey(t, "number", w, n)] = stamp
			if count == 200+50*round {
				if err := writer.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = writer.Wait() // it was killed
		wantEntries(t, d.store(t), answered)
	}
}

// wantEntries checks that each key is there with its versionstamp.
func wantEntries(t *testing.T, s *kv.Store, want map[kv.Key]kv.Versionstamp) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("nothing was answered")
	}
	missing := 0
	for keys := range slices.Chunk(slices.Collect(maps.Keys(want)), 1000) {
		found, _, err := s.Get(timeout(t), keys, kv.ReadOptions{Consistency: kv.Strong})
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range found {
			if e.Versionstamp < want[keys[i]] { // a later one may have been written without an answer
				missing++
			}
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d answered writes are not there", missing, len(want))
	}
}

func TestEveryAnsweredWriteSurvivesAKillOfThePrimary(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	d := database{primary: primary.HTTPURL()}
	store := d.store(t)
	var mu sync.Mutex
	answered := map[kv.Key]kv.Versionstamp{}
	var down sync.RWMutex // held while the primary is
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 16 {
		writers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				key := mustKey(t, "number", float64(w), float64(n))
				result, err := store.Atomic(timeout(t), kv.AtomicRequest{
					Checks: []kv.Check{{Key: key}}, Mutations: []kv.Mutation{set(key, `1`)}})
				switch {
				case err == nil && !result.OK:
					t.Errorf("%s was written although nobody was told", key)
				case err == nil:
					mu.Lock()
					answered[key] = result.Versionstamp
					mu.Unlock()
				case errors.Is(err, sqldb.ErrUnavailable):
					n--          // nothing was written: the check must hold the next time
					down.RLock() // waits until the primary is there again
					down.RUnlock()
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(answered)
	}
	for range 3 {
		before := count()
		await.That(t, "writes are answered", func() bool { return count() > before+80 })
		down.Lock()
		err := errors.Join(primary.Kill(), primary.Start(timeout(t)))
		down.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	writers.Wait()
	wantEntries(t, store, answered)
	stamps := map[kv.Versionstamp]kv.Key{}
	for key, stamp := range answered {
		if other, taken := stamps[stamp]; taken {
			t.Errorf("%s and %s share versionstamp %s", key, other, stamp)
		}
		stamps[stamp] = key
	}
}
