package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tursodatabase/libsql-client-go/libsql"
	"go.opentelemetry.io/otel/trace"
	_ "modernc.org/sqlite" // the engine behind the driver's file: URLs

	"github.com/buntime/keyval/internal/spans"
)

// Config says which database to open and how.
type Config struct {
	// PrimaryURL is http://, https://, libsql:// or file:. Writes go there.
	PrimaryURL string
	// ReplicaURL is a read replica of it; "" reads the primary.
	ReplicaURL string
	// Token authenticates at both; "" for none. It is never logged.
	Token string
	// Own takes an embedded database for this process as long as it is open: Open
	// fails with an OwnedError while another process has it.
	Own bool
	// MaxPending bounds the operations that wait for a group; 0 means 4096.
	MaxPending int
	// MaxPendingBytes bounds what they stage; 0 means 64 MiB.
	MaxPendingBytes int
	// SlowAfter is how long a call to the primary may take before the node looks
	// whether it lives, if it is a server; 0 means 2 s.
	SlowAfter time.Duration
	// SilentAfter is how long it then has for the least question; 0 means 3 s.
	SilentAfter time.Duration
	// Logger hears of changes of state; nil discards.
	Logger *slog.Logger
	// Registerer gets the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
	// TracerProvider makes the spans of what is done for a caller who is traced; nil: none
	// are made.
	TracerProvider trace.TracerProvider
	// SlowOperation is from how long on an operation, a group or a statement is warned of
	// in the log; 0: never.
	SlowOperation time.Duration
	// Asked, if not nil, is told of each call to a database, primary or replica, before it is
	// made: the statements that travel together, of which it keeps nothing. It must not block,
	// and is called by several goroutines. What looks whether a server lives is not told.
	Asked func(database string, stmts []Stmt)
	// NoGrouping commits each operation in a transaction of its own and answers each point
	// read by a statement of its own. It is there to measure what grouping saves.
	NoGrouping bool
	// MustExist makes Open fail with ErrNoSchema where there is no database of
	// ours, instead of making one.
	MustExist bool
}

// A DB is an open database: its primary, its replica and its committer.
type DB struct {
	log     *slog.Logger
	metrics *metrics
	spans   spans.Tracer
	names   *statementNames
	slow    *slowLog                            // nil for none
	asked   func(database string, stmts []Stmt) // nil for nobody
	writer  *engine                             // transactions on the primary
	primary *source
	replica *source // nil without one
	floor   floor
	info    Info
	file    string // that of an embedded database
	owner   *owner // nil without one
	// noGrouping: see Config.NoGrouping.
	noGrouping bool

	*committer
	workers sync.WaitGroup // those of coalescers, and who copies the log
	ended   chan struct{}  // closed by Close
	closing sync.Once
}

// Info is what does not change while a database is open.
type Info struct {
	// DatabaseID is a UUID that was made with the database.
	DatabaseID string
	// Embedded is set for file: databases.
	Embedded bool
}

// Open opens the database and brings its schema up to date. ctx bounds the
// opening, not the DB's life.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxPending == 0 {
		cfg.MaxPending = 4096
	}
	if cfg.MaxPendingBytes == 0 {
		cfg.MaxPendingBytes = 64 << 20
	}
	cfg.SlowAfter = cmp.Or(cfg.SlowAfter, slowAfter)
	cfg.SilentAfter = cmp.Or(cfg.SilentAfter, silentAfter)
	tuneTransport()
	if cfg.MustExist {
		if err := requireSchema(ctx, cfg); err != nil {
			return nil, err
		}
	}
	writer, reader, err := openPrimary(cfg)
	if err != nil {
		return nil, err
	}
	db := &DB{log: cfg.Logger, metrics: newMetrics(), writer: writer, ended: make(chan struct{}), noGrouping: cfg.NoGrouping,
		spans: spans.From(cfg.TracerProvider, "internal/sqldb"), names: newStatementNames(), asked: cfg.Asked}
	db.slow = newSlowLog(db, cfg.SlowOperation)
	seen := db.newWitness("primary", cfg.PrimaryURL)
	writer.witness, reader.witness = seen, seen
	db.primary = newSource("primary", reader, nil, db.metrics, cfg.Logger)
	if !reader.embedded {
		db.primary.plain = writer
		if err := db.primary.lookAfter(cfg, cfg.PrimaryURL, cfg.Logger); err != nil {
			return nil, errors.Join(err, writer.close(), reader.close())
		}
		writer.liveness = db.primary.liveness
	}
	if cfg.ReplicaURL != "" {
		replica, err := openReader(cfg.ReplicaURL, cfg.Token)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("replica: %w", err), db.closeEngines())
		}
		plain, err := openURL(httpURL(cfg.ReplicaURL), cfg.Token)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("replica: %w", err), replica.close(), db.closeEngines())
		}
		seen := db.newWitness("replica", cfg.ReplicaURL)
		replica.witness, plain.witness = seen, seen
		db.replica = newSource("replica", replica, plain, db.metrics, cfg.Logger)
		if err := db.replica.lookAfter(cfg, cfg.ReplicaURL, slog.New(slog.DiscardHandler)); err != nil { // its breaker tells
			return nil, errors.Join(fmt.Errorf("replica: %w", err), db.closeEngines())
		}
	}
	if err := db.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, db.closeEngines())
	}
	db.metrics.limit.Set(float64(cfg.MaxPending))
	db.metrics.register(cfg.Registerer, db.conditions()...) // not before: opening may be tried again
	return db, nil
}

