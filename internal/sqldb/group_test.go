package sqldb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// A gauge counts the requests that hold or wait for the write lock.
type gauge struct {
	mu        sync.Mutex
	now, most int
	total     int
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.most = max(g.most, g.now)
	g.total += max(n, 0)
}

// watchTransactions stands in front of sqld and counts write transactions.
func watchTransactions(t *testing.T, target string) (address string, g *gauge) {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	g = &gauge{}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("BEGIN IMMEDIATE")) {
			g.add(1)
		}
		proxy.ServeHTTP(w, r)
		if bytes.Contains(body, []byte(`"COMMIT"`)) && !bytes.Contains(body, []byte(`"BEGIN"`)) || bytes.Contains(body, []byte(`"ROLLBACK"}`)) {
			g.add(-1)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, g
}

func TestANodeHasOneWriteTransactionInFlightHoweverManyWrite(t *testing.T) {
	t.Parallel()
	writersInFlight(t, 96, sqldb.Config{})
}

func TestSoakANodeHasOneWriteTransactionInFlightHoweverManyWrite(t *testing.T) {
	t.Parallel()
	nodetest.OnlyInSoak(t)
	writersInFlight(t, 2048, sqldb.Config{})
}

// writersInFlight lets so many write at once in all the ways that there are, and
// counts the transactions.
func writersInFlight(t *testing.T, clients int, cfg sqldb.Config) {
	t.Helper()
	primary := nodetest.MustStartPrimary(t)
	address, transactions := watchTransactions(t, primary.HTTPURL())
	direct := open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
	cfg.PrimaryURL = address
	db := open(t, cfg)
	stop := make(chan struct{})
	const oneByOne = 4 // operations of each writer: there are as many groups at least
	var other, writers sync.WaitGroup
	other.Go(func() { // makes groups fail their guard and read under the lock
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := direct.Do(timeout(t), add("n", nil)); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for w := range clients {
		writers.Go(func() {
			for i := range oneByOne {
				op := add(fmt.Sprint(w), nil)
				switch (w + i) % 4 {
				case 1:
					op = add("n", nil)
				case 2:
					op = put(fmt.Sprint(w), 1)
				case 3:
					op.Locked = &sqldb.LockedRead{Found: func([][]sqldb.Row) {}}
				}
				if _, err := db.Do(timeout(t), op); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	other.Wait()
	transactions.mu.Lock()
	defer transactions.mu.Unlock()
	if transactions.most != 1 || transactions.total < oneByOne {
		t.Errorf("%d write transactions at once, %d in all; want 1 at once and %d or more", transactions.most, transactions.total, oneByOne)
	}
}

func TestWhatReadsUnderTheLockStandsTogetherAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		mustDo(t, db, put("n", 5))
		release := blockCommitter(t, db)
		var answers []<-chan answer
		seen := make([]int64, 8)
		for i := range seen {
			locked := put("locked", 1)
			locked.Locked = &sqldb.LockedRead{
				Stmts: []sqldb.Stmt{{SQL: "SELECT n+? FROM cells WHERE name='n'", Args: []any{int64(i)}}},
				Found: func(results [][]sqldb.Row) { seen[i] = results[0][0].Integer(0) },
			}
			answers = append(answers, start(timeout(t), db, locked))
			waitPending(t, db, 2*i+1)
			answers = append(answers, start(timeout(t), db, put("other", 1)))
			waitPending(t, db, 2*i+2)
		}
		release()
		groups := map[int64]int{}
		for _, a := range answers {
			got := receive(t, a)
			wantErr(t, got, nil)
			groups[got.commit.Txn]++
		}
		if len(groups) != 2 {
			t.Errorf("16 operations made groups of %v, want two of 8", groups)
		}
		for i, n := range seen {
			if n != int64(5+i) {
				t.Errorf("operation %d has found %d, want its own result", i, n)
			}
		}
	})
}

func TestNobodyIsAnsweredBeforeTheCommit(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	held := b.proxy.HoldNextAnswer(commitBatch)
	var answers []<-chan answer
	refused := errors.New("refused by its own check")
	release := blockCommitter(t, b.db)
	answers = append(answers, start(timeout(t), b.db, add("n", nil)))
	waitPending(t, b.db, 1)
	// It fails because of what the one before it has done, which must not be
	// told unless that happens.
	check := &sqldb.Op{Name: "check", Reads: []sqldb.Ref{cells.Ref("n")}, Apply: func(tx *sqldb.Tx) error {
		if cells.Get(tx, "n") != nil {
			return refused
		}
		return nil
	}}
	answers = append(answers, start(timeout(t), b.db, check))
	waitPending(t, b.db, 2)
	release()
	wait(t, held)
	for i, a := range answers {
		select {
		case <-a:
			t.Errorf("operation %d was answered before the commit was", i)
		default:
		}
	}
	held.Release()
	wantErr(t, receive(t, answers[0]), nil)
	wantErr(t, receive(t, answers[1]), refused)
}

func TestWhatSQLComputesComesAfterWhatIsComputedHere(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	release := blockCommitter(t, db)
	double := start(timeout(t), db, run("UPDATE cells SET n=n*10"))
	waitPending(t, db, 1)
	first := start(timeout(t), db, put("n", 1))
	waitPending(t, db, 2)
	second := start(timeout(t), db, add("n", nil))
	waitPending(t, db, 3)
	release()
	d, f, s := receive(t, double).commit, receive(t, first).commit, receive(t, second).commit
	if f.Txn != s.Txn || s.Txn != d.Txn {
		t.Fatalf("transactions %d, %d, %d: want one group", f.Txn, s.Txn, d.Txn)
	}
	if d.Versionstamp() < s.Versionstamp() {
		t.Errorf("SQL's operation has %s, before %s", d.Versionstamp(), s.Versionstamp())
	}
	wantValue(t, db, "n", 20)
}

func TestVersionstampsOfNodesAndOperationsAreOneOrder(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	var mu sync.Mutex
	seen := map[int64]sqldb.Position{} // what the counter became, to the versionstamp
	var workers sync.WaitGroup
	for range 2 {
		db := open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
		for range 8 {
			workers.Go(func() {
				for range 20 {
					var n int64
					commit, err := db.Do(timeout(t), add("n", &n))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					seen[n] = commit.Versionstamp()
					mu.Unlock()
				}
			})
		}
	}
	workers.Wait()
	if len(seen) != 320 {
		t.Fatalf("%d different outcomes, want 320", len(seen))
	}
	for n := int64(2); n <= 320; n++ {
		if seen[n] <= seen[n-1] {
			t.Errorf("the counter became %d at %s, after %d at %s", n, seen[n], n-1, seen[n-1])
		}
	}
}

func TestAnOperationCancelledWhileItWaitsWritesNothing(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	release := blockCommitter(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := start(ctx, db, put("n", 1))
	waitPending(t, db, 1)
	kept := start(timeout(t), db, put("m", 1))
	waitPending(t, db, 2)
	cancel()
	wantErr(t, receive(t, cancelled), context.Canceled)
	release()
	wantErr(t, receive(t, kept), nil)
	wantValue(t, db, "n", 0)
	wantValue(t, db, "m", 1)
}

func TestAFullQueueRefusesWhatMakesRoomLast(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]sqldb.Config{
		"by number": {MaxPending: 4},
		"by bytes":  {MaxPendingBytes: 4 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg.PrimaryURL = embeddedURL(t)
			db := open(t, cfg)
			release := blockCommitter(t, db)
			var admitted []<-chan answer
			fill := func(relieves bool) {
				for range 4 {
					op := add("n", nil)
					op.Bytes, op.Relieves = 1000, relieves
					admitted = append(admitted, start(timeout(t), db, op))
					waitPending(t, db, len(admitted))
				}
				refused := add("n", nil)
				refused.Bytes, refused.Relieves = 1000, relieves
				wantErr(t, receive(t, start(timeout(t), db, refused)), sqldb.ErrOverloaded)
			}
			fill(false)
			fill(true)
			release()
			for _, a := range admitted {
				wantErr(t, receive(t, a), nil)
			}
			wantValue(t, db, "n", int64(len(admitted)))
			mustDo(t, db, add("n", nil)) // there is room again
		})
	}
}

func TestAnOperationThatTheDatabaseRefusesFailsAlone(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		release := blockCommitter(t, db)
		var good []<-chan answer
		var bad []<-chan answer
		for i := range 33 {
			if i%11 == 5 {
				bad = append(bad, start(timeout(t), db, run("INSERT INTO no_such_table VALUES (1)")))
			} else {
				good = append(good, start(timeout(t), db, add("n", nil)))
			}
			waitPending(t, db, i+1)
		}
		release()
		for _, a := range good {
			wantErr(t, receive(t, a), nil)
		}
		for _, a := range bad {
			if got := receive(t, a).err; got == nil || !strings.Contains(got.Error(), "no_such_table") || errors.Is(got, sqldb.ErrUnavailable) {
				t.Errorf("the refused operation's answer is %v, want the database's error", got)
			}
		}
		wantValue(t, db, "n", int64(len(good)))
	}
	t.Run("embedded", func(t *testing.T) { t.Parallel(); test(t, embeddedURL(t)) })
	t.Run("sqld", func(t *testing.T) { t.Parallel(); test(t, nodetest.MustStartPrimary(t).HTTPURL()) })
}

func TestAnOperationPutOffCommitsInTheNextGroup(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	release := blockCommitter(t, db)
	first := start(timeout(t), db, add("n", nil))
	waitPending(t, db, 1)
	tries := 0
	second := start(timeout(t), db, &sqldb.Op{Name: "later", Reads: []sqldb.Ref{cells.Ref("n")}, Apply: func(tx *sqldb.Tx) error {
		if tries++; tries == 1 {
			cells.Put(tx, "half", cell{n: 1}) // is taken back
			return sqldb.ErrNextGroup
		}
		cells.Put(tx, "n", cell{n: cells.Get(tx, "n").n + 10})
		return nil
	}})
	waitPending(t, db, 2)
	release()
	f, s := receive(t, first), receive(t, second)
	wantErr(t, f, nil)
	wantErr(t, s, nil)
	if s.commit.Txn <= f.commit.Txn {
		t.Errorf("transactions %d and %d, want the second later", f.commit.Txn, s.commit.Txn)
	}
	wantValue(t, db, "n", 11)
	wantValue(t, db, "half", 0)
}

func TestAFailedOperationLeavesNothingForThoseAfterIt(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	mustDo(t, db, put("n", 5))
	release := blockCommitter(t, db)
	refused := errors.New("refused")
	first := start(timeout(t), db, &sqldb.Op{Name: "fail", Reads: []sqldb.Ref{cells.Ref("n")}, Apply: func(tx *sqldb.Tx) error {
		for n := range int64(3) {
			cells.Put(tx, "n", cell{n: 100 + n})
			cells.Put(tx, "new", cell{n: 100 + n})
		}
		return refused
	}})
	waitPending(t, db, 1)
	second := start(timeout(t), db, add("n", nil))
	waitPending(t, db, 2)
	release()
	wantErr(t, receive(t, first), refused)
	wantErr(t, receive(t, second), nil)
	wantValue(t, db, "n", 6)
	wantValue(t, db, "new", 0)
}

func TestAGroupIsBounded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		op   func(i int) *sqldb.Op
		ops  int
		most int64
	}{
		"by operations": {func(i int) *sqldb.Op { return put(fmt.Sprint(i), 1) }, 2500, 1000},
		"by bytes": {func(i int) *sqldb.Op {
			op := put(fmt.Sprint(i), 1)
			op.Bytes = 1 << 20
			return op
		}, 20, 2},
		"by rows": {func(i int) *sqldb.Op {
			op := put(fmt.Sprint(i), 1)
			op.Rows = 1000
			return op
		}, 40, 10},
		"by keys that are read": {func(i int) *sqldb.Op {
			op := put(fmt.Sprint(i), 1)
			for j := range 1000 {
				op.Reads = append(op.Reads, cells.Ref(fmt.Sprint(i, j)))
			}
			return op
		}, 20, 4},
		"by the bytes of those keys": {func(i int) *sqldb.Op {
			op := put(fmt.Sprint(i), 1)
			op.Reads = []sqldb.Ref{cells.Ref(fmt.Sprint(i, strings.Repeat("k", 1<<19-100)))}
			return op
		}, 20, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
			release := blockCommitter(t, db)
			var answers []<-chan answer
			for i := range tt.ops {
				answers = append(answers, start(timeout(t), db, tt.op(i)))
			}
			waitPending(t, db, tt.ops)
			release()
			sizes := map[int64]int64{}
			for _, a := range answers {
				got := receive(t, a)
				if got.err != nil {
					t.Fatal(got.err)
				}
				sizes[got.commit.Txn]++
			}
			for txn, n := range sizes {
				if n > tt.most {
					t.Errorf("transaction %d has %d operations, want at most %d", txn, n, tt.most)
				}
			}
			if want := (tt.ops + int(tt.most) - 1) / int(tt.most); len(sizes) != want {
				t.Errorf("%d transactions, want %d", len(sizes), want)
			}
		})
	}
}

