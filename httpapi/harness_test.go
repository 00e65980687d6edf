package httpapi_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
	"github.com/buntime/keyval/node/nodetest"
)

const basePath = "/_/plugin-keyval"

// A fixture is the API on a real port over a real database.
type fixture struct {
	*httptest.Server
	t     *testing.T
	api   *httpapi.Server
	store *faultyStore
}

// mustServe serves the API on an embedded database; configure may change the
// configuration.
func mustServe(t *testing.T, configure ...func(*httpapi.Config)) *fixture {
	t.Helper()
	return mustServeOn(t, mustOpen(t, embedded(t)), configure...)
}

func embedded(t *testing.T) sqldb.Config {
	return sqldb.Config{PrimaryURL: "file:" + filepath.Join(t.TempDir(), "keyval.db")}
}

// onEachDatabase runs a test on an embedded database and on a real sqld primary
// with a replica.
func onEachDatabase(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	onEachDatabaseServed(t, func(t *testing.T, db *sqldb.DB) *fixture { return mustServeOn(t, db) }, test)
}

// onEachDatabaseServed is onEachDatabase for who serves more of it.
func onEachDatabaseServed(t *testing.T, serve func(*testing.T, *sqldb.DB) *fixture, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, serve(t, mustOpen(t, embedded(t))))
	})
	t.Run("sqld", func(t *testing.T) {
		t.Parallel()
		pair := nodetest.MustStartSqldPair(t)
		test(t, serve(t, mustOpen(t, sqldb.Config{PrimaryURL: pair.Primary.HTTPURL(), ReplicaURL: pair.Replica.HTTPURL()})))
	})
}

