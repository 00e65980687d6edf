package sqldb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// requireSchema fails with ErrNoSchema unless the database is there and is ours. It
// changes nothing: not even a file that is somebody else's becomes a write-ahead log.
func requireSchema(ctx context.Context, cfg Config) error {
	address, embedded := httpURL(cfg.PrimaryURL), isFile(cfg.PrimaryURL)
	if embedded {
		if _, err := os.Stat(filePath(address)); err != nil {
			return fmt.Errorf("%w: %w", ErrNoSchema, err)
		}
		address = withQuery(address, "mode=ro")
	}
	e, err := openURL(address, cfg.Token)
	if err != nil {
		return err
	}
	e.embedded = embedded
	s := e.session()
	version, err := schemaVersion(ctx, s)
	s.drop()
	if err = errors.Join(err, e.close()); err != nil {
		return err
	}
	if version == 0 {
		return ErrNoSchema
	}
	return nil
}

// requireFile makes the file of an embedded database, or says why that cannot be:
// the engine itself names neither path nor reason.
func requireFile(address string) error {
	file, err := os.OpenFile(filePath(address), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}

func isFile(address string) bool {
	scheme, _, _ := strings.Cut(address, ":")
	return strings.EqualFold(scheme, "file")
}

// filePath is the file that a file: URL names.
func filePath(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	if u.Opaque == "" {
		return u.Path
	}
	path, err := url.PathUnescape(u.Opaque)
	if err != nil {
		return u.Opaque
	}
	return path
}