func TestALightOperationWaitsForOneHeavyOneAtMost(t *testing.T) {
	t.Parallel()
	for name, weigh := range map[string]func(*sqldb.Op){
		"by bytes": func(op *sqldb.Op) { op.Again = 64 << 20 },
		"by rows":  func(op *sqldb.Op) { op.Rows = 1 << 20 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
			release := blockCommitter(t, db)
			var heavy []<-chan answer
			for i := range 5 {
				op := put(fmt.Sprint(i), 1)
				weigh(op)
				heavy = append(heavy, start(timeout(t), db, op))
				waitPending(t, db, i+1)
			}
			light := start(timeout(t), db, put("light", 1))
			waitPending(t, db, 6)
			release()
			first := receive(t, heavy[0]).commit.Txn
			for i, a := range heavy[1:] {
				if got := receive(t, a).commit.Txn; got != first+int64(i)+1 {
					t.Errorf("heavy operation %d is in transaction %d after %d, want one of its own, in order of arrival", i+1, got, first)
				}
			}
			if got := receive(t, light).commit.Txn; got != first {
				t.Errorf("the light operation is in transaction %d, want the first one's, %d", got, first)
			}
		})
	}
}

func TestAnOperationThatFindsOutThatItIsHeavyWaitsForRoom(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	release := blockCommitter(t, db)
	var answers []<-chan answer
	for i := range 5 {
		op := add(fmt.Sprint(i), nil)
		apply := op.Apply
		op.Apply = func(tx *sqldb.Tx) error {
			if err := tx.Weigh(2 << 20); err != nil {
				return err
			}
			return apply(tx)
		}
		answers = append(answers, start(timeout(t), db, op))
		waitPending(t, db, i+1)
	}
	release()
	transactions := map[int64]bool{}
	for i, a := range answers {
		got := receive(t, a)
		if got.err != nil {
			t.Fatal(got.err)
		}
		transactions[got.commit.Txn] = true
		if n := value(t, db, fmt.Sprint(i)); n != 1 {
			t.Errorf("operation %d has added %d", i, n)
		}
	}
	if len(transactions) != 5 {
		t.Errorf("%d transactions, want one for each", len(transactions))
	}
}