func mustOpen(t *testing.T, database sqldb.Config) *sqldb.DB {
	t.Helper()
	database.SilentAfter = nodetest.Patience
	db, err := sqldb.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func mustServeOn(t *testing.T, db *sqldb.DB, configure ...func(*httpapi.Config)) *fixture {
	t.Helper()
	store := &faultyStore{Store: kv.New(db, kv.Config{})}
	cfg := httpapi.Config{
		Store:            store,
		BasePath:         basePath,
		OperationTimeout: time.Minute,
		MaxValueBytes:    1 << 20,
		Compress:         true,
		Logger:           slog.New(slog.DiscardHandler),
	}
	for _, c := range configure {
		c(&cfg)
	}
	api, err := httpapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(api)
	server.Config = httpapi.NewServer(httpapi.ListenConfig{Handler: api})
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(api.EndWaits)
	return &fixture{Server: server, t: t, api: api, store: store}
}

// A faultyStore is a real one that fails when a test wants it to.
type faultyStore struct {
	httpapi.Store
	// fail, when set, runs before every method and may return its error.
	fail atomic.Pointer[func(context.Context) error]
	// budget, when not 0, is how many entries a list has room for.
	budget atomic.Int64
	// hasty makes a list that may give up for a while do so as soon as it can.
	hasty atomic.Bool
	// beforeAtomic, when set, runs once before an atomic operation.
	beforeAtomic atomic.Pointer[func()]
	// asked is what the last read asked for.
	asked atomic.Pointer[kv.ReadOptions]
}

// failWith makes every method return err; nil heals.
func (s *faultyStore) failWith(err error) {
	s.failBy(func(context.Context) error { return err })
}

func (s *faultyStore) failBy(f func(context.Context) error) { s.fail.Store(&f) }

func (s *faultyStore) fault(ctx context.Context) error {
	if f := s.fail.Load(); f != nil {
		return (*f)(ctx)
	}
	return nil
}

func (s *faultyStore) Get(ctx context.Context, keys []kv.Key, opts kv.ReadOptions) ([]kv.Entry, kv.Versionstamp, error) {
	s.asked.Store(&opts)
	if err := s.fault(ctx); err != nil {
		return nil, "", err
	}
	return s.Store.Get(ctx, keys, opts)
}

func (s *faultyStore) List(ctx context.Context, sel kv.Selector, opts kv.ReadOptions) (kv.Page, error) {
	s.asked.Store(&opts)
	if err := s.fault(ctx); err != nil {
		return kv.Page{}, err
	}
	if budget := int(s.budget.Load()); budget > 0 {
		sel.Limit = min(sel.Limit, budget)
	}
	if sel.Within > 0 && s.hasty.Load() {
		sel.Within = 1
	}
	return s.Store.List(ctx, sel, opts)
}

func (s *faultyStore) Count(ctx context.Context, r kv.Range, where *filter.Filter, opts kv.ReadOptions) (int64, kv.Versionstamp, error) {
	s.asked.Store(&opts)
	if err := s.fault(ctx); err != nil {
		return 0, "", err
	}
	return s.Store.Count(ctx, r, where, opts)
}

func (s *faultyStore) Atomic(ctx context.Context, req kv.AtomicRequest) (kv.AtomicResult, error) {
	if f := s.beforeAtomic.Swap(nil); f != nil {
		(*f)()
	}
	if err := s.fault(ctx); err != nil {
		return kv.AtomicResult{}, err
	}
	return s.Store.Atomic(ctx, req)
}

func (s *faultyStore) Delete(ctx context.Context, req kv.DeleteRequest) (kv.DeleteResult, error) {
	if err := s.fault(ctx); err != nil {
		return kv.DeleteResult{Deleted: 2000}, err
	}
	return s.Store.Delete(ctx, req)
}

func (s *faultyStore) Transaction(ctx context.Context, req kv.TransactionRequest) (kv.TransactionResult, error) {
	if err := s.fault(ctx); err != nil {
		return kv.TransactionResult{}, err
	}
	return s.Store.Transaction(ctx, req)
}

// A reply is an answer with its body read.
type reply struct {
	status int
	header http.Header
	body   string
}

// versionstamp is the position that the answer tells.
func (r reply) versionstamp() string { return r.header.Get("Keyval-Versionstamp") }

// do sends a request as it is: the target is not cleaned or escaped. Each header
// is "Name: value".
func (f *fixture) do(method, target, body string, headers ...string) reply {
	f.t.Helper()
	req, err := http.NewRequest(method, f.URL, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	// An opaque URL that begins with two slashes would be taken for a host.
	req.URL.Opaque = strings.TrimPrefix(f.URL, "http:") + path
	req.URL.RawQuery = query
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	answer, err := f.Client().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return reply{status: answer.StatusCode, header: answer.Header, body: f.withoutNewline(method, target, answer, string(text))}
}

// withoutNewline is the text of an answer. JSON ends with one newline, whatever the
// answer is, so that a terminal shows it on a line of its own.
func (f *fixture) withoutNewline(method, target string, answer *http.Response, text string) string {
	f.t.Helper()
	if text == "" || answer.Header.Get("Content-Type") != "application/json" {
		return text
	}
	bare, found := strings.CutSuffix(text, "\n")
	if !found || strings.HasSuffix(bare, "\n") {
		f.t.Errorf("%s %s: %q does not end with one newline", method, target, text)
	}
	if answer.ContentLength != int64(len(text)) && !answer.Uncompressed {
		f.t.Errorf("%s %s: Content-Length is %d, want %d", method, target, answer.ContentLength, len(text))
	}
	return bare
}

// must is do for a request that sets something up.
func (f *fixture) must(method, target, body string, headers ...string) reply {
	f.t.Helper()
	r := f.do(method, target, body, headers...)
	if r.status >= 300 {
		f.t.Fatalf("%s %s: got %d %s", method, target, r.status, r.body)
	}
	return r
}

// everything is all entries of the database.
func (f *fixture) everything() string {
	f.t.Helper()
	return f.must("GET", "/keys?limit=1000&consistency=strong", "").body
}
