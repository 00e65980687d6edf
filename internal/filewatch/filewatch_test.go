package filewatch

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/internal/await"
)

// reader is whoever has files watched: it has read them when Load succeeds.
type reader struct {
	paths []string

	mu         sync.Mutex // covers the rest
	loads      int
	read       string // all files, one after the other
	complaints []string
}

func (r *reader) load() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loads++
	var all string
	for _, path := range r.paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return errors.New(filepath.Base(path) + " cannot be read")
		}
		all += string(content)
	}
	if all == "bad" {
		return errors.New("they are bad")
	}
	r.read = all
	return nil
}

func (r *reader) complain(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.complaints = append(r.complaints, err.Error())
}

func (r *reader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loads
}

// watched runs test in a bubble beside a watcher of these files.
func watched(t *testing.T, paths []string, test func(t *testing.T, r *reader, w *Watcher)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &reader{paths: paths}
		w := Start(Config{Paths: paths, Every: time.Second, Load: r.load, Complain: r.complain})
		defer w.Stop()
		synctest.Wait()
		test(t, r, w)
	})
}

// later lets n looks pass.
func later(n int) { await.Pass(time.Duration(n) * time.Second) }

func (r *reader) want(t *testing.T, read string, complaints ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.read != read {
		t.Errorf("got %q, want %q", r.read, read)
	}
	if !slices.Equal(r.complaints, complaints) {
		t.Errorf("got complaints %q, want %q", r.complaints, complaints)
	}
}

func mustWrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFileIsReadAtTheBeginningAndAfterEachWayOfReplacingIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	mustWrite(t, path, "one")
	watched(t, []string{path}, func(t *testing.T, r *reader, _ *Watcher) {
		r.want(t, "one")
		mustWrite(t, path, "three")
		later(1)
		r.want(t, "three")
		mustWrite(t, path+".new", "seven")
		mustDo(t, os.Rename(path+".new", path))
		later(1)
		r.want(t, "seven")
	})
}

func TestADirectoryBehindALinkThatIsTurnedIsSeen(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		mustDo(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		mustWrite(t, filepath.Join(dir, version, "a"), version)
	}
	mustDo(t, os.Symlink("v1", filepath.Join(dir, "..data")))
	mustDo(t, os.Symlink(filepath.Join("..data", "a"), filepath.Join(dir, "a")))
	watched(t, []string{filepath.Join(dir, "a")}, func(t *testing.T, r *reader, _ *Watcher) {
		r.want(t, "v1")
		mustDo(t, os.Symlink("v2", filepath.Join(dir, "..next")))
		mustDo(t, os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")))
		later(1)
		r.want(t, "v2")
	})
}

func TestASecondChangeThatLeavesNoTraceIsReadOneLookLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	mustWrite(t, path, "one")
	watched(t, []string{path}, func(t *testing.T, r *reader, _ *Watcher) {
		later(2)
		mustWrite(t, path, "two")
		info, err := os.Stat(path)
		mustDo(t, err)
		later(1)
		mustWrite(t, path, "six")
		mustDo(t, os.Chtimes(path, time.Time{}, info.ModTime())) // the clock has not ticked
		later(1)
		r.want(t, "six")
	})
}

func TestFilesThatStayAreNotReadAgainUnlessSomebodyPokes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	mustWrite(t, path, "one")
	watched(t, []string{path}, func(t *testing.T, r *reader, w *Watcher) {
		later(2)
		before := r.count()
		later(100)
		if now := r.count(); now != before {
			t.Errorf("read %d times without a reason", now-before)
		}
		w.Poke()
		synctest.Wait()
		if now := r.count(); now != before+1 {
			t.Errorf("read %d times after a poke, want once, at once", now-before)
		}
	})
}

func TestAFileThatVanishesIsToldOnceAndReadWhenItIsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	mustWrite(t, path, "one")
	watched(t, []string{path}, func(t *testing.T, r *reader, _ *Watcher) {
		mustDo(t, os.Remove(path))
		later(100)
		r.want(t, "one", "a cannot be read")
		mustWrite(t, path, "two")
		later(1)
		r.want(t, "two", "a cannot be read")
		mustDo(t, os.Remove(path))
		later(2)
		r.want(t, "two", "a cannot be read", "a cannot be read")
	})
}

func TestNobodyComplainsOfWhatIsHalfWrittenAtOneLook(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	mustWrite(t, a, "x")
	mustWrite(t, b, "y")
	watched(t, []string{a, b}, func(t *testing.T, r *reader, _ *Watcher) {
		mustWrite(t, a, "ba")
		mustWrite(t, b, "d")
		later(1)
		r.want(t, "xy")
		mustWrite(t, b, "ck")
		later(1)
		r.want(t, "back")
	})
}

func TestWhoPokesIsToldAtOnceWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	mustWrite(t, path, "one")
	watched(t, []string{path}, func(t *testing.T, r *reader, w *Watcher) {
		mustWrite(t, path, "bad")
		w.Poke()
		synctest.Wait()
		r.want(t, "one", "they are bad")
		later(100)
		r.want(t, "one", "they are bad")
		w.Poke()
		synctest.Wait()
		r.want(t, "one", "they are bad", "they are bad")
	})
}

func TestAWatcherThatHasStoppedReadsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	mustWrite(t, path, "one")
	watched(t, []string{path}, func(t *testing.T, r *reader, w *Watcher) {
		w.Stop()
		w.Stop()
		mustWrite(t, path, "three")
		w.Poke()
		later(2)
		r.want(t, "one")
	})
}
