package sqldb

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, each migration in a transaction of
// its own that holds the write lock, so that nodes that start together do not
// migrate twice.
func migrate(ctx context.Context, s *session) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	for number, name := range names {
		if err := migrateTo(ctx, s, number+1, name); err != nil {
			return fmt.Errorf("migrate the database to version %d: %w", number+1, err)
		}
	}
	version, err := schemaVersion(ctx, s)
	if err == nil && version > int64(len(names)) {
		return fmt.Errorf("%w: it is at version %d, this is for %d", ErrNewerSchema, version, len(names))
	}
	return err
}

// clearForeign fails on a database with the original server's data. Its tables
// without rows are only in the way. It runs in the transaction of the first
// migration: a moment later the empty tables may be another node's new ones.
func clearForeign(ctx context.Context, s *session) error {
	for _, table := range []string{"kv_entries", "kv_queue", "kv_dlq"} {
		rows, err := s.run(ctx, Stmt{SQL: "SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", Args: []any{table}})
		if err != nil {
			return err
		}
		if len(rows[0]) == 0 {
			continue
		}
		rows, err = s.run(ctx, Stmt{SQL: "SELECT 1 FROM " + table + " LIMIT 1"})
		if err != nil {
			return err
		}
		if len(rows[0]) > 0 {
			return ErrForeignDatabase
		}
		if _, err := s.run(ctx, Stmt{SQL: "DROP TABLE " + table}); err != nil {
			return err
		}
	}
	return nil
}

// schemaVersion is the number of the newest migration that has run, 0 for a
// database that is not ours yet.
func schemaVersion(ctx context.Context, s *session) (int64, error) {
	rows, err := s.run(ctx, Stmt{SQL: "SELECT 1 FROM sqlite_master WHERE type='table' AND name='keyval_migrations'"})
	if err != nil {
		return 0, fmt.Errorf("look at the schema: %w", err)
	}
	if len(rows[0]) == 0 {
		return 0, nil
	}
	rows, err = s.run(ctx, Stmt{SQL: "SELECT coalesce(max(version),0) FROM keyval_migrations"})
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return integer(rows[0][0][0]), nil
}

func migrateTo(ctx context.Context, s *session, number int, name string) error {
	version, err := schemaVersion(ctx, s)
	if err != nil || version >= int64(number) {
		return err
	}
	script, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	_, err = s.run(ctx,
		Stmt{SQL: "BEGIN IMMEDIATE"},
		Stmt{SQL: "CREATE TABLE IF NOT EXISTS keyval_migrations (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)"})
	if err != nil {
		return err
	}
	if version, err = schemaVersion(ctx, s); err != nil || version >= int64(number) {
		s.rollback(ctx)
		return err
	}
	if version == 0 {
		if err := clearForeign(ctx, s); err != nil {
			s.rollback(ctx)
			return err
		}
	}
	stmts := splitScript(string(script))
	stmts = append(stmts,
		Stmt{SQL: "INSERT INTO keyval_migrations VALUES (?," + ClockSQL + ")", Args: []any{int64(number)}},
		Stmt{SQL: "COMMIT"})
	_, err = s.run(ctx, stmts...)
	return err
}

// splitScript splits a migration at semicolons that end a line; comments go,
// so that a semicolon in one is none.
func splitScript(script string) []Stmt {
	var stmts []Stmt
	var lines []string
	for line := range strings.Lines(script) {
		line, _, _ = strings.Cut(line, "--")
		lines = append(lines, strings.TrimRight(line, " \n"))
		if strings.HasSuffix(lines[len(lines)-1], ";") {
			stmts = append(stmts, Stmt{SQL: strings.TrimRight(strings.TrimSpace(strings.Join(lines, "\n")), ";")})
			lines = nil
		}
	}
	return stmts
}
