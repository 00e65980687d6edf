package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/sleep"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

const (
	// databasePatience is how long callers wait for an answer while the database is
	// opened; then they are told that the node is not ready.
	databasePatience = 2 * time.Second
	// databaseRetry is the longest time between two tries to reach a server.
	databaseRetry = 2 * time.Second
	// roomRetry is how often a full disk is tried.
	roomRetry = 250 * time.Millisecond
	// databaseTry bounds one try: a server that hangs may be another one by then.
	databaseTry = 30 * time.Second
	// databaseComplain is how often the log says what the node still waits for.
	databaseComplain = time.Minute
)

// openDatabase opens and migrates it, unless another node of this process has.
func (n *Node) openDatabase(ctx context.Context) error {
	if n.db = n.cfg.Database; n.db == nil {
		if n.cfg.NoGrouping {
			n.log.Warn("each operation has a transaction of its own, and each point read a statement: this is for measuring only; leave no-grouping out for service")
		}
		db, err := n.awaitDatabase(ctx)
		if err != nil {
			return err
		}
		n.db, n.ownsDB = db, true
	}
	n.db.Call(statementNames)
	n.store = kv.New(n.db, kv.Config{MaxValueBytes: int(n.cfg.MaxValueBytes), Registerer: n.cfg.Registerer})
	return nil
}

// awaitDatabase opens the database, however long its server takes to be there. From
// a moment on the node serves what can be said without it.
func (n *Node) awaitDatabase(ctx context.Context) (*sqldb.DB, error) {
	type opening struct {
		db  *sqldb.DB
		err error
	}
	opened := make(chan opening, 1)
	go func() {
		db, err := n.tryDatabase(ctx)
		opened <- opening{db, err}
	}()
	select {
	case o := <-opened:
		return o.db, o.err
	case <-time.After(databasePatience):
		n.open(httpapi.NewWaiting(n.cfg.BasePath, n.waitsFor))
	}
	o := <-opened
	return o.db, o.err
}

// waitsFor is the check that fails while the database is opened. It tells strangers
// nothing of where that is.
func (n *Node) waitsFor() (check, why string) {
	if n.noRoom.Load() {
		return "storage", sqldb.ErrStorageFull.Error()
	}
	return "database", "the node waits for it, and its log says why"
}

// tryDatabase tries to open the database until it is open, or cannot be for a
// reason that waiting does not mend, or ctx ends.
func (n *Node) tryDatabase(ctx context.Context) (*sqldb.DB, error) {
	began, pause := time.Now(), 50*time.Millisecond
	var said time.Time
	for {
		db, err := openBriefly(ctx, n.cfg)
		full := errors.Is(err, sqldb.ErrStorageFull)
		n.noRoom.Store(full)
		switch {
		case err == nil:
			if !said.IsZero() {
				n.log.Info("the database is there", "after", time.Since(began).Round(time.Millisecond))
			}
			return db, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case isEmbedded(n.cfg) && !full, errors.Is(err, ErrBadSetting):
			return nil, err
		}
		if time.Since(said) >= databaseComplain {
			said = time.Now()
			n.log.Warn(waitingWarning(full), "error", err)
		}
		if full {
			pause = min(pause, roomRetry)
		}
		sleep.For(ctx, pause)
		pause = min(2*pause, databaseRetry)
	}
}

func waitingWarning(full bool) string {
	if full {
		return "waiting for room on the disk of the database; /readyz fails until there is some"
	}
	return "waiting for the database: start it, or correct libsql-url; /readyz fails until it is there"
}

func openBriefly(ctx context.Context, cfg Config) (*sqldb.DB, error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTry)
	defer cancel()
	return OpenDatabase(ctx, cfg)
}

func isEmbedded(cfg Config) bool { return strings.HasPrefix(strings.ToLower(cfg.LibsqlURL), "file:") }

// OpenDatabase opens the database of cfg, for nodes that share it in one process.
// One that is embedded has no other process, so the cluster that was founded on it
// is over: it is this process's to found.
func OpenDatabase(ctx context.Context, cfg Config) (*sqldb.DB, error) {
	db, err := connect(ctx, cfg, false)
	if err != nil || !db.Info().Embedded {
		return db, err
	}
	if err := (registry{db}).forget(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("forget who founded the cluster: %w", err), db.Close())
	}
	return db, nil
}

// connect opens the database; mustExist: it is not made, because a command that
// repairs one means the one that is there.
func connect(ctx context.Context, cfg Config, mustExist bool) (*sqldb.DB, error) {
	db, err := sqldb.Open(ctx, sqldb.Config{
		PrimaryURL: cfg.LibsqlURL,
		Own:        true,
		ReplicaURL: cfg.LibsqlReplicaURL,
		Token:      cfg.LibsqlToken,
		MaxPending: cfg.MaxPendingWrites,
		Logger:     cfg.Logger,
		Registerer: cfg.Registerer,
		MustExist:  mustExist,

		TracerProvider: cfg.TracerProvider,
		SlowOperation:  cfg.SlowOperation,
		NoGrouping:     cfg.NoGrouping,
	})
	if err != nil {
		return nil, databaseError(cfg, err)
	}
	return db, nil
}

// databaseError names the database, and tells what a setting mends.
func databaseError(cfg Config, err error) error {
	where := RedactURL(cfg.LibsqlURL)
	_, isFile := errors.AsType[*fs.PathError](err)
	switch {
	case errors.Is(err, sqldb.ErrNoSchema):
		return badSetting("libsql-url", "there is no keyval database at %s; name the one that is to be repaired", where)
	case errors.Is(err, sqldb.ErrForeignDatabase), errors.Is(err, sqldb.ErrNewerSchema), errors.Is(err, sqldb.ErrBadURL):
		return badSetting("libsql-url", "%v", err)
	case sqldb.RefusesToken(err):
		return badSetting("libsql-token", "%s does not accept it; use the token that the server expects", where)
	case isFile:
		return cannotUse("libsql-url", err, "%v", err)
	}
	return fmt.Errorf("open the database %s: %w", where, err)
}