// lookAfter has the node look whether a server lives when calls to it take long. The
// question has a connection of its own each time, since one may be what is broken.
func (s *source) lookAfter(cfg Config, address string, log *slog.Logger) error {
	e, err := openReader(address, cfg.Token)
	if err != nil {
		return err
	}
	e.db.SetMaxIdleConns(0)
	asker := newSource(s.name, e, s.plain, s.metrics, s.log)
	s.asker = e
	s.liveness = newLiveness(cfg, log, func(ctx context.Context) error {
		_, err := asker.ask(ctx, Stmt{SQL: "SELECT 1"})
		return err
	})
	return nil
}

// start migrates, registers this boot and starts the committer.
func (db *DB) start(ctx context.Context, cfg Config) error {
	s := db.writer.session()
	defer s.drop()
	if err := db.take(ctx, s, cfg.Own); err != nil {
		return err
	}
	if err := whileBusy(ctx, func() error { return migrate(ctx, s) }); err != nil {
		return told(err)
	}
	rows, err := s.run(ctx, Stmt{SQL: "SELECT database_id FROM keyval_sequence"})
	if err != nil {
		return fmt.Errorf("read the sequence: %w", told(err))
	}
	db.info = Info{DatabaseID: text(rows[0][0][0]), Embedded: db.writer.embedded}
	db.committer = newCommitter(db, cfg)
	if err := whileBusy(ctx, func() error { return db.committer.register(ctx) }); err != nil {
		return told(err)
	}
	db.committer.start()
	if db.writer.embedded {
		db.workers.Go(db.checkpointAll)
	}
	return nil
}

// take opens the file of an embedded database and, if it is to be owned, makes sure
// that no other process has it.
func (db *DB) take(ctx context.Context, s *session, own bool) error {
	if !db.writer.embedded {
		return nil
	}
	if err := s.awaitFile(ctx); err != nil {
		return told(err)
	}
	rows, err := s.run(ctx, Stmt{SQL: "SELECT file FROM pragma_database_list WHERE name='main'"})
	if err != nil {
		return told(err)
	}
	if db.file = text(rows[0][0][0]); own {
		if db.owner, err = takeFile(db.file); err != nil {
			return err
		}
	}
	at, err := placeOf(db.file)
	db.writer.place, db.primary.engine.place = at, at
	return err
}

// told has the error of an opening say what to do, where we know.
func told(err error) error {
	switch verdictOf(err) {
	case noRoom, readOnly, corrupt:
		return failure(err)
	}
	return err
}

// Info tells what the database is.
func (db *DB) Info() Info { return db.info }

// Close waits for the group in flight, refuses what has not been sent, and
// closes all connections. Twice is safe.
func (db *DB) Close() error {
	var err error
	db.closing.Do(func() {
		db.committer.close()
		close(db.ended)
		db.workers.Wait()
		db.slow.close()
		err = db.closeEngines()
	})
	return err
}

func (db *DB) closeEngines() error {
	err := errors.Join(db.primary.close(), db.writer.close())
	if db.replica != nil {
		err = errors.Join(err, db.replica.close())
	}
	return errors.Join(err, db.owner.release())
}

// close closes an engine. Over the network its error tells only that the
// server was not there any more.
func (e *engine) close() error {
	if err := e.db.Close(); e.embedded {
		return err
	}
	return nil
}

// openPrimary opens an engine for transactions and one for reads.
func openPrimary(cfg Config) (writer, reader *engine, err error) {
	if err := checkURL(cfg.PrimaryURL); err != nil {
		return nil, nil, err
	}
	if urlScheme(cfg.PrimaryURL) != "file" {
		if writer, err = openURL(httpURL(cfg.PrimaryURL), cfg.Token); err != nil {
			return nil, nil, err
		}
		reader, err = openReader(cfg.PrimaryURL, cfg.Token)
		return writer, reader, err
	}
	if err := requireFile(cfg.PrimaryURL); err != nil {
		return nil, nil, err
	}
	if writer, err = openURL(withPragmas(cfg.PrimaryURL, writerPragmas...), ""); err != nil {
		return nil, nil, err
	}
	writer.embedded = true
	writer.db.SetMaxOpenConns(2) // the committer's, and one for migrations
	if reader, err = openURL(withPragmas(makingNone(cfg.PrimaryURL), "query_only(1)", "busy_timeout(10000)"), ""); err != nil {
		return nil, nil, err
	}
	reader.embedded = true
	reader.db.SetMaxOpenConns(8)
	reader.db.SetMaxIdleConns(4)
	return writer, reader, nil
}

