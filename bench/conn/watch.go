package conn

import (
	"context"
	"net"
	"time"
)

// watch ends a connection's waiting when a context ends. A context is watched for as long as
// it is used, which is a whole run, since setting a deadline for each request would cost more
// than parsing its answer.
type watch struct {
	ctx     context.Context
	watched net.Conn
	stop    func() bool
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

func (w *watch) start(ctx context.Context, conn net.Conn) {
	w.ctx, w.watched = ctx, conn
	w.stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) }) // a closed one waits for nothing
}

// switchTo watches another context from now on. It returns false if the former has ended, and
// the connection with it.
func (w *watch) switchTo(ctx context.Context) bool {
	if ctx == w.ctx {
		return true
	}
	if !w.stop() {
		return false
	}
	w.start(ctx, w.watched)
	return true
}

func (w *watch) end() {
	w.stop()
	*w = watch{}
}