func TestBetweenTwoHeavyGroupsTheLightOnesThatWaitHaveOne(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	first, goOn := startHeavy(t, db)
	var others []<-chan answer
	for i, op := range []*sqldb.Op{heavy("second"), put("light", 1), put("as light", 1), heavy("third"), put("late", 1)} {
		others = append(others, start(timeout(t), db, op))
		waitPending(t, db, i+1)
	}
	close(goOn)
	begun := receive(t, first).commit.Txn
	for i, want := range []int64{2, 1, 1, 3, 1} {
		if got := receive(t, others[i]).commit.Txn - begun; got != want {
			t.Errorf("operation %d is in transaction %d after the heavy one, want %d", i, got, want)
		}
	}
}

func TestAHeavyOperationIsNotHeldUpByALightOneWhoseCallerHasGone(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	first, goOn := startHeavy(t, db)
	second := start(timeout(t), db, heavy("second"))
	waitPending(t, db, 1)
	ctx, leave := context.WithCancel(timeout(t))
	light := start(ctx, db, put("light", 1))
	waitPending(t, db, 2)
	leave()
	wantErr(t, receive(t, light), context.Canceled)
	close(goOn)
	for _, a := range []<-chan answer{first, second} {
		if got := receive(t, a); got.err != nil {
			t.Error(got.err)
		}
	}
}

