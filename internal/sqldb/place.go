package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"
	"os"
)

// A place is where the file of an embedded database was when it was opened. The engine
// goes on with a file that is moved away or replaced, and nobody would find again what it
// writes. The zero place is that of a server.
type place struct {
	name string
	file os.FileInfo
}

func placeOf(name string) (place, error) {
	file, err := os.Stat(name)
	return place{name, file}, err
}

// isLeft tells whether the file is not there any more, or another one is. Of a place that
// cannot be looked at nothing is known.
func (p place) isLeft() bool {
	if p.file == nil {
		return false
	}
	there, err := os.Stat(p.name)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(p.file, there)
}

// A placedConnector connects to no other file than the one that was opened: it would be
// read as if it were that.
type placedConnector struct {
	driver.Connector
	engine *engine
}

// It looks before and afterwards, since the file may be put back meanwhile.
func (c placedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.engine.place.isLeft() {
		return nil, ErrMoved
	}
	conn, err := c.Connector.Connect(ctx)
	if !c.engine.place.isLeft() {
		return conn, err
	}
	if err == nil {
		_ = conn.Close()
	}
	return nil, ErrMoved
}