// writerPragmas are those of the connection that commits to a file.
var writerPragmas = []string{
	"journal_mode(WAL)",
	// FULL makes each group survive a power cut; group commit pays for it.
	"synchronous(FULL)",
	"busy_timeout(10000)",
	"wal_autocheckpoint(" + mostLogPages + ")",
	// SQLite notes how to undo each statement, in a file that it makes anew for each from
	// 64 KiB on. A group's statements come to that, and are bounded.
	"temp_store(MEMORY)",
}

// openReader opens an engine for reads: over WebSockets, which take eight
// times as many statements a second as HTTP does.
func openReader(address, token string) (*engine, error) {
	if err := checkURL(address); err != nil {
		return nil, err
	}
	if urlScheme(address) == "file" {
		return openURL(withPragmas(makingNone(address), "query_only(1)", "busy_timeout(10000)"), "")
	}
	e, err := openURL(wsURL(address), token)
	if err != nil {
		return nil, err
	}
	e.db.SetMaxOpenConns(8)
	e.db.SetMaxIdleConns(8)
	e.db.SetConnMaxIdleTime(time.Minute)
	return e, nil
}

func openURL(address, token string) (*engine, error) {
	var options []libsql.Option
	if token != "" {
		options = append(options, libsql.WithAuthToken(token))
	}
	user, bare := userOf(address)
	if user != nil && strings.HasPrefix(urlScheme(address), "ws") {
		bare = address
	} else if user != nil && token == "" {
		options = append(options, basicAuth(user))
	}
	connector, err := libsql.NewConnector(bare, options...)
	if err != nil {
		return nil, fmt.Errorf("%w: the libSQL driver does not accept it", ErrBadURL) // its error would show the URL, and with it a password
	}
	e := &engine{}
	e.db = sql.OpenDB(placedConnector{boundedConnector{discreetConnector{connector, user}, connectLimit(address)}, e})
	return e, nil
}

// connectTime bounds making a connection to a server.
const connectTime = 5 * time.Second

// connectLimit is how long making a connection may take; 0: as long as its caller waits.
// A file needs no more than a machine that has time.
func connectLimit(address string) time.Duration {
	if urlScheme(address) == "file" {
		return 0
	}
	return connectTime
}

// A boundedConnector gives up in time: the driver itself waits two minutes for
// a WebSocket's handshake, whatever the context says, and a server that hangs
// would hold up readers and the committer for so long.
type boundedConnector struct {
	driver.Connector
	limit time.Duration // 0 for none but the context's
}

func (c boundedConnector) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.limit)
}

func (c boundedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	type made struct {
		conn driver.Conn
		err  error
	}
	done := make(chan made)
	go func() {
		conn, err := c.Connector.Connect(ctx)
		select {
		case done <- made{conn, err}:
		case <-ctx.Done(): // nobody waits for it any more
			if err == nil {
				_ = conn.Close()
			}
		}
	}()
	select {
	case m := <-done:
		return m.conn, m.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// httpURL is the address for transactions, which need HTTP.
func httpURL(address string) string {
	if rest, ok := strings.CutPrefix(address, "ws"); ok {
		return "http" + rest
	}
	return address
}

// wsURL is the address for reads.
func wsURL(address string) string {
	if rest, ok := strings.CutPrefix(address, "http"); ok {
		return "ws" + rest
	}
	if rest, ok := strings.CutPrefix(address, "libsql:"); ok {
		return "wss:" + rest
	}
	return address
}

// makingNone has a connection fail where the file is missing: a reader that made an
// empty one would find nothing in it.
func makingNone(address string) string {
	if strings.Contains(address, "mode=") {
		return address
	}
	return withQuery(address, "mode=rw")
}

func withPragmas(address string, pragmas ...string) string {
	for _, p := range pragmas {
		address = withQuery(address, "_pragma="+url.QueryEscape(p))
	}
	return address
}

func withQuery(address, parameter string) string {
	if strings.Contains(address, "?") {
		return address + "&" + parameter
	}
	return address + "?" + parameter
}

// tuneTransport lets the driver keep its connections: it uses the default
// transport, which keeps only two a host. And sqld would compress every answer for
// it, which costs both sides more than it saves. Once, because nodes of one process
// share it and may be using it.
var tuneTransport = sync.OnceFunc(func() {
	if t, ok := http.DefaultTransport.(*http.Transport); ok && t.MaxIdleConnsPerHost == 0 {
		t.MaxIdleConnsPerHost = 64
		t.DisableCompression = true
	}
})