// heavy puts a cell and says that it writes much.
func heavy(name string) *sqldb.Op {
	op := put(name, 1)
	op.Again = 64 << 20
	return op
}

// startHeavy has a group with a heavy operation under way until goOn is closed.
func startHeavy(t *testing.T, db *sqldb.DB) (done <-chan answer, goOn chan struct{}) {
	t.Helper()
	under, goOn := make(chan struct{}), make(chan struct{})
	op := heavy("first")
	apply := op.Apply
	op.Apply = func(tx *sqldb.Tx) error {
		close(under)
		<-goOn
		return apply(tx)
	}
	done = start(timeout(t), db, op)
	<-under
	return done, goOn
}

// Megabytes of arguments are slow under the race detector, so this test does not run
// beside others.
func TestKeysThatFillSeveralArgumentsAreReadAndGuarded(t *testing.T) {
	const keys = 1200 // of 4 KiB: more than one argument holds
	primary := nodetest.MustStartPrimary(t)
	db, other := open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()}), open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
	key := func(i int) string { return fmt.Sprintf("%04d%s", i, strings.Repeat("k", 4<<10)) }
	op := &sqldb.Op{Name: "many"}
	for i := range keys {
		op.Reads = append(op.Reads, cells.Ref(key(i)))
	}
	tries := 0
	op.Apply = func(tx *sqldb.Tx) error {
		if tries++; tries == 1 {
			mustDo(t, other, put(key(keys-1), 5))
		}
		last := cells.Get(tx, key(keys-1))
		if last == nil {
			last = &cell{}
		}
		cells.Put(tx, "sum", cell{n: 1 + last.n})
		return nil
	}
	await.That(t, "it is done", func() bool {
		_, err := db.Do(timeout(t), op)
		if err != nil && !errors.Is(err, sqldb.ErrUnavailable) { // then nothing was written
			t.Fatal(err)
		}
		return err == nil
	})
	wantValue(t, db, "sum", 6)
}

func TestTablesAreReadInOneSnapshotAlsoWhenNothingCommits(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	db, other := open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()}), open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
	again := *cells // another table to the committer
	moved := put("n", 0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := other.Do(timeout(t), moved); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	same, torn := errors.New("same"), errors.New("torn")
	look := &sqldb.Op{Name: "look", Reads: []sqldb.Ref{cells.Ref("n"), again.Ref("n")}, Apply: func(tx *sqldb.Tx) error {
		one, two := cells.Get(tx, "n"), again.Get(tx, "n")
		if one != two && (one == nil || two == nil || *one != *two) {
			return torn
		}
		return same
	}}
	for range 100 {
		_, err := db.Do(timeout(t), look)
		wantErr(t, answer{err: err}, same)
	}
	close(stop)
	<-done
}

func TestSoakABusyDatabaseIsWaitedFor(t *testing.T) {
	t.Parallel()
	nodetest.OnlyInSoak(t)
	url := embeddedURL(t)
	db := open(t, sqldb.Config{PrimaryURL: url})
	raw := openRaw(t, url)
	raw.SetMaxOpenConns(1)
	mustExec(t, raw, "BEGIN IMMEDIATE")
	answers := start(timeout(t), db, add("n", nil))
	// Longer than the engine itself waits for the lock.
	timer := time.NewTimer(15 * time.Second)
	defer timer.Stop()
	select {
	case a := <-answers:
		t.Errorf("it was answered while the database was locked: %v", a.err)
	case <-timer.C:
	}
	mustExec(t, raw, "ROLLBACK")
	wantErr(t, receive(t, answers), nil)
	wantValue(t, db, "n", 1)
}
